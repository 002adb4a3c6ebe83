#include "store/transfer-parts.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "store/network.h"
#include "store/sync-former.h"
#include "store/sync-state.h"
#include "store/transfer-explain.h"
#include "store/unreached.h"
#include "store/writer-name.h"

#define KILLED_BY 128	/* and above: 128 plus the number of the signal */
/*
 * One less than what git takes for infinite, as --unshallow is: that brings
 * the project's whole history, too, and this only that of what is fetched.
 */
#define FULL_DEPTH 2147483646

/* 1 if no writer can have made what is fetched by this name. */
static int
is_nobodys(const char *name)
{
	static const char *const folders[] = { "log/", "beat/", "notes/" };
	const char *writer = former_writer(name);
	size_t i;

	for (i = 0; writer == NULL && i < 3; i++)
		if (strncmp(name, folders[i], strlen(folders[i])) == 0)
			writer = name + strlen(folders[i]);
	return writer != NULL && !writer_name_ok(writer);
}

void
transfer_add_ref(struct sync_report *rep, char *name, int pushed,
    enum sync_fate fate, char *reason)
{
	struct sync_ref *ref;

	ALLOC_GROW(rep->refs, rep->n, rep->cap);
	ref = &rep->refs[rep->n++];
	ref->name = name;
	ref->pushed = pushed;
	ref->fate = fate;
	ref->reason = reason;
	ref->target = NULL;
	ref->by_host = 0;
	ref->by_object = 0;
	ref->stays = 0;
	ref->nobodys = !pushed && is_nobodys(name);
	rep->rewound += fate == SYNC_REWOUND;
	rep->refused += fate == SYNC_REFUSED && !ref->nobodys;
}

void
transfer_refuse(struct sync_report *rep, char *name, char *reason)
{
	transfer_add_ref(rep, name, 0, SYNC_REFUSED, reason);
	rep->refs[rep->n - 1].by_object = 1;
}

char *
transfer_reason(const char *line, const char *stop)
{
	const char *open = NULL, *p;

	for (p = line; p < stop; p++)
		if (*p == '(')
			open = p;
	if (open == NULL || stop[-1] != ')')
		return NULL;
	return xstrndup(open + 1, (size_t)(stop - open - 2));
}

/* What is behind "<folder><remote>/", or NULL. */
static const char *
below(const char *ref, const char *folder, const char *remote)
{
	size_t n = strlen(folder), m = strlen(remote);

	return strncmp(ref, folder, n) == 0 &&
	    strncmp(ref + n, remote, m) == 0 && ref[n + m] == '/' ?
	    ref + n + m + 1 : NULL;
}

char *
transfer_fetched_name(const char *ref, const char *remote)
{
	const char *name = below(ref, "refs/agent-remotes/", remote);

	if (name != NULL)
		return xstrdup(name);
	name = below(ref, "refs/notes/agent-remotes/", remote);
	return name == NULL ? NULL : xasprintf("notes/%s", name);
}

static enum sync_fate
fetched_fate(char flag, const char *reason)
{
	switch (flag) {
	case '*': return SYNC_NEW;
	case '=': return SYNC_UP_TO_DATE;
	case '!': return reason != NULL &&
		strstr(reason, "non-fast-forward") != NULL ?
		SYNC_REWOUND : SYNC_REFUSED;
	default: return SYNC_MOVED;
	}
}

/*
 * " * [new ref]   refs/agent/log/x -> refs/agent-remotes/origin/log/x", with
 * " ! [rejected]" for a log that is not a continuation of the one we have.
 */
static void
fetch_line(struct sync_report *rep, const char *line, const char *stop)
{
	static const char arrow[] = " -> ";
	char *text, *to, *name, *reason;

	if (stop - line < 4 || line[0] != ' ')
		return;
	text = xstrndup(line, (size_t)(stop - line));
	to = strstr(text, arrow);
	if (to == NULL)
		goto done;
	to += sizeof(arrow) - 1;
	reason = transfer_reason(text, text + (stop - line));
	to[strcspn(to, " ")] = '\0';
	name = transfer_fetched_name(to, rep->remote);
	if (name != NULL)
		strvec_push(&rep->present, name);
	if (name == NULL || line[1] == '=') {
		free(reason);
		free(name);
	} else
		transfer_add_ref(rep, name, 0, fetched_fate(line[1], reason),
		    reason);
done:
	free(text);
}

void
transfer_each_line(struct sync_report *rep,
    void (*line)(struct sync_report *, const char *, const char *),
    const char *output)
{
	const char *p, *stop;

	for (p = output; *p != '\0'; p = *stop == '\0' ? stop : stop + 1) {
		stop = p + strcspn(p, "\n");
		line(rep, p, stop);
	}
}

/* A ref refused by the one side is an answer; no ref at all is a problem. */
void
transfer_conclude(struct sync_report *rep, const struct buf *output,
    int status, size_t refs_before)
{
	rep->killed |= status > KILLED_BY;
	rep->reached = status == 0 || rep->n > refs_before;
	if (rep->reached && status <= 1)
		return;
	free(rep->problem);
	rep->problem = network_problem(output->p, status);
}

void
transfer_begin(struct sync_report *rep)
{
	rep->until = clock_monotonic() + NETWORK_LIMIT;
}

