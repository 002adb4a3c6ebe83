/* A remote that was renamed takes along what is known of it. */
#include "store/sync-rename.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "store/logrefs.h"
#include "store/sync-former.h"
#include "store/sync-others.h"
#include "store/sync-push.h"
#include "store/sync-state.h"
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

/* What is known to be rewound stays known, whoever is asked next. */
static struct err *
take_alarms(struct repo *r, const char *remote, const char *old)
{
	char *theirs = sync_rewound(r, old), *own = sync_rewound(r, remote);
	char *name, *rest = theirs;
	struct buf names = BUF_INIT;
	struct err *e;

	buf_addstr(&names, own);
	while ((name = strsep(&rest, "\n")) != NULL)
		if (!sync_is_listed(own, name))
			buf_addf(&names, "\n%s", name);
	e = sync_write_rewound(r, remote, &names);
	buf_release(&names);
	free(theirs);
	free(own);
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
		e = take_alarms(r, remote, old);
	if (e == NULL)
		e = sync_forget_logs(r, old, remote);
	/* It may not be the one that is fetched from now. */
	if (e == NULL)
		e = sync_forget_reached(r, remote);
	if (e == NULL)
		e = sync_take_time(r, remote, old);
	if (e == NULL) {
		sync_forget_refusals(r, old);
		sync_forget_pushed_notes(r, old);
		others_forget(r);
	}
	return e;
}

/*
 * The former name, malloc'd, if the refspec is ours.  A remote may have that
 * name again; but if it had been fetched from, it had such a refspec, too.
 */
static char *
former_name(struct repo *r, const char *remote, const char *spec)
{
	const char *to = strchr(spec, ':'), *name;
	char *old = to == NULL ? NULL : logrefs_remote(to + 1, &name);
	char *heir = NULL;

	if (old != NULL && strcmp(name, "log/*") == 0 &&
	    strcmp(old, remote) != 0)
		heir = repo_former_remote(r, old);
	if (heir == NULL) {
		free(old);
		old = NULL;
	}
	free(heir);
	return old;
}

/* To the present name, so that a plain fetch goes on bringing what it did. */
static struct err *
move_refspecs(struct repo *r, const char *remote, const char *old,
    const char *what, const struct strvec *specs)
{
	char *folder = xasprintf(":refs/agent-remotes/%s/%s/", old, what);
	const char *add[2] = { NULL, NULL }, *to;
	struct err *e = NULL;
	char *now;
	size_t i;
	int added;

	for (i = 0; e == NULL && i < specs->n; i++) {
		to = strchr(specs->v[i], ':');
		if (to == NULL || strncmp(to, folder, strlen(folder)) != 0)
			continue;
		now = xasprintf("%.*s:refs/agent-remotes/%s/%s/%s",
		    (int)(to - specs->v[i]), specs->v[i], remote, what,
		    to + strlen(folder));
		add[0] = now;
		e = repo_add_refspecs(r, remote, add, &added);
		if (e == NULL)
			e = repo_drop_refspec(r, remote, specs->v[i]);
		free(now);
	}
	free(folder);
	return e;
}

static struct err *
follow(struct repo *r, const char *remote)
{
	struct strvec specs = STRVEC_INIT;
	struct err *e = repo_refspecs(r, remote, &specs);
	char *old;
	size_t i;

	for (i = 0; e == NULL && i < specs.n; i++) {
		old = former_name(r, remote, specs.v[i]);
		if (old != NULL)
			e = take_over(r, remote, old);
		if (old != NULL && e == NULL)
			e = move_refspecs(r, remote, old, "beat", &specs);
		/* Last: killed before, the next sync does it again. */
		if (old != NULL && e == NULL)
			e = move_refspecs(r, remote, old, "log", &specs);
		free(old);
	}
	strvec_release(&specs);
	return e;
}

struct err *
sync_follow_rename(struct repo *r, const char *remote)
{
	char *former = repo_former_remote(r, remote);
	struct err *e = former == NULL ? NULL : follow(r, former);

	free(former);
	return e != NULL ? e : follow(r, remote);
}
