#include "work/supervisor.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/cmd.h"
#include "base/proc.h"
#include "store/sync.h"
#include "work/digest.h"
#include "work/entry.h"
#include "work/inbox.h"
#include "work/prompt.h"

#define LEFTOVER_GRACE (3 * CLOCK_SECOND)
#define OUTAGE_WAIT (5 * CLOCK_SECOND)		/* the first one; doubles */
#define OUTAGE_WAIT_MAX (15 * 60 * CLOCK_SECOND)

/* One iteration, from its prompt to its verdict. */
struct iteration {
	int64_t start;
	struct client_reader reader;
	int exit_status, ended_early, promised, accepted;
	char *verdict;		/* the oracle's, or NULL */
	char *why;		/* a promise was not accepted, or NULL */
};

static char *
own_folder(void)
{
	char path[PATH_MAX], *slash;
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);

	if (n <= 0)
		return NULL;
	path[n] = '\0';
	slash = strrchr(path, '/');
	if (slash == NULL)
		return NULL;
	*slash = '\0';
	return xstrdup(path);
}

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

static struct err *
save_state(struct supervisor *s)
{
	int64_t now = clock_monotonic();

	s->state.spent += now - s->began;
	s->began = now;
	return runstate_write(s->repo, &s->state);
}

/* The oracle's definition is the one that is committed now. */
static struct err *
fix_oracle(struct supervisor *s)
{
	struct oid head, entry;
	char hex[OID_HEX_SIZE];
	struct err *e;

	e = repo_head(s->repo, &head);
	if (e != NULL || s->options->no_oracle)
		return e;
	if (!s->project->has_oracle)
		return err_new(ERR_CONFIG, "no oracle is configured, so "
		    "nothing could tell when the work is done; add [oracle] "
		    "to .gitagent, or take the agent's word with "
		    "--no-oracle");
	e = repo_commit_entry(s->repo, &head, PROJECT_FILE, &entry);
	if (e != NULL && e->code == ERR_NOTFOUND) {
		err_free(e);
		return err_new(ERR_CONFIG, ".gitagent is not committed yet; "
		    "the loop judges by the committed oracle: 'git add "
		    ".gitagent', commit and push");
	}
	oid_hex(&head, hex);
	s->state.oracle_from = xstrdup(hex);
	return e;
}

static struct err *
start_run(struct supervisor *s)
{
	struct buf b = BUF_INIT;
	struct err *e;

	e = run_id_new(s->state.id);
	if (e == NULL)
		e = fix_oracle(s);
	if (e != NULL)
		return e;
	s->state.agent = xstrdup(s->client.name);
	if (s->options->prompt != NULL)
		s->state.prompt = xstrdup(s->options->prompt);
	runstate_clear_stop(s->repo);
	e = save_state(s);
	buf_addf(&b, "run started: agent '%s', at most %lld iterations and ",
	    s->client.name, (long long)s->project->loop.max_iterations);
	clock_duration(&b, s->project->loop.max_time);
	if (e == NULL)
		e = loop_record(s, "start", NULL, NULL, b.p);
	buf_release(&b);
	return e;
}

/* Whatever the killed supervisor left running would work against us. */
static struct err *
resume_run(struct supervisor *s)
{
	char *mark = xasprintf("GIT_AGENT_RUN=%s", s->state.id);
	char *subject;
	struct err *e;
	int n;

	n = proc_kill_marked(mark, LEFTOVER_GRACE);
	if (n > 0)
		cmd_note("ended %d process%s that the interrupted loop had "
		    "left", n, n == 1 ? "" : "es");
	if (s->options->prompt != NULL) {
		free(s->state.prompt);
		s->state.prompt = xstrdup(s->options->prompt);
	}
	subject = xasprintf("run resumed in iteration %lld",
	    (long long)s->state.iteration);
	e = loop_record(s, "resume", NULL, NULL, subject);
	/* The interrupted iteration begins again and counts once. */
	if (s->state.iteration > 0)
		s->state.iteration--;
	free(subject);
	free(mark);
	return e;
}

static struct err *
begin(struct supervisor *s)
{
	struct err *e;

	e = runstate_read(s->repo, &s->state);
	if (e != NULL && e->code == ERR_NOTFOUND) {
		err_free(e);
		return start_run(s);
	}
	if (e != NULL)
		return e;
	if (!s->state.finished && !s->options->fresh)
		return resume_run(s);
	runstate_release(&s->state);
	return start_run(s);
}

