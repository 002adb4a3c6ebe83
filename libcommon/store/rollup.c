#include "store/rollup.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "store/notes.h"
#include "store/reader.h"
#include "store/transfer.h"
#include "store/writer-name.h"
#include "store/writer.h"

#define PARENTS_MAX 500		/* of one record; further ones go into more */
#define DELETE_MAX 500		/* refs of one push */

/* A log that has ended, and what else the writer has at the remote. */
struct ended {
	char *writer;
	struct oid tip;
};

struct ended_list {
	struct ended *v;
	size_t n, cap;
};

static void
ended_release(struct ended_list *list)
{
	size_t i;

	for (i = 0; i < list->n; i++)
		free(list->v[i].writer);
	free(list->v);
}

void
rollup_release(struct rollup *u)
{
	free(u->reason);
	sync_report_release(&u->sync);
	memset(u, 0, sizeof(*u));
}

int
rollup_has(struct index *ix, struct repo *r, const char *writer,
    const struct oid *tip)
{
	static const char *const kinds[] = { "rollup", NULL };
	struct index_cursor *c;
	struct index_entry entry;
	struct record rec;
	size_t i, k, n;
	int found = index_is_rolled_up(ix, tip);

	/* Rolled up further on than was fetched here before. */
	c = index_cursor_new(ix, kinds);
	while (!found && index_cursor_next(c, &entry)) {
		err_free(reader_get(r, &entry.id, &rec));
		for (i = 0, n = 0; i < rec.trailers.n; i++)
			n += strcasecmp(rec.trailers.v[i].key,
			    "Agent-Rolled-Up") == 0;
		for (i = 0, k = 0; i < rec.trailers.n && !found &&
		    n <= rec.parent_count; i++) {
			if (strcasecmp(rec.trailers.v[i].key,
			    "Agent-Rolled-Up") != 0)
				continue;
			if (strcmp(rec.trailers.v[i].value, writer) == 0)
				found = index_leads_to(ix, &rec.parents[
				    rec.parent_count - n + k], tip);
			k++;
		}
		record_release(&rec);
	}
	index_cursor_free(c);
	return found;
}

static struct err *
forget(struct repo *r, char *name)
{
	struct err *e = ref_remove(r, name);

	free(name);
	return e;
}

struct err *
rollup_forget(struct repo *r, const char *remote, const char *writer)
{
	struct err *e;

	/* The log last: what is left by a kill is tried again. */
	e = forget(r, xasprintf("refs/notes/agent-remotes/%s/%s", remote,
	    writer));
	if (e == NULL)
		e = forget(r, xasprintf("refs/agent-remotes/%s/beat/%s",
		    remote, writer));
	if (e == NULL)
		e = forget(r, xasprintf("refs/agent-remotes/%s/log/%s",
		    remote, writer));
	return e;
}

/* 1 if the newest record of the log is older than this clock. */
static int
has_ended(struct repo *r, const struct oid *tip, int64_t before)
{
	struct record rec;
	struct err *e = reader_get(r, tip, &rec);
	int ended = e == NULL && rec.clock < before;

	err_free(e);
	record_release(&rec);
	return ended;
}

/* Of a log that lost records on the remote, ours is not its. */
static int
is_rewound(const struct sync_report *rep, const char *writer)
{
	size_t i;

	for (i = 0; i < rep->n; i++)
		if (rep->refs[i].fate == SYNC_REWOUND &&
		    strncmp(rep->refs[i].name, "log/", 4) == 0 &&
		    strcmp(rep->refs[i].name + 4, writer) == 0)
			return 1;
	return 0;
}

static struct err *
find_ended(struct repo *r, const struct sync_report *rep, int64_t before,
    struct ended_list *list)
{
	char *prefix = xasprintf("refs/agent-remotes/%s/log/", rep->remote);
	struct reflist refs = REFLIST_INIT;
	char *own = NULL;
	struct err *e;
	size_t i;

	e = writer_id(r, 0, &own);
	if (e == NULL)
		e = ref_list(r, prefix, &refs);
	for (i = 0; e == NULL && i < refs.n; i++) {
		const char *writer = refs.v[i].name + strlen(prefix);

		if (!writer_name_ok(writer) || is_rewound(rep, writer) ||
		    (own != NULL && strcmp(own, writer) == 0) ||
		    !has_ended(r, &refs.v[i].id, before))
			continue;
		ALLOC_GROW(list->v, list->n, list->cap);
		list->v[list->n].writer = xstrdup(writer);
		list->v[list->n++].tip = refs.v[i].id;
	}
	reflist_release(&refs);
	free(own);
	free(prefix);
	return e;
}

/* One record for the logs from `from` on that no record has rolled up yet. */
static struct err *
record_some(struct repo *r, struct index *ix, const struct ended_list *list,
    size_t *from, struct rollup *u)
{
	struct draft d = { .kind = "rollup" };
	struct oid *tips = xcalloc(PARENTS_MAX, sizeof(*tips)), id;
	char *subject = NULL;
	struct err *e = NULL;
	size_t n = 0;

	for (; *from < list->n && n < PARENTS_MAX; ++*from) {
		const struct ended *l = &list->v[*from];

		/* A roll-up before this one could not delete it. */
		if (index_is_rolled_up(ix, &l->tip))
			continue;
		tips[n++] = l->tip;
		trailers_add(&d.trailers, "Agent-Rolled-Up", l->writer);
	}
	if (n > 0) {
		subject = xasprintf("%zu log%s that had ended", n,
		    n == 1 ? "" : "s");
		d.subject = subject;
		d.also = tips;
		d.also_count = n;
		e = writer_append(r, &d, &id);
		u->recorded += e == NULL;
	}
	draft_release(&d);
	free(subject);
	free(tips);
	return e;
}

