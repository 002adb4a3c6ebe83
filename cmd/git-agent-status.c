/* git agent status: the dashboard, from any clone. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/cmd.h"
#include "base/js.h"
#include "base/out.h"
#include "store/sync.h"
#include "work/checkpoints.h"
#include "work/delivery.h"
#include "work/overview.h"
#include "work/runstate.h"
#include "work/show.h"
#include "work/view.h"

struct args {
	int json, offline;
	int64_t count;		/* -1: not given */
};

static const struct opt opts[] = {
	OPT_INT('n', "max-count", "N", struct args, count,
	    "show at most N entries of each list (default 5, and 8 checks)"),
	OPT_FLAG(0, "json", struct args, json, "print JSON"),
	OPT_FLAG(0, "offline", struct args, offline,
	    "show what was fetched before; do not use the network"),
	OPT_END
};

static const char *const usage[] = { "[-n N] [--json] [--offline]", NULL };

#define NOTES_SHOWN 5
#define CHECKS_SHOWN 8
#define RUNS_SHOWN 3

/*
 * In the clone that runs the loop there is no need to wait for a heartbeat
 * to grow old: the lock tells at once.
 */
static enum run_state
state_of(struct repo *r, const struct run *run)
{
	enum run_state state = run_state(run, clock_now());
	int held;

	if (run->outcome == NULL && runstate_is_here(r, run->id, &held))
		return held ? RUN_LIVE : RUN_STALE;
	return state;
}

static void
view_steers(struct out *o, struct repo *r, const struct steers *list,
    size_t most)
{
	size_t i;

	if (list->n == 0)
		return;
	out_str(o, "\n");
	out_styled(o, STYLE_HEAD, "Steering\n");
	for (i = 0; i < list->n && i < most; i++) {
		out_str(o, "  ");
		view_steer(o, r, &list->v[i]);
	}
	if (i < list->total)
		out_styled(o, STYLE_DIM, "  … and %zu more: git agent steer "
		    "--all\n", list->total - i);
}

static void
view_footer(struct out *o, struct repo *r, const struct overview *ov)
{
	struct buf b = BUF_INIT;
	const char *remote = repo_remote(r);

	buf_addf(&b, "%zu record%s in %zu log%s", ov->stats.records,
	    ov->stats.records == 1 ? "" : "s", ov->stats.logs,
	    ov->stats.logs == 1 ? "" : "s");
	if (remote == NULL) {
		buf_addstr(&b, "; no remote");
	} else if (sync_last(r) != 0) {
		buf_addstr(&b, "; fetched ");
		clock_relative(&b, sync_last(r), clock_now());
	}
	if (remote != NULL && ov->unpushed > 0)
		buf_addf(&b, "; %zu of this clone not pushed yet",
		    ov->unpushed);
	out_printf(o, "\n%s", out_begin(o, STYLE_DIM));
	show_block(o, b.p, 0);
	out_str(o, out_end(o, STYLE_DIM));
	buf_release(&b);
}

/* The newest, and what else is alive or was left without an end. */
static void
view_runs(struct out *o, struct repo *r, const struct runs *list)
{
	enum run_state state;
	size_t i, shown = 0, more = list->total - list->n;

	for (i = 0; i < list->n; i++) {
		state = state_of(r, &list->v[i]);
		if (i > 0 && list->v[i].outcome != NULL)
			continue;
		if (state != RUN_LIVE && shown >= RUNS_SHOWN) {
			more++;
			continue;
		}
		view_run(o, &list->v[i], state);
		shown++;
	}
	if (more > 0)
		out_styled(o, STYLE_DIM, "… and %zu more without an end: git "
		    "agent log run\n", more);
	if (list->n == 0)
		out_str(o, "No run yet; 'git agent loop' starts one\n");
}

/* How many entries of a list are shown. */
static size_t
most_of(const struct args *a, size_t usually)
{
	return a->count < 0 ? usually : (size_t)a->count;
}

static void
print_text(struct out *o, struct repo *r, const struct args *a,
    const struct overview *ov)
{
	const struct note *brief = notes_newest(&ov->brief);
	size_t most = most_of(a, NOTES_SHOWN);

	if (brief != NULL)
		view_goal(o, brief);
	view_runs(o, r, &ov->runs);
	view_status(o, r, &ov->status);
	view_checks(o, r, &ov->checks, most_of(a, CHECKS_SHOWN));
	view_steers(o, r, &ov->steers, most);
	view_notes(o, r, "Failed approaches", &ov->failed, most);
	view_notes(o, r, "Known limitations", &ov->limit, most);
	view_notes(o, r, "Next steps", &ov->next, most);
	view_notes(o, r, "Milestones", &ov->milestone, most);
	view_notes(o, r, "Done", &ov->done, most);
	view_footer(o, r, ov);
}

