/* git agent check: run the oracle, judge, record. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/cmd.h"
#include "base/js.h"
#include "base/out.h"
#include "base/proc.h"
#include "base/text.h"
#include "work/delivery.h"
#include "work/measure.h"
#include "work/overview.h"
#include "work/runstate.h"
#include "work/show.h"

struct args {
	const char *oracle_from;
	int json, quiet, no_record, no_push, verbose;
};

static const struct opt opts[] = {
	OPT_STRING(0, "oracle-from", "REV", struct args, oracle_from,
	    "take the oracle's definition from this commit"),
	OPT_FLAG(0, "no-record", struct args, no_record,
	    "measure and judge, but write nothing down"),
	OPT_FLAG(0, "no-push", struct args, no_push,
	    "leave the record in this clone for now"),
	OPT_FLAG('v', "verbose", struct args, verbose,
	    "print the oracle's own output too"),
	OPT_FLAG('q', "quiet", struct args, quiet,
	    "print nothing; the exit status tells"),
	OPT_FLAG(0, "json", struct args, json, "print JSON"),
	OPT_END
};

static const char *const usage[] = {
	"[--oracle-from REV] [--no-record] [--json] [REV]",
	NULL
};

/* The signal that asked us to end; the oracle is ended before we are. */
static volatile int stopped;

static void
on_signal(int sig)
{
	stopped = sig;
}

/* What nohup(1) or a shell's background has ignored stays so. */
static void
catch_signals(void (*handler)(int))
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
	struct sigaction sa, before;
	size_t i;

	memset(&sa, 0, sizeof(sa));
	sa.sa_handler = handler;
	for (i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		if (sigaction(signals[i], NULL, &before) == 0 &&
		    before.sa_handler != SIG_IGN)
			sigaction(signals[i], &sa, NULL);
}

static void
print_metric(struct table *t, const struct metric_value *v)
{
	struct buf b = BUF_INIT;

	table_cell(t, show_style(oracle_state_name(v->state)),
	    oracle_state_name(v->state));
	table_cell(t, STYLE_PLAIN, v->name);
	metric_show(&b, v);
	if (v->unit != NULL)
		buf_addf(&b, " %s", v->unit);
	table_cell(t, v->state == ORACLE_ERROR ? STYLE_BAD : STYLE_PLAIN,
	    b.p);
	if (v->has_target)
		table_cellf(t, STYLE_DIM, "target %s %g",
		    v->direction == LOWER_IS_BETTER ? "<=" : ">=", v->target);
	else
		table_cell(t, STYLE_DIM, "no target");
	buf_clear(&b);
	if (v->at != NULL)
		buf_addf(&b, "at %s", v->at);
	if (v->reason != NULL)
		buf_addf(&b, "%s%s", b.len > 0 ? "; " : "", v->reason);
	table_cell(t, STYLE_DIM, b.p);
	buf_release(&b);
}

static void
print_metrics(struct out *o, const struct oracle_result *res)
{
	struct table *t = table_new(5);
	size_t i;

	table_right(t, 2);
	table_flexible(t, 4);
	for (i = 0; i < res->metric_count; i++)
		print_metric(t, &res->metrics[i]);
	table_print(t, o, 2);
	table_free(t);
}

/* What went wrong is in the last lines of what it printed. */
static void
print_tail(struct out *o, const struct buf *output)
{
	const char *p = output->p + output->len;
	int lines = 0;

	while (p > output->p && lines < 8)
		if (*--p == '\n')
			lines++;
	out_styled(o, STYLE_DIM, "  its last lines:\n");
	show_block(o, *p == '\n' ? p + 1 : p, 4);
}

static void
print_text(struct out *o, struct repo *r, const struct args *a,
    const struct measurement *m)
{
	const char *state = oracle_state_name(m->result.state);
	char abbrev[OID_HEX_SIZE];
	struct buf took = BUF_INIT;

	object_abbrev(r, &m->commit, abbrev);
	clock_duration(&took, m->result.wall);
	if (a->verbose && m->result.output.len > 0)
		show_block(o, m->result.output.p, 0);
	out_styled(o, show_style(state), "%s", state);
	out_printf(o, " %s", abbrev);
	out_printf(o, "%s (%s)\n", m->dirty ? " with uncommitted changes" : "",
	    took.p);
	print_metrics(o, &m->result);
	if (m->result.reason != NULL) {
		out_str(o, "  ");
		show_line(o, STYLE_BAD, m->result.reason);
		out_str(o, "\n");
	}
	if (m->result.state > ORACLE_FAIL && !a->verbose &&
	    m->result.output.len > 0)
		print_tail(o, &m->result.output);
	buf_release(&took);
}

