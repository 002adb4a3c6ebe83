/* A remote that has the name of one that was removed. */
#include "store/sync-removed.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "store/sync-others.h"
#include "store/sync-push.h"
#include "store/sync-state.h"
#include "store/writer-name.h"
#include "store/writer.h"

int
sync_is_another(struct repo *r, const char *remote)
{
	return sync_address_changed(r, remote) && repo_lacks_refspec(r, remote);
}

/* 1 if our own log has it: then nothing need be kept of what another has. */
static int
is_ours(struct repo *r, const char *writer, const struct oid *id)
{
	char *ref = xasprintf(LOG_PREFIX "%s", writer);
	struct oid tip;
	struct err *e = ref_read(r, ref, &tip);
	int is = e == NULL && repo_contains(r, &tip, id);

	err_free(e);
	free(ref);
	return is;
}

static struct err *
leave_log(struct repo *r, const char *remote, const char *name)
{
	const char *writer = name + strlen("log/");
	char *ref = xasprintf("refs/agent-remotes/%s/%s", remote, name);
	struct oid tip;
	struct err *e = ref_read(r, ref, &tip);
	int made;

	if (e == NULL && !is_ours(r, writer, &tip))
		e = sync_keep(r, remote, writer, &tip, &made);
	if (e == NULL)
		e = ref_remove_at(r, ref, &tip);
	free(ref);
	return e;
}

struct err *
sync_leave_removed(struct repo *r, struct sync_report *rep, int *anew)
{
	struct err *e = NULL, *stays;
	size_t i, before = rep->rewound;
	int again = 0, locked = 0;

	for (i = rep->n; i > 0; i--) {
		struct sync_ref *ref = &rep->refs[i - 1];

		locked |= ref->stays;
		if (ref->fate != SYNC_REWOUND || ref->reason == NULL ||
		    strncmp(ref->name, "log/", 4) != 0 ||
		    !writer_name_ok(ref->name + strlen("log/")))
			continue;
		/* What is locked, say, stays, and is told as any other. */
		stays = leave_log(r, rep->remote, ref->name);
		if (stays == NULL) {
			again += strcmp(ref->reason, "deleted") != 0;
			sync_drop_ref(rep, i - 1);
		}
		err_free(stays);
	}
	/* What was said of those would be lost with another fetch. */
	if (!locked)
		*anew += again;
	if (rep->rewound < before) {
		e = sync_forget_reached(r, rep->remote);
		sync_forget_pushed_notes(r, rep->remote);
		others_forget(r);
	}
	return e;
}
