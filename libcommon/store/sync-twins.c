/* Names of logs that differ in case only, where files cannot. */
#include "store/sync-state.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "store/transfer.h"
#include "store/writer-name.h"

struct twins {
	struct sync_report *rep;
	struct strvec names;	/* "log/<writer>", twins beside each other */
	struct reflist here;	/* as files and packed-refs have them */
	struct buf text;	/* for sync_write_unfetched() */
};

static int
folded_cmp(const void *a, const void *b)
{
	const char *s = *(char *const *)a, *t = *(char *const *)b;
	int order = strcasecmp(s, t);

	return order != 0 ? order : strcmp(s, t);
}

static const struct ref *
find(const struct twins *t, const char *name)
{
	char *ref = xasprintf("refs/agent-remotes/%s/%s", t->rep->remote,
	    name);
	const struct ref *here = reflist_find(&t->here, ref);

	free(ref);
	return here;
}

/* What git says of it: of a file that is that of both. */
static void
drop_lines(struct sync_report *rep, const char *name, int only_rewound)
{
	const struct sync_ref *ref;
	size_t i;

	for (i = rep->n; i > 0; i--) {
		ref = &rep->refs[i - 1];
		if (!ref->pushed && strcmp(ref->name, name) == 0 &&
		    (!only_rewound || ref->fate == SYNC_REWOUND))
			sync_drop_ref(rep, i - 1);
	}
}

/* All of one name but for case; packed, they can be refs of their own. */
static void
tell(struct twins *t, char *const *names, size_t n)
{
	const struct ref *held = NULL, *ref;
	const char *name = names[0];
	char *reason;
	size_t i;

	for (i = 0; i < n; i++)
		if ((ref = find(t, names[i])) != NULL) {
			held = ref;
			name = names[i];
		}
	for (i = 0; i < n; i++) {
		ref = find(t, names[i]);
		if (names[i] == name || (ref != NULL && held != NULL &&
		    !oid_equal(&ref->id, &held->id)))
			continue;
		reason = xasprintf("the file system here " SYNC_TWIN " of "
		    "'%s', and holds one of them only; a clone on one that "
		    "tells them apart has both", name);
		buf_addf(&t->text, "%s/%s %040d %s\n", t->rep->prefix,
		    names[i], 0, reason);
		drop_lines(t->rep, names[i], 0);
		drop_lines(t->rep, name, 1);
		transfer_refuse(t->rep, xstrdup(names[i]), reason);
	}
}

struct err *
sync_tell_twins(struct repo *r, struct sync_report *rep)
{
	struct twins t = { .rep = rep, .text = BUF_INIT };
	char *folder, *before;
	struct err *e;
	size_t i, n;

	if (!repo_config_bool(r, "core.ignorecase", 0))
		return NULL;
	for (i = 0; i < rep->present.n; i++)
		if (strncmp(rep->present.v[i], "log/", 4) == 0 &&
		    writer_name_ok(rep->present.v[i] + 4))
			strvec_push(&t.names, rep->present.v[i]);
	if (t.names.n > 0)
		qsort(t.names.v, t.names.n, sizeof(*t.names.v), folded_cmp);
	folder = xasprintf("refs/agent-remotes/%s/log/", rep->remote);
	e = ref_list(r, folder, &t.here);
	for (i = 0; e == NULL && i < t.names.n; i += n) {
		for (n = 1; i + n < t.names.n &&
		    strcasecmp(t.names.v[i], t.names.v[i + n]) == 0; n++)
			;
		if (n > 1)
			tell(&t, t.names.v + i, n);
	}
	if (t.text.len > 0) {
		before = sync_unfetched(r, rep->remote);
		buf_addstr(&t.text, before);
		sync_write_unfetched(r, rep->remote, t.text.p);
		free(before);
	}
	strvec_release(&t.names);
	reflist_release(&t.here);
	buf_release(&t.text);
	free(folder);
	return e;
}
