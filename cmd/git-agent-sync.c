/* git agent sync: fetch and push the records. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/cmd.h"
#include "base/js.h"
#include "base/out.h"
#include "base/text.h"
#include "store/rollup.h"
#include "store/sync.h"
#include "work/checkup.h"
#include "work/delivery.h"
#include "work/entry.h"
#include "work/inbox.h"

/* With --if-stale, one fetch at most in so many µs. */
#define STALE_AFTER (20 * CLOCK_SECOND)

/* Which logs have ended, if nothing else is said. */
#define ENDED_AFTER "30d"

struct args {
	const char *older_than;
	int fetch, push, quiet, json, inbox, background, if_stale;
	int roll_up, dry_run;
	int check, repair, offline;
};

static const struct opt opts[] = {
	OPT_FLAG(0, "fetch", struct args, fetch, "only fetch"),
	OPT_FLAG(0, "push", struct args, push, "only push"),
	OPT_FLAG(0, "inbox", struct args, inbox,
	    "then hand new instructions to the agent of this work tree"),
	OPT_FLAG(0, "background", struct args, background,
	    "never ask for a password, give up after two minutes"),
	OPT_FLAG(0, "if-stale", struct args, if_stale,
	    "use no network if a fetch was made in the last 20 seconds"),
	OPT_FLAG(0, "roll-up", struct args, roll_up,
	    "then bring the logs of writers that have ended into this "
	    "clone's"),
	OPT_STRING(0, "older-than", "AGE", struct args, older_than,
	    "with --roll-up: ended is what has no record since (default "
	    ENDED_AFTER ")"),
	OPT_FLAG('n', "dry-run", struct args, dry_run,
	    "with --roll-up or --repair: say what would be done, and do "
	    "nothing"),
	OPT_FLAG(0, "check", struct args, check,
	    "change nothing; say what is wrong, and what mends it"),
	OPT_FLAG(0, "repair", struct args, repair,
	    "say what is wrong and what will be done, and do it"),
	OPT_FLAG(0, "offline", struct args, offline,
	    "with --check or --repair: do not ask the remote"),
	OPT_FLAG(0, "json", struct args, json, "print the report as JSON"),
	OPT_FLAG('q', "quiet", struct args, quiet, "print only problems"),
	OPT_END
};

static const char *const usage[] = {
	"[--fetch | --push] [--inbox] [--json] [--quiet]",
	"--roll-up [--older-than AGE] [--dry-run]",
	"(--check | --repair [--dry-run]) [--offline] [--json] [--quiet]",
	NULL
};

static const char *
fate_name(enum sync_fate fate)
{
	static const char *const names[] = {
		[SYNC_UP_TO_DATE] = "up to date", [SYNC_NEW] = "new",
		[SYNC_MOVED] = "moved", [SYNC_RESTORED] = "restored",
		[SYNC_CARRIED] = "carried", [SYNC_ROLLED_UP] = "rolled up",
		[SYNC_REFUSED] = "refused", [SYNC_REWOUND] = "rewound",
	};

	return names[fate];
}

static void
print_table(struct out *o, const struct sync_report *rep)
{
	struct table *t = table_new(4);
	const struct sync_ref *ref;
	struct buf b = BUF_INIT;
	size_t i;

	for (i = 0; i < rep->n; i++) {
		ref = &rep->refs[i];
		buf_clear(&b);
		text_clean(&b, ref->name, strlen(ref->name), TEXT_LINE);
		table_cell(t, STYLE_PLAIN, ref->pushed ? "push" : "fetch");
		table_cell(t, STYLE_PLAIN, b.p);
		table_cell(t, ref->fate >= SYNC_REFUSED ? STYLE_BAD :
		    STYLE_GOOD, fate_name(ref->fate));
		buf_clear(&b);
		if (ref->reason != NULL)
			text_clean(&b, ref->reason, strlen(ref->reason),
			    TEXT_LINE);
		table_cell(t, STYLE_DIM, b.p);
	}
	table_print(t, o, 0);
	table_free(t);
	buf_release(&b);
}

