/* The part of repo.h that is about git's configuration. */
#include "store/git.h"

#include <dirent.h>
#include <stdlib.h>
#include <strings.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/conf.h"
#include "base/file.h"
#include "base/proc.h"
#include "store/guard.h"

/*
 * By hand: libgit2 1.5 forgets memory over each pattern that does not match,
 * and takes a tenth of a command's time over it.
 */
int
settings_each(struct repo *r, int (*each)(void *, const char *), void *arg)
{
	git_config_iterator *it = NULL;
	git_config_entry *entry;
	size_t i;
	int stop = 0;

	for (i = 0; i < r->keys.n && !stop; i++)
		stop = each(arg, r->keys.v[i]);
	if (r->keys.n > 0)
		return stop;
	if (r->config == NULL &&
	    git_repository_config_snapshot(&r->config, r->git) != 0)
		return 0;
	if (git_config_iterator_new(&it, r->config) != 0)
		return 0;
	while (!stop && git_config_next(&entry, it) == 0)
		stop = each(arg, entry->name);
	git_config_iterator_free(it);
	return stop;
}

static int
ends_in(const char *s, const char *end)
{
	size_t n = strlen(s), m = strlen(end);

	return n >= m && strcmp(s + n - m, end) == 0;
}

static int
is_promisor(void *arg, const char *key)
{
	(void)arg;
	return strcmp(key, "extensions.partialclone") == 0 ||
	    (strncmp(key, "remote.", 7) == 0 && ends_in(key, ".promisor"));
}

int
repo_is_partial(struct repo *r)
{
	return settings_each(r, is_promisor, NULL);
}

static int
is_include_if(void *arg, const char *key)
{
	(void)arg;
	return strncmp(key, "includeif.", 10) == 0;
}

/* Set where git sees configuration that libgit2 does not. */
static int
needs_git(struct repo *r)
{
	static const char *const names[] = {
		"GIT_CONFIG_COUNT", "GIT_CONFIG_PARAMETERS",
		"GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM",
		"GIT_CONFIG_NOSYSTEM", NULL
	};
	size_t i;
	char *path;
	int there;

	for (i = 0; names[i] != NULL; i++)
		if (getenv(names[i]) != NULL)
			return 1;
	path = xasprintf("%s/config.worktree", r->gitdir);
	there = access(path, F_OK) == 0;
	free(path);
	/* Nor does libgit2 know every condition of an include. */
	return there || settings_each(r, is_include_if, NULL);
}

/* "key\nvalue\0" each; a key alone is git's short form of true. */
static void
list_parse(struct repo *r, const struct buf *text)
{
	const char *p = text->p, *end = text->p + text->len, *newline;

	for (; p < end; p += strlen(p) + 1) {
		newline = strchr(p, '\n');
		if (newline == NULL) {
			strvec_push(&r->keys, p);
			strvec_push(&r->values, "true");
			continue;
		}
		strvec_pushf(&r->keys, "%.*s", (int)(newline - p), p);
		strvec_push(&r->values, newline + 1);
	}
}

/*
 * Found by git as it finds it for a commit here, not named by GIT_DIR: a
 * condition may be about the symbolic link that leads here.
 */
static void
list_read(struct repo *r)
{
	struct strvec argv = STRVEC_INIT;
	struct proc p = PROC_INIT;
	struct buf text = BUF_INIT;
	struct err *e;
	int status;

	strvec_pushl(&argv, "git", "config", "-z", "--list", (char *)NULL);
	p.argv = &argv;
	p.flags = PROC_NO_STDERR;
	e = proc_capture(&p, NULL, &text, NULL, &status);
	if (e == NULL && status == 0)
		list_parse(r, &text);
	err_free(e);
	buf_release(&text);
	strvec_release(&argv);
}

/* 1 if git has the setting in the worktree of that git directory. */
static int
is_set_in(const char *gitdir, const char *key)
{
	struct strvec argv = STRVEC_INIT, env = STRVEC_INIT;
	struct proc p = PROC_INIT;
	struct buf text = BUF_INIT;
	struct err *e;
	int status;

	strvec_pushl(&argv, "git", "config", "--get", key, (char *)NULL);
	strvec_pushf(&env, "GIT_DIR=%s", gitdir);
	p.argv = &argv;
	p.env = &env;
	p.flags = PROC_NO_STDERR;
	e = proc_capture(&p, NULL, &text, NULL, &status);
	if (e != NULL)
		status = -1;
	err_free(e);
	buf_release(&text);
	strvec_release(&argv);
	strvec_release(&env);
	return status == 0;
}

