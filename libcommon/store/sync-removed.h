/*
 * `git remote remove` leaves what was fetched, and takes our refspecs away.
 * A remote that gets the same name afterwards has not lost what it never had.
 * For store/sync.c.
 */
#ifndef STORE_SYNC_REMOVED_H
#define STORE_SYNC_REMOVED_H

#include "store/sync.h"

/*
 * 1 if what was fetched is of a remote that had this name before, and that was
 * removed: it is at another place than the one that was asked last, and lacks
 * our refspec, which that one had and `git remote set-url` leaves.  Ask before
 * the fetch.
 */
int	 sync_is_another(struct repo *, const char *remote);
/*
 * Then what this fetch found rewound is kept as sync_keep() does, and no line
 * of the report any more.  *anew counts the logs that can be fetched now.
 */
struct err *sync_leave_removed(struct repo *, struct sync_report *,
		int *anew);

#endif
