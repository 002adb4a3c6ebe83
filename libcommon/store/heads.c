#include "store/heads.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/proc.h"

#define BRANCHES "refs/heads/"
#define STAND_IN "git-agent-push-address"

struct asking {
	struct repo *repo;
	const char *remote;
	const char *address;	/* NULL: the one that is fetched from */
	const struct network_tick *tick;
	struct reflist tips;
	int reached;
	char *problem;
};

static struct err *
run(struct asking *a, const struct strvec *argv, struct buf *output)
{
	struct err *e;
	int status;

	e = network_git(argv, a->remote, 1, NETWORK_LIMIT, a->tick, output,
	    &status);
	a->reached = e == NULL && status == 0;
	if (e == NULL && !a->reached)
		a->problem = network_problem(output->p, status);
	return e;
}

/*
 * Begin the words of a git that asks; returns what it is to ask.  An address
 * has been replaced as url.*.insteadOf has it, and git would do so again: to
 * a mirror, perhaps, that pushes were to avoid.  No rule replaces our own
 * word but ours, which git cuts at the first '=', though.
 */
static const char *
begin(const struct asking *a, struct strvec *argv)
{
	strvec_push(argv, "git");
	if (a->address == NULL)
		return a->remote;
	if (strchr(a->address, '=') != NULL)
		return a->address;
	strvec_push(argv, "-c");
	strvec_pushf(argv, "url.%s.insteadOf=" STAND_IN, a->address);
	return STAND_IN;
}

/* "<hex>\t<ref>", among other words; records that are branches are none. */
static void
take_tip(struct asking *a, const char *line, size_t n, const char *records)
{
	char *text = xstrndup(line, n), *name = strchr(text, '\t');
	struct oid id;

	if (name != NULL) {
		*name++ = '\0';
		if (oid_parse(text, &id) == 0 &&
		    strncmp(name, BRANCHES, strlen(BRANCHES)) == 0 &&
		    (strncmp(name, records, strlen(records)) != 0 ||
		    name[strlen(records)] != '/'))
			reflist_add(&a->tips, name, &id);
	}
	free(text);
}

static struct err *
list_tips(struct asking *a)
{
	struct strvec argv = STRVEC_INIT;
	struct buf output = BUF_INIT;
	const char *records = NULL, *where = begin(a, &argv), *p, *stop;
	struct err *e;

	strvec_pushl(&argv, "ls-remote", "--quiet", "--heads", "--", where,
	    (char *)NULL);
	e = repo_prefix(a->repo, &records);
	if (e == NULL)
		e = run(a, &argv, &output);
	for (p = output.p; e == NULL && a->reached && *p != '\0';
	    p = *stop == '\0' ? stop : stop + 1) {
		stop = p + strcspn(p, "\n");
		take_tip(a, p, (size_t)(stop - p), records);
	}
	buf_release(&output);
	strvec_release(&argv);
	return e;
}

/* Does a fetch refspec bring this ref?  "+refs/heads/x*y:…" */
static int
brings(const char *spec, const char *name)
{
	size_t before, after, n = strlen(name), end;

	spec += *spec == '+';
	if (*spec == '^')
		return 0;
	end = strcspn(spec, ":");
	before = strcspn(spec, "*:");
	if (before == end)
		return n == end && strncmp(spec, name, n) == 0;
	after = end - before - 1;
	return n >= before + after && strncmp(spec, name, before) == 0 &&
	    strncmp(spec + before + 1, name + n - after, after) == 0;
}

/* The refs that may have HEAD in their history, if they were here. */
static struct err *
find_wanted(struct asking *a, struct strvec *names)
{
	char *branch = repo_branch(a->repo), *same = NULL, *key = NULL;
	const char *upstream = NULL;
	struct strvec specs = STRVEC_INIT;
	struct err *e;
	size_t i, j;

	if (branch != NULL) {
		same = xasprintf(BRANCHES "%s", branch);
		key = xasprintf("branch.%s.merge", branch);
		upstream = repo_config(a->repo, key);
	}
	e = repo_refspecs(a->repo, a->remote, &specs);
	for (i = 0; e == NULL && i < a->tips.n; i++) {
		const struct ref *tip = &a->tips.v[i];
		int wanted = (same != NULL && strcmp(same, tip->name) == 0) ||
		    (upstream != NULL && strcmp(upstream, tip->name) == 0);

		for (j = 0; j < specs.n && !wanted; j++)
			wanted = brings(specs.v[j], tip->name);
		if (wanted && !object_exists(a->repo, &tip->id))
			strvec_push(names, tip->name);
	}
	strvec_release(&specs);
	free(branch);
	free(same);
	free(key);
	return e;
}

