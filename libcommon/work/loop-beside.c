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
#define SYNC_LAST (15 * CLOCK_SECOND)	/* the one after a signal */
#define SYNC_GRACE (2 * CLOCK_SECOND)	/* between TERM and KILL */

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
start_sync(struct supervisor *s, int64_t limit)
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
	s->sync_deadline = clock_monotonic() + limit;
	strvec_release(&argv);
	strvec_release(&env);
	free(program);
}

/* Not to follow an instruction in silence would be the worst of all. */
static void
warn_unfollowed(struct supervisor *s)
{
	struct strvec ids = STRVEC_INIT;
	size_t i, before = s->unfollowed.n;

	inbox_unfollowed(s->repo, &ids);
	for (i = 0; i < ids.n; i++)
		if (!strvec_has(&s->unfollowed, ids.v[i]))
			strvec_push(&s->unfollowed, ids.v[i]);
	if (s->unfollowed.n > before)
		cmd_warn("%zu instruction%s not followed: %s clock is far "
		    "ahead of this machine's; is this machine's clock right? "
		    "('git agent steer' lists %s)", ids.n,
		    ids.n == 1 ? " is" : "s are", ids.n == 1 ? "its" : "their",
		    ids.n == 1 ? "it" : "them");
	strvec_release(&ids);
}

/* Has it ended?  One that hangs is ended, so that others can follow. */
static void
reap_sync(struct supervisor *s)
{
	int64_t late = clock_monotonic() - s->sync_deadline;

	if (s->syncing == 0)
		return;
	if (waitpid(s->syncing, NULL, WNOHANG) != 0) {
		s->syncing = 0;
		warn_unfollowed(s);
	} else if (late > SYNC_GRACE)
		kill(-s->syncing, SIGKILL);
	else if (late > 0)
		kill(-s->syncing, SIGTERM);
}

static void
wait_for_sync(struct supervisor *s)
{
	const struct timespec pause = { 0, 5 * 1000 * 1000 };
	int before = *s->options->signal;
	int64_t last = clock_monotonic() + SYNC_LAST;

	if (before != 0 && s->sync_deadline > last)
		s->sync_deadline = last;
	while (s->syncing != 0) {
		if (*s->options->signal != before) {
			before = *s->options->signal;
			s->sync_deadline = clock_monotonic();
		}
		reap_sync(s);
		if (s->syncing != 0)
			nanosleep(&pause, NULL);
	}
}

/* Who sent a signal does not wait long before the next one. */
void
loop_sync(struct supervisor *s)
{
	wait_for_sync(s);
	start_sync(s, *s->options->signal != 0 ? SYNC_LAST : SYNC_LIMIT);
	wait_for_sync(s);
}

/*
 * What a reader may hear of us, and how often: a heartbeat travels with a
 * sync, so that the rarer of the two counts.  Whole seconds, rounded up.
 */
static int64_t
beat_interval(const struct supervisor *s)
{
	int64_t rarer = s->project->loop.beat > s->project->loop.sync ?
	    s->project->loop.beat : s->project->loop.sync;

	return (rarer + CLOCK_SECOND - 1) / CLOCK_SECOND;
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
	    (long long)beat_interval(s));
	e = writer_beat(s->repo, &d);
	/* So that a kill does not give hours of wall clock back. */
	if (e == NULL)
		e = loop_save(s);
	/* A missed heartbeat is no reason to end a week's work. */
	if (e != NULL)
		cmd_warn("no heartbeat: %s", e->msg);
	err_free(e);
	s->next_beat = clock_monotonic() + s->project->loop.beat;
	draft_release(&d);
	free(subject);
}

/* Ask once; the answer stays until the run's end. */
static int
is_asked_to_stop(struct supervisor *s)
{
	char *request;

	if (s->stop_deadline != 0)
		return 1;
	request = runstate_stop_request(s->repo);
	if (request == NULL)
		return 0;
	cmd_note("asked to stop: %s", request);
	free(request);
	s->stop_deadline = clock_monotonic() + s->project->loop.stop_grace;
	return 1;
}

int
loop_is_over(struct supervisor *s)
{
	if (loop_spent(s) > s->project->loop.max_time)
		s->timed_out = 1;
	return *s->options->signal != 0 || s->timed_out ||
	    is_asked_to_stop(s);
}

int
loop_tick(void *arg)
{
	struct supervisor *s = arg;
	int64_t now = clock_monotonic();
	int over = loop_is_over(s);

	if (*s->options->signal != 0 || s->timed_out)
		return 1;
	reap_sync(s);
	if (now >= s->next_beat)
		beat(s);
	if (s->syncing == 0 && (now >= s->next_sync ||
	    inbox_has_delivered(s->repo)))
		start_sync(s, SYNC_LIMIT);
	/* The agent gets some time to obey by itself, told by its hook. */
	return over && now >= s->stop_deadline;
}

void
loop_sleep(struct supervisor *s, int64_t us)
{
	const struct timespec pause = { 0, 100 * 1000 * 1000 };
	int64_t end = clock_monotonic() + us;

	/* Between iterations a request to stop needs no grace. */
	while (clock_monotonic() < end && !loop_is_over(s)) {
		(void)loop_tick(s);
		nanosleep(&pause, NULL);
	}
}
