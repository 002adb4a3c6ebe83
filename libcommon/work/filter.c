#include "work/filter.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/match.h"
#include "base/proc.h"

struct filter {
	const char *kind[2];	/* the one asked for, and NULL */
	int all;
	struct match *grep, *author;
	int64_t since, until;	/* µs */
};

/* Kinds shown when none is named. */
static const char *const shown_kinds[] = {
	"done", "failed", "status", "limit", "next", "milestone", "steer",
	"answered", "retract", "brief", NULL
};

/*
 * git's own reading of dates ("2 days ago", "yesterday", ISO 8601), by the
 * one door that refuses what is no date: elsewhere that means "now".
 */
static struct err *
parse_date(const char *text, int64_t *us)
{
	struct strvec argv = STRVEC_INIT;
	struct proc p = PROC_INIT;
	struct buf answer = BUF_INIT;
	unsigned long long seconds;
	struct err *e;
	int status;

	strvec_pushl(&argv, "git", "config", "--type=expiry-date",
	    (char *)NULL);
	strvec_pushf(&argv, "--default=%s", text);
	strvec_pushl(&argv, "--get", "agent.no-such-date", (char *)NULL);
	p.argv = &argv;
	p.flags = PROC_NO_STDERR;
	e = proc_capture(&p, NULL, &answer, NULL, &status);
	if (e == NULL && status != 0)
		e = err_new(ERR_USAGE, "'%s' is not a date that git "
		    "understands", text);
	if (e == NULL) {
		errno = 0;
		seconds = strtoull(answer.p, NULL, 10);
		/* "now" is the end of time there. */
		*us = errno != 0 || seconds > INT64_MAX / CLOCK_SECOND ?
		    clock_now() : (int64_t)seconds * CLOCK_SECOND;
	}
	buf_release(&answer);
	strvec_release(&argv);
	return e;
}

struct err *
filter_make(struct filter **out, const struct filter_args *a, const char *kind)
{
	struct filter *f = xcalloc(1, sizeof(*f));
	struct err *e = NULL;

	f->kind[0] = kind;
	f->all = a->all;
	f->until = INT64_MAX;
	if (a->grep != NULL)
		e = match_compile(&f->grep, a->grep, MATCH_MULTILINE |
		    (a->ignore_case ? MATCH_CASELESS : 0));
	if (e == NULL && a->author != NULL)
		e = match_compile(&f->author, a->author, MATCH_CASELESS);
	if (e == NULL && a->since != NULL)
		e = parse_date(a->since, &f->since);
	if (e == NULL && a->until != NULL)
		e = parse_date(a->until, &f->until);
	if (e != NULL) {
		filter_free(f);
		f = NULL;
	}
	*out = f;
	return e;
}

void
filter_free(struct filter *f)
{
	if (f == NULL)
		return;
	match_free(f->grep);
	match_free(f->author);
	free(f);
}

static int
matches(struct match *m, const struct buf *text, struct err **e)
{
	size_t at = 0;

	return match_next(m, text->p, text->len, &at, e) == 1;
}

static int
author_passes(struct filter *f, const struct record *rec, struct err **e)
{
	struct buf text = BUF_INIT;
	int ok;

	if (f->author == NULL)
		return 1;
	buf_addf(&text, "%s <%s>", rec->author_name, rec->author_mail);
	ok = matches(f->author, &text, e);
	buf_release(&text);
	return ok;
}

static int
text_passes(struct filter *f, const struct record *rec, struct err **e)
{
	const char *instead = record_trailer(rec, "Agent-Instead");
	struct buf text = BUF_INIT;
	int ok;

	if (f->grep == NULL)
		return 1;
	buf_addf(&text, "%s\n%s\n%s", rec->subject, rec->body,
	    instead == NULL ? "" : instead);
	ok = matches(f->grep, &text, e);
	buf_release(&text);
	return ok;
}

const char *const *
filter_kinds(const struct filter *f)
{
	return f->kind[0] != NULL ? f->kind : f->all ? NULL : shown_kinds;
}

int
filter_passes(struct filter *f, const struct record *rec, struct err **e)
{
	if (rec->clock < f->since || rec->clock > f->until)
		return 0;
	return author_passes(f, rec, e) && text_passes(f, rec, e);
}
