#include "store/index-texts.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/lock.h"
#include "store/index-file.h"
#include "store/loose.h"
#include "store/packed.h"
#include "store/record.h"

#define KEPT 16			/* records of each kind */
#define KEPT_LINKS 4		/* of each instruction */
#define KEPT_MAX 1024		/* records in all */
#define MET_MAX 256		/* of a kind, before enough are found */
#define TEXTS_MAX (1024 * 1024)	/* bytes of all, about */
#define NAMED_MAX 2		/* commits that a record is shown with */

static int
find_place(struct segment *s, const struct oid *id, struct index_text *p)
{
	size_t low = 0, high = segment_count(s, TEXTS_PLACES), middle;
	int c;

	while (low < high) {
		middle = low + (high - low) / 2;
		if (!segment_get(s, TEXTS_PLACES, middle, p, sizeof(*p)))
			return 0;
		c = oid_cmp(&p->id, id);
		if (c == 0)
			return 1;
		if (c < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return 0;
}

static int
has_name(const struct buf *text, size_t from, const struct oid *id)
{
	struct oid is;
	struct err *e = object_hash(OBJECT_COMMIT, text->p + from,
	    text->len - from, &is);
	int same = e == NULL && oid_equal(&is, id);

	err_free(e);
	return same;
}

int
index_texts_find(struct segment *s, const struct oid *id, struct buf *text)
{
	size_t from = text->len;
	struct index_text p;

	if (!find_place(s, id, &p) || p.n == 0 || p.n > INDEX_TEXT_MAX)
		return 0;
	buf_grow(text, p.n);
	if (segment_bytes(s, TEXTS_BYTES, p.from, text->p + from, p.n))
		text->len += p.n;
	text->p[text->len] = '\0';
	if (text->len > from && has_name(text, from, id))
		return 1;
	text->len = from;
	text->p[from] = '\0';
	return 0;
}

struct abbrev *
index_texts_abbrevs(struct segment *s, size_t *count)
{
	size_t i, n = segment_count(s, TEXTS_ABBREVS);
	struct abbrev *v;
	int ok = n > 0 && n <= (NAMED_MAX + 1) * KEPT_MAX;

	*count = 0;
	if (!ok)
		return NULL;
	v = xcalloc(n, sizeof(*v));
	for (i = 0; i < n && ok; i++)
		ok = segment_get(s, TEXTS_ABBREVS, i, &v[i], sizeof(v[i])) &&
		    v[i].digits > 0 && v[i].digits < OID_HEX_SIZE;
	if (ok)
		*count = n;
	return v;
}

struct wanted {
	struct index *ix;
	struct oidset ids;
	size_t links;		/* of the instruction that is looked at */
};

static void
want(struct wanted *w, const struct oid *id)
{
	if (w->ids.used < KEPT_MAX)
		(void)oidset_add(&w->ids, id);
}

static int
want_link(void *arg, const struct index_link *l)
{
	struct wanted *w = arg;

	want(w, &l->from);
	return ++w->links == KEPT_LINKS;
}

/* What became of an instruction is shown with it. */
static void
want_steer(void *arg, const struct index_entry *e)
{
	struct wanted *w = arg;

	want(w, &e->id);
	w->links = 0;
	index_links(w->ix, &e->id, want_link, w);
}

static void
want_run(void *arg, const struct index_run *run)
{
	struct wanted *w = arg;

	want(w, &run->newest);
	if (run->agent_when != 0)
		want(w, &run->agent_from);
}

/* Of one kind, as they are shown: what is gone is not; NULL: of all. */
static void
want_newest(struct wanted *w, const char *kind)
{
	const char *const kinds[] = { kind, NULL };
	struct index_cursor *c = index_cursor_new(w->ix,
	    kind == NULL ? NULL : kinds);
	struct index_entry e;
	size_t n = 0, met = 0;

	while (n < KEPT && met++ < MET_MAX && index_cursor_next(c, &e)) {
		if (kind != NULL && (index_kind_is_other(&e) ||
		    index_is_gone(w->ix, &e)))
			continue;
		n++;
		want(w, &e.id);
	}
	index_cursor_free(c);
}

static void
want_all(struct wanted *w)
{
	static const char *const shown[] = { "brief", "done", "failed",
		"status", "limit", "next", "milestone", "check", NULL };
	const char *const steers[] = { "steer", NULL };
	struct index_cursor *c = index_cursor_new(w->ix, steers);
	struct index_entry e;
	size_t i;

	for (i = 0; shown[i] != NULL; i++)
		want_newest(w, shown[i]);
	want_newest(w, NULL);
	for (i = 0; i < KEPT && index_cursor_next(c, &e); i++)
		want_steer(w, &e);
	index_cursor_free(c);
	index_open_steers(w->ix, want_steer, w);
	index_runs(w->ix, 0, want_run, w);
}

/* Open the file, if it is good. */
static void
load(struct index *ix, uint64_t stamp)
{
	struct abbrev *v;
	uint64_t then;
	size_t n;
	char *path;

	ix->texts_known = 1;
	segment_close(ix->texts);
	path = repo_shared_path(ix->repo, INDEX_TEXTS_FILE);
	err_free(segment_open(path, &ix->texts));
	free(path);
	if (stamp == 0 || !segment_get(ix->texts, TEXTS_STAMP, 0, &then,
	    sizeof(then)) || then != stamp) {
		segment_close(ix->texts);
		ix->texts = NULL;
	}
	v = index_texts_abbrevs(ix->texts, &n);
	abbrevs_use(ix->repo, v, n);
}

/* 1 if the file has nothing on a record that may be in a pack. */
static int
is_lacking(struct index *ix, const struct oidset *ids)
{
	struct index_text p;
	size_t i;

	for (i = 0; i < ids->used; i++)
		if (!find_place(ix->texts, &ids->id[i], &p) &&
		    !loose_is_here(ix->repo, &ids->id[i]))
			return 1;
	return 0;
}

struct texts {
	uint64_t stamp;
	struct packed *packs;
	struct index_text *places;
	struct abbrev *abbrevs;
	size_t n, n_abbrevs;
	struct buf bytes;
	struct oidset shown;	/* the ids on a page of these */
};

/* Those of the commits that it is shown with. */
static void
add_shown(struct texts *t, const struct oid *id, const char *text, size_t n)
{
	static const char *const named[NAMED_MAX] = { "Agent-Commit",
		"Agent-At" };
	struct record rec = RECORD_INIT;
	const char *value;
	struct oid commit;
	size_t i;

	buf_add(&rec.text, text, n);
	err_free(record_parse_trailers(&rec, id));
	for (i = 0; i < NAMED_MAX; i++) {
		value = record_trailer(&rec, named[i]);
		if (value != NULL && oid_parse(value, &commit) == 0)
			(void)oidset_add(&t->shown, &commit);
	}
	record_release(&rec);
}

/*
 * What is only loose is not entered, also not as such: the file would have to
 * be written for each new record.  What is too large, or cannot be read, is,
 * so that it is not looked for again.
 */
static void
add_text(struct texts *t, struct index *ix, const struct oid *id)
{
	struct index_text *p = &t->places[t->n];
	size_t from = t->bytes.len;

	if (from < TEXTS_MAX && !index_texts_find(ix->texts, id, &t->bytes) &&
	    !packed_read_commit(t->packs, id, INDEX_TEXT_MAX, &t->bytes) &&
	    loose_is_here(ix->repo, id))
		return;
	p->id = *id;
	p->from = (uint32_t)from;
	p->n = (uint32_t)(t->bytes.len - from);
	(void)oidset_add(&t->shown, id);
	if (p->n > 0)
		add_shown(t, id, t->bytes.p + from, p->n);
	t->n++;
}

static int
place_cmp(const void *a, const void *b)
{
	return oid_cmp(&((const struct index_text *)a)->id,
	    &((const struct index_text *)b)->id);
}

static int
abbrev_cmp(const void *a, const void *b)
{
	return oid_cmp(&((const struct abbrev *)a)->id,
	    &((const struct abbrev *)b)->id);
}

static void
add_abbrevs(struct texts *t)
{
	struct abbrev *a;
	size_t i;

	t->abbrevs = xcalloc(t->shown.used + 1, sizeof(*t->abbrevs));
	for (i = 0; i < t->shown.used; i++) {
		a = &t->abbrevs[t->n_abbrevs];
		a->id = t->shown.id[i];
		a->digits = (unsigned char)packed_digits(t->packs, &a->id);
		t->n_abbrevs += a->digits != 0;
	}
}

static void
write_texts(struct repo *r, struct texts *t)
{
	struct segment_table tables[SEGMENT_TABLES] = { { 0 } };
	char *path = repo_shared_path(r, INDEX_TEXTS_FILE);
	struct buf image = BUF_INIT;

	qsort(t->places, t->n, sizeof(*t->places), place_cmp);
	qsort(t->abbrevs, t->n_abbrevs, sizeof(*t->abbrevs), abbrev_cmp);
	tables[TEXTS_PLACES] = (struct segment_table){ t->places,
	    sizeof(*t->places), t->n };
	tables[TEXTS_BYTES] = (struct segment_table){ t->bytes.p, 1,
	    t->bytes.len };
	tables[TEXTS_ABBREVS] = (struct segment_table){ t->abbrevs,
	    sizeof(*t->abbrevs), t->n_abbrevs };
	tables[TEXTS_STAMP] = (struct segment_table){ &t->stamp,
	    sizeof(t->stamp), 1 };
	segment_image(&image, (uint64_t)clock_now(), tables);
	err_free(file_write_cache(path, image.p, image.len));
	buf_release(&image);
	free(path);
}

/* From the packs of now, which must be the same at the end. */
static void
make_texts(struct index *ix, uint64_t stamp, const struct oidset *ids)
{
	struct texts t = { stamp, packed_open(ix->repo), NULL, NULL, 0, 0,
		BUF_INIT, OIDSET_INIT };
	size_t i;

	if (t.packs == NULL)
		return;
	t.places = xcalloc(ids->used + 1, sizeof(*t.places));
	for (i = 0; i < ids->used; i++)
		add_text(&t, ix, &ids->id[i]);
	add_abbrevs(&t);
	if (packed_stamp(ix->repo) == stamp)
		write_texts(ix->repo, &t);
	packed_close(t.packs);
	oidset_release(&t.shown);
	buf_release(&t.bytes);
	free(t.abbrevs);
	free(t.places);
}

/* Who may not write, or finds another at it, does without. */
static void
take_turn(struct repo *r, struct lock *lock)
{
	char *folder = repo_shared_path(r, "."), *path;

	if (access(folder, W_OK) == 0) {
		path = repo_shared_path(r, "index.lock");
		err_free(lock_take(lock, path, 0));
		free(path);
	}
	free(folder);
}

void
index_texts_update(struct index *ix, int changed)
{
	struct wanted w = { ix, OIDSET_INIT, 0 };
	uint64_t stamp = packed_stamp(ix->repo);
	struct lock lock = LOCK_INIT;

	load(ix, stamp);
	if (stamp == 0 || ix->meta.records == 0 ||
	    (!changed && ix->texts != NULL))
		return;
	take_turn(ix->repo, &lock);
	if (lock.fd < 0)
		return;
	/* Another may just have done it. */
	if (ix->texts == NULL)
		load(ix, stamp);
	want_all(&w);
	if (ix->texts == NULL || is_lacking(ix, &w.ids)) {
		make_texts(ix, stamp, &w.ids);
		load(ix, stamp);
	}
	lock_release(&lock);
	oidset_release(&w.ids);
}

struct err *
index_read(struct index *ix, const struct oid *id, struct record *rec)
{
	struct err *e;

	if (!ix->texts_known)
		load(ix, packed_stamp(ix->repo));
	buf_clear(&rec->text);
	if (index_texts_find(ix->texts, id, &rec->text)) {
		e = record_parse(rec, id);
		if (e == NULL)
			return NULL;
		err_free(e);
	}
	return record_read_next(ix->repo, id, 0, rec);
}
