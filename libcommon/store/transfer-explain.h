/*
 * What git says of a ref that it did not move, in words that tell what to do
 * about it.  For transfer.c.
 */
#ifndef STORE_TRANSFER_EXPLAIN_H
#define STORE_TRANSFER_EXPLAIN_H

#include "store/sync.h"

/*
 * Of the refs from the index `before` on: a lock in this clone, in the place
 * of "unable to update local ref" and the like.
 */
void	 transfer_explain_lock(struct sync_report *, const char *output,
	    size_t before);
/*
 * The linked work tree <name>, where a `git worktree add`, as that of a check,
 * was killed before it had a commit, beside which no git fetches or collects
 * garbage: a clause that says so and *command, which removes what is left of
 * it in the git directory, both malloc'd.  NULL: it is none of those.
 */
char	*transfer_unfinished_worktree(struct repo *, const char *name,
	    char **command);
/* That instead of "bad object worktrees/<name>/HEAD". */
void	 transfer_explain_worktree(struct repo *, struct sync_report *);
/*
 * A ref of the remote of which the name is a folder of the other's, or the
 * other way about, in the place of "failed to update ref".
 */
void	 transfer_explain_way(struct sync_report *, const char *output,
	    size_t before);

#endif
