/* git agent check: run the oracle, judge, record. */
#include <math.h>
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

#define EXIT_ABORT 255

/* The signal that asked us to end; the oracle is ended before we are. */
static volatile int stopped;

static void
on_signal(int sig)
{
	stopped = sig;
}

static void
catch_signals(void)
{
	struct sigaction sa;

	memset(&sa, 0, sizeof(sa));
	sa.sa_handler = on_signal;
	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGHUP, &sa, NULL);
}

static void
print_metrics(struct out *o, const struct oracle_result *res)
{
	struct table *t = table_new(5);
	const struct metric_value *v;
	struct buf b = BUF_INIT;
	size_t i;

	table_right(t, 2);
	table_flexible(t, 4);
	for (i = 0; i < res->metric_count; i++) {
		v = &res->metrics[i];
		table_cell(t, show_style(oracle_state_name(v->state)),
		    oracle_state_name(v->state));
		buf_clear(&b);
		text_clean(&b, v->name, strlen(v->name), TEXT_LINE);
		table_cell(t, STYLE_PLAIN, b.p);
		if (isnan(v->value))
			table_cell(t, STYLE_BAD, "nan");
		else
			table_cellf(t, STYLE_PLAIN, "%.4g", v->value);
		if (v->has_target)
			table_cellf(t, STYLE_DIM, "target %s %g",
			    v->direction == LOWER_IS_BETTER ? "<=" : ">=",
			    v->target);
		else
			table_cell(t, STYLE_DIM, "no target");
		buf_clear(&b);
		if (v->at != NULL) {
			buf_addstr(&b, "worst at ");
			text_clean(&b, v->at, strlen(v->at), TEXT_LINE);
		}
		if (v->reason != NULL) {
			buf_addstr(&b, b.len > 0 ? "; " : "");
			text_clean(&b, v->reason, strlen(v->reason),
			    TEXT_LINE);
		}
		table_cell(t, STYLE_DIM, b.p);
	}
	table_print(t, o, 2);
	table_free(t);
	buf_release(&b);
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
	if (a->verbose)
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
	/* What went wrong is in the last lines of what it printed. */
	if (m->result.state > ORACLE_FAIL && !a->verbose &&
	    m->result.output.len > 0) {
		const char *p = m->result.output.p + m->result.output.len;
		int lines = 0;

		while (p > m->result.output.p && lines < 8)
			if (*--p == '\n')
				lines++;
		out_styled(o, STYLE_DIM, "  its last lines:\n");
		show_block(o, *p == '\n' ? p + 1 : p, 4);
	}
	buf_release(&took);
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
		j = measure_json(r, m);
		oid_hex(record, hex);
		js_set_string(j, "record", oid_is_zero(record) ? NULL : hex);
		js_write(j, o.f);
		js_free(j);
	} else {
		print_text(&o, r, a, m);
	}
	return out_close(&o);
}

static struct err *
keep(struct repo *r, const struct args *a, const struct measurement *m,
    struct oid *record)
{
	struct err *e;
	int arrived;

	e = measure_record(r, m, record);
	if (e == NULL && !a->no_push && getenv("GIT_AGENT_RUN") == NULL &&
	    repo_remote(r) != NULL && repo_config_bool(r, "agent.push", 1))
		e = delivery_push(r, a->quiet, &arrived);
	return e;
}

static struct err *
check(struct repo *r, const struct args *a, const char *rev, int *status)
{
	struct measurement m;
	struct oid record;
	struct err *e;

	memset(&record, 0, sizeof(record));
	e = measure(r, rev, a->oracle_from, &stopped, &m);
	if (e != NULL && stopped != 0) {
		cmd_note("interrupted; nothing was recorded");
		*status = 128 + stopped;
		err_free(e);
		e = NULL;
		goto done;
	}
	if (e != NULL && e->code == ERR_CONFIG) {
		cmd_warn("%s", e->msg);
		cmd_note("ABORT: without a usable definition nothing is "
		    "measured");
		*status = EXIT_ABORT;
		err_free(e);
		e = NULL;
		goto done;
	}
	if (e == NULL)
		*status = oracle_state_exit(m.result.state);
	if (e == NULL && !a->no_record)
		e = keep(r, a, &m, &record);
	if (e == NULL)
		e = print_result(r, a, &m, &record);
done:
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
	catch_signals();
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
