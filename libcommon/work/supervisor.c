#include "work/supervisor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/cmd.h"
#include "store/sync.h"
#include "store/writer.h"
#include "work/entry.h"
#include "work/inbox.h"

#define OUTAGE_WAIT (5 * CLOCK_SECOND)	/* the first one; doubles */
#define OUTAGE_WAIT_MAX (15 * 60 * CLOCK_SECOND)
#define HASTE (5 * CLOCK_SECOND)	/* less is no time for real work */
#define HASTE_ALLOWED 4			/* such iterations in a row */
#define RESET_WAIT_MAX (6 * 3600 * CLOCK_SECOND)

struct err *
loop_record(struct supervisor *s, const char *event, const char *outcome,
    const char *detail, const char *subject)
{
	struct draft d = { .kind = "run" };
	struct oid id;
	struct err *e;

	d.subject = subject;
	d.body = detail;
	trailers_add(&d.trailers, "Agent-Run", s->state.id);
	trailers_add(&d.trailers, "Agent-Event", event);
	trailers_add(&d.trailers, "Agent-Agent", s->client.name);
	if (s->state.iteration > 0)
		trailers_addf(&d.trailers, "Agent-Iteration", "%lld",
		    (long long)s->state.iteration);
	if (outcome != NULL)
		trailers_add(&d.trailers, "Agent-Outcome", outcome);
	e = entry_append(s->repo, &d, &id);
	if (e == NULL)
		cmd_note("%s", subject);
	draft_release(&d);
	return e;
}

struct err *
loop_save(struct supervisor *s)
{
	int64_t now = clock_monotonic();
	struct err *e;

	s->state.spent += now - s->began;
	s->began = now;
	/* It changes when a copy of this clone turns up. */
	free(s->state.writer);
	e = writer_id(s->repo, 1, &s->state.writer);
	if (e == NULL)
		e = runstate_write(s->repo, &s->state);
	return e;
}

/* How long until the provider may answer again; doubles with each time. */
static int64_t
outage_wait(const struct client_result *res, int outages)
{
	int64_t wait = OUTAGE_WAIT, until;
	int i;

	for (i = 1; i < outages && wait < OUTAGE_WAIT_MAX; i++)
		wait *= 2;
	until = res->resets_at * CLOCK_SECOND - clock_now();
	/* A limit that names its end is waited out, within reason. */
	if (res->resets_at != 0 && until > wait)
		return until > RESET_WAIT_MAX ?
		    RESET_WAIT_MAX : until;
	return wait > OUTAGE_WAIT_MAX ? OUTAGE_WAIT_MAX : wait;
}

/* 1 if the run has come to an end, and which. */
static int
has_ended(struct supervisor *s, enum loop_end *end)
{
	const struct loop_def *limits = &s->project->loop;

	if (s->state.accepted)
		*end = LOOP_DONE;
	else if (loop_is_over(s))
		*end = *s->options->signal != 0 ? LOOP_INTERRUPTED :
		    s->timed_out ? LOOP_LIMIT : LOOP_STOPPED;
	else if (s->state.failures >= limits->max_failures)
		*end = LOOP_FAILING;
	else if (s->state.iteration >= limits->max_iterations)
		*end = LOOP_LIMIT;
	else
		return 0;
	return 1;
}

/* How long to wait before the next one. */
static int64_t
pause_after(struct supervisor *s, const struct iteration *it,
    int *outages)
{
	int64_t failures = s->state.failures;

	if (it->reader.result.outcome == CLIENT_OUTAGE)
		return outage_wait(&it->reader.result, ++*outages);
	*outages = 0;
	/* An agent that comes back at once, again and again, gets nowhere. */
	if (it->took >= HASTE)
		s->hasty = 0;
	else if (failures == 0 && ++s->hasty > HASTE_ALLOWED)
		failures = s->hasty - HASTE_ALLOWED;
	return failures == 0 ? 0 :
	    CLOCK_SECOND << (failures < 6 ? failures : 6);
}

static struct err *
iterate(struct supervisor *s, enum loop_end *end)
{
	struct iteration it;
	struct err *e = NULL;
	int outages = 0;
	int64_t wait;

	while (e == NULL && !has_ended(s, end)) {
		loop_sync(s);
		/* It may have brought a request to stop. */
		if (has_ended(s, end))
			break;
		e = loop_iteration(s, &it);
		it.took = clock_monotonic() - it.start;
		wait = e == NULL ? pause_after(s, &it, &outages) : 0;
		iteration_release(&it);
		if (e == NULL && wait > 0 && !has_ended(s, end)) {
			s->doing = "waiting before the next try";
			s->next_beat = 0;
			loop_sleep(s, wait);
		}
	}
	return e;
}

