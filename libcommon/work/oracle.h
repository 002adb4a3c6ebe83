/*
 * The oracle: run the project's comparison, take the metrics out of its
 * output, judge.  Fails closed: whatever is missing, not a number, late or
 * crashed is never a pass.  Knows nothing of git: it measures the tree that
 * it is given.
 */
#ifndef WORK_ORACLE_H
#define WORK_ORACLE_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "work/project.h"

/* Worst last; the numbers are internal, the names are stored. */
enum oracle_state {
	ORACLE_PASS,		/* exit status of `git agent check`: 0 */
	ORACLE_FAIL,		/* 1: a target was missed */
	ORACLE_UNTESTABLE,	/* 125: the build failed */
	ORACLE_ERROR,		/* 3: crash, timeout, NaN, missing metric … */
	ORACLE_ABORT,		/* 255: the oracle itself cannot be run */
};

struct metric_value {
	char *name;
	char *unit;		/* or NULL */
	char *at;		/* where (the worst point), or NULL */
	double value;		/* NAN where missing */
	enum oracle_state state; /* PASS, FAIL or ERROR */
	char *reason;		/* of an ERROR, or NULL */
	int has_target;
	double target;
	enum direction direction;
};

struct oracle_result {
	enum oracle_state state;
	char *reason;		/* one sentence; NULL for PASS and plain FAIL */
	struct metric_value *metrics;
	size_t metric_count;
	struct buf output;	/* raw, bounded: head and tail */
	int64_t wall;		/* µs, the command alone */
	int exit_status;	/* of the command */
};

void	 oracle_result_init(struct oracle_result *);
void	 oracle_result_release(struct oracle_result *);
/*
 * Build and run in `dir`.  `stop` as in proc_run_job(); when it is raised,
 * the error is ERR_SYSTEM "interrupted".  What the oracle does wrong is a
 * state, not an error.
 */
struct err *oracle_run(const struct project *, const char *dir,
		const volatile int *stop, struct oracle_result *);
/* Judge an output without running anything (used by oracle_run; tested). */
struct err *oracle_judge(const struct project *, const char *output,
		size_t len, int exit_status, struct oracle_result *);

const char *oracle_state_name(enum oracle_state);	/* "PASS" … */
int	 oracle_state_parse(const char *, enum oracle_state *);	/* 0 or -1 */
int	 oracle_state_exit(enum oracle_state);

#endif
