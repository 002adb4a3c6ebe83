/* Where a log ended whose ref is gone; see repair.h. */
#include "store/repair.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "base/fnv.h"
#include "store/doctor-parts.h"
#include "store/git.h"
#include "store/index-file.h"
#include "store/logrefs.h"
#include "store/record.h"
#include "store/writer.h"

#define FETCHED "refs/agent-remotes/"

/* A record of the writer. */
struct node {
	struct oid id, parent;	/* the first; zero: none */
	int64_t clock;
	size_t depth;		/* of its chain of first parents; 0: unknown */
	size_t known;		/* depth of the last in it that is known */
	uint64_t text;		/* a hash of what it says, without its clock */
	int in_main;		/* in the chain that was chosen */
};

struct search {
	struct repo *repo;
	const char *writer;
	struct node *v;
	size_t n, cap;
	struct oidset parents;	/* of any of them */
	struct oidset known;	/* certainly of this log */
	struct oidset fetched;	/* reached by what came from elsewhere */
};

/* With the NUL at its end. */
static uint64_t
add_text(uint64_t hash, const char *text)
{
	return fnv_add(hash, text, strlen(text) + 1);
}

static uint64_t
text_of(const struct record *rec)
{
	uint64_t hash = add_text(add_text(FNV_START, rec->subject), rec->body);
	size_t i;

	for (i = 0; i < rec->trailers.n; i++) {
		if (strcasecmp(rec->trailers.v[i].key, "Agent-Clock") == 0)
			continue;
		hash = add_text(hash, rec->trailers.v[i].key);
		hash = add_text(hash, rec->trailers.v[i].value);
	}
	return hash;
}

static int
each_object(const git_oid *id, void *arg)
{
	struct search *s = arg;
	struct record rec;
	struct node *n;
	struct oid oid;
	struct err *e;
	size_t i;

	oid_from_git(&oid, id);
	e = record_read(s->repo, &oid, &rec);
	if (e == NULL && strcmp(rec.writer, s->writer) == 0) {
		ALLOC_GROW(s->v, s->n, s->cap);
		n = &s->v[s->n++];
		memset(n, 0, sizeof(*n));
		n->id = oid;
		n->clock = rec.clock;
		n->text = text_of(&rec);
		if (rec.parent_count > 0)
			n->parent = rec.parents[0];
		for (i = 0; i < rec.parent_count; i++)
			oidset_add(&s->parents, &rec.parents[i]);
	}
	err_free(e);
	record_release(&rec);
	return 0;
}

static int
node_cmp(const void *a, const void *b)
{
	return oid_cmp(&((const struct node *)a)->id,
	    &((const struct node *)b)->id);
}

static struct node *
find(const struct search *s, const struct oid *id)
{
	struct node key;

	key.id = *id;
	return bsearch(&key, s->v, s->n, sizeof(*s->v), node_cmp);
}

/* An object may be loose and in a pack, and is given twice then. */
static void
sort(struct search *s)
{
	size_t i, n = 0;

	if (s->n > 0)
		qsort(s->v, s->n, sizeof(*s->v), node_cmp);
	for (i = 0; i < s->n; i++)
		if (n == 0 || !oid_equal(&s->v[n - 1].id, &s->v[i].id))
			s->v[n++] = s->v[i];
	s->n = n;
}

/* The index and the remotes have seen these as the tips of this log. */
static struct err *
read_known(struct search *s)
{
	char *ref = xasprintf(LOG_PREFIX "%s", s->writer);
	struct reflist refs = REFLIST_INIT;
	struct index ix = { .repo = s->repo };
	struct oid id;
	struct err *e;
	const char *writer;
	size_t i;

	index_load(&ix);
	if (index_ref(&ix, ref, &id))
		oidset_add(&s->known, &id);
	index_unload(&ix);
	e = ref_list(s->repo, FETCHED, &refs);
	for (i = 0; i < refs.n; i++) {
		writer = logrefs_writer(refs.v[i].name);
		if (writer != NULL && strcmp(writer, s->writer) == 0)
			oidset_add(&s->known, &refs.v[i].id);
	}
	if (e == NULL)
		doctor_reach(s->repo, refs.v, refs.n, &s->fetched);
	reflist_release(&refs);
	free(ref);
	return e;
}

