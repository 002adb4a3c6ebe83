/*
 * The project's configuration: the file .gitagent at the top of the work
 * tree, an INI file described in gitagent(5).  It comes from a repository,
 * so that it is parsed strictly: an unknown section or key is an error with
 * file and line, as is a value that does not fit.
 */
#ifndef WORK_PROJECT_H
#define WORK_PROJECT_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/strvec.h"
#include "store/repo.h"		/* PROJECT_FILE */

enum direction { LOWER_IS_BETTER, HIGHER_IS_BETTER };
enum match_rule { MATCH_ONE, MATCH_FIRST, MATCH_LAST, MATCH_WORST };

struct metric_def {
	char *name;
	char *pattern;		/* PCRE2, `{num}` expanded; NULL: the oracle's
				 * own `metric NAME VALUE [UNIT] [at=X]` lines */
	enum match_rule rule;
	char *unit;		/* or NULL */
	enum direction direction;
	int transform_abs;	/* judge |value| */
	int has_target;
	double target;		/* PASS when value <= (lower) or >= (higher) */
};

struct oracle_def {
	char *name;		/* of [oracle "name"], or "" */
	char *build;		/* shell line, or NULL */
	char *command;		/* shell line */
	char *sanity;		/* PCRE2 that the output must match, or NULL */
	char *trusted;		/* revision, or NULL */
	struct strvec protect;	/* paths that belong to the oracle, as git
				 * writes them: no slash at the end */
	int64_t timeout;	/* µs, for build and for command each */
};

struct loop_def {
	int64_t max_iterations;	/* default 100 */
	int64_t max_time;	/* µs, default 7 days, over all sessions */
	int64_t iteration_time;	/* µs, default 12 hours, one iteration */
	int64_t max_failures;	/* agent failures in a row, default 5 */
	int64_t sync;		/* µs between fetches, default 20 s */
	int64_t beat;		/* µs between heartbeats, default 60 s */
	int64_t stop_grace;	/* µs an agent has after --stop, default 60 s */
	char *promise;		/* completion promise, default "DONE" */
	char *agent;		/* name or command, default "claude" */
};

struct agent_def {		/* [agent "NAME"] */
	char *name;
	char *command;		/* shell line, prompt on stdin */
	int claude;		/* output = claude: stream-json; else text */
};

struct project {
	int has_oracle;
	struct oracle_def oracle;
	struct metric_def *metrics;
	size_t metric_count;
	struct loop_def loop;
	struct agent_def *agents;
	size_t agent_count;
	char *goal;		/* [project] goal, or NULL */
	char *prefix;		/* [records] prefix, or NULL: see repo.h */
	/*
	 * The [oracle] and [metric …] settings in one canonical text: sorted,
	 * defaults filled in; part of the oracle's identity.
	 */
	char *oracle_text;
};

/* Defaults, as of an empty file. */
void	 project_init(struct project *);
void	 project_release(struct project *);
/* Parse text read from `path` (for messages). */
struct err *project_parse(struct project *, const char *path,
		const char *text, size_t len);
/* Read the file; ERR_NOTFOUND says to run 'git agent init'. */
struct err *project_read(struct project *, const char *workdir);
/* The one of a commit, which messages call `name`; ERR_NOTFOUND. */
struct err *project_read_commit(struct project *, struct repo *,
		const struct oid *commit, const char *name);

#endif
