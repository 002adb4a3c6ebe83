/* Whether a roll-up has a log; see rollup.h. */
#include "store/rollup.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "store/reader.h"
#include "store/sync-state.h"
#include "store/writer-name.h"

#define ROLLUPS_MAX 256		/* that are looked at for one log */

/* The tips of the logs that the remote has, as far as it was asked. */
static struct oid *
remote_tips(struct repo *r, const char *remote, const struct sync_report *rep,
    size_t *n)
{
	char *prefix = xasprintf("refs/agent-remotes/%s/", remote);
	char *logs = xasprintf("%slog/", prefix);
	struct reflist refs = REFLIST_INIT;
	struct oid *tips;
	size_t i;

	err_free(ref_list(r, logs, &refs));
	tips = xcalloc(refs.n + 1, sizeof(*tips));
	for (i = 0, *n = 0; i < refs.n; i++)
		if (!sync_is_rewound(r, rep, refs.v[i].name + strlen(prefix)))
			tips[(*n)++] = refs.v[i].id;
	reflist_release(&refs);
	free(logs);
	free(prefix);
	return tips;
}

/* 1 if a log that the remote has leads to this roll-up. */
static int
is_at_remote(struct index *ix, struct repo *r, const char *remote,
    const struct sync_report *rep, const struct record *rec)
{
	char *name = xasprintf("log/%s", rec->writer), *ref;
	struct oid tip, *tips;
	struct err *e;
	size_t n;
	int found = 0;

	/* Most likely its writer's own. */
	ref = xasprintf("refs/agent-remotes/%s/%s", remote, name);
	e = writer_name_ok(rec->writer) ? ref_read(r, ref, &tip) :
	    err_new(ERR_NOTFOUND, "no writer");
	if (e == NULL && !sync_is_rewound(r, rep, name))
		found = index_leads_to(ix, &tip, 1, &rec->id);
	err_free(e);
	free(ref);
	free(name);
	if (found)
		return 1;
	tips = remote_tips(r, remote, rep, &n);
	found = index_leads_to(ix, tips, n, &rec->id);
	free(tips);
	return found;
}

/* Roll-ups, each looked at once. */
struct search {
	struct index *ix;
	struct repo *repo;
	const char *remote;
	const struct sync_report *rep;
	size_t looked;
	int found;
};

static int
look(struct search *s, const struct oid *id)
{
	struct record rec;
	struct err *e = record_read(s->repo, id, &rec);

	if (e == NULL && strcmp(rec.kind, "rollup") == 0)
		s->found = is_at_remote(s->ix, s->repo, s->remote, s->rep,
		    &rec);
	err_free(e);
	record_release(&rec);
	return s->found || ++s->looked == ROLLUPS_MAX;
}

static int
look_at_link(void *arg, const struct index_link *l)
{
	return l->how == INDEX_ROLLED_UP && look(arg, &l->from);
}

int
rollup_is_at(struct index *ix, struct repo *r, const char *remote,
    const struct sync_report *rep, const struct oid *tip)
{
	struct search s = { ix, r, remote, rep, 0, 0 };

	index_links(ix, tip, look_at_link, &s);
	return s.found;
}

/* 1 if this roll-up took a later tip of the writer's log, which leads here. */
static int
took_later(struct index *ix, const struct record *rec, const char *writer,
    const struct oid *tip)
{
	size_t i, at = record_rolled_up_from(rec), n = 0;
	struct oid *from = xcalloc(rec->parent_count + 1, sizeof(*from));
	int leads;

	for (i = 0; i < rec->trailers.n && at < rec->parent_count; i++) {
		if (strcasecmp(rec->trailers.v[i].key,
		    "Agent-Rolled-Up") != 0)
			continue;
		if (strcmp(rec->trailers.v[i].value, writer) == 0)
			from[n++] = rec->parents[at];
		at++;
	}
	leads = n > 0 && index_leads_to(ix, from, n, tip);
	free(from);
	return leads;
}

int
rollup_has(struct index *ix, struct repo *r, const char *remote,
    const struct sync_report *rep, const char *writer, const struct oid *tip)
{
	static const char *const kinds[] = { "rollup", NULL };
	struct search s = { ix, r, remote, rep, 0, 0 };
	struct index_cursor *c;
	struct index_entry entry;
	struct record rec;
	size_t n = 0;

	if (rollup_is_at(ix, r, remote, rep, tip))
		return 1;
	/* Rolled up further on than was fetched here before. */
	c = index_cursor_new(ix, kinds);
	while (!s.found && n++ < ROLLUPS_MAX &&
	    index_cursor_next(c, &entry)) {
		struct err *e = record_read(r, &entry.id, &rec);

		if (e == NULL && took_later(ix, &rec, writer, tip))
			(void)look(&s, &entry.id);
		err_free(e);
		record_release(&rec);
	}
	index_cursor_free(c);
	return s.found;
}
