/* git agent loop: run the agent until the oracle agrees that it is done. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/cmd.h"
#include "base/proc.h"
#include "work/entry.h"
#include "work/supervisor.h"

struct args {
	const char *promise, *agent;
	int64_t max_iterations, max_time, iteration_time, max_failures;
	int no_oracle, fresh;
};

static const struct opt opts[] = {
	OPT_INT('n', "max-iterations", "N", struct args, max_iterations,
	    "end after N iterations (default 100)"),
	OPT_DURATION(0, "max-time", "TIME", struct args, max_time,
	    "end after this much wall clock time (default 7d)"),
	OPT_DURATION(0, "iteration-time", "TIME", struct args, iteration_time,
	    "end an iteration after this time (default 12h)"),
	OPT_INT(0, "max-failures", "N", struct args, max_failures,
	    "end after N failures of the agent in a row (default 5)"),
	OPT_STRING(0, "completion-promise", "TEXT", struct args, promise,
	    "the line by which the agent claims completion (default DONE)"),
	OPT_STRING(0, "agent", "NAME|CMD", struct args, agent,
	    "the agent: a name, or a command line (default claude)"),
	OPT_FLAG(0, "no-oracle", struct args, no_oracle,
	    "take the agent's word that it is done"),
	OPT_FLAG(0, "new", struct args, fresh,
	    "start a new run, do not resume an interrupted one"),
	OPT_END
};

static const char *const usage[] = {
	"[--max-iterations N] [--max-time TIME] [--agent NAME|CMD] [PROMPT]",
	NULL
};

static volatile int caught;

static void
on_signal(int sig)
{
	/* A terminal that went away ends the run as a request would. */
	caught = sig == SIGHUP ? SIGTERM : sig;
}

/* What the caller ignores (nohup, a script's background) stays ignored. */
static void
catch(int sig, int flags)
{
	struct sigaction sa, old;

	memset(&sa, 0, sizeof(sa));
	sa.sa_handler = on_signal;
	sa.sa_flags = flags;
	if (sigaction(sig, NULL, &old) == 0 && old.sa_handler != SIG_IGN)
		(void)sigaction(sig, &sa, NULL);
}

static void
catch_signals(void)
{
	/* A second ^C does not wait for the last records to be pushed. */
	catch(SIGINT, (int)SA_RESETHAND);
	catch(SIGTERM, 0);
	catch(SIGHUP, 0);
}

static void
defaults(void *values)
{
	struct args *a = values;

	a->max_iterations = a->max_time = -1;
	a->iteration_time = a->max_failures = -1;
}

/* The command line wins over the project's file. */
static struct err *
apply(const struct args *a, struct loop_def *l)
{
	struct err *e = NULL;

	if (a->max_iterations == 0 || a->max_failures == 0)
		return err_new(ERR_USAGE, "a limit of 0 would end the run "
		    "before it begins");
	if (a->promise != NULL)
		e = client_check_promise(a->promise);
	if (e != NULL)
		return e;
	if (a->max_iterations > 0)
		l->max_iterations = a->max_iterations;
	if (a->max_time > 0)
		l->max_time = a->max_time;
	if (a->iteration_time > 0)
		l->iteration_time = a->iteration_time;
	if (a->max_failures > 0)
		l->max_failures = a->max_failures;
	return NULL;
}

static struct err *
loop(struct repo *r, const struct args *a, const char *prompt, int *status)
{
	struct project project;
	struct loop_options options = { 0 };
	struct supervisor s = { 0 };
	enum loop_end end = LOOP_DONE;
	struct err *e;

	project_init(&project);
	e = repo_need_workdir(r);
	if (e == NULL)
		e = project_read(&project, repo_workdir(r));
	if (e == NULL)
		e = apply(a, &project.loop);
	if (e == NULL)
		e = client_find(&s.client, &project,
		    a->agent != NULL ? a->agent : project.loop.agent);
	if (e != NULL)
		goto done;
	options.prompt = *prompt == '\0' ? NULL : prompt;
	options.promise = a->promise != NULL ? a->promise :
	    project.loop.promise;
	options.no_oracle = a->no_oracle;
	options.fresh = a->fresh;
	options.signal = &caught;
	s.repo = r;
	s.project = &project;
	s.options = &options;
	e = supervise(&s, &end);
	*status = end == LOOP_INTERRUPTED ? 128 + caught : (int)end;
done:
	client_release(&s.client);
	project_release(&project);
	return e;
}

static struct err *
run(void *values, int argc, char **argv, int *status)
{
	struct buf prompt = BUF_INIT;
	struct repo *r = NULL;
	struct err *e;

	if (getenv("GIT_AGENT_RUN") != NULL)
		return err_new(ERR_INPUT, "this is already inside a run; an "
		    "agent does not start a loop of its own");
	catch_signals();
	e = entry_words(argc, argv, &prompt);
	if (e == NULL)
		e = repo_open(&r);
	if (e == NULL)
		e = loop(r, values, prompt.p, status);
	repo_close(r);
	buf_release(&prompt);
	return e;
}

static const struct cmd cmd = {
	.name = "git-agent-loop",
	.summary = "run the agent until the oracle agrees that it is done",
	.usage = usage,
	.opts = opts,
	.values_size = sizeof(struct args),
	.defaults = defaults,
	.run = run,
};

int
main(int argc, char **argv)
{
	return cmd_main(&cmd, argc, argv);
}
