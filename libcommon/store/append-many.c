#include <stdlib.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "store/last.h"
#include "store/pack.h"
#include "store/sign.h"
#include "store/writer-locked.h"

struct many {
	const struct draft *drafts;
	size_t n, bad;
	struct oid *ids;
};

static int64_t
clock_after(int64_t clock)
{
	int64_t now = clock_now();

	return now > clock ? now : clock + 1;
}

/* The commits, each the parent of the next, into the pack. */
static struct err *
add_commits(struct repo *r, struct many *m, struct pack *p,
    const struct stamp *s, const struct oid *tip)
{
	int64_t clock = writer_next_clock(r, tip);
	struct buf b = BUF_INIT;
	struct err *e = NULL;

	for (m->bad = 0; m->bad < m->n; m->bad++) {
		struct oid *id = &m->ids[m->bad];

		buf_clear(&b);
		e = writer_format(&m->drafts[m->bad], s, clock, tip, &b);
		if (e == NULL)
			e = sign_commit(r, &b);
		if (e == NULL)
			e = object_hash(OBJECT_COMMIT, b.p, b.len, id);
		if (e == NULL)
			e = pack_add(p, OBJECT_COMMIT, b.p, b.len);
		if (e != NULL)
			break;
		tip = id;
		clock = clock_after(clock);
	}
	buf_release(&b);
	return e;
}

static struct err *
append_locked(struct repo *r, const struct lock *lock, struct many *m)
{
	char *writer = NULL, *ref = NULL;
	struct stamp stamp = { NULL, NULL, NULL };
	struct pack *p = NULL;
	struct oid tip;
	struct err *e;
	int any;

	e = writer_id_locked(r, &writer);
	if (e != NULL)
		return e;
	ref = xasprintf(LOG_PREFIX "%s", writer);
	e = writer_tip_locked(r, ref, &tip, &any);
	if (e == NULL)
		e = stamp_init(&stamp, r, writer);
	if (e == NULL)
		e = pack_begin(r, (uint32_t)m->n + 1, &p);
	/* The empty tree, so that git can check the records out. */
	if (e == NULL)
		e = pack_add(p, OBJECT_TREE, "", 0);
	if (e == NULL)
		e = add_commits(r, m, p, &stamp, any ? &tip : NULL);
	if (e == NULL)
		e = pack_finish(p);
	if (e == NULL)
		e = ref_swap(r, ref, any ? &tip : NULL, &m->ids[m->n - 1]);
	if (e == NULL)
		last_note(lock, ref, &m->ids[m->n - 1]);
	if (e == NULL && !any)
		writer_wrote_locked(r, writer);
	pack_end(p);
	stamp_release(&stamp);
	free(writer);
	free(ref);
	return e;
}

struct err *
writer_append_many(struct repo *r, const struct draft *drafts, size_t n,
    struct oid *ids, size_t *bad)
{
	struct many m = { drafts, n, n, ids };
	struct lock lock = LOCK_INIT;
	struct err *e = NULL;
	int tries = 0;

	*bad = n;
	if (n == 0)
		return NULL;
	if (n == 1) {
		e = writer_append(r, drafts, ids);
		*bad = e != NULL && e->code == ERR_INPUT ? 0 : 1;
		return e;
	}
	if (n >= UINT32_MAX)
		return err_new(ERR_INPUT, "%zu records are too many at once",
		    n);
	do {
		e = writer_lock(r, &lock);
		if (e == NULL)
			e = append_locked(r, &lock, &m);
		lock_release(&lock);
		/* Somebody may have moved the ref with plain git. */
	} while (ref_try_again(&e, &tries));
	*bad = m.bad;
	return e;
}
