/* Whether the refs are where the index has them; see index-file.h. */
#include "store/index-file.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/lock.h"
#include "store/git.h"
#include "store/logrefs.h"
#include "store/refstate.h"

#define LOOK_LASTS CLOCK_SECOND	/* see index_looked() */
/*
 * A folder's time may be that coarse.  What changed less long ago than this
 * before we looked may change again without a trace, and proves nothing.
 */
#define COARSE_NS (CLOCK_COARSE * 1000)
/* What refstate_take() said, and a line with the id of the newest file. */
#define PROOF "index-proof"

int
index_is_old(int64_t newest, int64_t now)
{
	return newest < now - COARSE_NS;
}

int64_t
index_now(const struct lock *l)
{
	struct stat st;

	if (l->fd < 0 || futimens(l->fd, NULL) != 0 || fstat(l->fd, &st) != 0)
		return 0;
	return (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec;
}

/* What the newest file was made of; 0: it cannot be read. */
static int
read_state(struct index *ix, struct buf *state)
{
	size_t n = segment_count(ix->file[0], TABLE_STATE);

	buf_grow(state, n);
	if (!segment_bytes(ix->file[0], TABLE_STATE, 0, state->p, n))
		return 0;
	state->len = n;
	state->p[n] = '\0';
	return 1;
}

static char *
last_line(struct index *ix)
{
	return xasprintf("%016" PRIx64 "\n", segment_id(ix->file[0]));
}

/* What was found later to prove the same; 0: nothing was. */
static int
read_proof(struct index *ix, struct buf *state)
{
	char *path = repo_shared_path(ix->repo, PROOF), *end = last_line(ix);
	struct buf text = BUF_INIT;
	size_t n = strlen(end);
	int is;

	err_free(file_read(path, &text));
	/* Cut short, it would be silent of some of the folders. */
	is = text.len > n && strlen(text.p) == text.len &&
	    strcmp(text.p + text.len - n, end) == 0;
	if (is)
		buf_add(state, text.p, text.len - n);
	buf_release(&text);
	free(path);
	free(end);
	return is;
}

/* A cache: where it cannot be written, the next reader looks once more. */
static void
write_proof(struct index *ix, const struct buf *state)
{
	char *path = repo_shared_path(ix->repo, PROOF), *end = last_line(ix);
	struct buf text = BUF_INIT;

	buf_addstr(&text, state->p);
	buf_addstr(&text, end);
	err_free(file_write_cache(path, text.p, text.len));
	buf_release(&text);
	free(path);
	free(end);
}

static int
holds(struct index *ix, int (*read)(struct index *, struct buf *))
{
	struct buf state = BUF_INIT;
	int does = read(ix, &state) && refstate_holds(ix->repo, state.p);

	buf_release(&state);
	return does;
}

int
index_state_holds(struct index *ix)
{
	return ix->file[0] != NULL && ((ix->meta.proven &&
	    holds(ix, read_state)) || holds(ix, read_proof));
}

void
index_looked(struct index *ix, const char *state)
{
	struct repo *r = ix->repo;

	refs_moved(r);
	if (ix->file[0] == NULL)
		return;
	r->looked = xstrdup(state);
	r->looked_id = segment_id(ix->file[0]);
	r->looked_until = clock_monotonic() + LOOK_LASTS;
}

static int
look_holds(struct index *ix)
{
	struct repo *r = ix->repo;

	return r->looked != NULL && clock_monotonic() < r->looked_until &&
	    ix->file[0] != NULL &&
	    segment_id(ix->file[0]) == r->looked_id &&
	    refstate_holds(r, r->looked);
}

/* 1 if what is packed is as it was when the newest file was made. */
static int
is_packed_as(struct index *ix, const char *state)
{
	struct buf was = BUF_INIT;
	size_t n = refstate_packed(state);
	int same = ix->meta.settled && read_state(ix, &was) &&
	    refstate_packed(was.p) == n && memcmp(was.p, state, n) == 0;

	buf_release(&was);
	return same;
}

static int
look_at_loose(struct index *ix, struct index_moves *m)
{
	struct reflist loose = REFLIST_INIT;
	size_t unnamed = 0;
	struct err *e = logrefs_loose(ix->repo, &loose, &unnamed);
	/* Those without a value hide what is packed. */
	int ok = e == NULL && loose.left_out == 0 &&
	    index_moves_by_loose(ix, &loose, m);

	err_free(e);
	reflist_release(&loose);
	return ok;
}

int
index_look(struct index *ix, const char *state, struct index_moves *m)
{
	char *packed = xstrndup(state, refstate_packed(state));
	/* Nor may one be packed that is not among the others any more. */
	int ok = ix->file[0] != NULL && is_packed_as(ix, state) &&
	    look_at_loose(ix, m) && refstate_holds(ix->repo, packed);

	free(packed);
	return ok;
}

/* 1 if the times say so, and the refs that could move without a trace, too. */
static int
is_same(struct index *ix, const char *state)
{
	struct index_moves m = INDEX_MOVES_INIT;
	struct buf was = BUF_INIT;
	int same;

	same = read_state(ix, &was) && strcmp(was.p, state) == 0 &&
	    index_is_still_missing(ix, SIZE_MAX);
	same = same && look_at_loose(ix, &m) && m.n_steps == 0;
	index_moves_release(&m);
	buf_release(&was);
	return same;
}

/*
 * The newest file is younger than the folders it is of, by too little to
 * believe their times; but packed-refs was old.  As long as the times are the
 * same, just the refs in files of their own can have changed.
 */
static int
prove(struct index *ix)
{
	char *path = repo_shared_path(ix->repo, "index.lock");
	struct buf state = BUF_INIT;
	struct lock lock = LOCK_INIT;
	struct refstate_age age;
	int64_t now;
	int same;

	if (!ix->plain)
		err_free(lock_take(&lock, path, 0));
	now = index_now(&lock);
	refstate_take(ix->repo, &state, &age);
	same = age.all != INT64_MAX && is_same(ix, state.p);
	if (same && lock.fd >= 0 && index_is_old(age.all, now))
		write_proof(ix, &state);
	if (same && !ix->plain)
		index_looked(ix, state.p);
	lock_release(&lock);
	buf_release(&state);
	free(path);
	return same;
}

int
index_holds(struct index *ix)
{
	return ix->file[0] != NULL && (index_state_holds(ix) ||
	    look_holds(ix) || (ix->meta.settled && !ix->meta.proven &&
	    prove(ix)));
}

int
index_is_current(struct repo *r)
{
	struct index ix = { .repo = r };
	int current;

	index_load(&ix);
	current = index_state_holds(&ix);
	index_unload(&ix);
	return current;
}

static int
is_older(const struct stat *a, const struct stat *b)
{
	return a->st_mtim.tv_sec < b->st_mtim.tv_sec ||
	    (a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
	    a->st_mtim.tv_nsec < b->st_mtim.tv_nsec);
}

int
index_is_older(struct repo *r, const char *path)
{
	char *index = repo_shared_path(r, "index");
	char *proof = repo_shared_path(r, PROOF);
	struct stat a, b;
	int older = stat(path, &b) == 0 && stat(index, &a) == 0 &&
	    is_older(&a, &b) && (stat(proof, &a) != 0 || is_older(&a, &b)) &&
	    index_is_current(r);

	free(index);
	free(proof);
	return older;
}
