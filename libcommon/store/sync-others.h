/*
 * The logs in refs/agent/log besides this clone's own, of ids that it had
 * before, of a script, or pushed here by a clone of this one.  What the
 * remote does not have of them is pushed under their names.  Nearly always
 * there are none, and then nothing is read but the folder.
 */
#ifndef STORE_SYNC_OTHERS_H
#define STORE_SYNC_OTHERS_H

#include "store/sync.h"

/*
 * Append those, in the order of their names, that end in a record which the
 * remote does not have in any log, as far as it was asked.  `own`, which may
 * be NULL, is the writer whose log is not among them.  What the remote has is
 * noted in <common dir>/agent/reached-logs, so that it is found out once.
 */
struct err *others_list(struct repo *, const char *remote, const char *own,
		struct reflist *);
/* Add the records of those that the remote does not have. */
struct err *others_unpushed(struct repo *, const char *remote,
		const char *own, struct oidset *);
/* Add the records that a commit leads to and that are not in `there`. */
void	 others_above(struct repo *, const struct oid *,
	    const struct oidset *there, struct oidset *);
/* What was noted counts no more, as the records are to be elsewhere. */
void	 others_forget(struct repo *);
/* Push them; the caller holds the lock. */
struct err *others_push(struct repo *, const char *own, int background,
		struct sync_report *);

#endif
