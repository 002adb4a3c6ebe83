/*
 * When the records move to another prefix on the remote (agent.prefix, or
 * the project's setting): what was fetched from the old one is kept as
 * refs/agent-remotes/<remote>/former/log/<writer>, where readers find it,
 * until the log is at the new prefix.  Each clone that writes takes the logs
 * there that nobody has brought yet.  For store/sync.c.
 */
#ifndef STORE_SYNC_MOVE_H
#define STORE_SYNC_MOVE_H

#include "store/sync.h"

/* The prefix that this clone used last, malloc'd; NULL: rep->prefix too. */
char	*move_from(struct repo *, const struct sync_report *);
/* From now on rep->prefix: set aside what is known of the old one. */
struct err *move_logs(struct repo *, const struct sync_report *);
/* Drop what is at the new prefix by now; call it behind a fetch. */
struct err *move_settle(struct repo *, const struct sync_report *);
/*
 * Push the other writers' logs that are not at the new prefix.  `own`, whose
 * log sync.c has pushed, may be NULL: who writes nothing pushes nothing.
 */
struct err *move_push(struct repo *, const char *own, int background,
		struct sync_report *);

#endif
