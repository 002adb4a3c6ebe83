/*
 * What the records of a project say: what `git agent status`, the digest for
 * the agent and the rendered CHANGELOG.md are made of.  Lists are newest
 * first, and hold as much as was asked for of `total`.
 */
#ifndef WORK_OVERVIEW_H
#define WORK_OVERVIEW_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "store/reader.h"
#include "store/repo.h"
#include "work/oracle.h"

/* One record, as much of it as these pages need; owns its strings. */
struct note {
	struct oid id;
	char *kind, *subject, *body, *author, *mail, *writer;
	char *instead;		/* Agent-Instead, or NULL */
	char *at, *run;		/* Agent-At, Agent-Run, or NULL */
	int64_t clock;
	int ahead;		/* the clock is far in the future */
};

struct notes {
	struct note *v;
	size_t n, cap;
	size_t total;
};

/* One result of `git agent check`. */
struct check {
	struct note note;
	char *commit, *tree, *oracle_id;	/* hexadecimal; or NULL */
	char *committed;	/* by checkpoints_find(), or NULL */
	enum oracle_state state;
	int dirty;		/* the work tree had uncommitted changes */
	struct metric_value *metrics;
	size_t metric_count;
};

struct checks {
	struct check *v;
	size_t n, cap;
	size_t total;
};

enum steer_state {
	STEER_QUEUED,		/* written here, not yet at the remote */
	STEER_PUSHED,		/* at the remote, no agent has it yet */
	STEER_DELIVERED,
	STEER_DONE,
	STEER_DECLINED,
	STEER_RETRACTED,
};

struct steer {
	struct note note;
	int stop;		/* asks the run to end */
	enum steer_state state;
	int64_t delivered_at, answered_at;	/* µs; 0: not */
	char *delivered_to;	/* writer, or NULL */
	char *answered_by;	/* name, or NULL */
	char *answer;		/* text, or NULL */
	char *delivered_runs;	/* run ids it reached, blank-separated */
};

struct steers {
	struct steer *v;
	size_t n, cap;
	size_t total;
};

/* One run of the loop, put together from its records. */
struct run {
	char *id, *writer, *agent, *author;
	int64_t started, last;	/* µs: first and newest record */
	int64_t iteration;	/* newest begun */
	char *outcome;		/* of its end, or NULL: not ended */
	char *outcome_text;	/* the sentence of its end, or NULL */
	int64_t beat;		/* newest heartbeat, µs; 0: none */
	int64_t beat_interval;	/* µs */
	char *doing;		/* what the heartbeat says, or NULL */
	size_t refusals;	/* promises that were not accepted */
};

struct runs {
	struct run *v;
	size_t n, cap;
	size_t total;		/* if not all: those without an end */
};

struct overview {
	struct notes brief, done, failed, status, limit, next, milestone;
	struct checks checks;
	struct steers steers;
	struct runs runs;
	struct index_stats stats;
	size_t unpushed;	/* records of this clone not at the remote */
	int64_t newest;		/* clock of the newest record, 0: none */
};

/*
 * At least the newest `notes` of each list, enough checks for `checks` that do
 * not say the same, the newest run and those without an end, and all
 * instructions without an answer; 0: everything.
 * Behind a hundred records that do not count, such as those of a clock far in
 * the future, and ten for each that is asked for, it looks no further.
 */
struct err *overview_read(struct repo *, size_t notes, size_t checks,
		struct overview *);
void	 overview_release(struct overview *);
void	 note_release(struct note *);
/* The newest whose clock can be believed, or NULL. */
const struct note *notes_newest(const struct notes *);

const char *steer_state_name(enum steer_state);
/* Open: an agent should still act on it. */
int	 steer_is_open(const struct steer *);
/* It would be, but its clock is too far ahead to be believed. */
int	 steer_is_unfollowed(const struct steer *);

enum run_state { RUN_LIVE, RUN_STALE, RUN_ENDED, RUN_INTERRUPTED };
/*
 * Live while its heartbeat is younger than three intervals; stale when it
 * should have ended or spoken and did neither, or speaks by a clock that
 * cannot be believed.
 */
enum run_state run_state(const struct run *, int64_t now);
const char *run_state_name(enum run_state);

/* "name value [unit] key=value…": one metric as the trailer Agent-Metric. */
char	*metric_format(const struct metric_value *);
/* 0, or -1 if the text is not one. */
int	 metric_parse(struct metric_value *, const char *);
void	 metric_release(struct metric_value *);
/* Append the value as people read it: "3.1e-05", "nan", "missing". */
void	 metric_show(struct buf *, const struct metric_value *);

#endif