/* Without maintenance, as in transfer_fetch(). */
static struct err *
fetch_tips(struct asking *a, const struct strvec *names)
{
	struct strvec argv = STRVEC_INIT;
	struct buf output = BUF_INIT;
	const char *where = begin(a, &argv);
	struct err *e;
	size_t i;

	strvec_pushl(&argv, "-c", "maintenance.auto=false", "fetch",
	    "--quiet", "--no-tags", "--no-prune", "--no-write-fetch-head",
	    "--no-recurse-submodules", "--refmap=", "--", where,
	    (char *)NULL);
	for (i = 0; i < names->n; i++)
		strvec_push(&argv, names->v[i]);
	e = run(a, &argv, &output);
	buf_release(&output);
	strvec_release(&argv);
	return e;
}

static struct err *
ask(struct asking *a, const struct oid *id, enum heads_answer *answer)
{
	struct strvec names = STRVEC_INIT;
	struct err *e;
	int found = 0;

	e = list_tips(a);
	if (e == NULL && a->reached)
		found = reflist_contains(a->repo, &a->tips, id);
	if (e == NULL && a->reached && !found)
		e = find_wanted(a, &names);
	if (e == NULL && names.n > 0)
		e = fetch_tips(a, &names);
	if (e == NULL && a->reached && names.n > 0)
		found = reflist_contains(a->repo, &a->tips, id);
	*answer = !a->reached ? HEADS_UNREACHED :
	    found ? HEADS_WITH : HEADS_WITHOUT;
	strvec_release(&names);
	reflist_release(&a->tips);
	return e;
}

/* Of a remote that is in no file of this clone git says none. */
static struct err *
addresses(const char *remote, const char *option, struct strvec *list)
{
	struct strvec argv = STRVEC_INIT;
	struct proc p = PROC_INIT;
	struct buf text = BUF_INIT;
	char *rest, *line;
	struct err *e;
	int status;

	strvec_pushl(&argv, "git", "remote", "get-url", "--all", option,
	    "--", remote, (char *)NULL);
	p.argv = &argv;
	p.flags = PROC_NO_STDERR;
	e = proc_capture(&p, NULL, &text, NULL, &status);
	rest = text.p;
	while (e == NULL && status == 0 &&
	    (line = strsep(&rest, "\n")) != NULL)
		if (*line != '\0')
			strvec_push(list, line);
	buf_release(&text);
	strvec_release(&argv);
	return e;
}

struct err *
heads_ask(struct repo *r, const char *remote, const struct oid *id,
    const struct network_tick *tick, enum heads_answer *answer,
    char **problem)
{
	struct strvec from = STRVEC_INIT, to = STRVEC_INIT;
	struct err *e;
	size_t i;

	*answer = HEADS_WITH;
	*problem = NULL;
	e = addresses(remote, "--no-push", &from);
	if (e == NULL)
		e = addresses(remote, "--push", &to);
	/* By its name a remote has more settings than its address. */
	if (from.n == 0)
		strvec_push(&from, remote);
	if (to.n == 0)
		strvec_push(&to, from.v[0]);
	for (i = 0; e == NULL && *answer == HEADS_WITH && i < to.n; i++) {
		struct asking a = { r, remote, NULL, tick, REFLIST_INIT, 0,
		    NULL };

		if (strcmp(to.v[i], from.v[0]) != 0)
			a.address = to.v[i];
		e = ask(&a, id, answer);
		*problem = a.problem;
	}
	strvec_release(&from);
	strvec_release(&to);
	return e;
}
