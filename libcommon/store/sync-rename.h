/*
 * `git remote rename` leaves our refspecs, and what they fetched, where they
 * were, by the former name.  For store/sync.c.
 */
#ifndef STORE_SYNC_RENAME_H
#define STORE_SYNC_RENAME_H

#include "store/repo.h"

/*
 * Bring both to the present name: of this remote, and of the one that had its
 * name before.  Call it before a fetch.
 */
struct err *sync_follow_rename(struct repo *, const char *remote);

#endif
