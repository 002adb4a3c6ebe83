/* Garbage, collected when git's own commands would. */
#ifndef STORE_GARBAGE_H
#define STORE_GARBAGE_H

#include "store/repo.h"

/*
 * `git gc --auto`, which looks whether there is enough to do and then does it
 * behind us; not where maintenance.auto is false.  Not `git maintenance run
 * --auto`, by which git's commands call it: killed in it, git leaves a lock
 * that keeps it from ever collecting again.  That it fails is git's to tell.
 */
void	 garbage_collect(struct repo *);

#endif