static void
print_json(struct out *o, const struct sync_report *rep, size_t unpushed)
{
	struct js *j = js_object(), *refs = js_array(), *one;
	size_t i;

	js_set_string(j, "remote", rep->remote);
	js_set_string(j, "prefix", rep->prefix);
	js_set_bool(j, "reached", rep->reached);
	js_set_string(j, "problem", rep->problem);
	js_set_string(j, "words", rep->words);
	js_set_int(j, "unpushed", (int64_t)unpushed);
	js_set_string(j, "renewed", rep->renewed);
	for (i = 0; i < rep->n; i++) {
		one = js_object();
		js_set_string(one, "ref", rep->refs[i].name);
		js_set_string(one, "target", rep->refs[i].target);
		js_set_string(one, "direction",
		    rep->refs[i].pushed ? "push" : "fetch");
		js_set_string(one, "fate", fate_name(rep->refs[i].fate));
		js_set_string(one, "reason", rep->refs[i].reason);
		js_append(refs, one);
	}
	js_set(j, "refs", refs);
	js_write(j, o->f);
	js_free(j);
}

/* All are gone at once: for a fetch, what is hidden looks no different. */
static void
hint_hidden(const struct sync_report *rep)
{
	size_t i;

	for (i = 0; i < rep->present.n; i++)
		if (strncmp(rep->present.v[i], "log/", 4) == 0)
			return;
	/* One that the push found there is hidden; else it was put back. */
	for (i = 0; i < rep->n; i++)
		if (rep->refs[i].pushed && rep->refs[i].fate != SYNC_REFUSED &&
		    rep->refs[i].fate != SYNC_UP_TO_DATE &&
		    strncmp(rep->refs[i].name, "log/", 4) == 0)
			return;
	if (rep->rewound > 0)
		cmd_note("hint: no log at all is left on '%s'; if nobody has "
		    "deleted them, ask who runs the host whether "
		    "transfer.hideRefs or uploadpack.hideRefs of git hides "
		    "'%s' there", rep->remote, rep->prefix);
}

static void
print_problems(const struct sync_report *rep, size_t unpushed)
{
	size_t i;

	if (!rep->reached || rep->problem != NULL)
		cmd_warn("'%s': %s", rep->remote, rep->problem == NULL ?
		    "no answer" : rep->problem);
	for (i = 0; i < rep->n; i++)
		if (rep->refs[i].fate == SYNC_REWOUND)
			cmd_warn("on '%s', '%s' has lost records that were "
			    "fetched before; they are kept here, and the "
			    "remote's version is not adopted", rep->remote,
			    rep->refs[i].name);
		else if (rep->refs[i].fate == SYNC_RESTORED)
			cmd_note("on '%s', '%s' had lost records of this "
			    "clone; they are there again", rep->remote,
			    rep->refs[i].name);
	hint_hidden(rep);
	delivery_warn_refused(rep);
	if (unpushed > 0)
		cmd_warn("%zu record%s not at '%s' yet", unpushed,
		    unpushed == 1 ? " of this clone is" : "s of this clone "
		    "are", rep->remote);
	if (rep->renewed != NULL)
		cmd_note("another copy of this clone had written to the same "
		    "log; this one goes on as '%s'", rep->renewed);
}

static struct err *
print_report(struct repo *r, const struct args *a,
    const struct sync_report *rep, size_t unpushed)
{
	struct out o;
	struct err *e;

	e = out_open(&o, 0, repo_config(r, "color.ui"));
	if (e != NULL)
		return e;
	if (a->json)
		print_json(&o, rep, unpushed);
	else if (!a->quiet && rep->n > 0)
		print_table(&o, rep);
	else if (!a->quiet && rep->reached)
		cmd_note("nothing new on '%s'", rep->remote);
	return out_close(&o);
}

