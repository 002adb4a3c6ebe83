/* Logs at former prefixes that go on there; see store/sync-former.h. */
#include "store/doctor-parts.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "store/record.h"

void
doctor_former(struct repo *r, struct diagnosis *d, const struct reflist *there,
    const struct reflist *former, const struct oidset *reach,
    const struct oidset *ahead)
{
	size_t i;

	for (i = 0; i < former->n; i++) {
		const struct ref *log = &former->v[i], *now;
		int here = object_exists(r, &log->id);
		char *why;

		/* What readers skip is not carried. */
		if (oidset_has(reach, &log->id) ||
		    oidset_has(ahead, &log->id) ||
		    (here && !record_is_one(r, &log->id)))
			continue;
		/* Where it has moved on at its place, fetch first. */
		now = reflist_find(there, strrchr(log->name, '/') + 1);
		if (now != NULL && (oid_equal(&now->id, &log->id) ||
		    !object_exists(r, &now->id)))
			continue;
		why = here ? NULL : doctor_why_unfetched(r, d->remote,
		    log->name);
		diagnosis_add(d, DOCTOR_FORMER, log->name, xasprintf("the "
		    "records of '%s' are below '%s' now, and this log has "
		    "some that are not there; who wrote them has not "
		    "followed%s%s", d->remote, d->prefix, why == NULL ? "" :
		    "; git does not take them: ", why == NULL ? "" : why),
		    xstrdup("git agent sync --repair"), xstrdup(here ?
		    "take them there" : "fetch them, and take them there"))->
		    id = log->id;
		free(why);
	}
}

char *
doctor_former_target(struct repo *r, const struct diagnosis *d,
    const struct finding *f, const char *own)
{
	const char *writer = strrchr(f->subject, '/') + 1;
	char *name = xasprintf("refs/agent-remotes/%s/log/%s", d->remote,
	    writer), hex[OID_HEX_SIZE], *target;
	struct oid now;
	struct err *e = ref_read(r, name, &now);
	/* Our own log has no other records than those that are in it here. */
	int beside = (own != NULL && strcmp(own, writer) == 0) ||
	    (e == NULL && !repo_contains(r, &f->id, &now));

	oid_hex(&f->id, hex);
	target = xasprintf("%s/log/%s%s%.*s", d->prefix, writer,
	    beside ? "-" : "", beside ? 7 : 0, hex);
	err_free(e);
	free(name);
	return target;
}