static struct err *
make_prompt(struct supervisor *s, struct buf *prompt, struct strvec *names)
{
	struct inbox_report in;
	struct overview ov;
	struct buf digest = BUF_INIT, instructions = BUF_INIT;
	struct prompt p;
	struct err *e;

	memset(&ov, 0, sizeof(ov));
	memset(&p, 0, sizeof(p));
	e = inbox_update(s->repo, s->state.id, &in);
	if (e == NULL)
		e = inbox_unconfirmed(s->repo, &instructions, names);
	if (e == NULL)
		e = overview_read(s->repo, &ov);
	if (e != NULL)
		goto done;
	digest_render(s->repo, &ov, &digest);
	p.text = s->state.prompt;
	p.run = s->state.id;
	p.iteration = s->state.iteration;
	p.max_iterations = s->project->loop.max_iterations;
	p.promise = s->options->promise;
	p.refusal = s->state.refusal;
	p.instructions = instructions.p;
	p.digest = digest.p;
	p.has_oracle = !s->options->no_oracle;
	prompt_render(&p, prompt);
done:
	overview_release(&ov);
	buf_release(&digest);
	buf_release(&instructions);
	return e;
}

static struct err *
run_agent(struct supervisor *s, struct iteration *it)
{
	struct buf prompt = BUF_INIT;
	struct strvec names = STRVEC_INIT;
	const struct client_result *res;
	struct err *e;

	s->doing = "the agent is working";
	s->next_beat = 0;
	e = make_prompt(s, &prompt, &names);
	/* It stands in the prompt now, which the agent is about to read. */
	if (e == NULL)
		e = inbox_confirm(s->repo, &names);
	if (e == NULL)
		e = loop_run_agent(s, prompt.p, &it->reader,
		    &it->exit_status, &it->ended_early);
	if (e == NULL) {
		res = client_finish(&it->reader, it->exit_status);
		it->promised = res->outcome == CLIENT_WORKED &&
		    client_promises(res->last_line, s->options->promise);
		if (res->denials > 0)
			cmd_warn("the client denied %zu tool call%s; allow "
			    "them in its settings or its command line",
			    res->denials, res->denials == 1 ? "" : "s");
	}
	buf_release(&prompt);
	strvec_release(&names);
	return e;
}

static const char *
outcome_of(const struct iteration *it)
{
	if (it->accepted && it->promised)
		return "done";
	if (it->promised)
		return "refused";
	if (it->ended_early)
		return "interrupted";
	switch (it->reader.result.outcome) {
	case CLIENT_OUTAGE: return "outage";
	case CLIENT_FAILED: return "failed";
	default: return "worked";
	}
}

static struct err *
record_iteration(struct supervisor *s, const struct iteration *it)
{
	const struct client_result *res = &it->reader.result;
	const char *outcome = outcome_of(it);
	struct buf subject = BUF_INIT, detail = BUF_INIT;
	struct err *e;

	buf_addf(&subject, "iteration %lld ", (long long)s->state.iteration);
	if (strcmp(outcome, "refused") == 0)
		buf_addf(&subject, "claimed %s too early, refused",
		    s->options->promise);
	else if (strcmp(outcome, "done") == 0)
		buf_addf(&subject, "claimed %s, accepted",
		    s->options->promise);
	else
		buf_addf(&subject, "%s", outcome);
	buf_addstr(&subject, " after ");
	clock_duration(&subject, clock_monotonic() - it->start);
	if (it->verdict != NULL)
		buf_addf(&subject, "; %s", it->verdict);
	if (res->problem != NULL)
		buf_addf(&subject, "; %.300s", res->problem);
	if (it->promised && it->why != NULL)
		buf_addf(&detail, "%s\n", it->why);
	if (res->cost >= 0)
		buf_addf(&detail, "Cost so far as the client tells it: "
		    "%.4f USD; turns: %lld\n", res->cost,
		    (long long)res->turns);
	e = loop_record(s, "iteration", outcome, detail.p, subject.p);
	buf_release(&subject);
	buf_release(&detail);
	return e;
}

static struct err *
after_agent(struct supervisor *s, struct iteration *it)
{
	struct err *e = NULL;

	if (!it->ended_early)
		e = loop_judge(s, it->promised, &it->accepted, &it->verdict,
		    &it->why);
	/* Ended while the oracle ran: the verdict is open. */
	if (e != NULL && (*s->options->signal != 0 || s->timed_out ||
	    s->stop_deadline != 0)) {
		it->ended_early = 1;
		it->promised = 0;
		err_free(e);
		e = NULL;
	}
	if (e == NULL)
		e = record_iteration(s, it);
	free(s->state.refusal);
	s->state.refusal = it->promised && !it->accepted && it->why != NULL ?
	    xstrdup(it->why) : NULL;
	s->state.failures = it->reader.result.outcome == CLIENT_FAILED &&
	    !it->ended_early ? s->state.failures + 1 : 0;
	return e;
}

