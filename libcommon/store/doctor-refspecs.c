/* Whether a plain `git fetch` brings the records. */
#include "store/doctor-parts.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "store/writer.h"

struct err *
doctor_refspecs(struct repo *r, struct diagnosis *d, int any)
{
	struct strvec have = STRVEC_INIT;
	char *want[2], *key = xasprintf("remote.%s.fetch", d->remote);
	struct reflist own = REFLIST_INIT;
	struct err *e;
	int i;

	want[0] = xasprintf("%s/log/*:refs/agent-remotes/%s/log/*", d->prefix,
	    d->remote);
	want[1] = xasprintf("+%s/beat/*:refs/agent-remotes/%s/beat/*",
	    d->prefix, d->remote);
	e = ref_list(r, LOG_PREFIX, &own);
	if (e == NULL)
		e = repo_refspecs(r, d->remote, &have);
	for (i = 0; e == NULL && i < 2 && have.n > 0 && (any || own.n > 0);
	    i++)
		if (!strvec_has(&have, want[i]))
			diagnosis_add(d, DOCTOR_NO_REFSPEC, key,
			    xasprintf("'%s' is not among them, so that a "
			    "plain 'git fetch' brings no news", want[i]),
			    xstrdup("git agent sync --fetch"),
			    xstrdup("add it"));
	reflist_release(&own);
	strvec_release(&have);
	free(want[0]);
	free(want[1]);
	free(key);
	return e;
}