/* Their notes become ours, which `git log` shows as well. */
static struct err *
take_notes(struct repo *r, const char *remote, const struct ended_list *list)
{
	struct err *e = NULL;
	struct oid tip;
	size_t i;

	for (i = 0; e == NULL && i < list->n; i++) {
		char *ref = xasprintf("refs/notes/agent-remotes/%s/%s",
		    remote, list->v[i].writer);
		struct err *none = ref_read(r, ref, &tip);

		if (none == NULL)
			e = notes_merge(r, &tip);
		err_free(none);
		free(ref);
	}
	return e;
}

static struct err *
record_all(struct repo *r, const struct ended_list *list, struct rollup *u)
{
	struct index *ix = NULL;
	struct err *e = index_open(r, &ix);
	size_t from = 0;

	while (e == NULL && from < list->n)
		e = record_some(r, ix, list, &from, u);
	index_close(ix);
	if (e == NULL)
		e = take_notes(r, u->sync.remote, list);
	return e;
}

/* Delete one ref at the remote if it is where it was when we fetched it. */
static void
add_deletion(struct repo *r, const char *tracking, const char *target,
    struct strvec *leases, struct strvec *specs)
{
	char hex[OID_HEX_SIZE];
	struct oid id;
	struct err *e = ref_read(r, tracking, &id);

	if (e == NULL) {
		oid_hex(&id, hex);
		strvec_pushf(leases, "--force-with-lease=%s:%s", target, hex);
		strvec_pushf(specs, ":%s", target);
	}
	err_free(e);
}

static void
add_deletions(struct repo *r, const struct sync_report *rep,
    const char *writer, struct strvec *leases, struct strvec *specs)
{
	static const char *const kinds[] = { "log", "beat", "notes" };
	size_t i;

	for (i = 0; i < 3; i++) {
		char *target = sync_target(rep, kinds[i], writer);
		char *tracking = i < 2 ? xasprintf("refs/agent-remotes/%s/%s/"
		    "%s", rep->remote, kinds[i], writer) : xasprintf(
		    "refs/notes/agent-remotes/%s/%s", rep->remote, writer);

		add_deletion(r, tracking, target, leases, specs);
		free(target);
		free(tracking);
	}
}

/* What became of the logs that were to be deleted. */
static struct err *
settle(struct repo *r, const struct sync_report *rep, struct rollup *u)
{
	struct err *e = NULL;
	size_t i;

	for (i = 0; e == NULL && i < rep->n; i++) {
		const struct sync_ref *ref = &rep->refs[i];

		if (strncmp(ref->name, "log/", 4) != 0)
			continue;
		if (ref->fate == SYNC_ROLLED_UP) {
			u->deleted++;
			e = rollup_forget(r, rep->remote, ref->name + 4);
			continue;
		}
		u->refused++;
		if (u->reason == NULL && ref->reason != NULL)
			u->reason = xasprintf("'%s': %s", ref->name,
			    ref->reason);
	}
	return e;
}

static struct err *
delete_some(struct repo *r, const struct ended_list *list, size_t *from,
    struct rollup *u)
{
	struct strvec leases = STRVEC_INIT, specs = STRVEC_INIT;
	struct sync_report rep = { 0 };
	struct err *e = NULL;

	for (; *from < list->n && specs.n < DELETE_MAX; ++*from)
		add_deletions(r, &u->sync, list->v[*from].writer, &leases,
		    &specs);
	rep.remote = xstrdup(u->sync.remote);
	rep.prefix = xstrdup(u->sync.prefix);
	if (specs.n > 0)
		e = transfer_delete(r, &leases, &specs, &rep);
	if (e == NULL)
		e = settle(r, &rep, u);
	if (e == NULL && !rep.reached && rep.problem != NULL) {
		free(u->sync.problem);
		u->sync.problem = xstrdup(rep.problem);
		*from = list->n;
	}
	strvec_release(&leases);
	strvec_release(&specs);
	sync_report_release(&rep);
	return e;
}

/* *arrived: the remote has all that this clone wrote. */
static struct err *
push_own(struct repo *r, struct rollup *u, int *arrived)
{
	struct oidset left = OIDSET_INIT;
	struct err *e;

	sync_report_release(&u->sync);
	e = sync_run(r, SYNC_PUSH, &u->sync);
	if (e == NULL)
		e = sync_unpushed(r, &left);
	*arrived = e == NULL && u->sync.reached && left.used == 0 &&
	    u->sync.refused == 0;
	oidset_release(&left);
	return e;
}

struct err *
rollup_run(struct repo *r, int64_t age, int dry_run, struct rollup *u)
{
	struct ended_list list = { NULL, 0, 0 };
	size_t from = 0;
	struct err *e;
	int arrived = 0;

	memset(u, 0, sizeof(*u));
	e = sync_run(r, SYNC_FETCH | (dry_run ? 0 : SYNC_PUSH), &u->sync);
	if (e != NULL || u->sync.remote == NULL || !u->sync.reached)
		return e;
	e = find_ended(r, &u->sync, clock_now() - age, &list);
	u->logs = list.n;
	if (e == NULL && list.n > 0 && !dry_run) {
		e = record_all(r, &list, u);
		if (e == NULL)
			e = push_own(r, u, &arrived);
		while (e == NULL && arrived && from < list.n)
			e = delete_some(r, &list, &from, u);
	}
	ended_release(&list);
	return e;
}
