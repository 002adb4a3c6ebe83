/*
 * Where a repository borrows objects: gitrepository-layout(5), objects/info/
 * alternates.
 */
#ifndef STORE_ALTERNATES_H
#define STORE_ALTERNATES_H

#include <stdint.h>

#include "base/strvec.h"
#include "store/repo.h"

/*
 * The folders of objects that it borrows from, by paths that can be opened
 * from here: those of its list, those of their lists as deep as git follows
 * them, and those of GIT_ALTERNATE_OBJECT_DIRECTORIES; each folder once,
 * whatever it is called, and its own not at all.  What is not there is left
 * out, and added to `absent`; of the first such in a list *gone is a clause for
 * people, malloc'd, or NULL if there is none.  Both may be NULL.
 */
void	 alternates_list(struct repo *, struct strvec *folders,
		struct strvec *absent, char **gone);
/*
 * A number for both and their lists: another one after a list has changed, or
 * after one of them has come, has gone, or has another folder of packs.  0: a
 * list has changed just now, so that the next change may be at the same time.
 */
uint64_t alternates_stamp(struct repo *, const struct strvec *folders,
		const struct strvec *absent);

#endif