void
transfer_end(struct sync_report *rep)
{
	rep->until = 0;
}

struct err *
transfer_git(struct sync_report *rep, const struct strvec *argv,
    int background, struct buf *output, int *status)
{
	int64_t limit = rep->until == 0 ? NETWORK_LIMIT :
	    rep->until - clock_monotonic();

	return network_git(argv, rep->remote, background, limit, NULL,
	    output, status);
}

static int
string_cmp(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* A log that we have fetched, and that the remote does not have any more. */
static struct err *
find_deleted(struct repo *r, struct sync_report *rep)
{
	char *prefix = xasprintf("refs/agent-remotes/%s/", rep->remote);
	char *logs = xasprintf("%slog/", prefix);
	const struct strvec *there = &rep->present;
	struct reflist refs = REFLIST_INIT;
	struct err *e;
	size_t i, k = 0;

	if (there->n > 0)
		qsort(there->v, there->n, sizeof(*there->v), string_cmp);
	e = ref_list(r, logs, &refs);
	/* Both are in order. */
	for (i = 0; e == NULL && i < refs.n; i++) {
		const char *name = refs.v[i].name + strlen(prefix);

		while (k < there->n && strcmp(there->v[k], name) < 0)
			k++;
		if (k == there->n || strcmp(there->v[k], name) != 0)
			transfer_add_ref(rep, xstrdup(name), 0, SYNC_REWOUND,
			    xstrdup("deleted"));
	}
	reflist_release(&refs);
	free(logs);
	free(prefix);
	return e;
}

struct err *
transfer_fetch_once(struct repo *r, const struct strvec *specs,
    int background, struct sync_report *rep, struct buf *output)
{
	struct strvec argv = STRVEC_INIT;
	size_t i, before = rep->n;
	struct err *e;
	int status;

	/*
	 * Records are whole in a partial clone too, to be read offline.
	 * Without maintenance: killed in it, git leaves a lock that keeps it
	 * from ever collecting garbage again.  The next commit does it.
	 */
	strvec_pushl(&argv, "git", "-c", "fetch.output=full", "-c",
	    "maintenance.auto=false", (char *)NULL);
	if (unreached_wants_packs(r))
		strvec_pushl(&argv, "-c", "fetch.unpackLimit=1", (char *)NULL);
	strvec_pushl(&argv, "fetch", "--no-filter", "--no-tags",
	    "--no-prune", "--no-write-fetch-head",
	    "--no-recurse-submodules", "--verbose", "--refmap=",
	    (char *)NULL);
	if (rep->refetch)
		strvec_push(&argv, "--refetch");
	if (rep->deepen)
		strvec_pushf(&argv, "--depth=%d", FULL_DEPTH);
	strvec_pushl(&argv, "--", rep->remote, (char *)NULL);
	for (i = 0; i < specs->n; i++)
		strvec_push(&argv, specs->v[i]);
	e = transfer_git(rep, &argv, background, output, &status);
	refs_moved(r);
	if (e == NULL) {
		transfer_each_line(rep, fetch_line, output->p);
		transfer_conclude(rep, output, status, before);
		transfer_explain_lock(rep, output->p, before);
		transfer_explain_worktree(r, rep);
	}
	strvec_release(&argv);
	return e;
}

/* Without a look at what the remote does not have any more. */
static struct err *
fetch_all(struct repo *r, const struct strvec *specs, int background,
    struct sync_report *rep)
{
	struct buf output = BUF_INIT;
	struct err *e;

	e = transfer_fetch_once(r, specs, background, rep, &output);
	/* With a depth git fails where there is nothing to fetch. */
	if (e == NULL && rep->deepen && !rep->reached) {
		rep->deepen = 0;
		free(rep->problem);
		rep->problem = NULL;
		buf_clear(&output);
		e = transfer_fetch_once(r, specs, background, rep, &output);
	}
	if (e == NULL && !rep->reached && apart_may_fetch(output.p))
		e = apart_fetch(r, specs, background, rep);
	else if (e == NULL && rep->reached && rep->whole)
		sync_write_unfetched(r, rep->remote, "");
	buf_release(&output);
	return e;
}

struct err *
transfer_fetch(struct repo *r, const struct strvec *specs, int background,
    struct sync_report *rep)
{
	struct err *e;

	strvec_release(&rep->present);
	free(rep->problem);
	rep->problem = NULL;
	transfer_begin(rep);
	e = fetch_all(r, specs, background, rep);
	transfer_end(rep);
	if (e == NULL && rep->reached && rep->problem == NULL)
		e = find_deleted(r, rep);
	return e;
}

struct err *
transfer_list(const struct strvec *patterns, int background,
    struct buf *output, struct sync_report *rep)
{
	struct strvec argv = STRVEC_INIT;
	struct err *e;
	size_t i;
	int status;

	strvec_pushl(&argv, "git", "ls-remote", "--quiet", "--", rep->remote,
	    (char *)NULL);
	for (i = 0; i < patterns->n; i++)
		strvec_push(&argv, patterns->v[i]);
	e = transfer_git(rep, &argv, background, output, &status);
	if (e == NULL)
		transfer_conclude(rep, output, status, rep->n);
	strvec_release(&argv);
	return e;
}
