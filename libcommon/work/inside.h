/* Files that commands look for in the work tree, and links in their place. */
#ifndef WORK_INSIDE_H
#define WORK_INSIDE_H

#include "base/err.h"
#include "store/repo.h"

/*
 * ERR_INPUT if `path`, `name` in messages, is a link that leads out of the
 * work tree or into .git.  What is not there passes.  `what` is not done to
 * it then: "recorded".
 */
struct err *inside_check(struct repo *, const char *path, const char *name,
		const char *what);

#endif
