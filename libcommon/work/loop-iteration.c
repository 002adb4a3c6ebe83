/* The loop, one iteration: prompt, agent, judge, record. */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/cmd.h"
#include "base/text.h"
#include "work/digest.h"
#include "work/inbox.h"
#include "work/prompt.h"
#include "work/supervisor.h"

#define PROBLEM_COLUMNS 300	/* of a record's subject */

void
iteration_release(struct iteration *it)
{
	client_reader_release(&it->reader);
	free(it->verdict);
	free(it->why);
	memset(it, 0, sizeof(*it));
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
		e = overview_read(s->repo, DIGEST_LIMIT, DIGEST_CHECKS, &ov);
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

static void
take_result(struct supervisor *s, struct iteration *it)
{
	struct client_result *res = &it->reader.result;

	(void)client_finish(&it->reader, it->exit_status);
	/* Whoever signals us may have signalled the agent too. */
	if (loop_is_over(s))
		it->ended_early |= res->outcome != CLIENT_WORKED;
	if (it->late) {
		free(res->problem);
		res->problem = xstrdup("the iteration's time was used up");
		res->outcome = CLIENT_FAILED;
	}
	it->promised = !it->ended_early && res->outcome == CLIENT_WORKED &&
	    client_promises(res->last_line, s->options->promise);
	if (res->denials > 0)
		cmd_warn("the client denied %zu tool call%s; allow them in "
		    "its settings or its command line", res->denials,
		    res->denials == 1 ? "" : "s");
}

static struct err *
run_agent(struct supervisor *s, struct iteration *it)
{
	struct buf prompt = BUF_INIT;
	struct strvec names = STRVEC_INIT;
	struct err *e;

	s->doing = "the agent is working";
	s->next_beat = 0;
	e = make_prompt(s, &prompt, &names);
	/* It stands in the prompt now, which the agent is about to read. */
	if (e == NULL)
		e = inbox_confirm(s->repo, &names);
	if (e == NULL)
		e = loop_run_agent(s, prompt.p, it);
	if (e == NULL)
		take_result(s, it);
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

static void
add_problem(struct buf *b, const char *problem)
{
	struct buf clean = BUF_INIT;

	text_clean(&clean, problem, strlen(problem), TEXT_LINE);
	buf_addstr(b, "; ");
	text_fit(b, clean.p, PROBLEM_COLUMNS);
	buf_release(&clean);
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
	/* How it took being ended is not its problem. */
	if (res->problem != NULL && !it->ended_early)
		add_problem(&subject, res->problem);
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

/* What the next iteration, and the next session, have to know of this one. */
static void
update_state(struct supervisor *s, const struct iteration *it)
{
	struct runstate *st = &s->state;
	enum client_outcome outcome = it->reader.result.outcome;

	/* An interrupted one begins again when the run is resumed. */
	st->open = it->ended_early;
	if (it->ended_early)
		return;
	st->accepted = it->promised && it->accepted;
	if (outcome == CLIENT_FAILED)
		st->failures++;
	else if (outcome == CLIENT_WORKED)
		st->failures = 0;
	/* Not the agent's fault: the iteration is given back. */
	else
		st->iteration--;
	/* What no agent worked on, the next one has to be told again. */
	if (outcome != CLIENT_WORKED)
		return;
	free(st->refusal);
	st->refusal = it->promised && !it->accepted ? xstrdup(it->why) : NULL;
}

static struct err *
after_agent(struct supervisor *s, struct iteration *it)
{
	struct err *e = NULL;

	if (!it->ended_early)
		e = loop_judge(s, it);
	if (e == NULL)
		e = record_iteration(s, it);
	if (e == NULL)
		update_state(s, it);
	return e;
}

struct err *
loop_iteration(struct supervisor *s, struct iteration *it)
{
	struct err *e;

	memset(it, 0, sizeof(*it));
	client_reader_init(&it->reader, &s->client);
	it->start = clock_monotonic();
	s->state.iteration++;
	s->state.open = 1;
	e = loop_save(s);
	if (e == NULL) {
		cmd_note("iteration %lld of at most %lld",
		    (long long)s->state.iteration,
		    (long long)s->project->loop.max_iterations);
		e = run_agent(s, it);
	}
	if (e == NULL)
		e = after_agent(s, it);
	if (e == NULL)
		e = loop_save(s);
	return e;
}
