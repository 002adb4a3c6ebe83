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
	struct strvec ids;	/* of a fetch: what the remote has there */
	struct buf *unfetched;	/* the same: for sync_write_unfetched() */
	size_t failed, passed;
	int stopped;		/* it is of no use to ask for anything */
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

/* 1 if so many have failed that no more are tried. */
static int
is_enough(const struct apart *a)
{
	return a->failed > FAILURES_MAX + FAILURES_MORE * a->passed;
}

/* One more: 1 if the halves of it are to be tried. */
static int
has_failed(struct apart *a)
{
	a->failed++;
	return !is_enough(a);
}

/* ---- fetching ------------------------------------------------------------ */

/* Report one that has not come; takes the reason. */
static void
tell(struct apart *a, size_t i, char *reason)
{
	const char *spec = a->specs.v[i];
	char *name = transfer_fetched_name(strchr(spec, ':') + 1,
	    a->rep->remote);

	transfer_refuse(a->rep, name == NULL ? xstrdup(spec) : name, reason);
}

/* "<full name there> <object> <reason>", and the same. */
static void
note(struct apart *a, size_t i, char *reason)
{
	const char *from = a->specs.v[i] + (*a->specs.v[i] == '+');

	buf_addf(a->unfetched, "%.*s %s %s\n", (int)strcspn(from, ":"), from,
	    a->ids.v[i], reason);
	tell(a, i, reason);
}

/* What was asked for alone, and does not come. */
static void
refuse(struct apart *a, size_t i, const char *output)
{
	static const char *const gone[] = { "couldn't find remote ref", NULL };
	char *detail, *problem = a->rep->problem;

	a->rep->problem = NULL;
	/* Deleted since it was listed. */
	if (has_word(output, gone, 0)) {
		free(problem);
		return;
	}
	detail = apart_detail(output);
	note(a, i, detail == NULL || strstr(problem, detail) != NULL ?
	    xstrdup(problem) : xasprintf("%s; %s", detail, problem));
	free(detail);
	free(problem);
}

