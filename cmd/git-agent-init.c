/* git agent init: set a project up, or connect a clone of one. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cmd.h"
#include "base/out.h"
#include "store/writer.h"
#include "work/brief.h"
#include "work/delivery.h"
#include "work/inbox.h"
#include "work/overview.h"
#include "work/project.h"
#include "work/show.h"

struct args {
	const char *goal, *oracle;
	struct strvec agents;
	int replace, dry_run, offline;
};

static const struct opt opts[] = {
	OPT_STRING(0, "goal", "TEXT", struct args, goal,
	    "what is to be reached, in a sentence or more"),
	OPT_STRING(0, "oracle", "CMD", struct args, oracle,
	    "the command that measures how far it is reached"),
	OPT_LIST(0, "agent", "NAME", struct args, agents,
	    "claude (the default), codex, gemini or opencode; may be "
	    "repeated"),
	OPT_FLAG(0, "replace", struct args, replace,
	    "record this goal in the place of the one that another clone "
	    "recorded"),
	OPT_FLAG('n', "dry-run", struct args, dry_run,
	    "say what would be done, and do nothing"),
	OPT_FLAG(0, "offline", struct args, offline,
	    "do not use the network"),
	OPT_END
};

static const char *const usage[] = {
	"[--goal TEXT] [--replace] [--oracle CMD] [--agent NAME]... "
	    "[--dry-run]",
	NULL
};

#define NO_GOAL "(describe here what is to be reached)"

/* What a file that was left alone does not say now. */
static void
print_kept(const struct args *a, const char *path)
{
	if (strcmp(path, ".claude/settings.json") == 0)
		cmd_note("  add git-agent-hook to it under SessionStart and "
		    "PostToolBatch; git-agent-hook(1) shows the lines");
	if (strcmp(path, PROJECT_FILE) != 0)
		return;
	if (a->goal != NULL)
		cmd_note("  if it does not have this goal yet, write it "
		    "there, and into CLAUDE.md");
	if (a->oracle != NULL)
		cmd_note("  if it does not have this oracle yet, write it "
		    "there: [oracle], command = %s", a->oracle);
	if (a->agents.n > 0)
		cmd_note("  if it does not have this agent yet, write it "
		    "there: [loop], agent = %s", a->agents.v[0]);
}

static void
print_fates(const struct brief *b, const struct args *a)
{
	static const char *const done[] = {
		"created", "unchanged", "left alone (it has other contents)"
	};
	static const char *const would[] = {
		"would be created", "unchanged",
		"would be left alone (it has other contents)"
	};
	size_t i;

	for (i = 0; i < b->n; i++) {
		cmd_note("%s: %s", b->v[i].path,
		    (a->dry_run ? would : done)[b->v[i].fate]);
		if (b->v[i].fate == BRIEF_KEPT)
			print_kept(a, b->v[i].path);
	}
}

/* What a person does next; only what is not done yet. */
static void
print_next(struct repo *r, const struct brief *b, const char *goal)
{
	size_t i;
	struct buf files = BUF_INIT;

	for (i = 0; i < b->n; i++)
		if (b->v[i].fate == BRIEF_CREATED)
			buf_addf(&files, " %s", b->v[i].path);
	if (files.len > 0)
		cmd_note("next: look over%s, then", files.p);
	if (goal == NULL)
		cmd_note("  write the goal into CLAUDE.md and .gitagent, and "
		    "run 'git agent init' again to record the brief");
	if (files.len > 0) {
		cmd_note("  git add%s && git commit -m \"Set up git-agent\""
		    "%s", files.p, repo_remote(r) == NULL ? "" :
		    " && git push");
		cmd_note("  git agent loop");
	}
	buf_release(&files);
}

/* The goal of the file, for the second call after the user's edit. */
static struct err *
goal_of_file(struct repo *r, char **goal)
{
	struct project p;
	struct err *e;

	project_init(&p);
	e = project_read(&p, repo_workdir(r));
	if (e == NULL && p.goal != NULL && strcmp(p.goal, NO_GOAL) != 0)
		*goal = xstrdup(p.goal);
	if (e != NULL && e->code == ERR_NOTFOUND) {
		err_free(e);
		e = NULL;
	}
	project_release(&p);
	return e;
}