static struct js *
stats_json(struct repo *r, const struct overview *ov, int partial)
{
	struct js *j = js_object();

	js_set_int(j, "records", (int64_t)ov->stats.records);
	js_set_int(j, "logs", (int64_t)ov->stats.logs);
	js_set_int(j, "malformed", (int64_t)ov->stats.malformed);
	js_set_int(j, "missing", (int64_t)ov->stats.missing);
	js_set_int(j, "clock_ahead", (int64_t)ov->stats.ahead);
	js_set_int(j, "unpushed", (int64_t)ov->unpushed);
	js_set_string(j, "remote", repo_remote(r));
	view_set_time(j, "fetched", sync_last(r));
	view_set_time(j, "newest", ov->newest);
	js_set_bool(j, "partial", partial);
	return j;
}

static void
print_json(struct out *o, struct repo *r, const struct overview *ov,
    int partial)
{
	const struct note *brief = notes_newest(&ov->brief);
	const struct note *status = notes_newest(&ov->status);
	struct js *j = js_object(), *list = js_array();
	size_t i;

	js_set_string(j, "goal", brief == NULL ? NULL : brief->subject);
	for (i = 0; i < ov->runs.n; i++)
		js_append(list, view_run_json(&ov->runs.v[i],
		    state_of(r, &ov->runs.v[i])));
	js_set(j, "runs", list);
	js_set(j, "status", status == NULL ? js_null() :
	    view_note_json(r, status));
	list = js_array();
	for (i = 0; i < ov->checks.n; i++)
		js_append(list, view_check_json(&ov->checks.v[i]));
	js_set(j, "checks", list);
	list = js_array();
	for (i = 0; i < ov->steers.n; i++)
		js_append(list, view_steer_json(r, &ov->steers.v[i]));
	js_set(j, "steers", list);
	js_set(j, "failed", view_notes_json(r, &ov->failed, ov->failed.n));
	js_set(j, "limits", view_notes_json(r, &ov->limit, ov->limit.n));
	js_set(j, "next", view_notes_json(r, &ov->next, ov->next.n));
	js_set(j, "milestones", view_notes_json(r, &ov->milestone,
	    ov->milestone.n));
	js_set(j, "done", view_notes_json(r, &ov->done, ov->done.n));
	js_set(j, "stats", stats_json(r, ov, partial));
	js_write(j, o->f);
	js_free(j);
}

static struct err *
show_status(struct repo *r, const struct args *a, int *status)
{
	size_t notes = most_of(a, NOTES_SHOWN);
	size_t checks = most_of(a, CHECKS_SHOWN);
	struct overview ov;
	struct out o;
	struct err *e;
	int partial = 0;

	memset(&ov, 0, sizeof(ov));
	delivery_fetch(r, a->offline ? DELIVERY_OFFLINE : DELIVERY_ALWAYS,
	    &partial);
	if (a->json)
		e = overview_read(r, 0, 0, &ov);
	else	/* 0 would be all */
		e = overview_read(r, notes + (notes == 0), checks +
		    (checks == 0), &ov);
	if (e != NULL)
		goto done;
	delivery_warn(r, &ov.stats, &partial);
	checkpoints_find(r, &ov);
	if (ov.stats.logs == 0 && !a->json) {
		cmd_note("no records here yet; 'git agent init' sets a "
		    "project up");
		goto done;
	}
	e = out_open(&o, !a->json, repo_config(r, "color.ui"));
	if (e != NULL)
		goto done;
	if (a->json)
		print_json(&o, r, &ov, partial);
	else
		print_text(&o, r, a, &ov);
	e = out_close(&o);
done:
	if (partial)
		*status = EXIT_PARTIAL;
	overview_release(&ov);
	return e;
}

static void
defaults(void *values)
{
	((struct args *)values)->count = -1;
}

static struct err *
run(void *values, int argc, char **argv, int *status)
{
	struct repo *r = NULL;
	struct err *e;

	if (argc > 0)
		return err_new(ERR_USAGE, "'%s' is not expected here",
		    argv[0]);
	e = repo_open(&r);
	if (e == NULL)
		e = show_status(r, values, status);
	repo_close(r);
	return e;
}

static const struct cmd cmd = {
	.name = "git-agent-status",
	.summary = "where the work stands, from any clone",
	.usage = usage,
	.opts = opts,
	.values_size = sizeof(struct args),
	.defaults = defaults,
	.run = run,
};

int
main(int argc, char **argv)
{
	return cmd_main(&cmd, argc, argv);
}