/* Down to what was measured before, and up again. */
static void
measure(struct search *s, struct node *from)
{
	struct node **path = NULL, *n = from, *below;
	size_t count = 0, cap = 0;

	while (n != NULL && n->depth == 0) {
		ALLOC_GROW(path, count, cap);
		path[count++] = n;
		n = find(s, &n->parent);
	}
	for (below = n; count > 0; below = n) {
		n = path[--count];
		n->depth = below == NULL ? 1 : below->depth + 1;
		n->known = below == NULL ? 0 : below->known;
		/* A log that was renewed begins at the tip of the old one. */
		if (oidset_has(&s->known, &n->id) ||
		    (below == NULL && oidset_has(&s->known, &n->parent)))
			n->known = n->depth;
	}
	free(path);
}

/*
 * 1 if the log is rather the one that ends with `a`.  Anybody can write a
 * record in this writer's name, and clocks are set back: what has most behind
 * it of what is known comes first, then what came from nowhere else, then
 * what is longest.
 */
static int
is_better(const struct search *s, const struct node *a, const struct node *b)
{
	int a_foreign = oidset_has(&s->fetched, &a->id) &&
	    !oidset_has(&s->known, &a->id);
	int b_foreign = oidset_has(&s->fetched, &b->id) &&
	    !oidset_has(&s->known, &b->id);

	if (a->known != b->known)
		return a->known > b->known;
	if (a_foreign != b_foreign)
		return b_foreign;
	if (a->depth != b->depth)
		return a->depth > b->depth;
	return a->clock > b->clock;
}

static struct node *
choose(struct search *s)
{
	struct node *best = NULL;
	size_t i;

	for (i = 0; i < s->n; i++) {
		if (oidset_has(&s->parents, &s->v[i].id))
			continue;
		measure(s, &s->v[i]);
		if (best == NULL || is_better(s, &s->v[i], best))
			best = &s->v[i];
	}
	return best;
}

/* 1 if one of the chain that was chosen says just that. */
static int
is_said(const struct search *s, const struct node *end)
{
	size_t i;

	for (i = 0; i < s->n; i++)
		if (s->v[i].in_main && s->v[i].text == end->text)
			return 1;
	return 0;
}

/*
 * The ends of what is in no other log, either.  A single record beside one
 * that continues the same, and that is said again in the chain, lost a race
 * and was written anew: the rest may be what somebody was told is recorded.
 */
static void
list_ends(struct search *s, struct node *best, const char *ref,
    struct reflist *ends)
{
	struct oidset continued = OIDSET_INIT;
	struct node *n;
	int begins = 0, beside;
	size_t i;

	reflist_add(ends, ref, &best->id);
	for (n = best; n != NULL; n = find(s, &n->parent)) {
		if (oid_is_zero(&n->parent))
			begins = 1;
		else
			oidset_add(&continued, &n->parent);
		if (n->in_main++)
			break;
	}
	for (i = 0; i < s->n; i++) {
		n = &s->v[i];
		if (n->in_main || oidset_has(&s->parents, &n->id) ||
		    oidset_has(&s->fetched, &n->id))
			continue;
		beside = oid_is_zero(&n->parent) ? begins :
		    oidset_has(&continued, &n->parent);
		if (!beside || !is_said(s, n))
			reflist_add(ends, ref, &n->id);
	}
	oidset_release(&continued);
}

struct err *
log_search(struct repo *r, const char *ref, struct oid *newest,
    struct reflist *ends)
{
	struct search s = { .repo = r, .writer = strrchr(ref, '/') + 1 };
	git_odb *odb = NULL;
	struct err *e = repo_odb(r, &odb);
	struct node *best = NULL;

	memset(newest, 0, sizeof(*newest));
	if (e == NULL)
		(void)git_odb_foreach(odb, each_object, &s);
	sort(&s);
	if (e == NULL && s.n > 0)
		e = read_known(&s);
	if (e == NULL)
		best = choose(&s);
	if (best != NULL) {
		*newest = best->id;
		if (ends != NULL)
			list_ends(&s, best, ref, ends);
	}
	free(s.v);
	oidset_release(&s.parents);
	oidset_release(&s.known);
	oidset_release(&s.fetched);
	return e;
}