static const char *
end_name(enum loop_end end)
{
	static const char *const names[] = {
		"done", "limit", "stopped", "failing", "interrupted"
	};

	return names[end];
}

static char *
end_sentence(const struct supervisor *s, enum loop_end end)
{
	struct buf b = BUF_INIT;
	char abbrev[OID_HEX_SIZE] = "";
	struct oid head;
	struct err *e;

	e = repo_head(s->repo, &head);
	if (e == NULL)
		object_abbrev(s->repo, &head, abbrev);
	err_free(e);
	switch (end) {
	case LOOP_DONE:
		buf_addf(&b, "%s accepted at %s: %s", s->options->promise,
		    abbrev, s->options->no_oracle ?
		    "the agent's word was taken" : "the oracle passes");
		break;
	case LOOP_LIMIT:
		buf_addstr(&b, s->timed_out ?
		    "run ended: its wall clock time is used up" :
		    "run ended: its iterations are used up");
		break;
	case LOOP_STOPPED:
		buf_addstr(&b, "run ended: an instruction asked it to stop");
		break;
	case LOOP_FAILING:
		buf_addf(&b, "run ended: the agent failed %lld times in a row",
		    (long long)s->state.failures);
		break;
	case LOOP_INTERRUPTED:
		buf_addf(&b, "run interrupted by signal %d",
		    *s->options->signal);
		break;
	}
	buf_addf(&b, ", after %lld iteration%s and ",
	    (long long)s->state.iteration,
	    s->state.iteration == 1 ? "" : "s");
	clock_duration(&b, loop_spent(s));
	if (end == LOOP_INTERRUPTED)
		buf_addstr(&b, "; 'git agent loop' resumes it");
	return buf_steal(&b);
}

/* The request was obeyed, whether or not a hook has told the agent. */
static struct err *
answer_stop(struct supervisor *s)
{
	struct strvec names = STRVEC_INIT;
	struct inbox_report in;
	struct buf text = BUF_INIT;
	struct err *e;

	e = inbox_unconfirmed(s->repo, &text, &names);
	if (e == NULL)
		e = inbox_confirm(s->repo, &names);
	if (e == NULL)
		e = inbox_update(s->repo, s->state.id, &in);
	if (e == NULL)
		e = inbox_answer_stops(s->repo, s->state.id);
	if (e == NULL)
		runstate_clear_stop(s->repo);
	buf_release(&text);
	strvec_release(&names);
	return e;
}

static void
warn_unpushed(struct supervisor *s)
{
	struct oidset left = OIDSET_INIT;
	struct err *e = sync_unpushed(s->repo, &left);

	if (e != NULL)
		cmd_warn("it is not known whether all is pushed: %s", e->msg);
	else if (left.used > 0)
		cmd_warn("%zu record%s not pushed yet; 'git agent sync' "
		    "tries again", left.used, left.used == 1 ? " is" :
		    "s are");
	err_free(e);
	oidset_release(&left);
}

static struct err *
finish(struct supervisor *s, enum loop_end end)
{
	char *sentence = end_sentence(s, end);
	struct err *e = NULL;

	s->state.finished = end != LOOP_INTERRUPTED;
	if (end == LOOP_STOPPED)
		e = answer_stop(s);
	if (e == NULL)
		e = loop_record(s, "end", end_name(end), NULL, sentence);
	if (e == NULL)
		e = loop_save(s);
	loop_sync(s);
	if (e == NULL)
		warn_unpushed(s);
	free(sentence);
	return e;
}

struct err *
supervise(struct supervisor *s, enum loop_end *end)
{
	struct lock lock = LOCK_INIT;
	struct err *e;

	s->log = -1;
	s->doing = "starting";
	s->began = clock_monotonic();
	s->bindir = cmd_folder();
	e = runstate_lock(s->repo, &lock);
	if (e == NULL)
		e = loop_begin(s);
	if (e == NULL)
		e = iterate(s, end);
	if (e == NULL)
		e = finish(s, *end);
	lock_release(&lock);
	runstate_release(&s->state);
	strvec_release(&s->unfollowed);
	free(s->bindir);
	return e;
}
