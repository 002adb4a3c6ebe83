/* Bringing the index up to date; see index.h. */
#include "store/index-file.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/lock.h"
#include "store/index-walk.h"
#include "store/logrefs.h"
#include "store/record.h"
#include "store/refstate.h"
#include "store/sync.h"

/* The newest file takes up so much, or this part of the older one. */
#define HEAD_MAX 4096
#define HEAD_PART 64

struct refresh {
	struct index *ix;
	int quick;		/* the steps are all; refs are not read */
	struct index_moves moves;	/* if the logs have the same names */
	int same_names;
	struct reflist refs;
	size_t unnamed;
	struct buf state;
	int proven;		/* the state is old enough to be believed */
	int settled;		/* its part of packed-refs is, and all is read */
	int whole;		/* it has each folder */
	struct oidset old_tips, met;
	struct index_batch batch;
	int anew, save;
	int watch;		/* for what was seen and is not reached */
	int hold;		/* not to be saved, as some of that is */
	struct reflist seen;	/* the refs, as the older index has them */
};

static void
judge_age(struct refresh *f, const struct refstate_age *age,
    const struct lock *l)
{
	int64_t now = index_now(l);

	f->proven = index_is_old(age->all, now);
	f->settled = index_is_old(age->packed, now);
	f->whole = age->all != INT64_MAX;
}

/* The state first: what changes while the refs are read is seen next time. */
static struct err *
look_at_refs(struct refresh *f, const struct lock *l)
{
	struct refstate_age age;
	struct err *e;

	refstate_take(f->ix->repo, &f->state, &age);
	judge_age(f, &age, l);
	e = logrefs_logs(f->ix->repo, &f->refs, &f->unnamed);
	f->settled &= f->refs.left_out == 0;
	return e;
}

/*
 * The same by the refs in files of their own; 0: that does not tell.  Nor if
 * logs are known by names that the index does not have.
 */
static int
look_at_steps(struct refresh *f, const struct lock *l)
{
	struct index *ix = f->ix;
	struct refstate_age age;

	refstate_take(ix->repo, &f->state, &age);
	judge_age(f, &age, l);
	f->unnamed = (size_t)ix->meta.unnamed;
	return f->settled && sync_knows_names_of(ix->repo, ix->meta.refs,
	    ix->meta.age) && index_look(ix, f->state.p, &f->moves);
}

/* 1 if the refs are just those of the file. */
static int
is_unchanged(const struct refresh *f)
{
	return f->same_names && f->moves.n_steps == 0 &&
	    f->ix->meta.unnamed == f->unnamed;
}

/* 1 if all that it has of this ref is reached, from where it is now. */
static int
is_continued(struct refresh *f, const struct oid *was, const struct oid *here)
{
	return oidset_has(&f->met, was) || index_is_rolled_up(f->ix, was) ||
	    (here != NULL && index_leads_to(f->ix, here, 1, was));
}

/*
 * 1 if all that the index has is still reached: each ref that moved or went
 * away is continued by one that is there.
 */
static int
is_all_reached(struct refresh *f)
{
	struct index *ix = f->ix;
	struct oidset now = OIDSET_INIT;
	struct buf name = BUF_INIT;
	struct index_ref ref;
	size_t i;
	int ok = 1;

	for (i = 0; i < f->refs.n; i++)
		oidset_add(&now, &f->refs.v[i].id);
	for (i = 0; ok && i < index_ref_count(ix); i++) {
		const struct ref *here;

		ok = index_ref_at(ix, i, &ref);
		if (!ok || oidset_has(&now, &ref.tip))
			continue;
		ok = index_ref_name(ix, &ref, &name);
		here = ok ? reflist_find(&f->refs, name.p) : NULL;
		ok = ok && is_continued(f, &ref.tip,
		    here == NULL ? NULL : &here->id);
	}
	oidset_release(&now);
	buf_release(&name);
	return ok;
}

