/*
 * Where a repository borrows objects: gitrepository-layout(5), objects/info/
 * alternates.
 */
#ifndef STORE_ALTERNATES_H
#define STORE_ALTERNATES_H

#include "base/strvec.h"
#include "store/repo.h"

#define ALTERNATES_DEPTH 5	/* of those that borrow in turn, as git has it */

/*
 * Each folder of objects that this one borrows from, by a path that can be
 * opened from here, and the file that names it; not those that they borrow
 * from.  Until the callback returns non-zero.
 */
void	 alternates_each(const char *objects, int (*)(void *arg,
	    const char *folder, const char *list), void *arg);
/* All of them, also those of GIT_ALTERNATE_OBJECT_DIRECTORIES, once each. */
void	 alternates_list(struct repo *, struct strvec *folders);

#endif
