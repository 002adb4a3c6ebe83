/*
 * Work trees for measuring: the state of the user's own, and one of ours
 * into which a commit is checked out.
 */
#ifndef WORK_WORKSPACE_H
#define WORK_WORKSPACE_H

#include "base/err.h"
#include "base/strvec.h"
#include "store/repo.h"

/*
 * The tree that a commit of everything in the work tree would have (tracked
 * changes and untracked files that are not ignored); the user's index is not
 * touched.  *dirty: it differs from HEAD, be it in a submodule.
 */
struct err *workspace_tree(struct repo *, struct oid *tree, int *dirty);
/*
 * Check the commit out in the linked worktree `dir` (made at need, and anew
 * where it is damaged), remove everything that is not tracked, and lay the
 * paths over it as they are in the commit `source`.  Submodules that this
 * clone has are checked out too.  No hooks run.  The caller holds a lock.
 * ERR_CONFIG: the source lacks one of the paths.
 */
struct err *workspace_checkout(struct repo *, const char *dir,
		const struct oid *commit, const struct oid *source,
		const struct strvec *paths);

#endif