/* What is new since the index was written; 0: it has to be made anew. */
static int
read_news(struct refresh *f)
{
	struct index_walk w = { .repo = f->ix->repo, .index = f->ix,
	    .old_tips = &f->old_tips, .batch = &f->batch };
	struct oid *tips = xcalloc(f->refs.n + 1, sizeof(*tips));
	struct index_ref ref;
	size_t i, n = 0;
	int ok;

	for (i = 0; index_ref_at(f->ix, i, &ref); i++)
		oidset_add(&f->old_tips, &ref.tip);
	for (i = 0; i < f->refs.n; i++)
		if (!oidset_has(&f->old_tips, &f->refs.v[i].id))
			tips[n++] = f->refs.v[i].id;
	index_walk(&w, tips, n);
	f->met = w.met;
	ok = !w.rebuild && !index_is_damaged(f->ix) && is_all_reached(f) &&
	    !index_is_damaged(f->ix);
	free(tips);
	return ok;
}

/* The same by the steps alone; 0: the refs have to be read. */
static int
read_steps(struct refresh *f)
{
	struct index_walk w = { .repo = f->ix->repo, .index = f->ix,
	    .batch = &f->batch };
	const struct index_moves *m = &f->moves;
	struct oid *tips = xcalloc(m->n_steps + 1, sizeof(*tips));
	int ok;
	size_t i;

	for (i = 0; i < m->n_steps; i++)
		tips[i] = m->steps[i].tip;
	index_walk(&w, tips, m->n_steps);
	f->met = w.met;
	ok = !w.rebuild;
	for (i = 0; ok && i < m->n_steps; i++)
		ok = is_continued(f, &m->steps[i].was, &m->steps[i].tip);
	free(tips);
	return ok && !index_is_damaged(f->ix);
}

static void
read_all(struct refresh *f)
{
	struct index_walk w = { .repo = f->ix->repo, .batch = &f->batch,
	    .old_tips = &f->old_tips };
	struct oid *tips = xcalloc(f->refs.n + 1, sizeof(*tips));
	size_t i;

	index_unload(f->ix);
	index_batch_release(&f->batch);
	for (i = 0; i < f->refs.n; i++)
		tips[i] = f->refs.v[i].id;
	index_walk(&w, tips, f->refs.n);
	oidset_release(&w.met);
	free(tips);
}

static uint64_t
new_id(void)
{
	return ((uint64_t)clock_now() << 8 ^ (uint64_t)getpid() << 40) | 1;
}

/* Records of the older file that the batch's links make gone, by kind. */
static uint32_t *
count_gone(struct refresh *f)
{
	struct index older = { .repo = f->ix->repo,
	    .file = { NULL, f->ix->file[1] } };
	const struct index_batch *b = &f->batch;
	uint32_t *gone = xcalloc(KINDS_MAX, sizeof(*gone));
	const struct oid *last = NULL;
	struct index_entry e;
	char kind[KIND_SIZE];
	size_t i;

	for (i = 0; i < b->n_links; i++) {
		const struct index_link *l = &b->links[i];

		if ((l->how != INDEX_SUPERSEDES && l->how != INDEX_RETRACTS) ||
		    (last != NULL && oid_equal(last, &l->target)))
			continue;
		last = &l->target;	/* the newest of them decides */
		if (!index_find(&older, &l->target, &e) ||
		    l->when <= e.when || index_is_gone(&older, &e))
			continue;
		index_kind_name(older.file[1], &e, kind);
		gone[index_batch_kind(&f->batch, kind)]++;
	}
	return gone;
}

/*
 * Readers put back what a prune took away.  They need not, if nothing is
 * lacking now, and as long as no name goes.
 */
static int
can_settle(const struct refresh *f)
{
	return f->quick || (f->save && f->settled &&
	    !sync_lacks_known(f->ix->repo, &f->refs));
}

/* How many entries of both files are no records, and how many are. */
static void
count(struct refresh *f, const struct segment *base, struct index_meta *m)
{
	uint32_t from = 0, to = 0;
	size_t i, all = f->batch.n_entries + segment_count(base,
	    TABLE_ENTRIES);

	m->malformed = m->unnamed = f->unnamed;
	for (i = 0; i < f->batch.n_entries; i++)
		m->malformed += f->batch.entries[i].kind == KIND_BAD;
	if (base != NULL && segment_get((struct segment *)base, TABLE_STARTS,
	    KIND_BAD, &from, sizeof(from)) && segment_get(
	    (struct segment *)base, TABLE_STARTS, KIND_BAD + 1, &to,
	    sizeof(to)))
		m->malformed += to - from;
	m->records = all - (m->malformed - f->unnamed);
	m->logs = f->quick ? f->ix->meta.logs : logrefs_writers(&f->refs);
	m->proven = (uint64_t)f->proven;
	m->settled = (uint64_t)can_settle(f);
}

