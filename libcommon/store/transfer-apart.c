/* What keeps back all others, when git goes all or nothing; in halves. */
#include "store/transfer-parts.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "store/network.h"
#include "store/sync-state.h"

#define GROUP_MAX 1000		/* refspecs in one command line */
/* So many may fail for nothing, and so many more for each that does not. */
#define FAILURES_MAX 64
#define FAILURES_MORE 16

struct apart {
	struct repo *repo;
	int background;
	struct sync_report *rep;
	struct strvec specs;	/* one for each ref */
	struct buf *unfetched;	/* of a fetch: for sync_write_unfetched() */
	size_t failed, passed;
	int stopped;
};

/* 1 if any of the words is in a line; with `ours`, in one of this side. */
static int
has_word(const char *output, const char *const *words, int ours)
{
	const char *p, *stop;
	size_t i;

	for (p = output; *p != '\0'; p = *stop == '\0' ? stop : stop + 1) {
		stop = p + strcspn(p, "\n");
		if (ours && strncmp(p, "remote:", 7) == 0)
			continue;
		for (i = 0; words[i] != NULL; i++)
			if (network_in_line(p, stop, words[i]) != NULL)
				return 1;
	}
	return 0;
}

/* What would be in the way of every other transfer as well. */
static int
concerns_all(const char *output)
{
	static const char *const disk[] = { "No space left", "Disk quota",
	    "Read-only file system", "ermission denied", "insufficient perm",
	    "Out of memory", "out of memory", "Cannot allocate",
	    "annot fork", "no answer in time", NULL };
	static const char *const refs[] = { "bad object refs/", NULL };

	/* A ref of this clone that leads to nothing; --check names it. */
	return has_word(output, disk, 0) || has_word(output, refs, 1);
}

int
apart_may_fetch(const char *output)
{
	static const char *const answered[] = { "fsck error", "index-pack",
	    "unpack-objects", "not our ref", "on the remote side",
	    "bad pack header", "early EOF", "couldn't find remote ref",
	    "did not send all necessary objects", NULL };

	return has_word(output, answered, 0) && !concerns_all(output);
}

char *
apart_detail(const char *output)
{
	static const char *const marks[] = { "error: ", "fatal: " };
	static const char *const idle[] = { "remote unpack failed",
	    "failed to push some refs", "git upload-pack: ", NULL };
	const char *p, *stop, *at;
	size_t i;
	char *line;

	for (i = 0; i < sizeof(marks) / sizeof(marks[0]); i++)
		for (p = output; *p != '\0';
		    p = *stop == '\0' ? stop : stop + 1) {
			stop = p + strcspn(p, "\n");
			at = network_in_line(p, stop, marks[i]);
			if (at == NULL)
				continue;
			at += strlen(marks[i]);
			while (stop > at && stop[-1] == ' ')
				stop--;
			line = xstrndup(at, (size_t)(stop - at));
			stop += strcspn(stop, "\n");
			if (*line != '\0' && !has_word(line, idle, 0))
				return line;
			free(line);
		}
	return NULL;
}

/* One more has failed: 1 if it is of no use to go on. */
static int
give_up(struct apart *a, int may_go_on)
{
	a->failed++;
	a->stopped = !may_go_on || a->failed > FAILURES_MAX +
	    FAILURES_MORE * a->passed;
	return a->stopped;
}

/* ---- fetching ------------------------------------------------------------ */

/* "<full name there> <reason>", of what is left alone and does not come. */
static void
refuse(struct apart *a, const char *spec, const char *output)
{
	static const char *const gone[] = { "couldn't find remote ref", NULL };
	const char *from = spec + (*spec == '+'), *to = strchr(spec, ':') + 1;
	char *detail, *name, *problem = a->rep->problem, *reason;
	struct sync_report *rep = a->rep;

	rep->problem = NULL;
	/* Deleted since it was listed. */
	if (has_word(output, gone, 0)) {
		free(problem);
		return;
	}
	detail = apart_detail(output);
	reason = detail == NULL || strstr(problem, detail) != NULL ?
	    xstrdup(problem) : xasprintf("%s; %s", detail, problem);
	buf_addf(a->unfetched, "%.*s %s\n", (int)(to - 1 - from), from, reason);
	name = transfer_fetched_name(to, rep->remote);
	transfer_refuse(rep, name == NULL ? xstrdup(from) : name, reason);
	free(detail);
	free(problem);
}

