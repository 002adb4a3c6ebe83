/* The runs of an index; see index.h. */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "store/index-file.h"

struct runs {
	struct index_run *v;
	size_t n, cap;
};

static int
run_cmp(const struct index_run *a, const struct index_run *b)
{
	return strncmp(a->id, b->id, INDEX_RUN_ID_SIZE);
}

static int
get_run(struct segment *s, size_t i, struct index_run *run)
{
	int ok = segment_get(s, TABLE_RUNS, i, run, sizeof(*run));

	run->id[INDEX_RUN_ID_SIZE - 1] = '\0';
	return ok;
}

/* The run of the same id in this file. */
static int
find_run(struct segment *s, const struct index_run *like,
    struct index_run *run)
{
	size_t low = 0, high = segment_count(s, TABLE_RUNS), middle;

	while (low < high) {
		middle = low + (high - low) / 2;
		if (!get_run(s, middle, run))
			return 0;
		if (run_cmp(run, like) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low < segment_count(s, TABLE_RUNS) && get_run(s, low, run) &&
	    run_cmp(run, like) == 0;
}

static void
add(struct runs *list, const struct index_run *run)
{
	ALLOC_GROW(list->v, list->n, list->cap);
	list->v[list->n++] = *run;
}

/* Those of the newest file, with what the older one has of them. */
static void
add_newer(struct index *ix, struct runs *list)
{
	struct index_run run, older;
	size_t i;

	for (i = 0; i < segment_count(ix->file[0], TABLE_RUNS); i++) {
		if (!get_run(ix->file[0], i, &run))
			break;
		if (find_run(ix->file[1], &run, &older))
			index_run_merge(&run, &older);
		add(list, &run);
	}
}

/* Those that only the older file has. */
static void
add_older(struct index *ix, int all, struct runs *list)
{
	int table = all ? TABLE_RUNS : TABLE_OPEN_RUNS;
	struct index_run run, newer;
	uint32_t at;
	size_t i;

	for (i = 0; i < segment_count(ix->file[1], table); i++) {
		at = (uint32_t)i;
		if (!all && !segment_get(ix->file[1], table, i, &at,
		    sizeof(at)))
			break;
		if (!get_run(ix->file[1], at, &run))
			break;
		if (!find_run(ix->file[0], &run, &newer))
			add(list, &run);
	}
}

static int
newest_cmp(const void *va, const void *vb)
{
	const struct index_run *a = va, *b = vb;

	if (run_cmp(a, b) == 0)
		return 0;
	return index_newer(a->last, &a->newest, b->last, &b->newest) ? -1 : 1;
}

void
index_runs(struct index *ix, int all,
    void (*each)(void *, const struct index_run *), void *arg)
{
	struct runs list = { NULL, 0, 0 };
	size_t i;

	add_newer(ix, &list);
	add_older(ix, all, &list);
	if (list.n > 0)
		qsort(list.v, list.n, sizeof(*list.v), newest_cmp);
	for (i = 0; i < list.n; i++)
		if (all || i == 0 || !list.v[i].ended)
			each(arg, &list.v[i]);
	free(list.v);
}