static int
ask_elsewhere(struct repo *r, const char *key)
{
	char *folder = xasprintf("%s/worktrees", r->commondir), *gitdir;
	DIR *open = opendir(folder);
	struct dirent *d;
	int is = 0;

	/* Else all of them have the same. */
	if (open != NULL && (settings_each(r, is_include_if, NULL) ||
	    repo_config_bool(r, "extensions.worktreeconfig", 0))) {
		is = is_set_in(r->commondir, key);
		while (!is && (d = readdir(open)) != NULL) {
			if (d->d_name[0] == '.')
				continue;
			gitdir = xasprintf("%s/%s", folder, d->d_name);
			is = is_set_in(gitdir, key);
			free(gitdir);
		}
	}
	if (open != NULL)
		closedir(open);
	free(folder);
	return is;
}

int
settings_elsewhere(struct repo *r, const char *key)
{
	int is = strvec_has(&r->elsewhere, key);

	if (is || strvec_has(&r->nowhere, key))
		return is;
	is = ask_elsewhere(r, key);
	strvec_push(is ? &r->elsewhere : &r->nowhere, key);
	return is;
}

static const char *
config_libgit2(struct repo *r, const char *key)
{
	git_config_entry *entry = NULL;
	const char *value = NULL;

	if (r->config == NULL &&
	    git_repository_config_snapshot(&r->config, r->git) != 0)
		return NULL;
	if (git_config_get_entry(&entry, r->config, key) == 0) {
		strvec_push(&r->kept,
		    entry->value == NULL ? "true" : entry->value);
		value = r->kept.v[r->kept.n - 1];
	}
	git_config_entry_free(entry);
	return value;
}

const char *
repo_config(struct repo *r, const char *key)
{
	size_t i;

	if (!r->listed) {
		if (needs_git(r))
			list_read(r);
		r->listed = 1;
	}
	if (r->keys.n == 0)
		return config_libgit2(r, key);
	for (i = r->keys.n; i > 0; i--)
		if (strcmp(r->keys.v[i - 1], key) == 0)
			return r->values.v[i - 1];
	return NULL;
}

/* 0 or 1 as git takes it, which takes numbers too; -1: it is neither. */
static int
parse_bool(const char *v)
{
	char *end;
	long n;

	if (strcasecmp(v, "true") == 0 || strcasecmp(v, "yes") == 0 ||
	    strcasecmp(v, "on") == 0)
		return 1;
	if (*v == '\0' || strcasecmp(v, "false") == 0 ||
	    strcasecmp(v, "no") == 0 || strcasecmp(v, "off") == 0)
		return 0;
	n = strtol(v, &end, 0);
	if (end != v && *end != '\0' && strchr("kKmMgG", *end) != NULL)
		end++;
	return end != v && *end == '\0' ? n != 0 : -1;
}

int
repo_config_bool(struct repo *r, const char *key, int otherwise)
{
	const char *v = repo_config(r, key);
	int is = v == NULL ? -1 : parse_bool(v);

	return is < 0 ? otherwise : is;
}

/* 1 if the names are the same, or one is a folder around the other. */
static int
overlap(const char *a, const char *b)
{
	size_t n = strlen(a), m = strlen(b), least = n < m ? n : m;

	return strncmp(a, b, least) == 0 &&
	    (n == m || (n > m ? a : b)[least] == '/');
}

/*
 * Names that a clone uses otherwise: there, what was pushed and what was
 * fetched could not be told from what is not, or from branches.
 */
static int
is_taken(const char *v)
{
	static const char *const names[] = {
		"refs/agent/log", "refs/agent/beat", "refs/agent/claim",
		"refs/agent-remotes", "refs/notes/agent", "refs/remotes"
	};
	size_t i;

	if (strcmp(v, REPO_PREFIX_DEFAULT) == 0)
		return 0;
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (overlap(v, names[i]))
			return 1;
	/* `git log --notes='agent*'` */
	return strncmp(v, "refs/notes/agent", 16) == 0 ||
	    strcmp(v, "refs/heads") == 0 || strcmp(v, "refs/tags") == 0;
}

/*
 * The rules of git-check-ref-format(1); libgit2's need it to be started.  And
 * nothing that a shell takes for more than a letter: it may come from a file
 * of the repository, and stands in commands that are offered.
 */
