/*
 * Locks that a dead process cannot leave behind: flock(2) on a small file.
 * The file itself stays; only the lock on it counts.  A look by lock_held()
 * holds the lock for an instant, so that a taker should wait at least 200 ms.
 */
#ifndef BASE_LOCK_H
#define BASE_LOCK_H

#include "base/err.h"

struct lock {
	int fd;		/* -1: not held */
};

#define LOCK_INIT { -1 }

/*
 * Take the lock, waiting up to `wait_ms` milliseconds (0: do not wait).
 * ERR_LOCKED if somebody else holds it then; ERR_INPUT if it is not a regular
 * file.  The folder must exist.
 */
struct err *lock_take(struct lock *, const char *path, int wait_ms);
void	 lock_release(struct lock *);	/* nothing to do if not held */
/* 1 if a living process holds it, 0 if not or if there is no such file. */
int	 lock_held(const char *path);

#endif
