/*
 * The state of the run in this work tree, as a file, so that a loop that was
 * killed at any instant goes on where it was: <git dir>/agent/run.json.
 * The lock beside it (run.lock) is held as long as the supervisor lives.
 */
#ifndef WORK_RUNSTATE_H
#define WORK_RUNSTATE_H

#include <stdint.h>

#include "base/err.h"
#include "base/lock.h"
#include "store/repo.h"

struct runstate {
	char id[27];
	int64_t iteration;	/* begun last; 0: none yet */
	int open;		/* and not at its end: begins again */
	int accepted;		/* its promise was: only the end is missing */
	int64_t spent;		/* µs of wall clock, over all sessions */
	int64_t failures;	/* of the agent, in a row */
	int finished;		/* the run has ended for good */
	char *agent;		/* name or command line */
	char *prompt;		/* the user's, or NULL */
	char *oracle_from;	/* commit that the oracle's definition is
				 * taken from, hexadecimal; or NULL */
	char *refusal;		/* what the next prompt has to say, or NULL */
	char *judged;		/* commit judged last, hexadecimal; or NULL */
	char *writer;		/* of the clone: a copy of it has another */
};

void	 runstate_release(struct runstate *);
/* ERR_NOTFOUND if no run was ever started here; ERR_INPUT if the file is not
 * the state of a run. */
struct err *runstate_read(struct repo *, struct runstate *);
struct err *runstate_write(struct repo *, const struct runstate *);
/* 1 if the state came here with a copy of the clone: the run is not ours. */
struct err *runstate_is_copy(struct repo *, const struct runstate *,
		int *copy);
/* Waits a while; ERR_LOCKED with a sentence if a loop is running in this work tree. */
struct err *runstate_lock(struct repo *, struct lock *);
/* 1 if the run belongs to this work tree; then *held: its loop is alive. */
int	 runstate_is_here(struct repo *, const char *id, int *held);
/*
 * 1 if the run that GIT_AGENT_RUN names is under way in a work tree of this
 * clone, so that its loop pushes what is written here.  An agent may write
 * into another clone, and the variable may outlive its run.
 */
int	 runstate_pushes(struct repo *);

/* The request to stop, left by the inbox for the supervisor: its text,
 * malloc'd, or NULL. */
char	*runstate_stop_request(struct repo *);
void	 runstate_clear_stop(struct repo *);
struct err *runstate_request_stop(struct repo *, const char *text);

#endif
