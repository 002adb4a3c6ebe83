/*
 * Whether a git is at work in the repository, as far as /proc tells: who holds
 * a lock that was left, perhaps.  Elsewhere than on Linux, and on a file system
 * that several machines share, it does not know.
 */
#ifndef STORE_BUSY_H
#define STORE_BUSY_H

#include <sys/stat.h>

#include "store/repo.h"

/* NULL if no process has files of the repository open, else who, malloc'd. */
char	*busy_who(struct repo *, const struct stat *lock);

#endif
