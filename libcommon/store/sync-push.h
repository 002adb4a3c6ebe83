/*
 * What this clone has to push: its log, heartbeat and notes, and the other
 * logs that are here (sync-others.h).  For sync.c.
 */
#ifndef STORE_SYNC_PUSH_H
#define STORE_SYNC_PUSH_H

#include "store/sync.h"

/* In the background only what moved; the caller holds the lock. */
struct err *sync_push(struct repo *, int background, struct sync_report *);
/*
 * The file that says which of this clone's notes the remote has acknowledged,
 * malloc'd.  It may be deleted: they are pushed once more.
 */
char	*sync_pushed_notes(struct repo *, const char *remote, const char *own);
/*
 * Delete these files of a remote, also those of ids that this clone had: with
 * them, a remote that gets the name would be thought to have our notes.
 */
void	 sync_forget_pushed_notes(struct repo *, const char *remote);

#endif
