/* After `git remote rename`; see sync-state.h. */
#include "store/sync-state.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "store/logrefs.h"
#include "store/sync-former.h"
#include "store/writer-name.h"

/* One log, seen by the remote's name of before: to its present one. */
static struct err *
take_log(struct repo *r, const char *remote, const char *writer,
    const struct ref *log)
{
	char *name = xasprintf("refs/agent-remotes/%s/log/%s", remote, writer);
	struct oid tip;
	struct err *e = ref_read(r, name, &tip);
	int made;

	/* It leads nowhere here, and is fetched by the present name. */
	if (!object_exists(r, &log->id)) {
		err_free(e);
		free(name);
		return NULL;
	}
	if (e != NULL && e->code == ERR_NOTFOUND) {
		err_free(e);
		e = ref_swap(r, name, NULL, &log->id);
	} else if (e == NULL && !repo_contains(r, &tip, &log->id)) {
		e = repo_contains(r, &log->id, &tip) ?
		    ref_swap(r, name, &tip, &log->id) :
		    sync_keep(r, remote, writer, &log->id, &made);
	}
	if (e == NULL)
		e = ref_remove_at(r, log->name, &log->id);
	free(name);
	return e;
}

static struct err *
take_logs(struct repo *r, const char *remote, const char *old)
{
	char *folder = xasprintf("refs/agent-remotes/%s/log/", old);
	struct reflist refs = REFLIST_INIT;
	struct err *e = ref_list(r, folder, &refs);
	const char *writer;
	size_t i;

	for (i = 0; e == NULL && i < refs.n; i++) {
		writer = refs.v[i].name + strlen(folder);
		if (writer_name_ok(writer))
			e = take_log(r, remote, writer, &refs.v[i]);
	}
	reflist_release(&refs);
	free(folder);
	return e;
}

/* 1 if "b/eve", among what is of a remote `a`, is of a remote `a/b`. */
static int
is_of_other(struct repo *r, const char *remote, const char *rest)
{
	const char *slash = rest;
	char *other;
	int is = 0;

	while (!is && (slash = strchr(slash, '/')) != NULL) {
		other = xasprintf("%s/%.*s", remote, (int)(slash++ - rest),
		    rest);
		is = repo_has_view(r, other);
		free(other);
	}
	return is;
}

/*
 * Heartbeats and notes, which the next fetch brings by the present name.  The
 * notes of a remote `a/b` are below those of `old`, `a`; NULL: none can be.
 */
static struct err *
drop_all(struct repo *r, char *folder, const char *old)
{
	struct reflist refs = REFLIST_INIT;
	struct err *e = ref_list(r, folder, &refs);
	size_t i;

	for (i = 0; e == NULL && i < refs.n; i++)
		if (old == NULL || !is_of_other(r, old,
		    refs.v[i].name + strlen(folder)))
			e = ref_remove(r, refs.v[i].name);
	reflist_release(&refs);
	free(folder);
	return e;
}

static struct err *
take_over(struct repo *r, const char *remote, const char *old)
{
	struct err *e = take_logs(r, remote, old);

	if (e == NULL)
		e = drop_all(r, xasprintf("refs/agent-remotes/%s/beat/", old),
		    NULL);
	if (e == NULL)
		e = drop_all(r, xasprintf("refs/notes/agent-remotes/%s/", old),
		    old);
	if (e == NULL)
		e = former_follow_rename(r, remote, old);
	if (e == NULL)
		e = sync_forget_logs(r, old, remote);
	if (e == NULL)
		sync_forget_refusals(r, old);
	return e;
}

/* The former name, malloc'd, if the refspec is ours and no remote has it. */
static char *
former_name(struct repo *r, const char *remote, const char *spec)
{
	const char *to = strchr(spec, ':'), *name;
	char *old = to == NULL ? NULL : logrefs_remote(to + 1, &name);

	if (old != NULL && (strcmp(name, "log/*") != 0 ||
	    strcmp(old, remote) == 0 || repo_has_remote(r, old))) {
		free(old);
		old = NULL;
	}
	return old;
}

static struct err *
drop_refspecs(struct repo *r, const char *remote, const char *old,
    const struct strvec *specs)
{
	char *log = xasprintf(":refs/agent-remotes/%s/log/", old);
	char *beat = xasprintf(":refs/agent-remotes/%s/beat/", old);
	struct err *e = NULL;
	const char *to;
	size_t i;

	for (i = 0; e == NULL && i < specs->n; i++) {
		to = strchr(specs->v[i], ':');
		if (to != NULL && (strncmp(to, log, strlen(log)) == 0 ||
		    strncmp(to, beat, strlen(beat)) == 0))
			e = repo_drop_refspec(r, remote, specs->v[i]);
	}
	free(log);
	free(beat);
	return e;
}

struct err *
sync_follow_rename(struct repo *r, const char *remote)
{
	struct strvec specs = STRVEC_INIT;
	struct err *e = repo_refspecs(r, remote, &specs);
	char *old;
	size_t i;

	for (i = 0; e == NULL && i < specs.n; i++) {
		old = former_name(r, remote, specs.v[i]);
		if (old != NULL)
			e = take_over(r, remote, old);
		/* Last: killed before, the next sync does it again. */
		if (old != NULL && e == NULL)
			e = drop_refspecs(r, remote, old, &specs);
		free(old);
	}
	strvec_release(&specs);
	return e;
}
