#include "store/writer.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/file.h"
#include "store/last.h"
#include "store/repair.h"
#include "store/sign.h"
#include "store/writer-locked.h"

static int64_t
seen_clock(struct repo *r)
{
	char *path = repo_shared_path(r, "clock");
	struct buf text = BUF_INIT;
	int64_t clock = 0;

	err_free(file_read(path, &text));
	buf_rtrim(&text);
	if (clock_parse(text.p, &clock) != 0)
		clock = 0;
	buf_release(&text);
	free(path);
	return clock;
}

void
writer_saw(struct repo *r, int64_t clock)
{
	char text[CLOCK_TEXT_SIZE], *path;

	if (clock > clock_now() + CLOCK_AHEAD_MAX || clock <= seen_clock(r))
		return;
	clock_format(clock, text);
	path = repo_shared_path(r, "clock");
	/* A cache: without it the tips that we push after still order us. */
	err_free(file_write_cache(path, text, strlen(text)));
	free(path);
}

int64_t
writer_next_clock(struct repo *r, const struct oid *tip)
{
	int64_t now = clock_now(), seen[2];
	int64_t clock = now;
	size_t i;

	seen[0] = tip == NULL ? 0 : writer_tip_clock(r, tip);
	seen[1] = seen_clock(r);
	for (i = 0; i < 2; i++)
		if (seen[i] >= clock && seen[i] <= now + CLOCK_AHEAD_MAX)
			clock = seen[i] + 1;
	return clock;
}

struct err *
stamp_init(struct stamp *s, struct repo *r, const char *writer)
{
	struct err *e;

	memset(s, 0, sizeof(*s));
	s->writer = writer;
	e = repo_identity(r, "AUTHOR", &s->author);
	if (e == NULL)
		e = repo_identity(r, "COMMITTER", &s->committer);
	return e;
}

void
stamp_release(struct stamp *s)
{
	free(s->author);
	free(s->committer);
}

struct err *
writer_format(const struct draft *d, const struct stamp *s, int64_t clock,
    const struct oid *parent, struct buf *commit)
{
	struct oid *parents;
	size_t n = 0;

	parents = xcalloc(d->also_count + 1, sizeof(*parents));
	if (parent != NULL)
		parents[n++] = *parent;
	if (d->also_count > 0)
		memcpy(&parents[n], d->also, d->also_count * sizeof(*parents));
	n += d->also_count;
	record_format(commit, d, s->writer, clock, parents, n, s->author,
	    s->committer);
	free(parents);
	if (commit->len > RECORD_TEXT_MAX)
		return err_new(ERR_INPUT, "a record holds at most 1 MiB of "
		    "text, this one has %zu bytes; shorten it", commit->len);
	return NULL;
}

/* The commit of a draft, written; the caller moves the ref. */
static struct err *
write_commit(struct repo *r, const struct draft *d, const char *writer,
    const struct oid *parent, int sign, struct oid *id)
{
	struct buf commit = BUF_INIT;
	struct stamp stamp;
	struct err *e;

	e = stamp_init(&stamp, r, writer);
	if (e == NULL && oid_is_zero(&d->tree)) {
		struct oid empty;	/* so that git can check it out */

		e = object_write(r, OBJECT_TREE, "", 0, &empty);
	}
	if (e == NULL)
		e = writer_format(d, &stamp, writer_next_clock(r, parent),
		    parent, &commit);
	if (e == NULL && sign)
		e = sign_commit(r, &commit);
	if (e == NULL)
		e = object_write(r, OBJECT_COMMIT, commit.p, commit.len, id);
	buf_release(&commit);
	stamp_release(&stamp);
	return e;
}

struct err *
writer_tip_locked(struct repo *r, const char *ref, struct oid *tip, int *any)
{
	struct err *e = log_check(r, ref);

	*any = 0;
	if (e != NULL && e->code == ERR_NOTFOUND) {
		err_free(e);
		return log_restore(r, ref, tip, any);
	}
	if (e == NULL)
		e = ref_read(r, ref, tip);
	if (e == NULL)
		*any = 1;
	if (e != NULL && e->code == ERR_NOTFOUND) {
		err_free(e);
		e = NULL;
	}
	return e;
}

static struct err *
append_locked(struct repo *r, const struct lock *lock, const struct draft *d,
    struct oid *id)
{
	char *writer = NULL, *ref = NULL;
	struct oid tip;
	struct err *e;
	int any;

	e = writer_id_locked(r, &writer);
	if (e != NULL)
		return e;
	ref = xasprintf(LOG_PREFIX "%s", writer);
	e = writer_tip_locked(r, ref, &tip, &any);
	if (e == NULL)
		e = write_commit(r, d, writer, any ? &tip : NULL, 1, id);
	if (e == NULL)
		e = ref_swap(r, ref, any ? &tip : NULL, id);
	if (e == NULL)
		last_note(lock, ref, id);
	if (e == NULL && !any)
		writer_wrote_locked(r, writer);
	free(writer);
	free(ref);
	return e;
}

struct err *
writer_append(struct repo *r, const struct draft *d, struct oid *id)
{
	struct lock lock = LOCK_INIT;
	struct err *e;
	int tries = 0;

	do {
		e = writer_lock(r, &lock);
		if (e == NULL)
			e = append_locked(r, &lock, d, id);
		lock_release(&lock);
		/* Somebody may have moved the ref with plain git. */
	} while (ref_try_again(&e, &tries));
	return e;
}

struct err *
writer_beat(struct repo *r, const struct draft *d)
{
	char *writer = NULL, *ref = NULL;
	struct oid id;
	struct err *e;

	e = writer_id(r, 1, &writer);
	if (e != NULL)
		return e;
	ref = xasprintf(BEAT_PREFIX "%s", writer);
	e = write_commit(r, d, writer, NULL, 0, &id);
	if (e == NULL)
		e = ref_set(r, ref, &id);
	free(writer);
	free(ref);
	return e;
}
