#include "store/git.h"

#include <errno.h>
#include <git2/sys/repository.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/shell.h"
#include "store/guard.h"
#include "store/unreached.h"

#define TRIES 60	/* of what passes within moments */

/* 1 if libgit2 says so of its last error. */
static int
is_said(const char *what)
{
	const git_error *g = git_error_last();

	return g != NULL && g->message != NULL &&
	    strstr(g->message, what) != NULL;
}

/* libgit2 looks at the old value again under its lock. */
static int
delete_at(struct repo *r, const char *name, const git_oid *old)
{
	git_reference *ref = NULL;
	int rc = git_reference_lookup(&ref, r->git, name);

	if (rc == 0 && (git_reference_target(ref) == NULL ||
	    git_oid_cmp(git_reference_target(ref), old) != 0))
		rc = GIT_EMODIFIED;
	if (rc == 0)
		rc = git_reference_delete(ref);
	git_reference_free(ref);
	return rc;
}

/* *e is set if what the ref is to reach could not be made safe. */
static int
update_once(struct repo *r, const char *name, const git_oid *old,
    const git_oid *to, int force, struct err **e)
{
	git_reference *ref = NULL;
	struct guard guard;
	int rc = 0;

	guard_enter(&guard, r, name);
	*e = to == NULL ? NULL : unreached_save(r);
	if (*e != NULL)
		;
	else if (to == NULL && old != NULL)
		rc = delete_at(r, name, old);
	else if (to == NULL)
		rc = git_reference_remove(r->git, name);
	else if (force)
		rc = git_reference_create(&ref, r->git, name, to, 1, "agent");
	else
		rc = git_reference_create_matching(&ref, r->git, name, to,
		    !git_oid_is_zero(old), old, "agent");
	/* It may have begun meanwhile; the ref leads to the pack already. */
	if (*e == NULL && to != NULL && rc == 0)
		*e = unreached_save(r);
	guard_leave(&guard, rc == GIT_ELOCKED);
	git_reference_free(ref);
	return rc;
}

/* libgit2 has the same code for what may not be read. */
static int
is_locked(int rc)
{
	return rc == GIT_ELOCKED && !is_said(strerror(EACCES));
}

/*
 * Another process may hold git's lock on this ref or on packed-refs, or may
 * just have removed an empty folder on the way: all pass within moments.
 */
static int
is_passing(int rc)
{
	const git_error *g = git_error_last();

	if (rc == 0 || is_locked(rc))
		return rc != 0;
	if (g == NULL || g->klass != GIT_ERROR_OS)
		return 0;
	return rc == GIT_ENOTFOUND || (g->message != NULL &&
	    strstr(g->message, strerror(ENOENT)) != NULL);
}

/*
 * Where packed-refs was locked, libgit2 1.5 has forgotten the ref that was to
 * go all the same, and finds it gone the next time: let it read them anew.
 */
static void
forget_refs(struct repo *r)
{
	git_refdb *refs = NULL;

	if (git_refdb_open(&refs, r->git) == 0)
		(void)git_repository_set_refdb(r->git, refs);
	git_refdb_free(refs);
}

static struct err *
locked(struct repo *r, const char *name)
{
	return guard_locked(r, is_said("packed-refs.lock") ? "packed-refs" :
	    name);
}

static int
is_absent(int rc)
{
	return rc == GIT_ENOTFOUND && !is_passing(rc);
}

/* Two processes that collided must not wait for the same time. */
static unsigned int
jitter(void)
{
	static unsigned int state;

	if (state == 0)
		state = (unsigned int)getpid() * 2654435761u | 1;
	state = state * 1103515245u + 12345u;
	return state >> 16;
}

/*
 * The file that is where a folder above the ref's own file is to be, below
 * `top`; or, with `leaf`, the folder that is in that file's place.  malloc'd,
 * or NULL.
 */
static char *
in_the_way(struct repo *r, const char *top, const char *name, int leaf)
{
	char *path = xasprintf("%s%s/%s", r->commondir, top, name);
	char *p = path + strlen(r->commondir);
	struct stat st;

	while ((p = strchr(p + 1, '/')) != NULL) {
		*p = '\0';
		if (lstat(path, &st) == 0 &&
		    (stat(path, &st) != 0 || !S_ISDIR(st.st_mode)))
			return path;
		*p = '/';
	}
	if (leaf && lstat(path, &st) == 0 && S_ISDIR(st.st_mode))
		return path;
	free(path);
	return NULL;
}

char *
ref_reflog_in_the_way(struct repo *r, const char *name)
{
	return in_the_way(r, "/logs", name, 0);
}

/* Nobody but git writes there, so that it is nothing a person would miss. */
static struct err *
reflog_barred(struct repo *r, const struct err *said, const char *path)
{
	char *away = xasprintf("%s/reflog-in-the-way", r->commondir);
	char *command = shell_format("mv %s %s", path, away);
	struct err *e;

	e = err_new(ERR_GIT, "%s; '%s' is in the way of its reflog; run '%s'",
	    said->msg, path, command);
	free(command);
	free(away);
	return e;
}

