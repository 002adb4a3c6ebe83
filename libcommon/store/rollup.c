#include "store/rollup.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "store/guard.h"
#include "store/notes.h"
#include "store/reader.h"
#include "store/sync-state.h"
#include "store/transfer.h"
#include "store/turn.h"
#include "store/writer-name.h"
#include "store/writer.h"

#define PARENTS_MAX 500		/* of one record; further ones go into more */
#define DELETE_MAX 500		/* refs of one push */

/* A log that has ended. */
struct ended {
	char *writer;
	struct oid tip;		/* what is rolled up of it */
	int has_notes;		/* and those are ours now */
	struct oid notes;
	int has_beat;
	struct oid beat;
	int deleted;		/* the remote has it no more */
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

/* Delete one ref at the remote if it is where we know it to be. */
static void
add_deletion(const struct sync_report *rep, const char *what,
    const struct ended *l, const struct oid *at, struct strvec *leases,
    struct strvec *specs)
{
	char *target = sync_target(rep, what, l->writer), hex[OID_HEX_SIZE];

	oid_hex(at, hex);
	strvec_pushf(leases, "--force-with-lease=%s:%s", target, hex);
	strvec_pushf(specs, ":%s", target);
	free(target);
}

/* What the writer has besides the log; it has no use without. */
static void
add_rest(const struct sync_report *rep, const struct ended *l,
    struct strvec *leases, struct strvec *specs)
{
	if (l->has_beat)
		add_deletion(rep, "beat", l, &l->beat, leases, specs);
	if (l->has_notes)
		add_deletion(rep, "notes", l, &l->notes, leases, specs);
}

/* 1 if the ref is here, and then it is in the list. */
static int
add_here(struct repo *r, struct reflist *list, char *name, struct oid *id)
{
	struct err *e = ref_read(r, name, id);
	int here = e == NULL;

	if (here)
		reflist_add(list, name, id);
	err_free(e);
	free(name);
	return here;
}

/*
 * What was fetched of these writers, all at once: our own log has what they
 * wrote, and is on the remote.  0: not all of it, as some have moved.
 */
static int
forget_some(struct repo *r, const char *remote, struct ended *v, size_t n)
{
	struct reflist refs = REFLIST_INIT;
	struct turn turn = TURN_INIT;
	struct err *e;
	struct oid id;
	size_t i;
	int all = 1;

	e = turn_begin(&turn, r, TURN_PUSH, 1);
	for (i = 0; e == NULL && i < n; i++) {
		all &= !add_here(r, &refs, xasprintf("refs/agent-remotes/%s/"
		    "log/%s", remote, v[i].writer), &id) ||
		    oid_equal(&id, &v[i].tip);
		v[i].has_beat = add_here(r, &refs, xasprintf("refs/"
		    "agent-remotes/%s/beat/%s", remote, v[i].writer),
		    &v[i].beat);
		(void)add_here(r, &refs, xasprintf("refs/notes/agent-remotes/"
		    "%s/%s", remote, v[i].writer), &id);
	}
	if (e == NULL && all)
		e = refs_remove(r, &refs);
	turn_end(&turn, 0);
	all &= e == NULL;
	err_free(e);
	reflist_release(&refs);
	return all;
}

/* The remote has it still; without this the next fetch would bring it. */
static void
take_back(struct repo *r, const char *remote, const struct ended *l)
{
	char *name = xasprintf("refs/agent-remotes/%s/log/%s", remote,
	    l->writer);

	err_free(ref_swap(r, name, NULL, &l->tip));
	free(name);
}

static struct ended *
find_log(struct ended_list *list, const char *name)
{
	size_t i;

	for (i = 0; strncmp(name, "log/", 4) == 0 && i < list->n; i++)
		if (strcmp(list->v[i].writer, name + 4) == 0)
			return &list->v[i];
	return NULL;
}

/* What became of the logs that were to be deleted. */
static void
settle(const struct sync_report *rep, struct ended_list *list,
    struct rollup *u)
{
	struct ended *l;
	size_t i;

