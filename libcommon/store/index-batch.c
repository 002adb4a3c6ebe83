#include "store/index-batch.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

#define BUCKETS_MAX 65536

void
index_batch_release(struct index_batch *b)
{
	free(b->entries);
	free(b->links);
	free(b->runs);
	free(b->missing);
	free(b->ahead);
	free(b->kinds);
	memset(b, 0, sizeof(*b));
}

uint16_t
index_batch_kind(struct index_batch *b, const char *kind)
{
	/* Ours first: those of others must not take their places. */
	static const char *const first[] = {
		"", "*", "brief", "done", "failed", "status", "limit", "next",
		"milestone", "steer", "delivered", "answered", "retract",
		"check", "run", "rollup"
	};
	size_t i;

	while (b->n_kinds < sizeof(first) / sizeof(first[0])) {
		ALLOC_GROW(b->kinds, b->n_kinds, b->cap_kinds);
		memset(b->kinds[b->n_kinds], 0, KIND_SIZE);
		memcpy(b->kinds[b->n_kinds], first[b->n_kinds],
		    strlen(first[b->n_kinds]));
		b->n_kinds++;
	}
	for (i = 0; i < b->n_kinds; i++)
		if (b->kinds[i][0] == kind[0] &&
		    strncmp(b->kinds[i], kind, KIND_SIZE) == 0)
			return (uint16_t)i;
	if (b->n_kinds == KINDS_MAX || strlen(kind) >= KIND_SIZE)
		return KIND_OTHER;
	ALLOC_GROW(b->kinds, b->n_kinds, b->cap_kinds);
	memset(b->kinds[i], 0, KIND_SIZE);
	memcpy(b->kinds[i], kind, strlen(kind));
	return (uint16_t)b->n_kinds++;
}

int
index_newer(int64_t a_when, const struct oid *a, int64_t b_when,
    const struct oid *b)
{
	return a_when != b_when ? a_when > b_when : oid_cmp(a, b) > 0;
}

void
index_run_merge(struct index_run *a, const struct index_run *b)
{
	if (b->started < a->started)
		a->started = b->started;
	if (index_newer(b->last, &b->newest, a->last, &a->newest)) {
		a->last = b->last;
		a->newest = b->newest;
		a->ended = b->ended;
	}
	/* The same, whichever of two is asked to take the other. */
	if (b->agent_when != 0 && (a->agent_when == 0 ||
	    index_newer(b->agent_when, &b->agent_from, a->agent_when,
	    &a->agent_from))) {
		a->agent_when = b->agent_when;
		a->agent_from = b->agent_from;
	}
	if (b->iteration_when > a->iteration_when ||
	    (b->iteration_when == a->iteration_when &&
	    b->iteration > a->iteration)) {
		a->iteration_when = b->iteration_when;
		a->iteration = b->iteration;
	}
	a->refusals += b->refusals;
}

/* The kinds of the file, as numbers of the batch. */
static uint16_t *
map_kinds(struct index_batch *b, struct segment *s)
{
	size_t i, n = segment_count(s, TABLE_KINDS);
	uint16_t *map = xcalloc(n > 0 ? n : 1, sizeof(*map));
	char kind[KIND_SIZE];

	for (i = 0; i < n; i++) {
		(void)segment_get(s, TABLE_KINDS, i, kind, sizeof(kind));
		kind[KIND_SIZE - 1] = '\0';
		map[i] = index_batch_kind(b, kind);
	}
	return map;
}

static void
load_entries(struct index_batch *b, struct segment *s)
{
	size_t i, kinds = segment_count(s, TABLE_KINDS);
	uint16_t *map = map_kinds(b, s);
	struct index_entry e;

	for (i = 0; i < segment_count(s, TABLE_ENTRIES) &&
	    segment_get(s, TABLE_ENTRIES, i, &e, sizeof(e)); i++) {
		e.kind = e.kind < kinds ? map[e.kind] : KIND_OTHER;
		ALLOC_GROW(b->entries, b->n_entries, b->cap_entries);
		b->entries[b->n_entries++] = e;
	}
	free(map);
}

