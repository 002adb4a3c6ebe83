/*
 * When the records move to another prefix on the remote (agent.prefix, or
 * the project's setting): what was fetched from the old one is kept as
 * refs/agent-remotes/<remote>/former/log/<writer>, where readers find it,
 * until the log is at the new prefix.  Each clone that writes takes the logs
 * there that nobody has brought yet.  What is pushed to the old prefix later
 * comes by store/sync-former.h.  For store/sync.c.
 */
#ifndef STORE_SYNC_MOVE_H
#define STORE_SYNC_MOVE_H

#include "store/rollup-search.h"
#include "store/sync.h"

/* The prefix that this clone used last, malloc'd; NULL: rep->prefix too. */
char	*move_from(struct repo *, const struct sync_report *);
/*
 * Set aside what is known of the old prefix.  Nobody knows yet what is at
 * rep->prefix: the next fetch must be from there, and tell move_arrived().
 */
struct err *move_logs(struct repo *, const struct sync_report *);
/* rep->prefix is the one that this clone has used last, from now on. */
struct err *move_arrived(struct repo *, const struct sync_report *);
/* Set one ref aside, which the present prefix may have need of. */
struct err *move_set_aside(struct repo *, const char *remote,
		const struct ref *, const char *writer);
/* Drop what is at the new prefix by now; call it behind a fetch. */
struct err *move_settle(struct repo *, const struct sync_report *);
/*
 * Push the other writers' logs that are not at the new prefix.  `own`, whose
 * log sync.c has pushed, may be NULL: who writes nothing pushes nothing.
 */
struct err *move_push(struct repo *, const char *own, int background,
		struct sync_report *);

/* A search for what the present prefix has, as far as it was asked. */
struct move_search {
	struct repo *repo;		/* both are set by the caller, */
	const char *remote;		/* and the rest is zero */
	struct index *index;
	struct rollup_search *rollups;
};

/* *there is 1 if the log is there up to `id`, or in a log that rolled it up. */
struct err *move_is_there(struct move_search *, const char *writer,
		const struct oid *id, int *there);
void	 move_search_release(struct move_search *);

#endif