	for (i = 0; i < rep->n; i++) {
		const struct sync_ref *ref = &rep->refs[i];

		l = find_log(list, ref->name);
		if (l != NULL && ref->fate == SYNC_ROLLED_UP) {
			l->deleted = 1;
			u->deleted++;
		} else if (l != NULL) {
			u->refused++;
			if (u->reason == NULL && ref->reason != NULL)
				u->reason = xasprintf("'%s': %s", ref->name,
				    ref->reason);
		}
	}
}

static struct err *
push_deletions(struct repo *r, struct rollup *u, const struct strvec *leases,
    const struct strvec *specs, struct sync_report *rep)
{
	struct turn turn = TURN_INIT;
	struct err *e = NULL;

	rep->remote = xstrdup(u->sync.remote);
	rep->prefix = xstrdup(u->sync.prefix);
	if (specs->n > 0)
		e = turn_begin(&turn, r, TURN_PUSH, 1);
	if (e == NULL && specs->n > 0)
		e = transfer_delete(r, leases, specs, 0, rep);
	turn_end(&turn, rep->killed);
	if (e == NULL && !rep->reached && rep->problem != NULL) {
		free(u->sync.problem);
		u->sync.problem = xstrdup(rep->problem);
	}
	return e;
}

/* What the remote has no more is not to be seen here either. */
static struct err *
forget_deleted(struct repo *r, const struct ended *v, size_t n,
    struct rollup *u)
{
	struct err *e = NULL;
	size_t i;

	for (i = 0; e == NULL && i < n; i++) {
		if (!v[i].deleted)
			continue;
		e = rollup_forget(r, u->sync.remote, v[i].writer, &v[i].tip,
		    &u->locked);
		if (e != NULL && e->code == ERR_LOCKED) {
			u->kept++;
			err_free(e);
			e = NULL;
		}
	}
	return e;
}

/* The logs first: a writer that wakes up keeps its heartbeat and notes. */
static struct err *
delete_some(struct repo *r, struct ended_list *list, size_t *from,
    struct rollup *u)
{
	struct strvec leases[2] = { STRVEC_INIT, STRVEC_INIT };
	struct strvec specs[2] = { STRVEC_INIT, STRVEC_INIT };
	struct sync_report rep[2] = { { 0 }, { 0 } };
	struct err *e;
	size_t i, first = *from;
	int forgotten;

	for (; *from < list->n && specs[0].n < DELETE_MAX; ++*from)
		add_deletion(&u->sync, "log", &list->v[*from],
		    &list->v[*from].tip, &leases[0], &specs[0]);
	forgotten = forget_some(r, u->sync.remote, &list->v[first],
	    *from - first);
	e = push_deletions(r, u, &leases[0], &specs[0], &rep[0]);
	if (e == NULL)
		settle(&rep[0], list, u);
	for (i = first; e == NULL && i < *from; i++)
		if (list->v[i].deleted)
			add_rest(&u->sync, &list->v[i], &leases[1],
			    &specs[1]);
	if (e == NULL)
		e = push_deletions(r, u, &leases[1], &specs[1], &rep[1]);
	for (i = first; e == NULL && forgotten && i < *from; i++)
		if (!list->v[i].deleted)
			take_back(r, u->sync.remote, &list->v[i]);
	if (e == NULL && !forgotten)
		e = forget_deleted(r, list->v + first, *from - first, u);
	if (!rep[0].reached)
		*from = list->n;
	for (i = 0; i < 2; i++) {
		strvec_release(&leases[i]);
		strvec_release(&specs[i]);
		sync_report_release(&rep[i]);
	}
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
		if (e == NULL)
			e = sync_forget_reached(r, u->sync.remote);
	}
	ended_release(&list);
	return e;
}
