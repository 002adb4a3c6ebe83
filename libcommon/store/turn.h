/*
 * One fetch and one push of a clone at a time, by flock(2) on
 * <common dir>/agent/fetch.lock and push.lock; and no lock of git's stays in
 * the way of the next one.
 *
 * git has its own locks, <ref>.lock, on the refs of what it fetched or pushed,
 * and who kills us may kill the git that we started, too.  So our file is not
 * empty during a turn.  Who takes it and finds that, knows that the one
 * before was killed, or its git, and removes the locks below
 * refs/agent-remotes, refs/notes/agent-remotes and what repo_tracked() names,
 * those that are still the same after GUARD_PATIENCE_MS, when nobody has the
 * other turn either.  What stands there can be fetched again: nothing is lost,
 * should one be of a slow git of the user's.
 *
 * That on packed-refs goes, too, if it is younger than that turn and no git is
 * at work here: see guard_clear_packed().
 *
 * For the files of store/ that use store/transfer.h.
 */
#ifndef STORE_TURN_H
#define STORE_TURN_H

#include "base/lock.h"
#include "store/repo.h"

#define TURN_FETCH "fetch.lock"
#define TURN_PUSH "push.lock"

struct turn {
	struct lock lock;
	int mark;	/* to be emptied at the end */
};

#define TURN_INIT { LOCK_INIT, 0 }

/*
 * Wait for the turn, at most a minute, or not at all.  ERR_LOCKED: another
 * sync of this clone is running.
 */
struct err *turn_begin(struct turn *, struct repo *, const char *which,
		int wait);
/*
 * `killed`: git was, by a signal, and may have left its locks; the next one
 * clears them.  Nothing to do where the turn did not begin.
 */
void	 turn_end(struct turn *, int killed);

#endif
