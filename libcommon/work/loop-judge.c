/* The loop, the judge: is a promise of completion to be believed? */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/cmd.h"
#include "base/js.h"
#include "base/proc.h"
#include "base/text.h"
#include "store/heads.h"
#include "work/oracle.h"
#include "work/supervisor.h"

/* The oracle has its own limit, which is shorter. */
#define CHECK_LIMIT (24 * 3600 * CLOCK_SECOND)
#define ASK_TRIES 5		/* of the remote, in about five minutes */

struct watched {
	struct buf output;
	struct supervisor *s;
};

static void
on_output(void *arg, const char *data, size_t n)
{
	buf_add(&((struct watched *)arg)->output, data, n);
}

static int
on_tick(void *arg)
{
	return loop_tick(((struct watched *)arg)->s);
}

/* `git agent check --json HEAD`, with the definition fixed at the start. */
static struct err *
run_check(struct supervisor *s, struct buf *json, int *status,
    int *interrupted)
{
	struct watched w = { BUF_INIT, s };
	struct proc_watcher watcher = { on_output, NULL, on_tick, &w };
	struct strvec argv = STRVEC_INIT, env = STRVEC_INIT;
	struct proc p = PROC_INIT;
	struct proc_result result;
	struct err *e;
	char *program = loop_program(s, "git-agent-check");

	strvec_pushl(&argv, program, "--json", "--oracle-from",
	    s->state.oracle_from, "HEAD", (char *)NULL);
	strvec_pushf(&env, "GIT_AGENT_RUN=%s", s->state.id);
	p.argv = &argv;
	p.env = &env;
	p.cwd = repo_workdir(s->repo);
	e = proc_watch_job(&p, CHECK_LIMIT, &watcher, &result);
	if (e == NULL) {
		*status = result.status;
		*interrupted = result.interrupted;
	}
	buf_add(json, w.output.p, w.output.len);
	buf_release(&w.output);
	strvec_release(&argv);
	strvec_release(&env);
	free(program);
	return e;
}

/* "FAIL: y1 0.0031 (target <= 0.0001)" out of the check's JSON. */
static char *
verdict_of(const struct buf *json, int status)
{
	const struct js *list, *m;
	struct js *j = NULL;
	struct buf b = BUF_INIT;
	const char *state, *reason;
	double value, target;
	size_t i;

	err_free(js_parse(&j, json->p, json->len));
	state = j == NULL ? NULL : js_get_string(j, "state");
	if (state == NULL) {
		js_free(j);
		return xasprintf("the oracle could not be run (git agent "
		    "check ended with %d)", status);
	}
	buf_addstr(&b, state);
	list = js_get(j, "metrics");
	for (i = 0; i < js_size(list); i++) {
		m = js_at(list, i);
		buf_addf(&b, "%s %s ", i == 0 ? ":" : ",",
		    js_get_string(m, "name"));
		if (js_get_real(m, "value", &value))
			buf_addf(&b, "%.4g", value);
		else
			buf_addstr(&b, "nan");
		if (js_get_real(m, "target", &target))
			buf_addf(&b, " (target %s %g)",
			    strcmp(js_get_string(m, "direction"), "lower") ==
			    0 ? "<=" : ">=", target);
	}
	reason = js_get_string(j, "reason");
	if (reason != NULL)
		buf_addf(&b, "; %s", reason);
	js_free(j);
	return buf_steal(&b);
}

static struct err *
check_clean(struct supervisor *s, struct buf *why)
{
	struct err *e;
	int dirty = 0;

	e = repo_is_dirty(s->repo, &dirty);
	if (e == NULL && dirty)
		buf_addstr(why, "- The work tree has changes that are not "
		    "committed (git status shows them).\n");
	return e;
}

/* A network that is away for some minutes need not cost an iteration. */
static struct err *
ask_heads(struct supervisor *s, const char *remote, const struct oid *head,
    int tries, enum heads_answer *answer, char **problem)
{
	const struct network_tick tick = { loop_tick, s };
	int64_t wait = s->project->loop.sync;
	struct err *e;

	for (;;) {
		e = heads_ask(s->repo, remote, head, &tick, answer, problem);
		if (e != NULL || *answer != HEADS_UNREACHED || --tries == 0 ||
		    loop_is_over(s))
			return e;
		cmd_warn("cannot ask '%s' whether HEAD is there: %s; trying "
		    "again", remote, *problem);
		free(*problem);
		*problem = NULL;
		loop_sleep(s, wait);
		wait *= 2;
	}
}

static struct err *
check_pushed(struct supervisor *s, const struct oid *head,
    struct iteration *it, struct buf *why)
{
	const char *remote = repo_remote(s->repo);
	enum heads_answer answer = HEADS_WITH;
	char *problem = NULL;
	struct err *e;