static void
print_json(struct out *o, struct js *j)
{
	js_write(j, o->f);
	js_free(j);
}

static struct err *
print_result(struct repo *r, const struct args *a, const struct measurement *m,
    const struct oid *record)
{
	struct js *j;
	struct out o;
	char hex[OID_HEX_SIZE];
	struct err *e;

	if (a->quiet)
		return NULL;
	e = out_open(&o, 0, repo_config(r, "color.ui"));
	if (e != NULL)
		return e;
	if (a->json) {
		j = measure_json(m);
		oid_hex(record, hex);
		js_set_string(j, "record", oid_is_zero(record) ? NULL : hex);
		print_json(&o, j);
	} else {
		print_text(&o, r, a, m);
	}
	return out_close(&o);
}

/* There is no usable definition: nothing was measured.  Takes the error. */
static struct err *
print_abort(const struct args *a, struct err *why)
{
	struct js *j = js_object();
	struct err *e = NULL;
	struct out o;

	cmd_warn("%s", why->msg);
	cmd_note("ABORT: without a usable definition nothing is measured");
	js_set_string(j, "state", oracle_state_name(ORACLE_ABORT));
	js_set_string(j, "reason", why->msg);
	js_set(j, "record", js_null());
	err_free(why);
	if (a->json && !a->quiet && (e = out_open(&o, 0, NULL)) == NULL) {
		print_json(&o, j);
		return out_close(&o);
	}
	js_free(j);
	return e;
}

static struct err *
keep(struct repo *r, const struct args *a, const struct measurement *m,
    struct oid *record)
{
	struct err *e;
	int arrived;

	e = measure_record(r, m, record);
	if (e != NULL)
		memset(record, 0, sizeof(*record));
	if (e == NULL && !a->no_push && !runstate_pushes(r) &&
	    repo_remote(r) != NULL && repo_config_bool(r, "agent.push", 1))
		delivery_push(r, record, a->quiet, &arrived);
	return e;
}

/* Before an hour is spent on a result that cannot be recorded. */
static struct err *
can_record(struct repo *r)
{
	char *ident = NULL;
	struct err *e = repo_identity(r, "AUTHOR", &ident);

	free(ident);
	return e;
}

static struct err *
check(struct repo *r, const struct args *a, const char *rev, int *status)
{
	struct measurement m;
	struct oid record;
	struct err *e;

	memset(&record, 0, sizeof(record));
	if (!a->no_record && (e = can_record(r)) != NULL)
		return e;
	catch_signals(on_signal);
	e = measure(r, rev, a->oracle_from, &stopped, &m);
	/* From here on there is nothing that must not be cut short. */
	catch_signals(SIG_DFL);
	if (e != NULL && stopped != 0) {
		cmd_note("interrupted; nothing was recorded");
		*status = 128 + stopped;
		err_free(e);
		e = NULL;
	} else if (e != NULL && e->code == ERR_CONFIG) {
		*status = oracle_state_exit(ORACLE_ABORT);
		e = print_abort(a, e);
	} else if (e == NULL) {
		*status = oracle_state_exit(m.result.state);
		if (!a->no_record)
			e = keep(r, a, &m, &record);
		e = err_first(e, print_result(r, a, &m, &record));
		if (e != NULL && !oid_is_zero(&record))
			cmd_note("the result was recorded all the same");
	}
	measurement_release(&m);
	return e;
}

static struct err *
run(void *values, int argc, char **argv, int *status)
{
	struct repo *r = NULL;
	struct err *e;

	if (argc > 1)
		return err_new(ERR_USAGE, "one revision at most, got '%s' "
		    "too", argv[1]);
	proc_adopt_orphans();
	e = repo_open(&r);
	if (e == NULL)
		e = check(r, values, argc > 0 ? argv[0] : NULL, status);
	repo_close(r);
	return e;
}

static const struct cmd cmd = {
	.name = "git-agent-check",
	.summary = "run the oracle: measure a commit, judge, record",
	.usage = usage,
	.opts = opts,
	.values_size = sizeof(struct args),
	.run = run,
};

int
main(int argc, char **argv)
{
	return cmd_main(&cmd, argc, argv);
}
