#include "store/rollup-parts.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "store/guard.h"
#include "store/notes.h"
#include "store/reader.h"
#include "store/sync-state.h"
#include "store/transfer-parts.h"
#include "store/writer-name.h"
#include "store/writer.h"

#define PARENTS_MAX 500		/* of one record; further ones go into more */

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
	free(u->locked);
	sync_report_release(&u->sync);
	memset(u, 0, sizeof(*u));
}

static struct err *
forget(struct repo *r, char *name)
{
	struct err *e = ref_remove(r, name);

	free(name);
	return e;
}

static struct err *
forget_all(struct repo *r, const char *remote, const char *writer,
    const struct oid *tip)
{
	char *log = xasprintf("refs/agent-remotes/%s/log/%s", remote, writer);
	struct err *e;

	e = ref_remove_at(r, log, tip);
	free(log);
	/* Another process has fetched more of it meanwhile. */
	if (e != NULL && e->code == ERR_MOVED) {
		err_free(e);
		return NULL;
	}
	if (e == NULL)
		e = forget(r, xasprintf("refs/notes/agent-remotes/%s/%s",
		    remote, writer));
	if (e == NULL)
		e = forget(r, xasprintf("refs/agent-remotes/%s/beat/%s",
		    remote, writer));
	return e;
}

struct err *
rollup_forget(struct repo *r, const char *remote, const char *writer,
    const struct oid *tip, char **locked)
{
	struct err *e;

	if (*locked != NULL && guard_is_locked(r, "packed-refs"))
		return err_new(ERR_LOCKED, "%s", *locked);
	e = forget_all(r, remote, writer, tip);
	if (e != NULL && e->code == ERR_LOCKED) {
		free(*locked);
		*locked = xstrdup(e->msg);
	}
	return e;
}

/* 1 if it is rolled up, and could not be dropped here. */
static int
stays(const struct sync_report *rep, const char *name)
{
	size_t i;

	for (i = 0; i < rep->n; i++)
		if (rep->refs[i].stays && strcmp(rep->refs[i].name, name) == 0)
			return 1;
	return 0;
}

/* 1 if the newest record of the log is older than this clock. */
static int
has_ended(struct repo *r, const struct oid *tip, int64_t before)
{
	struct record rec;
	struct err *e = record_read(r, tip, &rec);
	int ended = e == NULL && rec.clock < before;

	err_free(e);
	record_release(&rec);
	return ended;
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

		/* Of a log that lost records there, ours is not its. */
		if (!writer_name_ok(writer) ||
		    sync_is_rewound(r, rep->remote, rep, writer -
		    strlen("log/")) ||
		    stays(rep, writer - strlen("log/")) ||
		    (own != NULL && strcmp(own, writer) == 0) ||
		    !has_ended(r, &refs.v[i].id, before))
			continue;
		ALLOC_GROW(list->v, list->n, list->cap);
		memset(&list->v[list->n], 0, sizeof(*list->v));
		list->v[list->n].writer = xstrdup(writer);
		list->v[list->n++].tip = refs.v[i].id;
	}
	reflist_release(&refs);
	free(own);
	free(prefix);
	return e;
}

/* Our log, as it was before this roll-up. */
struct own_log {
	struct index *index;
	struct oid tip;
	int exists, found;
};

static int
is_own_link(void *arg, const struct index_link *l)
{
	struct own_log *own = arg;

	own->found = l->how == INDEX_ROLLED_UP &&
	    index_leads_to(own->index, &own->tip, 1, &l->from);
	return own->found;
}

/* 1 if our own log has it by a roll-up of its own that was not carried out. */
static int
is_in_own(struct index *ix, struct own_log *own, const struct oid *tip)
{
	own->index = ix;
	own->found = 0;
	if (own->exists)
		index_links(ix, tip, is_own_link, own);
	return own->found;
}

/* One record for the logs from `from` on that ours does not have yet. */
static struct err *
record_some(struct repo *r, struct index *ix, struct own_log *own,
    const struct ended_list *list, size_t *from, struct rollup *u)
{
	struct draft d = { .kind = "rollup" };
	struct oid *tips = xcalloc(PARENTS_MAX, sizeof(*tips)), id;
	char *subject = NULL;
	struct err *e = NULL;
	size_t n = 0;

	for (; *from < list->n && n < PARENTS_MAX; ++*from) {
		const struct ended *l = &list->v[*from];

		if (is_in_own(ix, own, &l->tip))
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

/*
 * Their notes become ours, which `git log` shows as well.  What somebody put
 * there that are no notes of ours stays where it is, and hinders nobody.
 */
static void
take_notes(struct repo *r, const char *remote, struct ended_list *list)
{
	struct err *e;
	size_t i;

	for (i = 0; i < list->n; i++) {
		struct ended *l = &list->v[i];
		char *ref = xasprintf("refs/notes/agent-remotes/%s/%s",
		    remote, l->writer);

		e = ref_read(r, ref, &l->notes);
		if (e == NULL)
			e = notes_merge(r, &l->notes);
		l->has_notes = e == NULL;
		err_free(e);
		free(ref);
	}
}

static struct err *
record_all(struct repo *r, struct ended_list *list, struct rollup *u)
{
	struct own_log own = { 0 };
	struct index *ix = NULL;
	struct err *e = index_open(r, &ix), *none;
	char *ref = NULL;
	size_t from = 0;

	if (e == NULL)
		e = writer_log(r, &ref);
	if (e == NULL && ref != NULL) {
		none = ref_read(r, ref, &own.tip);
		own.exists = none == NULL;
		err_free(none);
	}
	while (e == NULL && from < list->n)
		e = record_some(r, ix, &own, list, &from, u);
	index_close(ix);
	free(ref);
	if (e == NULL)
		take_notes(r, u->sync.remote, list);
	return e;
}

/* What a fetch could not take is to be told behind the push, too. */
static void
keep_failures(struct sync_report *fetched, struct sync_report *rep)
{
	size_t i;

	strvec_release(&rep->present);
	rep->present = fetched->present;
	memset(&fetched->present, 0, sizeof(fetched->present));
	for (i = 0; i < fetched->n; i++) {
		const struct sync_ref *ref = &fetched->refs[i];

		if (ref->pushed || (ref->fate != SYNC_REFUSED &&
		    ref->fate != SYNC_REWOUND))
			continue;
		transfer_add_ref(rep, xstrdup(ref->name), 0, ref->fate,
		    ref->reason == NULL ? NULL : xstrdup(ref->reason));
		rep->refs[rep->n - 1].by_object = ref->by_object;
	}
}

/* *arrived: the remote has all that this clone wrote. */
static struct err *
push_own(struct repo *r, struct rollup *u, int *arrived)
{
	struct sync_report fetched = u->sync;
	struct oidset left = OIDSET_INIT;
	struct err *e;

	e = sync_run(r, SYNC_PUSH, &u->sync);
	if (e == NULL)
		e = sync_unpushed(r, &left);
	*arrived = e == NULL && u->sync.reached && left.used == 0 &&
	    u->sync.refused == 0;
	keep_failures(&fetched, &u->sync);
	sync_report_release(&fetched);
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
			e = rollup_delete(r, &list, &from, u);
		if (e == NULL)
			e = sync_forget_reached(r, u->sync.remote);
	}
	ended_release(&list);
	return e;
}
