/*
 * The loop: one supervisor process that runs the agent again and again
 * until the oracle agrees that the work is done, or a limit is reached.
 *
 * It owns the agent's process tree, keeps its state in a file (runstate.h)
 * so that it can be killed at any instant, fetches and pushes in the
 * background, and judges a promise of completion itself.
 */
#ifndef WORK_SUPERVISOR_H
#define WORK_SUPERVISOR_H

#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "store/repo.h"
#include "work/client.h"
#include "work/project.h"
#include "work/runstate.h"

/* How a run can end; the values are the exit statuses of git agent loop. */
enum loop_end {
	LOOP_DONE = 0,		/* promised, and the oracle agrees */
	LOOP_LIMIT = 1,		/* iterations or wall clock */
	LOOP_STOPPED = 2,	/* an instruction asked for it */
	LOOP_FAILING = 3,	/* the agent failed too often in a row */
	LOOP_INTERRUPTED = 4,	/* a signal: 128 plus its number */
};

struct loop_options {
	const char *prompt;	/* or NULL */
	const char *promise;
	int no_oracle;		/* take the agent's word */
	int fresh;		/* do not resume an interrupted run */
	const volatile int *signal;	/* set by the handler */
};

struct supervisor {
	struct repo *repo;
	struct project *project;
	struct client client;
	struct runstate state;
	const struct loop_options *options;
	char *bindir;		/* where our other programs are */
	int64_t began;		/* of this session, monotonic µs */
	int64_t next_sync, next_beat;	/* monotonic µs */
	int64_t stop_deadline;	/* or 0: nobody asked to stop */
	int64_t hasty;		/* iterations in a row that took no time */
	int64_t sync_deadline;	/* of the one that runs */
	pid_t syncing;		/* the background sync, or 0 */
	const char *doing;	/* for the heartbeat */
	struct client_reader *reader;
	int log;		/* descriptor of the iteration's log, or -1 */
	int64_t logged;		/* bytes in it */
	int timed_out;		/* the run's wall clock is used up */
	struct strvec unfollowed; /* instructions that were warned about */
};

/* One iteration, from its prompt to its verdict. */
struct iteration {
	int64_t start, took;	/* monotonic µs; the agent and its judge */
	struct client_reader reader;
	int exit_status;
	int late;		/* its time was used up */
	int ended_early;	/* the run has to end; nothing is judged */
	int promised, accepted;
	char *verdict;		/* the oracle's, or NULL */
	char *why;		/* a promise was not accepted, or NULL */
};

/*
 * Run to the end.  The caller has set repo, project, client and options; the
 * rest is zero.  ERR_LOCKED: another loop runs in this work tree.
 */
struct err *supervise(struct supervisor *, enum loop_end *);

/* For the parts (supervisor.c, loop-*.c). */

/* Take up the run that was interrupted here, or start a new one. */
struct err *loop_begin(struct supervisor *);
/* Keep the state on disk; after this a kill loses nothing before it. */
struct err *loop_save(struct supervisor *);
/* µs of wall clock that the run has used, in all its sessions. */
int64_t	 loop_spent(const struct supervisor *);
/* What happens beside the agent: syncs, heartbeats; non-zero: end it now. */
int	 loop_tick(void *supervisor);
/* Sync now and wait for it. */
void	 loop_sync(struct supervisor *);
/* 1 if a signal, a request to stop or the wall clock ends the run. */
int	 loop_is_over(struct supervisor *);
/* Wait, or less if loop_is_over(). */
void	 loop_sleep(struct supervisor *, int64_t us);
/* A record of the run: event "start", "resume", "iteration", "end". */
struct err *loop_record(struct supervisor *, const char *event,
		const char *outcome, const char *detail, const char *subject);
/* All of one iteration; its outcome is recorded and the state kept. */
struct err *loop_iteration(struct supervisor *, struct iteration *);
void	 iteration_release(struct iteration *);
/* Start the agent once, and see what it comes to. */
struct err *loop_run_agent(struct supervisor *, const char *prompt,
		struct iteration *);
/* Fix the oracle's definition for the run, as it is committed now. */
struct err *loop_fix_oracle(struct supervisor *);
/*
 * Judge HEAD: it->accepted if a promise can be believed; else it->why says
 * what is missing.  it->verdict is the oracle's answer in one line, or NULL.
 * Without a promise the same commit is not measured twice.
 */
struct err *loop_judge(struct supervisor *, struct iteration *);
/* The programs of this toolkit are called where this one is. */
char	*loop_program(const struct supervisor *, const char *name);

#endif
