/* The part of repo.h that is about which remote the records travel by. */
#include "store/git.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

/* The name in "remote.<name>.<what>", malloc'd, or NULL. */
static char *
name_in(const char *key, const char *what)
{
	const char *name = key + strlen("remote."), *dot = strrchr(key, '.');

	if (strncmp(key, "remote.", 7) != 0 || dot < name ||
	    strcmp(dot + 1, what) != 0)
		return NULL;
	return xstrndup(name, (size_t)(dot - name));
}

static int
take_remote(void *arg, const char *key)
{
	struct strvec *names = arg;
	char *name = name_in(key, "url");

	if (name == NULL)
		name = name_in(key, "pushurl");
	if (name != NULL && !strvec_has(names, name))
		strvec_push(names, name);
	free(name);
	return 0;
}

int
repo_has_remote(struct repo *r, const char *name)
{
	char *key = xasprintf("remote.%s.url", name);
	int has = repo_config(r, key) != NULL;

	free(key);
	return has;
}

/*
 * The remote of the current branch, if it is one by name: it may also be "."
 * (this very repository) or an address, for which nothing can be kept.
 */
static const char *
branch_remote(struct repo *r)
{
	char *branch = repo_branch(r), *key;
	const char *v;

	if (branch == NULL)
		return NULL;
	key = xasprintf("branch.%s.remote", branch);
	v = repo_config(r, key);
	free(key);
	free(branch);
	if (v == NULL)
		return NULL;
	return repo_has_remote(r, v) ? v : NULL;
}

/* A name, not an option or an address given in a name's place. */
int
repo_remote_ok(const char *v)
{
	return *v != '\0' && strchr("-/.", *v) == NULL &&
	    strpbrk(v, ":\\ ") == NULL && strstr(v, "..") == NULL;
}

/* 1 if a plain fetch from it brings records. */
static int
is_connected(struct repo *r, const char *name)
{
	struct strvec specs = STRVEC_INIT;
	int connected = 0;
	size_t i;

	err_free(repo_refspecs(r, name, &specs));
	for (i = 0; i < specs.n; i++)
		connected |= strstr(specs.v[i], ":refs/agent-remotes/") !=
		    NULL;
	strvec_release(&specs);
	return connected;
}

/* 'origin', the only one, or the only one that brings records; or NULL. */
static const char *
choose(struct repo *r, const struct strvec *names)
{
	const char *found = NULL;
	size_t i, n = 0;

	if (strvec_has(names, "origin"))
		return "origin";
	if (names->n == 1)
		return names->v[0];
	for (i = 0; i < names->n; i++)
		if (is_connected(r, names->v[i])) {
			found = names->v[i];
			n++;
		}
	return n == 1 ? found : NULL;
}

const char *
repo_remote(struct repo *r)
{
	struct strvec names = STRVEC_INIT;
	const char *v;

	if (r->remote != NULL)
		return *r->remote == '\0' ? NULL : r->remote;
	v = repo_config(r, "agent.remote");
	if (v == NULL)
		v = branch_remote(r);
	if (v == NULL || !repo_remote_ok(v)) {
		(void)settings_each(r, take_remote, &names);
		v = choose(r, &names);
	}
	r->remote = xstrdup(v == NULL ? "" : v);
	strvec_release(&names);
	return *r->remote == '\0' ? NULL : r->remote;
}

char *
repo_remote_unclear(struct repo *r)
{
	struct strvec names = STRVEC_INIT;
	struct buf text = BUF_INIT;
	size_t i;

	if (repo_remote(r) != NULL)
		return NULL;
	(void)settings_each(r, take_remote, &names);
	for (i = 0; i < names.n; i++)
		buf_addf(&text, "%s'%s'", i == 0 ? "" :
		    i + 1 < names.n ? ", " : " and ", names.v[i]);
	strvec_release(&names);
	if (text.len == 0)
		return NULL;
	buf_addstr(&text, " are its remotes; 'git config agent.remote NAME' "
	    "says which one has the records");
	return buf_steal(&text);
}
