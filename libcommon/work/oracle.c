#include "work/oracle.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/proc.h"
#include "base/strvec.h"

/* What is judged whole, and how much of it is stored. */
#define JUDGED_MAX (64 * 1024 * 1024)
#define STORED_MAX (128 * 1024)

static const struct {
	const char *name;
	int exit;
} states[] = {
	[ORACLE_PASS] = { "PASS", 0 },
	[ORACLE_FAIL] = { "FAIL", 1 },
	[ORACLE_UNTESTABLE] = { "UNTESTABLE", 125 },
	[ORACLE_ERROR] = { "ERROR", 3 },
	[ORACLE_ABORT] = { "ABORT", 255 },
};
#define STATES (sizeof(states) / sizeof(states[0]))

const char *
oracle_state_name(enum oracle_state state)
{
	return states[state].name;
}

int
oracle_state_parse(const char *name, enum oracle_state *state)
{
	size_t i;

	for (i = 0; i < STATES; i++)
		if (strcmp(states[i].name, name) == 0) {
			*state = (enum oracle_state)i;
			return 0;
		}
	return -1;
}

int
oracle_state_exit(enum oracle_state state)
{
	return states[state].exit;
}

void
oracle_result_init(struct oracle_result *r)
{
	memset(r, 0, sizeof(*r));
	buf_init(&r->output);
}

void
oracle_result_release(struct oracle_result *r)
{
	size_t i;

	for (i = 0; i < r->metric_count; i++) {
		free(r->metrics[i].name);
		free(r->metrics[i].unit);
		free(r->metrics[i].at);
		free(r->metrics[i].reason);
	}
	free(r->metrics);
	free(r->reason);
	buf_release(&r->output);
	oracle_result_init(r);
}

/*
 * A git hook that calls us has variables set that would make the oracle's own
 * git look elsewhere than in the tree that is measured.  And a decimal comma
 * would be the end of a number.
 */
static void
make_environment(struct strvec *env)
{
	static const char *const categories[] = {
		"LC_ALL", "LC_CTYPE", "LC_COLLATE", "LC_MESSAGES", "LC_TIME",
		"LC_MONETARY",
	};
	const char *all = getenv("LC_ALL");
	size_t i;

	strvec_pushl(env, "GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE",
	    "GIT_PREFIX", "GIT_COMMON_DIR", "GIT_OBJECT_DIRECTORY",
	    "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_NO_REPLACE_OBJECTS=1",
	    "LC_NUMERIC=C", (char *)NULL);
	if (all == NULL || *all == '\0')
		return;
	/* It would win over LC_NUMERIC; the others fall back to LANG. */
	for (i = 0; i < sizeof(categories) / sizeof(categories[0]); i++)
		strvec_push(env, categories[i]);
	strvec_pushf(env, "LANG=%s", all);
}

/* Run one of the two shell lines; its output goes to the result. */
static struct err *
run_line(const struct project *p, const char *line, const char *dir,
    const volatile int *stop, struct buf *output, struct proc_result *job)
{
	struct strvec argv = STRVEC_INIT, env = STRVEC_INIT;
	struct proc proc = PROC_INIT;
	struct err *e;

	strvec_push(&argv, line);
	make_environment(&env);
	proc.argv = &argv;
	proc.env = &env;
	proc.cwd = dir;
	proc.flags = PROC_SHELL;
	buf_clear(output);
	e = proc_run_job(&proc, p->oracle.timeout, JUDGED_MAX, stop, output,
	    job);
	if (e == NULL && job->interrupted)
		e = err_new(ERR_SYSTEM, "interrupted");
	strvec_release(&argv);
	strvec_release(&env);
	return e;
}

static char *
timeout_text(const struct project *p)
{
	struct buf b = BUF_INIT;

	buf_addstr(&b, "timed out after ");
	clock_duration(&b, p->oracle.timeout);
	return buf_steal(&b);
}

/* A failure of the whole run counts more than what its output shows. */
static void
overrule(struct oracle_result *r, enum oracle_state state, char *reason)
{
	free(r->reason);
	r->state = state;
	r->reason = reason;
}

static struct err *
build(const struct project *p, const char *dir, const volatile int *stop,
    struct oracle_result *r)
{
	struct proc_result job;
	struct err *e;

	e = run_line(p, p->oracle.build, dir, stop, &r->output, &job);
	if (e != NULL)
		return e;
	if (job.timed_out) {
		char *text = timeout_text(p);

		overrule(r, ORACLE_UNTESTABLE, xasprintf("the build %s",
		    text));
		free(text);
	} else if (job.status != 0) {
		overrule(r, ORACLE_UNTESTABLE, xasprintf("the build failed "
		    "with exit status %d", job.status));
	}
	return NULL;
}

static struct err *
measure(const struct project *p, const char *dir, const volatile int *stop,
    struct oracle_result *r)
{
	struct proc_result job;
	struct err *e;

	e = run_line(p, p->oracle.command, dir, stop, &r->output, &job);
	if (e == NULL)
		e = oracle_judge(p, r->output.p, r->output.len, job.status,
		    r);
	if (e != NULL)
		return e;
	r->wall = job.wall;
	if (job.timed_out)
		overrule(r, ORACLE_ERROR, timeout_text(p));
	else if (job.dropped > 0 && r->state < ORACLE_ERROR)
		/* A value that was left out might have been the worst. */
		overrule(r, ORACLE_ERROR, xasprintf("the output is longer "
		    "than %d MiB", JUDGED_MAX / (1024 * 1024)));
	return NULL;
}

struct err *
oracle_run(const struct project *p, const char *dir,
    const volatile int *stop, struct oracle_result *r)
{
	struct err *e = NULL;

	if (!p->has_oracle)
		return err_new(ERR_CONFIG, "'%s' has no [oracle] section; "
		    "add one with 'command = …'", PROJECT_FILE);
	if (p->oracle.build != NULL)
		e = build(p, dir, stop, r);
	if (e == NULL && r->state == ORACLE_PASS)
		e = measure(p, dir, stop, r);
	(void)proc_bound(&r->output, STORED_MAX);
	return e;
}
