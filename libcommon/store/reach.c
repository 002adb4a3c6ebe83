/* What is in the history of what; for repo.h. */
#include "store/repo.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "store/record.h"

enum { WANTED, TIP };		/* below which of the two a commit was met */

/* A commit whose parents are to be met. */
struct spot {
	struct oid id, *parents;
	size_t n;
	int64_t when;
};

/*
 * Newest first from both sides, until all that is left is below both: what
 * leads from a tip to the commit that is wanted is never below that.  So
 * dates decide how long it takes, and never what comes out.
 */
struct reach {
	struct repo *repo;
	struct oidset met[2], done;
	struct spot *heap;
	size_t n, cap;
	size_t open;		/* below one side only, and not done */
};

static void
swap(struct spot *a, struct spot *b)
{
	struct spot c = *a;

	*a = *b;
	*b = c;
}

static void
push(struct reach *w, const struct spot *s)
{
	size_t i, up;

	ALLOC_GROW(w->heap, w->n, w->cap);
	w->heap[w->n] = *s;
	for (i = w->n++; i > 0; i = up) {
		up = (i - 1) / 2;
		if (w->heap[up].when >= w->heap[i].when)
			break;
		swap(&w->heap[up], &w->heap[i]);
	}
}

static struct spot
pop(struct reach *w)
{
	struct spot *h = w->heap, top = h[0];
	size_t i = 0, down;

	h[0] = h[--w->n];
	for (; (down = 2 * i + 1) < w->n; i = down) {
		if (down + 1 < w->n && h[down + 1].when > h[down].when)
			down++;
		if (h[i].when >= h[down].when)
			break;
		swap(&h[i], &h[down]);
	}
	return top;
}

/* Damaged, missing or too large: then nothing is known to be behind it. */
static void
read_spot(struct repo *r, const struct oid *id, struct spot *s)
{
	struct record rec = RECORD_INIT;

	err_free(record_read_next(r, id, 0, &rec));
	s->id = *id;
	s->when = rec.author_time;
	s->n = rec.parent_count;
	s->parents = xreallocarray(NULL, s->n + 1, sizeof(*s->parents));
	if (s->n > 0)
		memcpy(s->parents, rec.parents, s->n * sizeof(*s->parents));
	record_release(&rec);
}

static void
meet(struct reach *w, const struct oid *id, int side)
{
	struct spot s;
	int again;

	if (!oidset_add(&w->met[side], id))
		return;
	again = oidset_has(&w->met[!side], id);
	if (!again)
		w->open++;
	else if (!oidset_has(&w->done, id)) {
		w->open--;
		return;		/* it waits for its turn */
	}
	read_spot(w->repo, id, &s);
	push(w, &s);
}

static void
step(struct reach *w)
{
	struct spot s = pop(w);
	int side, below[2];
	size_t i;

	for (side = 0; side < 2; side++)
		below[side] = oidset_has(&w->met[side], &s.id);
	if (oidset_add(&w->done, &s.id) && !(below[WANTED] && below[TIP]))
		w->open--;
	for (i = 0; i < s.n; i++)
		for (side = 0; side < 2; side++)
			if (below[side])
				meet(w, &s.parents[i], side);
	free(s.parents);
}

/* 1 if one of the tips is the commit, or leads to it. */
static int
reaches(struct repo *r, const struct ref *tips, size_t n,
    const struct oid *id)
{
	struct reach w = { .repo = r };
	size_t i;
	int found;

	for (i = 0; i < n; i++)
		if (oid_equal(&tips[i].id, id))
			return 1;
	meet(&w, id, WANTED);
	for (i = 0; i < n; i++)
		meet(&w, &tips[i].id, TIP);
	while (w.open > 0 && !oidset_has(&w.met[TIP], id))
		step(&w);
	found = oidset_has(&w.met[TIP], id);
	for (i = 0; i < w.n; i++)
		free(w.heap[i].parents);
	free(w.heap);
	oidset_release(&w.met[WANTED]);
	oidset_release(&w.met[TIP]);
	oidset_release(&w.done);
	return found;
}

int
repo_contains(struct repo *r, const struct oid *commit, const struct oid *id)
{
	const struct ref tip = { .id = *commit };

	return reaches(r, &tip, 1, id);
}

int
reflist_contains(struct repo *r, const struct reflist *tips,
    const struct oid *id)
{
	return reaches(r, tips->v, tips->n, id);
}
