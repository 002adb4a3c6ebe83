/* What was rolled up goes at the remote, and here. */
#include "store/rollup-parts.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "store/guard.h"
#include "store/sync-state.h"
#include "store/transfer.h"
#include "store/turn.h"

#define DELETE_MAX 500		/* refs of one push */

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
	/* git may have been killed, or could not remove its lock. */
	turn_end(&turn, e != NULL || guard_is_locked(r, "packed-refs"));
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

struct err *
rollup_delete(struct repo *r, struct ended_list *list, size_t *from,
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