/* .gitagent has but the first line of what was recorded before. */
static char *
whole_goal(char *goal, const struct note *brief)
{
	char *whole;

	if (goal == NULL || brief == NULL || *brief->body == '\0' ||
	    strcmp(goal, brief->subject) != 0)
		return goal;
	whole = xasprintf("%s\n\n%s", goal, brief->body);
	free(goal);
	return whole;
}

/* The files are there by now, and a person may have asked for them. */
static struct err *
not_recorded(struct err *why)
{
	struct err *e = err_new(why->code, "%s; the files stay, and the brief "
	    "is not recorded yet: when that is mended, give the same command "
	    "again", why->msg);

	err_free(why);
	return e;
}

/* Record the goal, unless the newest brief says just that. */
static struct err *
record_goal(struct repo *r, const struct args *a, const char *goal)
{
	char hex[OID_HEX_SIZE];
	struct oid id;
	struct err *e;
	int written = 0, arrived = 1;

	if (a->dry_run) {
		cmd_note("brief: would be recorded");
		return NULL;
	}
	e = brief_record(r, goal, &written, &id);
	if (e != NULL)
		return not_recorded(e);
	if (!written)
		return NULL;
	object_abbrev(r, &id, hex);
	if (!a->offline && repo_remote(r) != NULL)
		delivery_push(r, &id, 0, &arrived);
	cmd_note("brief: recorded as %s%s", hex, repo_remote(r) == NULL ||
	    a->offline ? "" : arrived ? " and pushed" : ", not pushed yet");
	return NULL;
}

/* A session that starts now finds the digest; see git-agent-hook. */
static void
write_digest(struct repo *r)
{
	struct inbox_report inbox;
	struct err *e = inbox_update(r, NULL, &inbox);

	if (e != NULL)
		cmd_warn("the agent's digest was not written: %s", e->msg);
	err_free(e);
}

/* `goal` NULL: not known yet. */
static struct err *
set_up(struct repo *r, const struct args *a, const char *goal, int record)
{
	struct brief_options o = { 0 };
	struct brief b;
	struct err *e;

	o.goal = goal == NULL ? NO_GOAL : goal;
	o.oracle = a->oracle;
	o.agents = &a->agents;
	e = brief_plan(&b, r, &o);
	if (e == NULL)
		e = brief_apply(&b, r, a->dry_run);
	if (e != NULL)
		goto done;
	print_fates(&b, a);
	if (goal != NULL && record)
		e = record_goal(r, a, goal);
	if (e == NULL && !a->dry_run) {
		write_digest(r);
		print_next(r, &b, goal);
	}
done:
	brief_release(&b);
	return e;
}

/* 1 if the first line of the text is the goal of the brief. */
static int
is_goal_of(const struct note *brief, const char *text)
{
	size_t n = strcspn(text, "\n");

	return strlen(brief->subject) == n &&
	    strncmp(brief->subject, text, n) == 0;
}

static struct err *
connect_clone(struct repo *r, const struct args *a, const struct overview *ov,
    int files, int *status)
{
	const struct note *brief = notes_newest(&ov->brief);

	cmd_note("%s to a project with %zu record%s: %s", a->dry_run ?
	    "would connect" : "connected", ov->stats.records,
	    ov->stats.records == 1 ? "" : "s", brief->subject);
	if (a->goal != NULL && !is_goal_of(brief, a->goal)) {
		cmd_warn("the goal by %s stands and yours was not recorded; "
		    "to change it for everybody, edit CLAUDE.md and .gitagent "
		    "and give --replace too", brief->author);
		*status = 1;
	}
	if (a->oracle != NULL || a->agents.n > 0)
		return set_up(r, a, brief->subject, 0);
	cmd_note("%s", files ? "'git agent status' shows where it stands" :
	    "its files are not in this branch; 'git pull' or a checkout "
	    "brings them");
	if (!a->dry_run)
		write_digest(r);
	return NULL;
}

