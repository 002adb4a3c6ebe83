/* The loop, beside the agent: background syncs, heartbeats, requests. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/cmd.h"
#include "base/proc.h"
#include "store/writer.h"
#include "work/inbox.h"
#include "work/supervisor.h"

#define SYNC_LIMIT (180 * CLOCK_SECOND)

char *
loop_program(const struct supervisor *s, const char *name)
{
	char *path;

	if (s->bindir != NULL) {
		path = xasprintf("%s/%s", s->bindir, name);
		if (access(path, X_OK) == 0)
			return path;
		free(path);
	}
	return xstrdup(name);
}

int64_t
loop_spent(const struct supervisor *s)
{
	return s->state.spent + (clock_monotonic() - s->began);
}

static void
start_sync(struct supervisor *s)
{
	struct strvec argv = STRVEC_INIT, env = STRVEC_INIT;
	struct proc p = PROC_INIT;
	char *program = loop_program(s, "git-agent-sync");
	struct err *e;

	strvec_pushl(&argv, program, "--quiet", "--background", "--inbox",
	    (char *)NULL);
	strvec_pushf(&env, "GIT_AGENT_RUN=%s", s->state.id);
	p.argv = &argv;
	p.env = &env;
	p.flags = PROC_NEW_GROUP | PROC_NO_STDERR;
	e = proc_start(&p, &s->syncing);
	if (e != NULL) {
		cmd_warn("%s", e->msg);
		s->syncing = 0;
	}
	err_free(e);
	s->next_sync = clock_monotonic() + s->project->loop.sync;
	strvec_release(&argv);
	strvec_release(&env);
	free(program);
}

static void
reap_sync(struct supervisor *s, int wait)
{
	int64_t end = clock_monotonic() + SYNC_LIMIT;
	const struct timespec pause = { 0, 5 * 1000 * 1000 };
	pid_t pid;

	while (s->syncing != 0) {
		pid = waitpid(s->syncing, NULL, WNOHANG);
		if (pid != 0)
			s->syncing = 0;
		else if (!wait)
			return;
		else if (clock_monotonic() > end)
			kill(-s->syncing, SIGKILL);
		else
			nanosleep(&pause, NULL);
	}
}

void
loop_sync(struct supervisor *s)
{
	reap_sync(s, 1);
	start_sync(s);
	reap_sync(s, 1);
}

static void
beat(struct supervisor *s)
{
	struct draft d = { .kind = "beat" };
	char *subject = xasprintf("iteration %lld: %s",
	    (long long)s->state.iteration, s->doing);
	struct err *e;

	d.subject = subject;
	trailers_add(&d.trailers, "Agent-Run", s->state.id);
	trailers_addf(&d.trailers, "Agent-Iteration", "%lld",
	    (long long)s->state.iteration);
	trailers_addf(&d.trailers, "Agent-Interval", "%lld",
	    (long long)(s->project->loop.beat / CLOCK_SECOND));
	e = writer_beat(s->repo, &d);
	/* A missed heartbeat is no reason to end a week's work. */
	if (e != NULL)
		cmd_warn("no heartbeat: %s", e->msg);
	err_free(e);
	s->next_beat = clock_monotonic() + s->project->loop.beat;
	draft_release(&d);
	free(subject);
}

/* The agent gets some time to obey by itself, told by its hook. */
static int
must_stop(struct supervisor *s)
{
	char *request;

	if (s->stop_deadline == 0) {
		request = runstate_stop_request(s->repo);
		if (request == NULL)
			return 0;
		cmd_note("asked to stop: %s", request);
		free(request);
		s->stop_deadline = clock_monotonic() +
		    s->project->loop.stop_grace;
	}
	return clock_monotonic() >= s->stop_deadline;
}

int
loop_tick(void *arg)
{
	struct supervisor *s = arg;
	int64_t now = clock_monotonic();

	if (*s->options->signal != 0)
		return 1;
	if (loop_spent(s) > s->project->loop.max_time) {
		s->timed_out = 1;
		return 1;
	}
	reap_sync(s, 0);
	if (now >= s->next_beat)
		beat(s);
	if (s->syncing == 0 && (now >= s->next_sync ||
	    inbox_has_delivered(s->repo)))
		start_sync(s);
	return must_stop(s);
}

int
loop_sleep(struct supervisor *s, int64_t us)
{
	const struct timespec pause = { 0, 100 * 1000 * 1000 };
	int64_t end = clock_monotonic() + us;
	int ended = loop_tick(s);

	/* Between iterations a request to stop needs no grace. */
	while (!ended && s->stop_deadline == 0 && clock_monotonic() < end) {
		nanosleep(&pause, NULL);
		ended = loop_tick(s);
	}
	return ended || s->stop_deadline != 0;
}
