/*
 * Inside workspace: git as a child process, in one work tree and no other.
 */
#ifndef WORK_WORKSPACE_GIT_H
#define WORK_WORKSPACE_GIT_H

#include "base/buf.h"
#include "base/err.h"
#include "base/strvec.h"

/* A work tree, and the environment in which git can mean no other one. */
struct workspace {
	const char *dir;
	struct strvec env;
	int pristine;	/* of all files, also where the clone is sparse, and
			   by no settings that convert them */
};

/* `dir` is the caller's, for as long as the workspace; NULL: it is bare. */
void	 workspace_init(struct workspace *, const char *gitdir,
		const char *dir);
void	 workspace_release(struct workspace *);
/*
 * See no attributes but those of the tree: `view` is the common directory
 * without its own, see common-view.h.
 */
void	 workspace_make_pristine(struct workspace *, const char *view);
/*
 * Run git with these words, the command first but for "-c NAME=VALUE"; what
 * it prints is appended to `out` if that is not NULL.  No hooks run.
 */
struct err *workspace_run(const struct workspace *, struct buf *out,
		const struct strvec *words);
/* The same with the words one by one, and NULL. */
struct err *git_in(const struct workspace *, struct buf *out, ...);

#endif
