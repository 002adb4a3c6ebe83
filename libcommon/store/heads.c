#include "store/heads.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

#define BRANCHES "refs/heads/"

struct asking {
	struct repo *repo;
	const char *remote;
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

	e = network_git(argv, a->remote, 1, a->tick, output, &status);
	a->reached = e == NULL && status == 0;
	if (e == NULL && !a->reached)
		a->problem = network_problem(output->p, status);
	return e;
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
	const char *records = NULL, *p, *stop;
	struct err *e;

	strvec_pushl(&argv, "git", "ls-remote", "--quiet", "--heads", "--",
	    a->remote, (char *)NULL);
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
	struct err *e;
	size_t i;

	strvec_pushl(&argv, "git", "-c", "maintenance.auto=false", "fetch",
	    "--quiet", "--no-tags", "--no-prune", "--no-write-fetch-head",
	    "--no-recurse-submodules", "--refmap=", "--", a->remote,
	    (char *)NULL);
	for (i = 0; i < names->n; i++)
		strvec_push(&argv, names->v[i]);
	e = run(a, &argv, &output);
	buf_release(&output);
	strvec_release(&argv);
	return e;
}

struct err *
heads_ask(struct repo *r, const char *remote, const struct oid *id,
    const struct network_tick *tick, enum heads_answer *answer,
    char **problem)
{
	struct asking a = { r, remote, tick, REFLIST_INIT, 0, NULL };
	struct strvec names = STRVEC_INIT;
	struct err *e;
	int found = 0;

	e = list_tips(&a);
	if (e == NULL && a.reached)
		found = reflist_contains(r, &a.tips, id);
	if (e == NULL && a.reached && !found)
		e = find_wanted(&a, &names);
	if (e == NULL && names.n > 0)
		e = fetch_tips(&a, &names);
	if (e == NULL && a.reached && names.n > 0)
		found = reflist_contains(r, &a.tips, id);
	*answer = !a.reached ? HEADS_UNREACHED :
	    found ? HEADS_WITH : HEADS_WITHOUT;
	*problem = a.problem;
	strvec_release(&names);
	reflist_release(&a.tips);
	return e;
}
