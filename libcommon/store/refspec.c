/* The part of repo.h that keeps fetch refspecs in a remote's configuration. */
#include "store/git.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "store/guard.h"

/* As a regular expression that matches just this value. */
static void
add_quoted(struct buf *b, const char *value)
{
	buf_addch(b, '^');
	for (; *value != '\0'; value++) {
		if (strchr("\\^$.[]|()?*+{}", *value) != NULL)
			buf_addch(b, '\\');
		buf_addch(b, *value);
	}
	buf_addch(b, '$');
}

struct err *
repo_drop_refspec(struct repo *r, const char *name, const char *spec)
{
	char *key = xasprintf("remote.%s.fetch", name);
	git_config *config = NULL;
	struct buf value = BUF_INIT;
	struct err *e = NULL;

	add_quoted(&value, spec);
	if (git_repository_config(&config, r->git) != 0 ||
	    git_config_delete_multivar(config, key, value.p) != 0)
		e = err_git("cannot take '%s' out of '%s'", spec, key);
	git_config_free(config);
	buf_release(&value);
	free(key);
	return e;
}

/* Take away a refspec with another source for the destination of `spec`. */
static struct err *
drop_rival(struct repo *r, const char *name, const char *have,
    const char *spec)
{
	const char *to = strchr(have, ':');

	if (to == NULL || strcmp(to, strchr(spec, ':')) != 0 ||
	    strcmp(have, spec) == 0)
		return NULL;
	return repo_drop_refspec(r, name, have);
}

static int
add_once(struct repo *r, const char *name, const char *spec)
{
	struct guard guard;
	int rc;

	guard_enter(&guard, r, "config");
	rc = git_remote_add_fetch(r->git, name, spec);
	guard_leave(&guard, rc == GIT_ELOCKED);
	return rc;
}

static struct err *
add_missing(struct repo *r, git_remote *remote, const char *name,
    const char *spec, int *added)
{
	git_strarray have = { NULL, 0 };
	struct err *e = NULL;
	size_t i;
	int rc;

	if (git_remote_get_fetch_refspecs(&have, remote) != 0)
		return err_git("cannot read the refspecs of '%s'", name);
	for (i = 0; e == NULL && i < have.count; i++)
		e = drop_rival(r, name, have.strings[i], spec);
	for (i = 0; i < have.count; i++)
		if (strcmp(have.strings[i], spec) == 0)
			break;
	if (e == NULL && i == have.count) {
		rc = add_once(r, name, spec);
		if (rc == GIT_ELOCKED)
			e = guard_locked(r, "config");
		else if (rc != 0)
			e = err_git("cannot add a fetch refspec to '%s'", name);
		else
			(*added)++;
	}
	git_strarray_dispose(&have);
	return e;
}

struct err *
repo_add_refspecs(struct repo *r, const char *name, const char *const *specs,
    int *added)
{
	git_remote *remote = NULL;
	struct err *e = NULL;
	int rc;

	*added = 0;
	rc = git_remote_lookup(&remote, r->git, name);
	/* Of `git -c`, say: a setting of today, there is no place for more. */
	if (rc == GIT_ENOTFOUND)
		return NULL;
	if (rc != 0)
		return err_git("cannot read the settings of '%s'", name);
	for (; e == NULL && *specs != NULL; specs++)
		e = add_missing(r, remote, name, *specs, added);
	git_remote_free(remote);
	return e;
}

struct err *
repo_refspecs(struct repo *r, const char *name, struct strvec *specs)
{
	git_strarray have = { NULL, 0 };
	git_remote *remote = NULL;
	struct err *e = NULL;
	size_t i;
	int rc = git_remote_lookup(&remote, r->git, name);

	if (rc == 0)
		rc = git_remote_get_fetch_refspecs(&have, remote);
	if (rc != 0 && rc != GIT_ENOTFOUND)
		e = err_git("cannot read the refspecs of '%s'", name);
	for (i = 0; i < have.count; i++)
		strvec_push(specs, have.strings[i]);
	git_strarray_dispose(&have);
	git_remote_free(remote);
	return e;
}

/* 1 if what this remote has is fetched to a ref of that name. */
static int
leads_to(struct repo *r, const char *remote, const char *pattern)
{
	struct strvec specs = STRVEC_INIT;
	const char *to;
	size_t i;
	int leads = 0;

	err_free(repo_refspecs(r, remote, &specs));
	for (i = 0; i < specs.n && !leads; i++) {
		to = strchr(specs.v[i], ':');
		leads = to != NULL && strcmp(to + 1, pattern) == 0;
	}
	strvec_release(&specs);
	return leads;
}

int
repo_has_view(struct repo *r, const char *name)
{
	git_strarray all = { NULL, 0 };
	char *pattern;
	size_t i;
	int has = repo_has_remote(r, name);

	if (has || git_remote_list(&all, r->git) != 0)
		return has;
	pattern = xasprintf("refs/agent-remotes/%s/log/*", name);
	for (i = 0; i < all.count && !has; i++)
		has = leads_to(r, all.strings[i], pattern);
	git_strarray_dispose(&all);
	free(pattern);
	return has;
}
