#include "store/rollup-search.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "store/record.h"
#include "store/sync-state.h"
#include "store/writer-name.h"

/* That `rollup` has a log of this writer, up to `from`. */
struct taken {
	char *writer;
	struct oid from, rollup;
};

struct rollup_search {
	struct index *ix;
	struct repo *repo;
	const char *remote;
	const struct sync_report *rep;
	int64_t oldest;			/* of all roll-ups */
	int listed, named;		/* what follows is filled */
	struct oidset there;		/* on the remote, from the oldest on */
	struct oidset own;		/* roll-ups in their writers' logs */
	struct taken *v;		/* by writer */
	size_t n, cap;
};

struct rollup_search *
rollup_search_new(struct index *ix, struct repo *r, const char *remote,
    const struct sync_report *rep)
{
	struct rollup_search *s = xcalloc(1, sizeof(*s));

	s->ix = ix;
	s->repo = r;
	s->remote = remote;
	s->rep = rep;
	return s;
}

void
rollup_search_free(struct rollup_search *s)
{
	size_t i;

	if (s == NULL)
		return;
	for (i = 0; i < s->n; i++)
		free(s->v[i].writer);
	free(s->v);
	oidset_release(&s->there);
	oidset_release(&s->own);
	free(s);
}

/* The tips of the logs that the remote has, as far as it was asked. */
static struct oid *
remote_tips(const struct rollup_search *s, size_t *n)
{
	char *prefix = xasprintf("refs/agent-remotes/%s/", s->remote);
	char *logs = xasprintf("%slog/", prefix);
	struct reflist refs = REFLIST_INIT;
	struct oid *tips;
	size_t i;

	err_free(ref_list(s->repo, logs, &refs));
	tips = xcalloc(refs.n + 1, sizeof(*tips));
	for (i = 0, *n = 0; i < refs.n; i++)
		if (!sync_is_rewound(s->repo, s->remote, s->rep,
		    refs.v[i].name + strlen(prefix)))
			tips[(*n)++] = refs.v[i].id;
	reflist_release(&refs);
	free(logs);
	free(prefix);
	return tips;
}

/* 1 if its writer's own log leads to this roll-up, and the remote has that. */
static int
is_in_own_log(const struct rollup_search *s, const struct oid *id)
{
	char *name = NULL, *ref = NULL;
	struct record rec;
	struct oid tip;
	struct err *e = record_read(s->repo, id, &rec);
	int found = 0;

	if (e == NULL && writer_name_ok(rec.writer)) {
		name = xasprintf("log/%s", rec.writer);
		ref = xasprintf("refs/agent-remotes/%s/%s", s->remote, name);
		e = ref_read(s->repo, ref, &tip);
		found = e == NULL && !sync_is_rewound(s->repo, s->remote,
		    s->rep, name) && index_leads_to(s->ix, &tip, 1, id);
	}
	err_free(e);
	record_release(&rec);
	free(ref);
	free(name);
	return found;
}

/* The names and the tips that one roll-up has. */
static void
add_taken(struct rollup_search *s, const struct record *rec)
{
	size_t i, at = record_rolled_up_from(rec);

	for (i = 0; i < rec->trailers.n && at < rec->parent_count; i++) {
		if (strcasecmp(rec->trailers.v[i].key,
		    "Agent-Rolled-Up") != 0)
			continue;
		ALLOC_GROW(s->v, s->n, s->cap);
		s->v[s->n].writer = xstrdup(rec->trailers.v[i].value);
		s->v[s->n].from = rec->parents[at++];
		s->v[s->n++].rollup = rec->id;
	}
}

static int
taken_cmp(const void *a, const void *b)
{
	return strcmp(((const struct taken *)a)->writer,
	    ((const struct taken *)b)->writer);
}

