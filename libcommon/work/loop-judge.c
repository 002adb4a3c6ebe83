/* The loop, the judge: is a promise of completion to be believed? */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/js.h"
#include "base/proc.h"
#include "work/oracle.h"
#include "work/supervisor.h"

#define CHECK_LIMIT (24 * 3600 * CLOCK_SECOND)	/* the oracle has its own */

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
run_check(struct supervisor *s, struct buf *json, int *status)
{
	struct watched w = { BUF_INIT, s };
	struct proc_watcher watcher = { on_output, on_tick, &w };
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
	*status = result.status;
	if (e == NULL && result.interrupted)
		e = err_new(ERR_SYSTEM, "interrupted");
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
check_committed(struct supervisor *s, const struct oid *head, struct buf *why)
{
	const char *remote = repo_remote(s->repo);
	struct err *e;
	int dirty = 0, pushed = 1;

	e = repo_is_dirty(s->repo, &dirty);
	if (e == NULL && dirty)
		buf_addstr(why, "- The work tree has changes that are not "
		    "committed (git status shows them).\n");
	if (e == NULL && remote != NULL)
		e = repo_is_pushed(s->repo, head, remote, &pushed);
	if (e == NULL && !pushed)
		buf_addf(why, "- HEAD is not pushed to '%s'.\n", remote);
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
measure_head(struct supervisor *s, const char *hex, int *passed,
    char **verdict)
{
	struct buf json = BUF_INIT;
	struct err *e;
	int status = -1;

	s->doing = "the oracle is running";
	e = run_check(s, &json, &status);
	if (e == NULL) {
		*passed = status == 0;
		*verdict = verdict_of(&json, status);
		free(s->state.judged);
		s->state.judged = xstrdup(hex);
	}
	buf_release(&json);
	return e;
}

struct err *
loop_judge(struct supervisor *s, int promised, int *accepted, char **verdict,
    char **why)
{
	struct buf b = BUF_INIT;
	char hex[OID_HEX_SIZE];
	struct oid head;
	struct err *e;
	int passed = s->options->no_oracle;

	*accepted = 0;
	*verdict = *why = NULL;
	e = repo_head(s->repo, &head);
	if (e != NULL)
		return e;
	oid_hex(&head, hex);
	if (is_judged(s, hex, promised))
		return NULL;
	if (!s->options->no_oracle)
		e = measure_head(s, hex, &passed, verdict);
	if (e == NULL && !passed)
		buf_addf(&b, "- The oracle does not agree. %s\n", *verdict);
	if (e == NULL)
		e = check_committed(s, &head, &b);
	*accepted = e == NULL && b.len == 0;
	if (e == NULL && b.len > 0)
		*why = buf_steal(&b);
	buf_release(&b);
	return e;
}