/*
 * 1 if the project was set up before: by another clone, or on another branch
 * of this one.  Then there is nothing to start afresh.
 */
static struct err *
is_set_up(struct repo *r, const struct overview *ov, int files, int *found)
{
	const struct note *brief = notes_newest(&ov->brief);
	char *own = NULL;
	struct err *e;

	*found = 0;
	if (brief == NULL)
		return NULL;
	e = writer_id(r, 0, &own);
	*found = e == NULL &&
	    (own == NULL || strcmp(own, brief->writer) != 0 || !files);
	free(own);
	return e;
}

static int
has_project_file(struct repo *r)
{
	char *path = xasprintf("%s/%s", repo_workdir(r), PROJECT_FILE);
	int there = access(path, F_OK) == 0;

	free(path);
	return there;
}

static struct err *
init(struct repo *r, const struct args *a, int *status)
{
	struct overview ov;
	const struct note *brief;
	char *goal = NULL;
	struct err *e;
	int partial = 0, found = 0, files;

	memset(&ov, 0, sizeof(ov));
	e = repo_need_workdir(r);
	/* Before the network is asked, and this clone connected. */
	if (e == NULL)
		e = brief_check_agents(&a->agents);
	if (e != NULL)
		return e;
	files = has_project_file(r);
	/* Unreachable is no obstacle to setting up; the warning is enough. */
	if (!a->offline && !a->dry_run)
		delivery_fetch(r, DELIVERY_ALWAYS, &partial);
	e = overview_read(r, 1, 1, &ov);
	if (e == NULL)
		e = is_set_up(r, &ov, files, &found);
	if (e == NULL && found && !a->replace) {
		e = connect_clone(r, a, &ov, files, status);
		goto done;
	}
	if (e == NULL && a->goal != NULL)
		goal = xstrdup(a->goal);
	else if (e == NULL)
		e = goal_of_file(r, &goal);
	brief = notes_newest(&ov.brief);
	if (a->goal == NULL)
		goal = whole_goal(goal, brief);
	if (e == NULL && goal != NULL && brief != NULL &&
	    !is_goal_of(brief, goal))
		cmd_note("this goal %s the place of the one by %s: '%s'",
		    a->dry_run ? "would take" : "takes", brief->author,
		    brief->subject);
	if (e == NULL)
		e = set_up(r, a, goal, 1);
done:
	overview_release(&ov);
	free(goal);
	return e;
}

/* The same text without blanks around it, malloc'd; NULL for NULL. */
static char *
trimmed(const char *text)
{
	struct buf b = BUF_INIT;

	if (text == NULL)
		return NULL;
	buf_addstr(&b, text + strspn(text, " \t\r\n"));
	buf_rtrim(&b);
	return buf_steal(&b);
}

static struct err *
run(void *values, int argc, char **argv, int *status)
{
	struct args *a = values;
	char *goal = trimmed(a->goal), *oracle = trimmed(a->oracle);
	struct repo *r = NULL;
	struct err *e = NULL;

	a->goal = goal;
	a->oracle = oracle;
	if (argc > 0)
		e = err_new(ERR_USAGE, "'%s' is not expected here; a goal "
		    "is given as --goal \"text\"", argv[0]);
	else if ((goal != NULL && *goal == '\0') ||
	    (oracle != NULL && *oracle == '\0'))
		e = err_new(ERR_USAGE, "%s is empty", goal != NULL &&
		    *goal == '\0' ? "the goal" : "the oracle's command");
	if (e == NULL)
		e = repo_open(&r);
	if (e == NULL)
		e = init(r, a, status);
	repo_close(r);
	free(goal);
	free(oracle);
	return e;
}

static const struct cmd cmd = {
	.name = "git-agent-init",
	.summary = "set a project up, or connect a clone of one",
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
