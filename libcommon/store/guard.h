/*
 * Moving a ref or a setting without leaving git's lock behind.  git and
 * libgit2 lock a file by creating <file>.lock; of a process that is killed
 * before it removes that, nobody could move the ref any more.
 *
 * So between guard_enter() and guard_leave() no signal to end reaches us, one
 * process of this clone at a time is in there, by flock(2) on
 * <common dir>/agent/git.lock, and that file holds the name of what we lock.
 * It is empty when nobody is in there: who enters and finds a name knows that
 * its process died, and removes the lock, if that is still the same after
 * GUARD_PATIENCE_MS.  (By then it is not one that git has taken since.)
 *
 * For the files of store/ that call libgit2.
 */
#ifndef STORE_GUARD_H
#define STORE_GUARD_H

#include <signal.h>
#include <sys/stat.h>
#include <time.h>

#include "base/lock.h"
#include "store/repo.h"

#define GUARD_PATIENCE_MS 1000

struct guard {
	struct lock lock;
	sigset_t saved;
	char *path;		/* of git's lock */
};

/*
 * `name` is the file to be locked, seen from the common git directory: a ref,
 * or "config".  Never fails: where our file cannot be written (a full disk,
 * another owner), the lock alone is missing its name.
 */
void	 guard_enter(struct guard *, struct repo *, const char *name);
/* `taken`: git's lock was another's, and is none of our business. */
void	 guard_leave(struct guard *, int taken);
/*
 * The two halves of clearing a lock whose process has died: wait for
 * GUARD_PATIENCE_MS, and remove the file if it is still what it was before.
 */
void	 guard_wait(void);
void	 guard_remove(const char *path, const struct stat *before);
/*
 * Of a process of ours, or its git, that had begun at `since` and has died:
 * remove its lock on packed-refs, and the packed-refs.new that git writes
 * meanwhile, which it would not replace.  Unlike other refs those may be
 * another git's for seconds; so only if none is at work here.
 */
void	 guard_clear_packed(struct repo *, const struct timespec *since);
int	 guard_is_locked(struct repo *, const char *name);
/* What to do about a lock that is somebody else's, or that stayed. */
struct err *guard_locked(struct repo *, const char *name);

#endif
