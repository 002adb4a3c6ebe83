/* The loop, one iteration's agent: start it, read it, end it. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/cmd.h"
#include "base/file.h"
#include "base/proc.h"
#include "work/supervisor.h"

#define LOG_MAX (16 * 1024 * 1024)	/* bytes kept of one iteration */

/* <git dir>/agent/logs/<run>/<iteration>.log: the client's raw output. */
static void
open_log(struct supervisor *s)
{
	char *name = xasprintf("logs/%s", s->state.id);
	char *dir = repo_local_path(s->repo, name);
	char *path = xasprintf("%s/%lld.log", dir,
	    (long long)s->state.iteration);
	struct err *e;

	s->logged = 0;
	s->log = -1;
	e = file_mkdirs(dir);
	if (e == NULL)
		e = file_open(path, path, O_WRONLY | O_CREAT | O_APPEND,
		    &s->log);
	if (e != NULL)
		cmd_warn("no log of this iteration: %s", e->msg);
	err_free(e);
	free(path);
	free(dir);
	free(name);
}

static void
keep_log(struct supervisor *s, const char *data, size_t n)
{
	static const char full[] = "\n[the rest is not kept]\n";
	int fits = s->logged + (int64_t)n <= LOG_MAX;
	struct err *e;

	if (s->log < 0)
		return;
	e = fits ? file_write_fd(s->log, "log", data, n) :
	    file_write_fd(s->log, "log", full, sizeof(full) - 1);
	s->logged += (int64_t)n;
	if (e != NULL)
		cmd_warn("%s", e->msg);
	if (e != NULL || !fits) {
		close(s->log);
		s->log = -1;
	}
	err_free(e);
}

static void
on_output(void *arg, const char *data, size_t n)
{
	struct supervisor *s = arg;

	client_feed(s->reader, data, n);
	keep_log(s, data, n);
}

static void
on_errors(void *arg, const char *data, size_t n)
{
	struct supervisor *s = arg;

	client_feed_errors(s->reader, data, n);
	keep_log(s, data, n);
}

/* The prompt goes in by a file: argument lists are for all to read. */
static struct err *
prompt_file(struct supervisor *s, const char *prompt, int *fd)
{
	char *path = repo_local_path(s->repo, "prompt.md");
	struct err *e;

	e = file_write_cache(path, prompt, strlen(prompt));
	if (e == NULL) {
		*fd = open(path, O_RDONLY | O_CLOEXEC);
		if (*fd < 0)
			e = err_errno("cannot open '%s'", path);
	}
	free(path);
	return e;
}

static void
fill_environment(const struct supervisor *s, struct strvec *env)
{
	const char *path = getenv("PATH");

	strvec_pushf(env, "GIT_AGENT_RUN=%s", s->state.id);
	strvec_pushf(env, "GIT_AGENT_ITERATION=%lld",
	    (long long)s->state.iteration);
	/* So that the agent's `git agent` is this one. */
	if (s->bindir != NULL)
		strvec_pushf(env, "PATH=%s:%s", s->bindir,
		    path == NULL ? "/usr/bin:/bin" : path);
}

static struct err *
watch_agent(struct supervisor *s, const struct proc *p, struct iteration *it)
{
	struct proc_watcher watcher = { on_output, on_errors, loop_tick, s };
	struct proc_result result;
	struct err *e;

	s->reader = &it->reader;
	e = proc_watch_job(p, s->project->loop.iteration_time, &watcher,
	    &result);
	s->reader = NULL;
	if (e != NULL)
		return e;
	it->exit_status = result.status;
	it->ended_early = result.interrupted;
	it->late = result.timed_out;
	return NULL;
}

struct err *
loop_run_agent(struct supervisor *s, const char *prompt, struct iteration *it)
{
	struct strvec argv = STRVEC_INIT, env = STRVEC_INIT;
	struct proc p = PROC_INIT;
	struct err *e;

	strvec_push(&argv, s->client.command);
	fill_environment(s, &env);
	p.argv = &argv;
	p.env = &env;
	p.cwd = repo_workdir(s->repo);
	p.flags = PROC_SHELL;
	open_log(s);
	e = prompt_file(s, prompt, &p.in);
	if (e == NULL)
		e = watch_agent(s, &p, it);
	if (p.in >= 0)
		close(p.in);
	if (s->log >= 0)
		close(s->log);
	s->log = -1;
	strvec_release(&argv);
	strvec_release(&env);
	return e;
}
