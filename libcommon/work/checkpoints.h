/*
 * Which of the recorded checks are checkpoints of the work: what people look
 * at when they ask how accurate it has become.
 */
#ifndef WORK_CHECKPOINTS_H
#define WORK_CHECKPOINTS_H

#include "store/repo.h"
#include "work/overview.h"

/*
 * A work tree is often measured first and committed afterwards: set
 * check.committed where the tree that was measured with uncommitted changes
 * is that of a commit that the records or HEAD know.
 */
void	 checkpoints_find(struct repo *, struct overview *);
/* The commit that a check counts for, hexadecimal, or NULL; *dirty: it is
 * that commit with changes that are in no commit. */
const char *checkpoint_commit(const struct check *, int *dirty);
/*
 * 0 if they do not say the same, whatever checkpoints_find() finds: another
 * tree, oracle or state.
 */
int	 checkpoints_may_agree(const struct check *, const struct check *);
/*
 * The newest `most` checks without those that say the same again: the same
 * commit, tree, oracle and state.  Fills rows[0 … most), newest first, and
 * returns how many there are; *more counts those that did not fit.
 */
size_t	 checkpoints_select(const struct checks *, const struct check **rows,
	    size_t most, size_t *more);

#endif