static struct err *
fetch_group(struct apart *a, size_t from, size_t n)
{
	struct strvec specs = { a->specs.v + from, n, n };
	struct buf output = BUF_INIT;
	struct err *e = NULL;

	if (a->stopped || n == 0)
		return NULL;
	if (n <= GROUP_MAX) {
		e = transfer_fetch_once(a->repo, &specs, a->background,
		    a->rep, &output);
		if (e != NULL || a->rep->reached) {
			a->passed++;
			goto done;
		}
		if (give_up(a, apart_may_fetch(output.p)))
			goto done;
		if (n == 1) {
			refuse(a, specs.v[0], output.p);
			goto done;
		}
		free(a->rep->problem);
		a->rep->problem = NULL;
	}
	e = fetch_group(a, from, n / 2);
	if (e == NULL)
		e = fetch_group(a, from + n / 2, n - n / 2);
done:
	buf_release(&output);
	return e;
}

/* The refspec of a pattern for one ref, malloc'd; NULL if it does not fit. */
static char *
fit(const char *spec, const char *ref)
{
	const char *from = spec + (*spec == '+'), *star = strchr(spec, '*');
	const char *to = strstr(spec, "*:");

	if (star == NULL || to != star || *spec == '^' ||
	    strncmp(ref, from, (size_t)(star - from)) != 0 ||
	    strchr(ref, '^') != NULL)
		return NULL;
	return xasprintf("%s%s:%.*s%s", *spec == '+' ? "+" : "", ref,
	    (int)strcspn(to + 2, "*"), to + 2, ref + (star - from));
}

/* A ref that the remote has at `hex`; into `specs`, if it has news. */
static void
want(struct apart *a, const struct strvec *patterns, const char *hex,
    const char *ref, struct strvec *specs)
{
	char *spec = NULL, *not = xasprintf("^%s", ref), *name;
	struct oid there, here;
	struct err *e;
	const char *to;
	size_t i;

	for (i = 0; spec == NULL && i < patterns->n &&
	    !strvec_has(patterns, not); i++)
		spec = fit(patterns->v[i], ref);
	free(not);
	if (spec == NULL)
		return;
	to = strchr(spec, ':') + 1;
	name = transfer_fetched_name(to, a->rep->remote);
	if (name != NULL)
		strvec_push(&a->rep->present, name);
	free(name);
	e = ref_read(a->repo, to, &here);
	if (e != NULL || a->rep->refetch || a->rep->deepen ||
	    (oid_parse(hex, &there) == 0 && !oid_equal(&here, &there)))
		strvec_push(specs, spec);
	err_free(e);
	free(spec);
}

/* The one or the other half of what was listed. */
static void
choose(struct apart *a, const struct strvec *patterns, const char *output,
    const char *failed_before, int those)
{
	char *text = xstrdup(output), *line, *rest = text, *mark;
	const char *ref;

	while ((line = strsep(&rest, "\n")) != NULL) {
		if (strlen(line) <= OID_HEX_SIZE ||
		    line[OID_HEX_SIZE - 1] != '\t')
			continue;
		line[OID_HEX_SIZE - 1] = '\0';
		ref = line + OID_HEX_SIZE;
		mark = xasprintf("\n%s ", ref);
		if ((strstr(failed_before, mark) != NULL) == those)
			want(a, patterns, line, ref, &a->specs);
		free(mark);
	}
	free(text);
}

static struct err *
list(struct apart *a, const struct strvec *specs, struct buf *output)
{
	struct strvec patterns = STRVEC_INIT;
	struct err *e;
	size_t i;

	for (i = 0; i < specs->n; i++)
		if (*specs->v[i] != '^')
			strvec_pushf(&patterns, "%.*s",
			    (int)strcspn(specs->v[i], ":") -
			    (*specs->v[i] == '+'),
			    specs->v[i] + (*specs->v[i] == '+'));
	e = transfer_list(&patterns, a->background, output, a->rep);
	strvec_release(&patterns);
	return e;
}

