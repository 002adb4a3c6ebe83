/* The loop, its beginning: a new run, or one that was interrupted. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/cmd.h"
#include "base/proc.h"
#include "store/reader.h"
#include "store/writer.h"
#include "work/entry.h"
#include "work/supervisor.h"

#define LEFTOVER_GRACE (3 * CLOCK_SECOND)
#define LOCK_PATIENCE (5 * CLOCK_SECOND)

static struct err *
start_run(struct supervisor *s)
{
	struct buf b = BUF_INIT;
	struct err *e;

	runstate_release(&s->state);
	s->stop_deadline = 0;
	e = run_id_new(s->state.id);
	if (e == NULL)
		e = loop_fix_oracle(s);
	if (e != NULL)
		return e;
	s->state.agent = xstrdup(s->client.name);
	if (s->options->prompt != NULL)
		s->state.prompt = xstrdup(s->options->prompt);
	runstate_clear_stop(s->repo);
	e = loop_save(s);
	if (!s->options->no_oracle && s->project->oracle.protect.n == 0)
		cmd_warn("[oracle] protect names nothing, so the agent can "
		    "change the files that judge it; see gitagent(5)");
	buf_addf(&b, "run started: agent '%s', at most %lld iterations and ",
	    s->client.name, (long long)s->project->loop.max_iterations);
	clock_duration(&b, s->project->loop.max_time);
	if (e == NULL)
		e = loop_record(s, "start", NULL, NULL, b.p);
	buf_release(&b);
	return e;
}

static int
same_file(const struct stat *a, const struct stat *b)
{
	return a->st_ino == b->st_ino && a->st_mtime == b->st_mtime;
}

/*
 * git's lock on a ref is a file, which a killed process leaves behind.  No
 * living one needs it for seconds.
 */
static void
end_lock(const char *path)
{
	const struct timespec pause = { 0, 50 * 1000 * 1000 };
	int64_t end = clock_monotonic() + LOCK_PATIENCE;
	struct stat before, now;

	if (stat(path, &before) != 0)
		return;
	while (clock_monotonic() < end) {
		nanosleep(&pause, NULL);
		if (stat(path, &now) != 0 || !same_file(&before, &now))
			return;
	}
	if (unlink(path) == 0)
		cmd_note("removed the lock '%s' that a killed process had "
		    "left", path);
}

static void
end_locks(const struct supervisor *s)
{
	static const char *const prefixes[] = {
		LOG_PREFIX, BEAT_PREFIX, NOTES_PREFIX
	};
	size_t i;

	for (i = 0; s->state.writer != NULL && i < 3; i++) {
		char *path = xasprintf("%s/%s%s.lock",
		    repo_commondir(s->repo), prefixes[i], s->state.writer);

		end_lock(path);
		free(path);
	}
}

/* Whatever the killed supervisor left running would work against us. */
static void
end_leftovers(const struct supervisor *s)
{
	char *mark = xasprintf("GIT_AGENT_RUN=%s", s->state.id);
	int n = proc_kill_marked(mark, LEFTOVER_GRACE);

	if (n > 0)
		cmd_note("ended %d process%s that the interrupted loop had "
		    "left", n, n == 1 ? "" : "es");
	free(mark);
	end_locks(s);
}

/* What the newest record of the run says, if that is later than the state. */
static void
take_recorded(struct supervisor *s, const struct record *rec)
{
	struct runstate *st = &s->state;
	const char *event = record_trailer(rec, "Agent-Event");
	const char *number = record_trailer(rec, "Agent-Iteration");
	const char *outcome = record_trailer(rec, "Agent-Outcome");

	if (event == NULL || number == NULL || outcome == NULL ||
	    atoll(number) != st->iteration ||
	    strcmp(outcome, "interrupted") == 0)
		return;
	/* Its end is told again. */
	if (strcmp(outcome, "stopped") == 0)
		s->stop_deadline = clock_monotonic();
	if (strcmp(event, "iteration") != 0 || !st->open)
		return;
	st->open = 0;
	st->accepted = strcmp(outcome, "done") == 0;
	if (strcmp(outcome, "outage") == 0)
		st->iteration--;
	free(st->refusal);
	st->refusal = strcmp(outcome, "refused") == 0 ?
	    xstrdup(rec->body) : NULL;
}

/* A loop that was killed between a record and its state is caught up with. */
static struct err *
catch_up(struct supervisor *s)
{
	static const char *const kinds[] = { "run", NULL };
	const struct record *rec = NULL;
	struct reader *rd = NULL;
	const char *id;
	struct err *e;
	int found = 0;

	e = reader_open(s->repo, kinds, &rd);
	while (e == NULL && !found) {
		e = reader_next(rd, &rec);
		if (e != NULL || rec == NULL)
			break;
		id = record_trailer(rec, "Agent-Run");
		found = id != NULL && strcmp(id, s->state.id) == 0;
	}
	if (found)
		take_recorded(s, rec);
	reader_close(rd);
	return e;
}

static struct err *
resume_run(struct supervisor *s)
{
	struct runstate *st = &s->state;
	char *subject;
	struct err *e = NULL;

	if (s->options->prompt != NULL) {
		free(st->prompt);
		st->prompt = xstrdup(s->options->prompt);
	}
	/* It may have begun with --no-oracle. */
	if (st->oracle_from == NULL)
		e = loop_fix_oracle(s);
	if (e != NULL)
		return e;
	subject = xasprintf(st->open ? "run resumed in iteration %lld" :
	    "run resumed after iteration %lld", (long long)st->iteration);
	e = loop_record(s, "resume", NULL, NULL, subject);
	/* The interrupted iteration begins again and counts once. */
	if (st->open && st->iteration > 0)
		st->iteration--;
	st->open = 0;
	free(subject);
	return e;
}

static struct err *
continue_run(struct supervisor *s)
{
	struct err *e;
	int copy;

	e = runstate_is_copy(s->repo, &s->state, &copy);
	if (e != NULL)
		return e;
	if (copy) {
		cmd_note("the run that was interrupted here belongs to "
		    "another copy of this clone; this one starts its own");
		return start_run(s);
	}
	end_leftovers(s);
	e = catch_up(s);
	if (e == NULL && !s->options->fresh)
		return resume_run(s);
	/* The other clones should not wait for the old one. */
	if (e == NULL)
		e = loop_record(s, "end", "abandoned", NULL,
		    "run given up for a new one");
	return e == NULL ? start_run(s) : e;
}

struct err *
loop_begin(struct supervisor *s)
{
	struct err *e;

	e = runstate_read(s->repo, &s->state);
	if (e == NULL && !s->state.finished)
		return continue_run(s);
	if (e != NULL && e->code != ERR_NOTFOUND &&
	    (e->code != ERR_INPUT || !s->options->fresh))
		return e;
	err_free(e);
	return start_run(s);
}