/* There is no remote, or nobody knows which. */
static struct err *
report_none(struct repo *r, const struct args *a,
    const struct sync_report *rep, int *status)
{
	if (delivery_warn_unclear(r))
		*status = EXIT_NO;
	else if (!a->json && !a->quiet)
		cmd_note("this repository has no remote: records stay in this "
		    "clone ('git remote add origin URL')");
	return a->json ? print_report(r, a, rep, 0) : NULL;
}

static struct err *
report(struct repo *r, const struct args *a, const struct sync_report *rep,
    int *status)
{
	struct oidset left = OIDSET_INIT;
	struct err *e;

	if (rep->remote == NULL)
		return report_none(r, a, rep, status);
	e = sync_unpushed(r, &left);
	if (e == NULL)
		e = print_report(r, a, rep, left.used);
	print_problems(rep, a->fetch ? 0 : left.used);
	if (!rep->reached || rep->refused > 0 ||
	    (left.used > 0 && !a->fetch))
		*status = EXIT_NO;
	else if (rep->rewound > 0)
		*status = EXIT_PARTIAL;
	oidset_release(&left);
	return e;
}

static struct err *
update_inbox(struct repo *r, struct inbox_report *in)
{
	const char *id = getenv("GIT_AGENT_RUN");

	return inbox_update(r, id != NULL && run_id_ok(id) ? id : NULL, in);
}

/* Another call of the same hook, or a person, was here just before. */
static struct err *
sync_inbox_alone(struct repo *r, const struct args *a)
{
	struct sync_report rep;
	struct inbox_report in;
	struct err *e;

	if (!a->inbox)
		return NULL;
	e = update_inbox(r, &in);
	if (e != NULL || in.acknowledged == 0)
		return e;
	e = sync_run(r, SYNC_PUSH | (a->background ? SYNC_BACKGROUND : 0),
	    &rep);
	sync_report_release(&rep);
	return e;
}

static struct err *
sync_all(struct repo *r, const struct args *a, int *status)
{
	int flags = a->background ? SYNC_BACKGROUND : 0;
	struct sync_report rep, again;
	struct inbox_report in;
	struct err *e;

	flags |= a->push ? 0 : SYNC_FETCH;
	flags |= a->fetch ? 0 : SYNC_PUSH;
	memset(&rep, 0, sizeof(rep));
	memset(&in, 0, sizeof(in));
	/* What was delivered goes out with this push, not with the next. */
	e = a->inbox ? update_inbox(r, &in) : NULL;
	if (e == NULL)
		e = sync_run(r, flags, &rep);
	if (e == NULL && a->inbox)
		e = update_inbox(r, &in);
	if (e == NULL && in.acknowledged > 0) {
		e = sync_run(r, SYNC_PUSH | (flags & SYNC_BACKGROUND), &again);
		sync_report_release(&again);
	}
	if (e == NULL)
		e = report(r, a, &rep, status);
	if (e == NULL && repo_damage(r) != NULL)
		cmd_warn("%s", repo_damage(r));
	sync_report_release(&rep);
	return e;
}

static void
say_rolled_up(const struct args *a, const struct rollup *u)
{
	if (u->logs == 0) {
		cmd_note("no log on '%s' has ended more than %s ago",
		    u->sync.remote, a->older_than);
	} else if (a->dry_run) {
		cmd_note("would roll up %zu log%s of '%s' that ended more than "
		    "%s ago", u->logs, u->logs == 1 ? "" : "s",
		    u->sync.remote, a->older_than);
	} else if (u->deleted > 0) {
		cmd_note("rolled up %zu log%s of '%s' into this clone's",
		    u->deleted, u->deleted == 1 ? "" : "s", u->sync.remote);
	}
	if (u->refused > 0)
		cmd_warn("%zu log%s on '%s' could not be deleted (%s); no "
		    "record is lost, and the next roll-up tries again",
		    u->refused, u->refused == 1 ? "" : "s", u->sync.remote,
		    u->reason == NULL ? "no reason given" : u->reason);
	if (u->kept > 0)
		cmd_warn("%zu log%s that '%s' has no more could not be dropped "
		    "here (%s); no record is lost, and the next sync tries "
		    "again", u->kept, u->kept == 1 ? "" : "s", u->sync.remote,
		    u->locked);
}