#define LOAD(b, s, table, array) do {					\
	size_t k_;							\
									\
	for (k_ = 0; k_ < segment_count((s), (table)); k_++) {		\
		ALLOC_GROW((b)->array, (b)->n_##array, (b)->cap_##array); \
		if (!segment_get((s), (table), k_,			\
		    &(b)->array[(b)->n_##array], sizeof(*(b)->array)))	\
			break;						\
		(b)->n_##array++;					\
	}								\
} while (0)

void
index_batch_load(struct index_batch *b, struct segment *s)
{
	if (s == NULL)
		return;
	load_entries(b, s);
	LOAD(b, s, TABLE_LINKS, links);
	LOAD(b, s, TABLE_RUNS, runs);
	LOAD(b, s, TABLE_MISSING, missing);
	LOAD(b, s, TABLE_AHEAD, ahead);
}

static int
entry_cmp(const void *va, const void *vb)
{
	const struct index_entry *a = va, *b = vb;

	if (oid_equal(&a->id, &b->id))
		return 0;
	return index_newer(a->when, &a->id, b->when, &b->id) ? -1 : 1;
}

static int
link_cmp(const void *va, const void *vb)
{
	const struct index_link *a = va, *b = vb;
	int c = oid_cmp(&a->target, &b->target);

	if (c != 0)
		return c;
	if (oid_equal(&a->from, &b->from))
		return a->how < b->how ? -1 : a->how > b->how;
	return index_newer(a->when, &a->from, b->when, &b->from) ? -1 : 1;
}

static int
run_cmp(const void *a, const void *b)
{
	return strncmp(((const struct index_run *)a)->id,
	    ((const struct index_run *)b)->id, INDEX_RUN_ID_SIZE);
}

/* A walk leaves them in order; a merge does not. */
static int
is_sorted(const struct index_batch *b)
{
	size_t i;

	for (i = 1; i < b->n_entries; i++)
		if (entry_cmp(&b->entries[i - 1], &b->entries[i]) > 0)
			return 0;
	return 1;
}

void
index_batch_settle(struct index_batch *b)
{
	size_t i, n = 0;

	(void)index_batch_kind(b, "");
	if (!is_sorted(b))
		qsort(b->entries, b->n_entries, sizeof(*b->entries),
		    entry_cmp);
	if (b->n_links > 0)
		qsort(b->links, b->n_links, sizeof(*b->links), link_cmp);
	if (b->n_runs > 0)
		qsort(b->runs, b->n_runs, sizeof(*b->runs), run_cmp);
	for (i = 0; i < b->n_runs; i++) {
		if (n > 0 && run_cmp(&b->runs[n - 1], &b->runs[i]) == 0)
			index_run_merge(&b->runs[n - 1], &b->runs[i]);
		else
			b->runs[n++] = b->runs[i];
	}
	b->n_runs = n;
}

static size_t
bucket_of(const struct oid *id, size_t buckets)
{
	size_t first = (size_t)id->b[0] << 8 | id->b[1];

	return first / (BUCKETS_MAX / buckets);
}

/*
 * Names of objects are as good as random: the first bits of them, as many as
 * sixteen, bring a million into order but for a few neighbours.
 */
static uint32_t *
order_by_id(const struct index_batch *b)
{
	uint32_t *start, *order, v;
	size_t i, k, buckets = 1;

	while (buckets < b->n_entries && buckets < BUCKETS_MAX)
		buckets *= 2;
	start = xcalloc(buckets + 1, sizeof(*start));
	order = xcalloc(b->n_entries + 1, sizeof(*order));
	for (i = 0; i < b->n_entries; i++)
		start[bucket_of(&b->entries[i].id, buckets) + 1]++;
	for (i = 1; i <= buckets; i++)
		start[i] += start[i - 1];
	for (i = 0; i < b->n_entries; i++)
		order[start[bucket_of(&b->entries[i].id, buckets)]++] =
		    (uint32_t)i;
	for (i = 1; i < b->n_entries; i++) {
		v = order[i];
		for (k = i; k > 0 && oid_cmp(&b->entries[order[k - 1]].id,
		    &b->entries[v].id) > 0; k--)
			order[k] = order[k - 1];
		order[k] = v;
	}
	free(start);
	return order;
}

/* What the tables of a file are made of besides the batch. */
struct made {
	uint32_t *by_id, *postings, *starts, *live, *open_runs, *open_steers;
	size_t n_open_runs, n_open_steers;
};

static void
make_postings(const struct index_batch *b, struct made *m)
{
	size_t i, *next = xcalloc(b->n_kinds, sizeof(*next));

	m->postings = xcalloc(b->n_entries + 1, sizeof(*m->postings));
	m->starts = xcalloc(b->n_kinds + 1, sizeof(*m->starts));
	for (i = 0; i < b->n_entries; i++)
		m->starts[b->entries[i].kind + 1]++;
	for (i = 1; i <= b->n_kinds; i++)
		m->starts[i] += m->starts[i - 1];
	for (i = 0; i < b->n_kinds; i++)
		next[i] = m->starts[i];
	for (i = 0; i < b->n_entries; i++)
		m->postings[next[b->entries[i].kind]++] = (uint32_t)i;
	free(next);
}

int
index_judge(void *arg, const struct index_link *l)
{
	struct index_verdict *v = arg;

	if (l->how == INDEX_DONE || l->how == INDEX_DECLINED)
		v->answered = 1;
	else if ((l->how == INDEX_SUPERSEDES || l->how == INDEX_RETRACTS) &&
	    l->when > v->entry->when)
		v->gone = 1;
	return 0;
}

/* By the links of this batch. */
static struct index_verdict
judge(const struct index_batch *b, const struct index_entry *e)
{
	struct index_verdict v = { e, 0, 0 };
	size_t low = 0, high = b->n_links, middle;

	while (low < high) {
		middle = low + (high - low) / 2;
		if (oid_cmp(&b->links[middle].target, &e->id) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < b->n_links &&
	    oid_equal(&b->links[low].target, &e->id); low++)
		index_judge(&v, &b->links[low]);
	return v;
}

static void
make_live(const struct index_batch *b, const struct index_head *head,
    const struct index *older, struct made *m)
{
	uint16_t steer = KIND_OTHER;
	const struct index_entry *e;
	struct index_verdict v;
	size_t i, cap = 0;

	for (i = KIND_FIRST; i < b->n_kinds; i++)
		if (strcmp(b->kinds[i], "steer") == 0)
			steer = (uint16_t)i;
	m->live = xcalloc(b->n_kinds, sizeof(*m->live));
	for (i = 0; i < b->n_entries; i++) {
		e = &b->entries[i];
		v = judge(b, e);
		if (!v.gone && older != NULL)
			v.gone = index_is_gone((struct index *)older, e);
		m->live[e->kind] += !v.gone;
		if (e->kind == steer && !v.gone && !v.answered) {
			ALLOC_GROW(m->open_steers, m->n_open_steers, cap);
			m->open_steers[m->n_open_steers++] = (uint32_t)i;
		}
	}
	for (i = 0; head->gone != NULL && i < b->n_kinds; i++)
		m->live[i] -= head->gone[i];
}

static int
newest_run_cmp(const void *va, const void *vb)
{
	const struct index_run *a = *(const struct index_run *const *)va;
	const struct index_run *b = *(const struct index_run *const *)vb;

	if (a == b)
		return 0;
	return index_newer(a->last, &a->newest, b->last, &b->newest) ? -1 : 1;
}

/* Those without an end, and the newest one whether it has ended or not. */
static void
make_open_runs(const struct index_batch *b, struct made *m)
{
	const struct index_run **open, *newest = b->runs;
	size_t i, n = 0;

	open = xcalloc(b->n_runs + 1, sizeof(*open));
	for (i = 1; i < b->n_runs; i++)
		if (index_newer(b->runs[i].last, &b->runs[i].newest,
		    newest->last, &newest->newest))
			newest = &b->runs[i];
	for (i = 0; i < b->n_runs; i++)
		if (&b->runs[i] == newest || !b->runs[i].ended)
			open[n++] = &b->runs[i];
	qsort(open, n, sizeof(*open), newest_run_cmp);
	m->open_runs = xcalloc(n + 1, sizeof(*m->open_runs));
	m->n_open_runs = n;
	for (i = 0; i < n; i++)
		m->open_runs[i] = (uint32_t)(open[i] - b->runs);
	free(open);
}

#define TABLE(t, which, array, count) do {	\
	(t)[which].v = (array);			\
	(t)[which].size = sizeof(*(array));	\
	(t)[which].n = (count);			\
} while (0)

void
index_batch_image(const struct index_batch *b, uint64_t id,
    const struct index_head *head, const struct index *older,
    struct buf *image)
{
	struct segment_table t[SEGMENT_TABLES] = { { 0 } };
	struct made m = { 0 };

	m.by_id = order_by_id(b);
	make_postings(b, &m);
	make_live(b, head, older, &m);
	make_open_runs(b, &m);
	TABLE(t, TABLE_META, &head->meta, 1);
	TABLE(t, TABLE_ENTRIES, b->entries, b->n_entries);
	TABLE(t, TABLE_BY_ID, m.by_id, b->n_entries);
	TABLE(t, TABLE_KINDS, b->kinds, b->n_kinds);
	TABLE(t, TABLE_POSTINGS, m.postings, b->n_entries);
	TABLE(t, TABLE_STARTS, m.starts, b->n_kinds + 1);
	TABLE(t, TABLE_LINKS, b->links, b->n_links);
	TABLE(t, TABLE_RUNS, b->runs, b->n_runs);
	TABLE(t, TABLE_OPEN_RUNS, m.open_runs, m.n_open_runs);
	TABLE(t, TABLE_OPEN_STEERS, m.open_steers, m.n_open_steers);
	TABLE(t, TABLE_MISSING, b->missing, b->n_missing);
	TABLE(t, TABLE_AHEAD, b->ahead, b->n_ahead);
	TABLE(t, TABLE_MOVED, head->refs->moved, head->refs->n_moved);
	TABLE(t, TABLE_STATE, head->state, strlen(head->state));
	TABLE(t, TABLE_LIVE, m.live, b->n_kinds);
	TABLE(t, TABLE_LOOSE, head->refs->loose, head->refs->n_loose);
	segment_image(image, id, t);
	free(m.by_id);
	free(m.postings);
	free(m.starts);
	free(m.live);
	free(m.open_runs);
	free(m.open_steers);
}
