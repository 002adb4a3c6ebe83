/* What logs the remote has, and what is in their way there. */
#include "store/doctor-parts.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "store/sync-former.h"
#include "store/transfer.h"
#include "store/writer-name.h"
#include "store/writer.h"

struct answer {
	struct diagnosis *d;
	const char *own;
	char *start;		/* <prefix>/log/ */
	int below;		/* a ref below our own was found */
	struct strvec starts;	/* the same of the former prefixes */
	struct reflist *there, *former;
};

/* git has no ref where there is one below it, and only we write this log. */
static void
found_below(struct answer *a, const char *there)
{
	size_t n = a->own == NULL ? 0 : strlen(a->own);
	char *ref;

	if (n == 0 || a->below || strncmp(there, a->own, n) != 0 ||
	    there[n] != '/')
		return;
	a->below = 1;
	ref = xasprintf(LOG_PREFIX "%s", a->own);
	diagnosis_add(a->d, DOCTOR_BLOCKED, ref, xasprintf("it cannot be "
	    "pushed, as '%s' has a ref '%s%s'", a->d->remote, a->start,
	    there), xstrdup("git agent sync --repair"),
	    xstrdup("take a new name, whose log continues this one"));
	free(ref);
}

/* Nor one below one that there is. */
static void
found_above(struct answer *a, const char *there)
{
	size_t n = strlen(there);

	if (strncmp(a->start, there, n) != 0 || a->start[n] != '/')
		return;
	diagnosis_add(a->d, DOCTOR_BLOCKED, there, xasprintf("'%s' has a ref "
	    "of this name, and git can have none below it: no records can be "
	    "pushed to '%s'; rename it there, or choose another place for "
	    "them by 'prefix' in [records] of .gitagent", a->d->remote,
	    a->d->prefix), NULL, NULL);
}

/* 1 if it is a log at a former prefix. */
static int
is_former(const struct answer *a, const char *ref)
{
	size_t i, n;

	for (i = 0; i < a->starts.n; i++) {
		n = strlen(a->starts.v[i]);
		if (strncmp(ref, a->starts.v[i], n) == 0 &&
		    writer_name_ok(ref + n))
			return 1;
	}
	return 0;
}

/* "<hex>\t<ref>" a line, among whatever else was said. */
static void
parse(struct answer *a, char *output)
{
	size_t n = strlen(a->start);
	char *line, *rest = output;
	const char *ref;
	struct oid id;

	while ((line = strsep(&rest, "\n")) != NULL) {
		if (strlen(line) <= OID_HEX_SIZE ||
		    line[OID_HEX_SIZE - 1] != '\t')
			continue;
		line[OID_HEX_SIZE - 1] = '\0';
		if (oid_parse(line, &id) != 0)
			continue;
		ref = line + OID_HEX_SIZE;
		if (is_former(a, ref))
			reflist_add(a->former, ref, &id);
		else if (strncmp(ref, a->start, n) != 0)
			found_above(a, ref);
		else if (writer_name_ok(ref + n))
			reflist_add(a->there, ref + n, &id);
		else
			found_below(a, ref + n);
	}
	reflist_sort(a->there);
}

struct err *
doctor_ask(struct repo *r, struct diagnosis *d, int flags, const char *own,
    struct reflist *there, struct reflist *former)
{
	struct answer a = { .d = d, .own = own, .there = there,
		.former = former, .start = xasprintf("%s/log/", d->prefix) };
	struct strvec prefixes = STRVEC_INIT;
	struct sync_report rep = { .remote = d->remote };
	struct strvec patterns = STRVEC_INIT;
	struct buf output = BUF_INIT;
	const char *p = a.start + strlen("refs/");
	struct err *e;
	size_t i;

	former_list(r, d->remote, d->prefix, &prefixes);
	for (i = 0; i < prefixes.n; i++) {
		strvec_pushf(&a.starts, "%s/log/", prefixes.v[i]);
		strvec_pushf(&patterns, "%s*", a.starts.v[i]);
	}
	strvec_pushf(&patterns, "%s*", a.start);
	while ((p = strchr(p, '/')) != NULL)
		strvec_pushf(&patterns, "%.*s", (int)(p++ - a.start), a.start);
	e = transfer_list(&patterns, (flags & DOCTOR_BACKGROUND) != 0,
	    &output, &rep);
	d->asked = 1;
	d->reached = e == NULL && rep.reached;
	d->problem = rep.problem;
	if (d->reached)
		parse(&a, output.p);
	strvec_release(&patterns);
	strvec_release(&prefixes);
	strvec_release(&a.starts);
	buf_release(&output);
	free(a.start);
	return e;
}
