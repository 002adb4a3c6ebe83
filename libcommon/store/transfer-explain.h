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
 * Instead of "bad object worktrees/<name>/HEAD": a `git worktree add`, as that
 * of a check, was killed before the work tree had a commit, and no git fetches
 * or collects garbage beside that.
 */
void	 transfer_explain_worktree(struct repo *, struct sync_report *);
/*
 * A ref of the remote of which the name is a folder of the other's, or the
 * other way about, in the place of "failed to update ref".
 */
void	 transfer_explain_way(struct sync_report *, const char *output,
	    size_t before);

#endif