static int
is_large(const struct refresh *f)
{
	size_t base = segment_count(f->ix->file[1], TABLE_ENTRIES);
	size_t head = segment_count(f->ix->file[0], TABLE_ENTRIES) +
	    f->batch.n_entries;

	return head > HEAD_MAX && head > base / HEAD_PART;
}

/*
 * Put what the batch has, added to what is there, in its place.  0: what is
 * there is damaged, and nothing was done.
 */
static int
put(struct refresh *f)
{
	static const struct index_moves none = INDEX_MOVES_INIT;
	struct index *ix = f->ix;
	struct index_head head = { { 0 }, &f->moves, f->state.p, NULL };
	struct index_head plain = { { 0 }, &none, "", NULL };
	struct index older = { .repo = ix->repo,
	    .file = { NULL, ix->file[1] } };
	struct buf image = BUF_INIT, base = BUF_INIT, refs = BUF_INIT;
	uint32_t *gone = NULL;
	uint64_t id = ix->meta.base, names = ix->meta.refs;
	int merge = is_large(f), ok;

	if (!f->anew)
		index_batch_load(&f->batch, ix->file[0]);
	if (merge)
		index_batch_load(&f->batch, ix->file[1]);
	index_batch_settle(&f->batch);
	count(f, merge ? NULL : ix->file[1], &head.meta);
	if (merge) {
		id = new_id();
		index_batch_image(&f->batch, id, &plain, NULL, &base);
		index_batch_release(&f->batch);
		index_batch_settle(&f->batch);
	} else {
		head.gone = gone = count_gone(f);
	}
	if (!f->same_names) {
		names = new_id();
		index_refs_image(&f->refs, names, &refs, &f->moves);
	}
	head.meta.base = id;
	head.meta.refs = names;
	head.meta.age = f->same_names ? ix->meta.age + 1 : 0;
	index_batch_image(&f->batch, new_id(), &head, merge ||
	    ix->file[1] == NULL ? NULL : &older, &image);
	/* Where it was read in part, a part would be lost for good. */
	ok = !index_is_damaged(ix);
	ix->changed |= ok;
	if (ok)
		index_replace(ix, &image, merge ? &base : NULL,
		    f->same_names ? NULL : &refs, f->save);
	buf_release(&refs);
	buf_release(&image);
	buf_release(&base);
	free(gone);
	return ok;
}

static void
refresh_release(struct refresh *f)
{
	index_moves_release(&f->moves);
	reflist_release(&f->refs);
	reflist_release(&f->seen);
	buf_release(&f->state);
	oidset_release(&f->old_tips);
	oidset_release(&f->met);
	index_batch_release(&f->batch);
}

/* Nothing moved; the next reader is to see that without reading the refs. */
static int
keep(struct refresh *f)
{
	return !f->save || !f->proven || index_state_holds(f->ix) || put(f);
}

/* 0: that is not enough, and all refs have to be read. */
static int
refresh_by_steps(struct refresh *f, const struct lock *l)
{
	struct index *ix = f->ix;

	if (ix->file[0] == NULL || !look_at_steps(f, l) ||
	    !index_is_still_missing(ix, SIZE_MAX))
		return 0;
	f->save = l->fd >= 0 && !ix->plain;
	f->quick = f->same_names = 1;
	return (is_unchanged(f) ? keep(f) : read_steps(f) && put(f)) &&
	    (ix->plain || sync_moved_are_in(ix->repo, ix));
}

