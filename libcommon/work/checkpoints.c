#include "work/checkpoints.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

/* So many commits are looked up, at most; the newest records come first. */
#define COMMITS_MAX 2000

/* A measured tree with uncommitted changes, to be found in a commit. */
struct wanted {
	struct check *check;
	struct oid tree;
};

struct search {
	struct repo *repo;
	struct wanted *v;	/* sorted by tree */
	size_t n, looked_up;
	struct oidset seen;
};

static int
compare_wanted(const void *a, const void *b)
{
	const struct wanted *x = a, *y = b;

	return memcmp(&x->tree, &y->tree, sizeof(x->tree));
}

static void
found(struct search *s, const struct oid *tree, const char *commit)
{
	size_t low = 0, high = s->n, middle;

	while (low < high) {
		middle = low + (high - low) / 2;
		if (memcmp(&s->v[middle].tree, tree, sizeof(*tree)) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < s->n && oid_equal(&s->v[low].tree, tree); low++) {
		struct check *c = s->v[low].check;

		/* Measured on that commit itself: a submodule differs. */
		if (c->committed == NULL && c->commit != NULL &&
		    strcmp(c->commit, commit) != 0)
			c->committed = xstrdup(commit);
	}
}

static void
look_up(struct search *s, const char *commit)
{
	struct oid id, tree;
	struct err *e;

	if (commit == NULL || oid_parse(commit, &id) != 0 ||
	    oidset_has(&s->seen, &id) || s->looked_up >= COMMITS_MAX)
		return;
	oidset_add(&s->seen, &id);
	s->looked_up++;
	e = repo_commit_tree(s->repo, &id, &tree);
	if (e == NULL)
		found(s, &tree, commit);
	err_free(e);
}

static void
look_up_notes(struct search *s, const struct notes *list)
{
	size_t i;

	for (i = 0; i < list->n; i++)
		look_up(s, list->v[i].at);
}

static void
look_up_all(struct search *s, const struct overview *ov)
{
	char hex[OID_HEX_SIZE];
	struct oid head;
	struct err *e;
	size_t i;

	e = repo_head(s->repo, &head);
	if (e == NULL) {
		oid_hex(&head, hex);
		look_up(s, hex);
	}
	err_free(e);
	for (i = 0; i < ov->checks.n; i++)
		look_up(s, ov->checks.v[i].commit);
	look_up_notes(s, &ov->status);
	look_up_notes(s, &ov->done);
	look_up_notes(s, &ov->failed);
	look_up_notes(s, &ov->milestone);
	look_up_notes(s, &ov->next);
	look_up_notes(s, &ov->limit);
}

void
checkpoints_find(struct repo *r, struct overview *ov)
{
	struct search s = { r, NULL, 0, 0, OIDSET_INIT };
	struct check *c;
	size_t i, cap = 0;

	for (i = 0; i < ov->checks.n; i++) {
		c = &ov->checks.v[i];
		if (!c->dirty || c->tree == NULL)
			continue;
		ALLOC_GROW(s.v, s.n, cap);
		if (oid_parse(c->tree, &s.v[s.n].tree) == 0)
			s.v[s.n++].check = c;
	}
	if (s.n > 0) {
		qsort(s.v, s.n, sizeof(*s.v), compare_wanted);
		look_up_all(&s, ov);
	}
	free(s.v);
	oidset_release(&s.seen);
}

const char *
checkpoint_commit(const struct check *c, int *dirty)
{
	*dirty = c->dirty && c->committed == NULL;
	return c->committed != NULL ? c->committed : c->commit;
}

static int
same_text(const char *a, const char *b)
{
	return a != NULL && b != NULL && strcmp(a, b) == 0;
}

int
checkpoints_may_agree(const struct check *a, const struct check *b)
{
	return a->state == b->state && same_text(a->tree, b->tree) &&
	    same_text(a->oracle_id, b->oracle_id);
}

static int
says_the_same(const struct check *a, const struct check *b)
{
	int x, y;

	return checkpoints_may_agree(a, b) &&
	    same_text(checkpoint_commit(a, &x), checkpoint_commit(b, &y)) &&
	    x == y;
}

size_t
checkpoints_select(const struct checks *list, const struct check **rows,
    size_t most, size_t *more)
{
	size_t i, k, n = 0;

	*more = 0;
	for (i = 0; i < list->n; i++) {
		for (k = 0; k < n; k++)
			if (says_the_same(rows[k], &list->v[i]))
				break;
		if (k < n)
			continue;
		if (n < most)
			rows[n++] = &list->v[i];
		else
			++*more;
	}
	*more += list->total > list->n ? list->total - list->n : 0;
	return n;
}
