/* What logs the remote has, and what is in their way there. */
#include "store/doctor-parts.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "store/transfer.h"
#include "store/writer-name.h"
#include "store/writer.h"

struct answer {
	struct diagnosis *d;
	const char *own;
	char *start;		/* <prefix>/log/ */
	int below;		/* a ref below our own was found */
	struct reflist *there;
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
		if (strncmp(ref, a->start, n) != 0)
			found_above(a, ref);
		else if (writer_name_ok(ref + n))
			reflist_add(a->there, ref + n, &id);
		else
			found_below(a, ref + n);
	}
	reflist_sort(a->there);
}

struct err *
doctor_ask(struct diagnosis *d, int flags, const char *own,
    struct reflist *there)
{
	struct answer a = { d, own, xasprintf("%s/log/", d->prefix), 0,
		there };
	struct sync_report rep = { .remote = d->remote };
	struct strvec patterns = STRVEC_INIT;
	struct buf output = BUF_INIT;
	const char *p = a.start + strlen("refs/");
	struct err *e;

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
	buf_release(&output);
	free(a.start);
	return e;
}