static struct err *
refresh(struct refresh *f, const struct lock *l)
{
	struct index *ix = f->ix;
	struct err *e = look_at_refs(f, l);

	if (e != NULL)
		return e;
	/* Pruned logs may yet come back; see sync_restore_pruned(). */
	f->save = l->fd >= 0 && !ix->plain;
	f->anew |= ix->file[0] == NULL ||
	    !index_is_still_missing(ix, SIZE_MAX);
	f->same_names = !f->anew && index_moves_of(ix, &f->refs, &f->moves);
	if (!f->anew && is_unchanged(f)) {
		if (keep(f))
			return NULL;
		f->anew = 1;
	}
	if (f->anew || !read_news(f) || !put(f)) {
		f->anew = 1;
		f->same_names = 0;
		if (f->watch)
			index_refs(f->ix, &f->seen);
		read_all(f);
		/* Nothing that was seen is forgotten before it is put back. */
		f->save &= f->seen.n == 0 && !f->hold;
		(void)put(f);
	}
	return NULL;
}

/*
 * What was seen or known before, and is not reached now?  Of what was seen
 * only an index that was made anew can lack anything.
 */
static struct err *
put_back(struct refresh *f, const struct lock *l)
{
	struct index *ix = f->ix;
	struct refresh again = { .ix = ix, .state = BUF_INIT };
	struct err *e = NULL;
	size_t restored = 0, left = 0;

	if (f->seen.n > 0)
		restored = sync_restore_seen(ix->repo, ix, &f->seen, &left);
	if (restored == 0)
		restored = sync_keep_hidden(ix->repo, ix, &f->refs);
	again.hold = f->hold || left > 0;
	again.anew = f->seen.n > 0 || f->hold;
	if (restored > 0)
		e = refresh(&again, l);
	if (restored > 0 && e == NULL && !index_is_damaged(ix))
		e = put_back(&again, l);
	else if (restored == 0 && f->seen.n > 0 && left == 0 && l->fd >= 0)
		index_save(ix);
	refresh_release(&again);
	return e;
}

/* 1 if this is nobody's project: then no traces are left. */
static int
has_no_logs(struct index *ix)
{
	struct reflist refs = REFLIST_INIT;
	struct err *e;
	size_t unnamed = 0;
	int none;

	if (ix->file[0] != NULL)
		return 0;
	e = logrefs_logs(ix->repo, &refs, &unnamed);
	none = e == NULL && refs.n == 0;
	err_free(e);
	reflist_release(&refs);
	return none;
}

/*
 * Who may not write, or finds another process at it, reads without saving.
 * What was loaded before may have been replaced until we had the lock.
 */
static void
take_turn(struct index *ix, struct lock *lock)
{
	char *path = repo_shared_path(ix->repo, "index.lock");
	struct err *e = NULL;

	if (!has_no_logs(ix)) {
		e = repo_make_state(ix->repo);
		if (e == NULL)
			e = lock_take(lock, path, 0);
	}
	err_free(e);
	if (lock->fd >= 0) {
		index_unload(ix);
		index_load(ix);
	}
	free(path);
}

/* The refs in files of their own may tell what is new.  0: they do not. */
static int
try_steps(struct index *ix)
{
	struct refresh f = { .ix = ix, .state = BUF_INIT };
	struct lock lock = LOCK_INIT;
	int done;

	take_turn(ix, &lock);
	done = refresh_by_steps(&f, &lock);
	if (done && f.whole && !ix->plain)
		index_looked(ix, f.state.p);
	lock_release(&lock);
	refresh_release(&f);
	return done;
}

struct err *
index_refresh(struct index *ix, int anew)
{
	struct refresh f = { .ix = ix, .state = BUF_INIT, .anew = anew,
	    .watch = !ix->plain };
	struct lock lock = LOCK_INIT;
	struct err *e;

	if (!anew && ix->file[0] != NULL && try_steps(ix))
		return NULL;
	/* An index of what is left after a prune would look complete. */
	if (!ix->plain)
		err_free(sync_restore_pruned(ix->repo));
	take_turn(ix, &lock);
	e = refresh(&f, &lock);
	if (e == NULL && !ix->plain && !index_is_damaged(ix))
		e = put_back(&f, &lock);
	if (e == NULL && f.whole && !f.anew && !ix->plain &&
	    !index_is_damaged(ix))
		index_looked(ix, f.state.p);
	lock_release(&lock);
	refresh_release(&f);
	return e;
}