int
repo_prefix_ok(const char *v)
{
	const char *p;
	size_t n;

	if (strncmp(v, "refs/", 5) != 0 || strlen(v) > 200 ||
	    strpbrk(v, "~^:?*[\\ $`\"'!&;|<>(){}#") != NULL ||
	    strstr(v, "..") != NULL ||
	    strstr(v, "@{") != NULL || is_taken(v))
		return 0;
	for (p = v; *p != '\0'; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			return 0;
	for (p = v; ; p += n + 1) {
		n = strcspn(p, "/");
		if (n == 0 || *p == '.' || p[n - 1] == '.' ||
		    (n >= 5 && strncmp(p + n - 5, ".lock", 5) == 0))
			return 0;
		if (p[n] == '\0')
			return 1;
	}
}

/* One who mistypes "false" must not be taken to have said nothing. */
static struct err *
check_booleans(struct repo *r)
{
	static const char *const keys[] = {
		"agent.push", "agent.fsync", "agent.sign"
	};
	const char *v;
	size_t i;

	for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		v = repo_config(r, keys[i]);
		if (v != NULL && parse_bool(v) < 0)
			return err_new(ERR_CONFIG, "%s is '%s': expected true "
			    "or false; set it with 'git config %s false', or "
			    "take it back with --unset", keys[i], v, keys[i]);
	}
	return NULL;
}

struct err *
settings_check(struct repo *r)
{
	const char *v;

	v = repo_config(r, "agent.remote");
	if (v != NULL && !repo_remote_ok(v))
		return err_new(ERR_CONFIG, "agent.remote is '%s': expected "
		    "the name of a remote, as 'git remote' lists them; set "
		    "it with 'git config agent.remote NAME'", v);
	v = repo_config(r, "agent.prefix");
	if (v != NULL && !repo_prefix_ok(v))
		return err_new(ERR_CONFIG, "agent.prefix is '%s': expected "
		    REPO_PREFIX_WANTED "; set it with 'git config "
		    "agent.prefix refs/heads/agent', or take it back with "
		    "--unset", v);
	return check_booleans(r);
}

/* The prefix that a .gitagent gives, malloc'd, or NULL. */
static struct err *
prefix_in(const char *path, const struct buf *text, char **prefix)
{
	const struct conf_value *v;
	struct conf conf = CONF_INIT;
	struct err *e;

	e = conf_parse(&conf, path, text->p, text->len);
	/* What else is wrong with it, the commands that need it say. */
	if (e != NULL) {
		err_free(e);
		e = NULL;
		goto done;
	}
	v = conf_get(&conf, "records", "", "prefix");
	if (v != NULL && !repo_prefix_ok(v->value))
		e = conf_error(&conf, v, "prefix = '%s': expected "
		    REPO_PREFIX_WANTED, v->value);
	else if (v != NULL)
		*prefix = xstrdup(v->value);
done:
	conf_release(&conf);
	return e;
}

static struct err *
prefix_of_commit(struct repo *r, const char *rev, char **prefix)
{
	struct buf text = BUF_INIT;
	struct oid commit;
	struct err *e;
	char *path = xasprintf("%s:%s", rev, PROJECT_FILE);

	e = repo_resolve(r, rev, &commit);
	if (e == NULL)
		e = repo_commit_file(r, &commit, PROJECT_FILE, path,
		    PROJECT_FILE_MAX, &text);
	if (e == NULL) {
		e = prefix_in(path, &text, prefix);
	} else if (e->code != ERR_INPUT) {
		/* There is none: no setting either. */
		if (e->code == ERR_DAMAGED)
			repo_note_damage(r, e->msg);
		err_free(e);
		e = NULL;
	}
	buf_release(&text);
	free(path);
	return e;
}

/*
 * The project's setting.  The remote's main branch counts too, so that it is
 * the same on a branch that is older than the setting.
 */
static struct err *
prefix_of_project(struct repo *r, char **prefix)
{
	struct buf text = BUF_INIT;
	struct err *e = NULL;
	char *name;

	if (r->workdir != NULL) {
		name = xasprintf("%s/%s", r->workdir, PROJECT_FILE);
		e = file_read_max(name, PROJECT_FILE, PROJECT_FILE_MAX, &text);
		free(name);
		if (e == NULL)
			e = prefix_in(PROJECT_FILE, &text, prefix);
		else if (e->code == ERR_NOTFOUND) {
			err_free(e);
			e = NULL;
		}
		buf_release(&text);
	} else {
		e = prefix_of_commit(r, "HEAD", prefix);
	}
	if (e != NULL || *prefix != NULL || repo_remote(r) == NULL)
		return e;
	name = xasprintf("refs/remotes/%s/HEAD", repo_remote(r));
	e = prefix_of_commit(r, name, prefix);
	free(name);
	return e;
}

struct err *
repo_prefix(struct repo *r, const char **prefix)
{
	const char *v = repo_config(r, "agent.prefix");
	struct err *e = NULL;

	if (r->prefix == NULL && v != NULL)
		r->prefix = xstrdup(v);
	if (r->prefix == NULL)
		e = prefix_of_project(r, &r->prefix);
	if (e == NULL && r->prefix == NULL)
		r->prefix = xstrdup(REPO_PREFIX_DEFAULT);
	*prefix = r->prefix;
	return e;
}