static struct err *
one_iteration(struct supervisor *s, struct iteration *it)
{
	struct err *e;

	s->state.iteration++;
	it->start = clock_monotonic();
	e = save_state(s);
	if (e == NULL) {
		cmd_note("iteration %lld of at most %lld",
		    (long long)s->state.iteration,
		    (long long)s->project->loop.max_iterations);
		e = run_agent(s, it);
	}
	if (e == NULL)
		e = after_agent(s, it);
	if (e == NULL)
		e = save_state(s);
	return e;
}

static void
iteration_release(struct iteration *it)
{
	client_reader_release(&it->reader);
	free(it->verdict);
	free(it->why);
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
		return until > 6 * 3600 * CLOCK_SECOND ?
		    6 * 3600 * CLOCK_SECOND : until;
	return wait > OUTAGE_WAIT_MAX ? OUTAGE_WAIT_MAX : wait;
}

/* 1 if the run has come to an end, and which. */
static int
has_ended(const struct supervisor *s, const struct iteration *it,
    enum loop_end *end)
{
	if (it->promised && it->accepted)
		*end = LOOP_DONE;
	else if (*s->options->signal != 0)
		*end = LOOP_INTERRUPTED;
	else if (s->stop_deadline != 0)
		*end = LOOP_STOPPED;
	else if (s->timed_out)
		*end = LOOP_LIMIT;
	else if (s->state.failures >= s->project->loop.max_failures)
		*end = LOOP_FAILING;
	else if (s->state.iteration >= s->project->loop.max_iterations)
		*end = LOOP_LIMIT;
	else
		return 0;
	return 1;
}

static struct err *
iterate(struct supervisor *s, enum loop_end *end)
{
	struct iteration it;
	struct err *e = NULL;
	int outages = 0, over = 0;

	while (e == NULL && !over) {
		int64_t wait = 0;

		memset(&it, 0, sizeof(it));
		loop_sync(s);
		client_reader_init(&it.reader, &s->client, stdout);
		e = one_iteration(s, &it);
		if (e == NULL && it.reader.result.outcome == CLIENT_OUTAGE &&
		    !it.ended_early) {
			/* Not the agent's fault: the iteration is given back. */
			s->state.iteration--;
			wait = outage_wait(&it.reader.result, ++outages);
		} else {
			outages = 0;
			if (s->state.failures > 0)
				wait = CLOCK_SECOND << (s->state.failures < 6 ?
				    s->state.failures : 6);
		}
		if (e == NULL)
			over = has_ended(s, &it, end);
		if (e == NULL && !over && wait > 0) {
			s->doing = "waiting before the next try";
			loop_sleep(s, wait);
		}
		if (e == NULL && !over && (*s->options->signal != 0 ||
		    s->timed_out || s->stop_deadline != 0))
			over = has_ended(s, &it, end);
		iteration_release(&it);
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
		buf_addf(&b, "run interrupted by signal %d; 'git agent loop' "
		    "resumes it", *s->options->signal);
		break;
	}
	buf_addf(&b, ", after %lld iteration%s and ",
	    (long long)s->state.iteration,
	    s->state.iteration == 1 ? "" : "s");
	clock_duration(&b, loop_spent(s));
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
		runstate_clear_stop(s->repo);
	buf_release(&text);
	strvec_release(&names);
	return e;
}

static struct err *
finish(struct supervisor *s, enum loop_end end)
{
	struct oidset left = OIDSET_INIT;
	char *sentence = end_sentence(s, end);
	struct err *e = NULL;

	s->state.finished = end != LOOP_INTERRUPTED;
	if (end == LOOP_STOPPED)
		e = answer_stop(s);
	if (e == NULL)
		e = loop_record(s, "end", end_name(end), NULL, sentence);
	if (e == NULL)
		e = save_state(s);
	loop_sync(s);
	if (e == NULL)
		e = sync_unpushed(s->repo, &left);
	if (e == NULL && left.used > 0)
		cmd_warn("%zu record%s not pushed yet; 'git agent sync' "
		    "tries again", left.used, left.used == 1 ? " is" :
		    "s are");
	oidset_release(&left);
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
	s->bindir = own_folder();
	e = runstate_lock(s->repo, &lock);
	if (e == NULL)
		e = begin(s);
	if (e == NULL)
		e = iterate(s, end);
	if (e == NULL)
		e = finish(s, *end);
	lock_release(&lock);
	runstate_release(&s->state);
	free(s->bindir);
	return e;
}