	if (remote == NULL)
		return NULL;
	s->doing = "asking the remote whether HEAD is there";
	s->next_beat = 0;
	/* A promise that is void already is worth no patience. */
	e = ask_heads(s, remote, head, why->len > 0 ? 1 : ASK_TRIES, &answer,
	    &problem);
	if (e == NULL && answer == HEADS_UNREACHED) {
		buf_addf(why, "- HEAD is not known to be pushed to '%s', "
		    "which could not be asked: ", remote);
		text_clean(why, problem, strlen(problem), TEXT_LINE);
		buf_addch(why, '\n');
	}
	if (e == NULL && answer == HEADS_WITHOUT)
		buf_addf(why, "- HEAD is not pushed to '%s'.\n", remote);
	it->ended_early |= answer == HEADS_UNREACHED && loop_is_over(s);
	free(problem);
	return e;
}

/* Without a promise nothing depends on a second look at the same commit. */
static int
is_judged(const struct supervisor *s, const char *hex, int promised)
{
	return !promised && s->state.judged != NULL &&
	    strcmp(s->state.judged, hex) == 0;
}

static struct err *
measure_head(struct supervisor *s, const char *hex, struct iteration *it,
    struct buf *why)
{
	struct buf json = BUF_INIT;
	struct err *e;
	int status = -1;

	s->doing = "the oracle is running";
	s->next_beat = 0;
	e = run_check(s, &json, &status, &it->ended_early);
	if (e == NULL && !it->ended_early) {
		it->verdict = verdict_of(&json, status);
		if (status != 0)
			buf_addf(why, "- The oracle does not agree. %s\n",
			    it->verdict);
		free(s->state.judged);
		s->state.judged = xstrdup(hex);
	}
	buf_release(&json);
	return e;
}

static struct err *
judge(struct supervisor *s, struct iteration *it, struct buf *why)
{
	char hex[OID_HEX_SIZE];
	struct oid head;
	struct err *e;

	e = repo_head(s->repo, &head);
	if (e != NULL)
		return e;
	oid_hex(&head, hex);
	if (is_judged(s, hex, it->promised))
		return NULL;
	if (!s->options->no_oracle)
		e = measure_head(s, hex, it, why);
	if (e == NULL && it->promised && !it->ended_early)
		e = check_clean(s, why);
	if (e == NULL && it->promised && !it->ended_early)
		e = check_pushed(s, &head, it, why);
	return e;
}

/*
 * What cannot be judged is not accepted; but an agent that leaves HEAD on a
 * branch without commits, say, is told so, and does not end a week's work.
 */
struct err *
loop_judge(struct supervisor *s, struct iteration *it)
{
	struct buf why = BUF_INIT;
	struct err *e;

	e = judge(s, it, &why);
	if (e != NULL) {
		cmd_warn("cannot judge HEAD: %s", e->msg);
		buf_addf(&why, "- HEAD could not be judged: %s\n", e->msg);
		err_free(e);
	}
	/* Ended while the oracle ran: its verdict is open. */
	if (it->ended_early)
		it->promised = 0;
	it->accepted = it->promised && why.len == 0;
	if (it->promised && !it->accepted)
		it->why = buf_steal(&why);
	buf_release(&why);
	return NULL;
}

static struct err *
resolve_trusted(struct supervisor *s, const char *rev, struct oid *from)
{
	struct err *e;

	e = repo_resolve(s->repo, rev, from);
	if (e != NULL) {
		e = err_prefix(e, "[oracle] trusted");
		e->code = ERR_CONFIG;
	}
	return e;
}

/* What [oracle] trusted names, as a commit that can no longer move. */
static struct err *
follow_trusted(struct supervisor *s, struct oid *from)
{
	struct project p;
	struct err *e;

	project_init(&p);
	e = project_read_commit(&p, s->repo, from, PROJECT_FILE " of HEAD");
	if (e == NULL && !p.has_oracle)
		e = err_new(ERR_CONFIG, "the [oracle] in .gitagent is not "
		    "committed yet; the loop judges by the committed one: "
		    "'git add .gitagent', commit and push");
	if (e == NULL && p.oracle.trusted != NULL)
		e = resolve_trusted(s, p.oracle.trusted, from);
	project_release(&p);
	return e;
}

struct err *
loop_fix_oracle(struct supervisor *s)
{
	struct oid from;
	char hex[OID_HEX_SIZE];
	struct err *e;

	e = repo_head(s->repo, &from);
	if (e != NULL || s->options->no_oracle)
		return e;
	if (!s->project->has_oracle)
		return err_new(ERR_CONFIG, "no oracle is configured, so "
		    "nothing could tell when the work is done; add [oracle] "
		    "to .gitagent, or take the agent's word with "
		    "--no-oracle");
	e = follow_trusted(s, &from);
	if (e != NULL && e->code == ERR_NOTFOUND) {
		err_free(e);
		return err_new(ERR_CONFIG, ".gitagent is not committed yet; "
		    "the loop judges by the committed oracle: 'git add "
		    ".gitagent', commit and push");
	}
	oid_hex(&from, hex);
	s->state.oracle_from = e == NULL ? xstrdup(hex) : NULL;
	return e;
}