/* Whose logs were rolled up, by all roll-ups; *oldest is the first of them. */
static void
read_names(struct rollup_search *s)
{
	static const char *const kinds[] = { "rollup", NULL };
	struct index_cursor *c = index_cursor_new(s->ix, kinds);
	struct index_entry entry;
	struct record rec;
	struct err *e;

	s->oldest = INT64_MAX;
	while (index_cursor_next(c, &entry)) {
		e = record_read(s->repo, &entry.id, &rec);
		if (e == NULL && strcmp(rec.kind, "rollup") == 0) {
			s->oldest = entry.when;
			add_taken(s, &rec);
		}
		err_free(e);
		record_release(&rec);
	}
	index_cursor_free(c);
	if (s->n > 0)
		qsort(s->v, s->n, sizeof(*s->v), taken_cmp);
	s->named = 1;
}

/* All that the remote's logs lead to, back to the oldest roll-up. */
static void
list_there(struct rollup_search *s)
{
	size_t i, n, cap;
	struct oid *stack = remote_tips(s, &n), id;
	struct index_entry entry;
	struct record rec;

	for (cap = n; n > 0; ) {
		id = stack[--n];
		if (!index_find(s->ix, &id, &entry) ||
		    entry.when < s->oldest || !oidset_add(&s->there, &id))
			continue;
		err_free(record_read(s->repo, &id, &rec));
		for (i = 0; i < rec.parent_count; i++) {
			ALLOC_GROW(stack, n, cap);
			stack[n++] = rec.parents[i];
		}
		record_release(&rec);
	}
	free(stack);
	s->listed = 1;
}

/*
 * 1 if the remote has this roll-up.  Most likely it is in its writer's log;
 * the first that is not has all of them listed.  One has hundreds of logs,
 * and is asked for each of them.
 */
static int
is_there(struct rollup_search *s, const struct oid *id)
{
	if (oidset_has(&s->own, id))
		return 1;
	if (!s->listed && is_in_own_log(s, id)) {
		oidset_add(&s->own, id);
		return 1;
	}
	if (!s->named)
		read_names(s);
	if (!s->listed)
		list_there(s);
	return oidset_has(&s->there, id);
}

struct looking {
	struct rollup_search *s;
	int found;
};

static int
look_at_link(void *arg, const struct index_link *l)
{
	struct looking *look = arg;

	look->found = l->how == INDEX_ROLLED_UP && is_there(look->s, &l->from);
	return look->found;
}

int
rollup_is_at(struct rollup_search *s, const struct oid *tip)
{
	struct looking look = { s, 0 };

	index_links(s->ix, tip, look_at_link, &look);
	return look.found;
}

/* The first of those that took a log of this writer; s->n if none did. */
static size_t
first_taken(const struct rollup_search *s, const char *writer)
{
	size_t low = 0, high = s->n, middle;

	while (low < high) {
		middle = low + (high - low) / 2;
		if (strcmp(s->v[middle].writer, writer) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

int
rollup_has(struct rollup_search *s, const char *writer, const struct oid *tip)
{
	struct oid *from;
	size_t i, n = 0;
	int found;

	if (rollup_is_at(s, tip))
		return 1;
	/* Rolled up further on than was fetched here before. */
	if (!s->named)
		read_names(s);
	from = xcalloc(s->n + 1, sizeof(*from));
	for (i = first_taken(s, writer); i < s->n &&
	    strcmp(s->v[i].writer, writer) == 0; i++)
		if (is_there(s, &s->v[i].rollup))
			from[n++] = s->v[i].from;
	found = n > 0 && index_leads_to(s->ix, from, n, tip);
	free(from);
	return found;
}

int
rollup_beyond(struct rollup_search *s, const char *writer,
    const struct oid *tip, struct oid *beyond)
{
	const struct oid *from;
	size_t i;

	if (!s->named)
		read_names(s);
	for (i = first_taken(s, writer); i < s->n &&
	    strcmp(s->v[i].writer, writer) == 0; i++) {
		from = &s->v[i].from;
		if (object_exists(s->repo, from) &&
		    !repo_contains(s->repo, tip, from) &&
		    is_there(s, &s->v[i].rollup)) {
			*beyond = *from;
			return 1;
		}
	}
	return 0;
}