/* What could not be tried any more keeps what was known of it. */
static void
remember(struct apart *a, const char *before)
{
	char *text = xstrdup(before), *line, *rest = text, *mark;
	struct buf now = BUF_INIT;

	while (a->stopped && (line = strsep(&rest, "\n")) != NULL) {
		mark = xstrndup(line, strcspn(line, " ") + 1);
		buf_clear(&now);
		buf_addf(&now, "\n%s", a->unfetched->p);
		if (*line != '\0' && strstr(now.p, mark) == NULL)
			buf_addf(a->unfetched, "%s\n", line);
		free(mark);
	}
	sync_write_unfetched(a->repo, a->rep->remote, a->unfetched->p);
	buf_release(&now);
	free(text);
}

struct err *
apart_fetch(struct repo *r, const struct strvec *specs, int background,
    struct sync_report *rep)
{
	char *problem = rep->problem, *before;
	char *known = sync_unfetched(r, rep->remote);
	struct buf output = BUF_INIT, unfetched = BUF_INIT;
	struct apart a = { r, background, rep, STRVEC_INIT, &unfetched, 0, 0,
	    0 };
	struct err *e;
	size_t good;

	before = xasprintf("\n%s\n", known);
	rep->problem = NULL;
	e = list(&a, specs, &output);
	if (e != NULL || !rep->reached)
		goto done;
	/* So that it costs little more the next time. */
	choose(&a, specs, output.p, before, 0);
	good = a.specs.n;
	choose(&a, specs, output.p, before, 1);
	if (a.specs.n == 0) {	/* it was something else */
		rep->reached = 0;
		rep->problem = problem;
		problem = NULL;
		goto done;
	}
	e = fetch_group(&a, 0, good);
	if (e == NULL)
		e = fetch_group(&a, good, a.specs.n - good);
	/* Stopped, with the last problem, or all was tried. */
	rep->reached = !a.stopped;
	if (rep->whole)
		remember(&a, known);
done:
	strvec_release(&a.specs);
	buf_release(&unfetched);
	buf_release(&output);
	free(problem);
	free(before);
	free(known);
	return e;
}

/* ---- pushing ------------------------------------------------------------- */

/* 1 if all of it was refused, for what may be one object of one ref. */
static int
was_not_unpacked(const struct sync_report *rep, size_t before,
    const char *output)
{
	static const char words[] = "unpacker error";
	size_t i;

	for (i = before; i < rep->n; i++)
		if (rep->refs[i].fate != SYNC_REFUSED ||
		    rep->refs[i].reason == NULL ||
		    strncmp(rep->refs[i].reason, words, strlen(words)) != 0)
			return 0;
	return rep->n > before && !concerns_all(output);
}

static struct err *
push_group(struct apart *a, size_t from, size_t n)
{
	struct strvec specs = { a->specs.v + from, n, n };
	struct buf output = BUF_INIT;
	size_t before = a->rep->n;
	char *words;
	struct err *e;

	if (a->stopped || n == 0)
		return NULL;
	words = a->rep->words;
	a->rep->words = NULL;
	e = transfer_push_once(a->repo, NULL, &specs, a->background, a->rep,
	    &output);
	if (e != NULL)
		goto done;
	if (!a->rep->reached) {
		a->stopped = 1;
	} else if (!was_not_unpacked(a->rep, before, output.p)) {
		a->passed++;
	} else if (!give_up(a, 1) && n > 1) {
		sync_drop_from(a->rep, before);
		free(a->rep->words);
		a->rep->words = words;
		words = NULL;
		e = push_group(a, from, n / 2);
		if (e == NULL)
			e = push_group(a, from + n / 2, n - n / 2);
	}
done:
	/* What the host said of another one before is as good. */
	if (words != NULL) {
		free(a->rep->words);
		a->rep->words = words;
	}
	buf_release(&output);
	return e;
}

struct err *
apart_push(struct repo *r, const struct strvec *specs, int background,
    struct sync_report *rep, size_t before, const char *output)
{
	struct apart a = { r, background, rep, *specs, NULL, 0, 0, 0 };
	struct err *e;

	if (!was_not_unpacked(rep, before, output))
		return NULL;
	sync_drop_from(rep, before);
	free(rep->words);
	rep->words = NULL;
	e = push_group(&a, 0, specs->n / 2);
	if (e == NULL)
		e = push_group(&a, specs->n / 2, specs->n - specs->n / 2);
	return e;
}
