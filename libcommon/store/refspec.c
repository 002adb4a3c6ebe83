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

static char *
fetch_key(const char *name)
{
	return xasprintf("remote.%s.fetch", name);
}

struct err *
repo_drop_refspec(struct repo *r, const char *name, const char *spec)
{
	char *key = fetch_key(name);
	git_config *config = NULL;
	struct buf value = BUF_INIT;
	struct err *e = NULL;
	struct guard guard;
	int rc;

	add_quoted(&value, spec);
	rc = git_repository_config(&config, r->git);
	if (rc == 0) {
		guard_enter(&guard, r, "config");
		rc = git_config_delete_multivar(config, key, value.p);
		guard_leave(&guard, rc == GIT_ELOCKED);
	}
	if (rc == GIT_ELOCKED)
		e = guard_locked(r, "config");
	else if (rc != 0)
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

static struct err *
unread(const char *name)
{
	return err_git("cannot read the refspecs of '%s'", name);
}

/*
 * As they are written: libgit2 1.5 takes a remote for damaged that has a
 * negative one, "^refs/heads/x" (git-fetch(1)).
 */
struct err *
repo_refspecs(struct repo *r, const char *name, struct strvec *specs)
{
	char *key = fetch_key(name);
	git_config *config = NULL;
	git_config_iterator *all = NULL;
	git_config_entry *entry;
	struct err *e = NULL;
	int rc;

	rc = git_repository_config(&config, r->git);
	if (rc == 0)
		rc = git_config_multivar_iterator_new(&all, config, key, NULL);
	while (rc == 0 && (rc = git_config_next(&entry, all)) == 0)
		strvec_push(specs, entry->value == NULL ? "" : entry->value);
	if (rc != GIT_ITEROVER && rc != GIT_ENOTFOUND)
		e = unread(name);
	git_config_iterator_free(all);
	git_config_free(config);
	free(key);
	return e;
}

/* Of `git -c`, say, it is a setting of today, and has no place for more. */
static int
is_in_file(git_config *config, const char *name)
{
	static const char *const settings[] = { "url", "pushurl", "fetch" };
	git_config_entry *entry = NULL;
	size_t i;
	int is = 0;

	for (i = 0; i < sizeof(settings) / sizeof(*settings) && !is; i++) {
		char *key = xasprintf("remote.%s.%s", name, settings[i]);

		is = git_config_get_entry(&entry, config, key) == 0;
		git_config_entry_free(entry);
		entry = NULL;
		free(key);
	}
	return is;
}

static struct err *
add(struct repo *r, git_config *config, const char *name, const char *spec)
{
	char *key = fetch_key(name);
	struct guard guard;
	int rc;

	guard_enter(&guard, r, "config");
	/* It replaces what the expression matches, which is nothing. */
	rc = git_config_set_multivar(config, key, "a^", spec);
	guard_leave(&guard, rc == GIT_ELOCKED);
	free(key);
	if (rc == GIT_ELOCKED)
		return guard_locked(r, "config");
	return rc == 0 ? NULL :
	    err_git("cannot add a fetch refspec to '%s'", name);
}

static struct err *
add_missing(struct repo *r, git_config *config, const char *name,
    const char *spec, int *added)
{
	struct strvec have = STRVEC_INIT;
	struct err *e = repo_refspecs(r, name, &have);
	size_t i;

	for (i = 0; e == NULL && i < have.n; i++)
		e = drop_rival(r, name, have.v[i], spec);
	if (e == NULL && !strvec_has(&have, spec)) {
		e = add(r, config, name, spec);
		*added += e == NULL;
	}
	strvec_release(&have);
	return e;
}

struct err *
repo_add_refspecs(struct repo *r, const char *name, const char *const *specs,
    int *added)
{
	git_config *config = NULL;
	struct err *e = NULL;

	*added = 0;
	if (git_repository_config(&config, r->git) != 0)
		return unread(name);
	if (is_in_file(config, name))
		for (; e == NULL && *specs != NULL; specs++)
			e = add_missing(r, config, name, *specs, added);
	git_config_free(config);
	return e;
}

/* 1 if a plain fetch from this remote brings logs to the view of `name`. */
static int
leads_to(struct repo *r, const char *remote, const char *name)
{
	char *pattern = xasprintf("refs/agent-remotes/%s/log/*", name);
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
	free(pattern);
	return leads;
}

char *
repo_former_remote(struct repo *r, const char *name)
{
	git_strarray all = { NULL, 0 };
	char *found = NULL;
	size_t i;

	if (leads_to(r, name, name) || git_remote_list(&all, r->git) != 0)
		return NULL;
	for (i = 0; i < all.count && found == NULL; i++)
		if (leads_to(r, all.strings[i], name))
			found = xstrdup(all.strings[i]);
	git_strarray_dispose(&all);
	return found;
}

int
repo_has_view(struct repo *r, const char *name)
{
	char *former = NULL, *key;
	int has = repo_has_remote(r, name);

	if (!has)
		former = repo_former_remote(r, name);
	has |= former != NULL;
	free(former);
	key = xasprintf("remote.%s.url", name);
	has = has || settings_elsewhere(r, key);
	free(key);
	return has;
}

int
repo_remembers(struct repo *r, const char *name)
{
	char *folder = xasprintf("refs/agent-remotes/%s/log/", name);
	struct reflist refs = REFLIST_INIT;
	int remembers = repo_has_view(r, name);

	if (!remembers)
		err_free(ref_list(r, folder, &refs));
	remembers |= refs.n > 0;
	reflist_release(&refs);
	free(folder);
	return remembers;
}

int
repo_lacks_refspec(struct repo *r, const char *name)
{
	git_config *config = NULL;
	int lacks = git_repository_config(&config, r->git) == 0 &&
	    is_in_file(config, name) && !leads_to(r, name, name);

	git_config_free(config);
	return lacks;
}

/* The folder to which one refspec brings what is below `from`, or NULL. */
static char *
led_to(const char *spec, const char *from)
{
	const char *source = spec + (*spec == '+'), *star, *to;
	size_t n;

	star = strchr(source, '*');
	to = strchr(source, ':');
	if (*spec == '^' || star == NULL || to == NULL || star > to ||
	    strchr(to, '*') == NULL)
		return NULL;
	to++;
	n = (size_t)(star - source);
	if (strncmp(source, from, strlen(from)) == 0 &&
	    n >= strlen(from))
		return xstrndup(to, strcspn(to, "*"));
	if (strncmp(source, from, n) != 0)
		return NULL;
	return xasprintf("%.*s%s", (int)strcspn(to, "*"), to, from + n);
}

/* Those that we know have names of their own; others are ours alone. */
static int
is_other(const char *folder)
{
	size_t n = strlen(folder);

	return strncmp(folder, "refs/", 5) == 0 && folder[n - 1] == '/' &&
	    strstr(folder, "..") == NULL &&
	    strncmp(folder, "refs/agent", 10) != 0 &&
	    strncmp(folder, "refs/notes/agent", 16) != 0;
}

void
repo_tracked(struct repo *r, struct strvec *folders)
{
	const char *prefix = NULL, *remote = repo_remote(r);
	struct strvec specs = STRVEC_INIT;
	struct err *e;
	char *from, *to;
	size_t i;

	e = remote == NULL ? NULL : repo_prefix(r, &prefix);
	if (e == NULL && prefix != NULL)
		e = repo_refspecs(r, remote, &specs);
	for (i = 0; i < specs.n; i++) {
		from = xasprintf("%s/", prefix);
		to = led_to(specs.v[i], from);
		if (to != NULL && is_other(to)) {
			to[strlen(to) - 1] = '\0';
			if (!strvec_has(folders, to))
				strvec_push(folders, to);
		}
		free(from);
		free(to);
	}
	err_free(e);
	strvec_release(&specs);
}