/* The ref of which this one would be in a folder, malloc'd, or NULL. */
static char *
ref_above(struct repo *r, const char *name)
{
	const char *p = name;
	char *above;
	git_oid id;

	while ((p = strchr(p, '/')) != NULL) {
		above = xstrndup(name, (size_t)(p++ - name));
		if (git_reference_name_to_id(&id, r->git, above) == 0)
			return above;
		free(above);
	}
	return NULL;
}

/* What libgit2 says of what is in the way of a ref differs by the way. */
static struct err *
cannot_move(struct repo *r, const char *name)
{
	struct err *said = err_git("cannot move the ref '%s'", name), *e = NULL;
	char *reflog = in_the_way(r, "/logs", name, is_said("reflog"));
	char *above = ref_above(r, name), *file = in_the_way(r, "", name, 0);

	if (above != NULL)
		e = err_new(ERR_GIT, "cannot move the ref '%s', as there is "
		    "a ref '%s'; 'git agent sync --check' tells what to do "
		    "about it", name, above);
	else if (file != NULL)
		e = err_new(ERR_GIT, "cannot move the ref '%s', as the file "
		    "'%s' is in the way of its folder; 'git agent sync "
		    "--check' tells what to do about it", name, file);
	else if (reflog != NULL)
		e = reflog_barred(r, said, reflog);
	free(above);
	free(file);
	free(reflog);
	if (e == NULL)
		return said;
	err_free(said);
	return e;
}

static struct err *
update_in_time(struct repo *r, const char *name, const git_oid *old,
    const git_oid *to, int force)
{
	struct timespec pause = { 0, 0 };
	struct err *e;
	int tries, rc;

	for (tries = 0; ; tries++) {
		rc = update_once(r, name, old, to, force, &e);
		if (e != NULL || rc == 0 || (to == NULL && is_absent(rc)))
			return e;
		if (r->unreached_count > 0 &&
		    is_said("target OID for the reference"))
			e = unreached_again(r);
		else if (!is_passing(rc))
			break;
		if (e != NULL || tries == TRIES)
			break;
		if (to == NULL)
			forget_refs(r);
		pause.tv_nsec = (long)(5 + jitter() % 20) * 1000 * 1000;
		nanosleep(&pause, NULL);
	}
	if (e != NULL)
		return e;
	if (rc == GIT_EMODIFIED || rc == GIT_EEXISTS)
		return err_new(ERR_MOVED, "'%s' was moved by another process",
		    name);
	if (is_locked(rc)) {
		e = locked(r, name);
		if (to == NULL)
			forget_refs(r);
		return e;
	}
	if (is_said("corrupted packed references"))
		return packed_refs_error(r);
	return cannot_move(r, name);
}

/*
 * Objects that are written while a push is being judged vanish with it, and
 * where a ref leads to them the repository takes no push any more.  So git
 * moves no ref then, which libgit2 does not know.
 */
struct err *
ref_check_quarantine(void)
{
	if (getenv("GIT_QUARANTINE_PATH") == NULL)
		return NULL;
	return err_new(ERR_GIT, "nothing can be recorded while git judges a "
	    "push, as in a pre-receive hook: the record would vanish with a "
	    "push that is refused; do it in the post-receive hook");
}

void
refs_moved(struct repo *r)
{
	free(r->looked);
	r->looked = NULL;
}

static struct err *
update(struct repo *r, const char *name, const git_oid *old,
    const git_oid *to, int force)
{
	struct err *e = ref_check_quarantine();

	refs_moved(r);
	if (e == NULL)
		e = update_in_time(r, name, old, to, force);
	/* Kept over all tries: a pack that is made anew has the same name,
	 * under which git may be about to delete the first one. */
	if (to != NULL)
		unreached_settle(r, e == NULL);
	return e;
}

struct err *
ref_swap(struct repo *r, const char *name, const struct oid *old,
    const struct oid *to)
{
	git_oid from, target;

	memset(&from, 0, sizeof(from));
	if (old != NULL)
		oid_to_git(&from, old);
	oid_to_git(&target, to);
	return update(r, name, &from, &target, 0);
}

/*
 * Each move under us was somebody's success, so that one of all goes on; but
 * who takes longer than the others loses several times in a row, as with a
 * signer, or beside a script that appends with plain git.
 */
int
ref_try_again(struct err **e, int *tries)
{
	if (*e == NULL || (*e)->code != ERR_MOVED || ++*tries == TRIES)
		return 0;
	err_free(*e);
	*e = NULL;
	return 1;
}

struct err *
ref_set(struct repo *r, const char *name, const struct oid *to)
{
	git_oid target;

	oid_to_git(&target, to);
	return update(r, name, NULL, &target, 1);
}

struct err *
ref_remove(struct repo *r, const char *name)
{
	return update(r, name, NULL, NULL, 1);
}

struct err *
ref_remove_at(struct repo *r, const char *name, const struct oid *old)
{
	git_oid from;

	oid_to_git(&from, old);
	return update(r, name, &from, NULL, 0);
}