static struct err *
fetch_group(struct apart *a, size_t from, size_t n)
{
	struct strvec specs = { a->specs.v + from, n, n };
	struct buf output = BUF_INIT;
	struct err *e = NULL;
	size_t i;

	if (a->stopped || n == 0)
		return NULL;
	if (is_enough(a)) {	/* the next one knows more */
		for (i = 0; i < n; i++)
			tell(a, from + i, xstrdup("not tried alone, as too "
			    "many others could not be fetched"));
		return NULL;
	}
	if (n <= GROUP_MAX) {
		e = transfer_fetch_once(a->repo, &specs, a->background,
		    a->rep, &output);
		if (e != NULL || a->rep->reached) {
			a->passed++;
			goto done;
		}
		(void)has_failed(a);
		a->stopped = !apart_may_fetch(output.p);
		if (a->stopped)
			goto done;
		if (n == 1) {
			refuse(a, from, output.p);
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

/*
 * Where nothing has moved there, they would fail again, and so would all of
 * them together.  But a fault at the host may have passed: one is asked for,
 * alone, and the next while they come.  The first now is the last then.
 */
static struct err *
fetch_known(struct apart *a, size_t from, const struct strvec *reasons)
{
	struct buf last = BUF_INIT, *all = a->unfetched;
	struct err *e = NULL;
	size_t i, failed = a->failed;

	a->unfetched = &last;
	for (i = from; e == NULL && i < a->specs.n && !a->stopped &&
	    !is_enough(a) && a->failed == failed; i++)
		e = fetch_group(a, i, 1);
	a->unfetched = all;
	for (; i < a->specs.n; i++)
		note(a, i, xstrdup(reasons->v[i - from]));
	buf_addstr(all, last.p);
	buf_release(&last);
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

/* A ref that the remote has at `hex`: to be asked for, if it has news. */
static void
want(struct apart *a, const struct strvec *patterns, const char *hex,
    const char *ref)
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
	    (oid_parse(hex, &there) == 0 && !oid_equal(&here, &there))) {
		strvec_push(&a->specs, spec);
		strvec_push(&a->ids, hex);
	}
	err_free(e);
	free(spec);
}

/*
 * What was listed and is not noted, or that of it that has moved since; or,
 * where all is to be fetched again, all of it.
 */
static void
choose(struct apart *a, const struct strvec *patterns, const char *output,
    const char *noted, int those)
{
	char *text = xstrdup(output), *line, *rest = text, *mark, *same;
	int all = a->rep->refetch || a->rep->deepen;
	const char *ref;

	while ((line = strsep(&rest, "\n")) != NULL) {
		if (strlen(line) <= OID_HEX_SIZE ||
		    line[OID_HEX_SIZE - 1] != '\t')
			continue;
		line[OID_HEX_SIZE - 1] = '\0';
		ref = line + OID_HEX_SIZE;
		mark = xasprintf("\n%s ", ref);
		same = xasprintf("\n%s %s ", ref, line);
		if ((strstr(noted, mark) != NULL) == those &&
		    (all || strstr(noted, same) == NULL))
			want(a, patterns, line, ref);
		free(same);
		free(mark);
	}
	free(text);
}

/* What is noted, and has not moved; in the order of the notes. */
static void
choose_known(struct apart *a, const struct strvec *patterns,
    const char *output, const char *noted, struct strvec *reasons)
{
	char *text = xstrdup(noted), *line, *rest = text, *id, *mark;
	char *listed = xasprintf("\n%s\n", output);
	size_t before;

	while ((line = strsep(&rest, "\n")) != NULL) {
		id = line + strcspn(line, " ");
		if (strlen(id) <= OID_HEX_SIZE || id[OID_HEX_SIZE] != ' ')
			continue;
		*id++ = '\0';
		id[OID_HEX_SIZE - 1] = '\0';
		mark = xasprintf("\n%s\t%s\n", id, line);
		before = a->specs.n;
		if (strstr(listed, mark) != NULL)
			want(a, patterns, id, line);
		if (a->specs.n > before)
			strvec_push(reasons, id + OID_HEX_SIZE);
		free(mark);
	}
	free(listed);
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

	while ((a->stopped || is_enough(a)) &&
	    (line = strsep(&rest, "\n")) != NULL) {
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
	struct apart a = { .repo = r, .background = background, .rep = rep,
		.unfetched = &unfetched };
	struct strvec reasons = STRVEC_INIT;
	struct err *e;
	size_t good, news;

	before = xasprintf("\n%s\n", known);
	rep->problem = NULL;
	e = list(&a, specs, &output);
	if (e != NULL || !rep->reached)
		goto done;
	/* So that it costs little more the next time. */
	choose(&a, specs, output.p, before, 0);
	good = a.specs.n;
	choose(&a, specs, output.p, before, 1);
	news = a.specs.n;
	if (!rep->refetch && !rep->deepen)
		choose_known(&a, specs, output.p, known, &reasons);
	if (a.specs.n == 0) {	/* it was something else */
		rep->reached = 0;
		rep->problem = problem;
		problem = NULL;
		goto done;
	}
	e = fetch_group(&a, 0, good);
	if (e == NULL)
		e = fetch_group(&a, good, news - good);
	if (e == NULL)
		e = fetch_known(&a, news, &reasons);
	/* Stopped, with the last problem, or it has answered. */
	rep->reached = !a.stopped;
	if (rep->whole)
		remember(&a, known);
done:
	strvec_release(&a.specs);
	strvec_release(&a.ids);
	strvec_release(&reasons);
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

	if (a->stopped || is_enough(a) || n == 0)
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
	} else if (has_failed(a) && n > 1) {
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
	struct apart a = { .repo = r, .background = background, .rep = rep,
		.specs = *specs };
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