static struct err *
roll_up(struct repo *r, struct args *a, int *status)
{
	struct rollup u;
	int64_t age;
	struct err *e;

	if (a->older_than == NULL)
		a->older_than = ENDED_AFTER;
	e = clock_parse_duration(a->older_than, &age);
	if (e != NULL)
		return e;
	e = rollup_run(r, age, a->dry_run, &u);
	if (e == NULL)
		e = report(r, a, &u.sync, status);
	if (e == NULL && u.sync.remote != NULL && u.sync.reached)
		say_rolled_up(a, &u);
	if (u.refused > 0 || u.kept > 0 || (!a->dry_run && u.deleted < u.logs))
		*status = EXIT_NO;
	rollup_release(&u);
	return e;
}

static struct err *
check_age(const char *text)
{
	int64_t age;
	struct err *e = clock_parse_duration(text, &age);

	e = err_prefix(e, "option '--older-than'");
	if (e != NULL)
		e->code = ERR_USAGE;
	return e;
}

static struct err *
check_args(const struct args *a)
{
	struct err *e;

	if (a->fetch && a->push)
		return err_new(ERR_USAGE, "--fetch and --push cannot be "
		    "combined; without either, both are done");
	if ((a->check || a->repair) &&
	    (a->fetch || a->push || a->inbox || a->if_stale))
		return err_new(ERR_USAGE, "--%s cannot be combined with "
		    "--fetch, --push, --inbox or --if-stale",
		    a->repair ? "repair" : "check");
	if (a->roll_up && (a->fetch || a->push || a->inbox || a->if_stale ||
	    a->check || a->repair))
		return err_new(ERR_USAGE, "--roll-up fetches and pushes, and "
		    "cannot be combined with --fetch, --push, --inbox, "
		    "--if-stale, --check or --repair");
	if (a->older_than != NULL && !a->roll_up)
		return err_new(ERR_USAGE, "--older-than needs --roll-up");
	if (a->older_than != NULL && (e = check_age(a->older_than)) != NULL)
		return e;
	if (a->dry_run && !a->roll_up && !a->repair)
		return err_new(ERR_USAGE, "--dry-run needs --roll-up or "
		    "--repair");
	if (a->offline && !a->check && !a->repair)
		return err_new(ERR_USAGE, "--offline goes with --check and "
		    "--repair");
	return NULL;
}

static struct err *
check_up(const struct args *a, int *status)
{
	const struct checkup c = { a->repair, a->dry_run, a->offline,
	    a->background, a->json, a->quiet };
	struct repo *r = NULL;
	struct err *e = repo_open(&r);

	if (e != NULL && e->code == ERR_CONFIG)
		e = checkup_settings(e, &c, status);
	else if (e == NULL)
		e = checkup_run(r, &c, status);
	repo_close(r);
	return e;
}

static struct err *
run(void *values, int argc, char **argv, int *status)
{
	struct args *a = values;
	struct repo *r = NULL;
	struct err *e;

	if (argc > 0)
		return err_new(ERR_USAGE, "'%s' is not expected here",
		    argv[0]);
	e = check_args(a);
	if (e == NULL && (a->check || a->repair))
		return check_up(a, status);
	if (e == NULL)
		e = repo_open(&r);
	if (e != NULL)
		return e;
	if (a->roll_up)
		e = roll_up(r, a, status);
	else if (a->if_stale &&
	    clock_now() - sync_last(r) < STALE_AFTER)
		e = sync_inbox_alone(r, a);
	else
		e = sync_all(r, a, status);
	repo_close(r);
	return e;
}

static const struct cmd cmd = {
	.name = "git-agent-sync",
	.summary = "fetch and push the records",
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
