#include "store/unreached.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/proc.h"
#include "base/shell.h"
#include "store/share.h"

struct err *
err_git(const char *fmt, ...)
{
	const git_error *g = git_error_last();
	struct err *e;
	va_list ap;
	char *text;

	va_start(ap, fmt);
	text = xvasprintf(fmt, ap);
	va_end(ap);
	e = err_new(ERR_GIT, "%s: %s", text,
	    g == NULL || g->message == NULL ? "unknown error" : g->message);
	free(text);
	return e;
}

/* The variables that libgit2 does not understand, out of its way. */
struct saved_env {
	char *work_tree, *common_dir, *namespace;
};

static char *
take_env(const char *name)
{
	const char *value = getenv(name);
	char *copy = value == NULL ? NULL : xstrdup(value);

	unsetenv(name);
	return copy;
}

static void
give_env(const char *name, char *value)
{
	if (value != NULL)
		setenv(name, value, 1);
	free(value);
}

/* `git rev-parse …`, trimmed; ERR_NOREPO with git's own words. */
static struct err *
ask_git(const char *what, struct buf *answer)
{
	struct strvec argv = STRVEC_INIT;
	struct proc p = PROC_INIT;
	struct buf words = BUF_INIT;
	struct err *e;
	char *line = NULL, *blank;
	int status;

	strvec_pushl(&argv, "git", "rev-parse", what, (char *)NULL);
	p.argv = &argv;
	e = proc_capture(&p, NULL, answer, &words, &status);
	if (e == NULL && status != 0) {
		line = words.p;
		if (strncmp(line, "fatal: ", 7) == 0)
			line += 7;
		buf_rtrim(&words);
		/* A list, of extensions say, in the same sentence. */
		while ((blank = strpbrk(words.p, "\n\t")) != NULL)
			*blank = ' ';
		e = err_new(ERR_NOREPO, "%s", line);
	}
	buf_rtrim(answer);
	buf_release(&words);
	strvec_release(&argv);
	return e;
}

static struct err *
not_a_repository(void)
{
	return err_new(ERR_NOREPO, "not a git repository (or any of the "
	    "folders above); go into one, or make one with 'git init'");
}

/* Why libgit2 will not open it, and what a person can do about that. */
static struct err *
open_refused(int rc, git_repository **git)
{
	const git_error *g = git_error_last();
	const char *words = g == NULL || g->message == NULL ? "" : g->message;
	struct buf dir = BUF_INIT;
	struct err *e;

	if (strstr(words, "objectformat") != NULL)
		return err_new(ERR_GIT, "this repository has SHA-256 objects, "
		    "which git-agent does not support; use one with SHA-1");
	if (strstr(words, "refstorage") != NULL)
		return err_new(ERR_GIT, "this repository keeps its refs in a "
		    "reftable, which git-agent does not support; use the "
		    "files format ('git clone --ref-format=files')");
	/* Ownership: libgit2 knows less of safe.directory than git does. */
	e = ask_git("--absolute-git-dir", &dir);
	if (e != NULL && rc == GIT_ENOTFOUND &&
	    strstr(e->msg, "not a git repository") != NULL) {
		err_free(e);
		e = not_a_repository();
	}
	if (e == NULL) {
		git_libgit2_opts(GIT_OPT_SET_OWNER_VALIDATION, 0);
		rc = git_repository_open(git, dir.p);
		git_libgit2_opts(GIT_OPT_SET_OWNER_VALIDATION, 1);
		if (rc != 0)
			e = err_git("cannot open the repository '%s'", dir.p);
	}
	buf_release(&dir);
	return e;
}

static char *
without_slash(const char *path)
{
	size_t n;

	if (path == NULL)
		return NULL;
	n = strlen(path);
	while (n > 1 && path[n - 1] == '/')
		n--;
	return xstrndup(path, n);
}

static struct err *
open_found(struct repo *r)
{
	int rc;

	rc = git_repository_open_ext(&r->git, NULL,
	    GIT_REPOSITORY_OPEN_FROM_ENV, NULL);
	return rc == 0 ? NULL : open_refused(rc, &r->git);
}

/*
 * Where GIT_DIR says which repository, the current folder is the top of the
 * work tree, as in git's setup.c; libgit2 takes the parent of ".git".
 */
static struct err *
choose_workdir(struct repo *r)
{
	const char *dir = getenv("GIT_WORK_TREE"), *implicit;
	char *real;
	int same;

	if (dir == NULL && getenv("GIT_DIR") != NULL &&
	    !repo_config_bool(r, "core.bare", 0) &&
	    repo_config(r, "core.worktree") == NULL) {
		implicit = getenv("GIT_IMPLICIT_WORK_TREE");
		if (implicit != NULL && strcmp(implicit, "0") == 0)
			return NULL;	/* git --bare */
		dir = ".";
	}
	r->workdir = without_slash(git_repository_workdir(r->git));
	if (dir == NULL)
		return NULL;
	/* libgit2 leaks memory where it is the one that it has. */
	real = realpath(dir, NULL);
	same = real != NULL && r->workdir != NULL &&
	    strcmp(real, r->workdir) == 0;
	free(real);
	if (same)
		return NULL;
	if (git_repository_set_workdir(r->git, dir, 0) != 0)
		return err_git("cannot use the work tree '%s'", dir);
	free(r->workdir);
	r->workdir = without_slash(git_repository_workdir(r->git));
	return NULL;
}

/* A format that libgit2 may one day open, but that we do not write right. */
static struct err *
check_format(struct repo *r)
{
	const char *format = repo_config(r, "extensions.objectformat");

	if (format != NULL && strcmp(format, "sha1") != 0)
		return err_new(ERR_GIT, "this repository has '%s' objects, "
		    "which git-agent does not support; use one with SHA-1",
		    format);
	return NULL;
}

static int
is_head_text(const char *s)
{
	if (strncmp(s, "ref:", 4) != 0)
		return strspn(s, "0123456789abcdefABCDEF") >= 40;
	s += 4;
	return strncmp(s + strspn(s, " \t\r\n"), "refs/", 5) == 0;
}

static struct err *
head_damaged(const char *path)
{
	char *command = shell_format("echo 'ref: refs/heads/main' >%s", path);
	struct err *e;

	e = err_new(ERR_DAMAGED, "'%s' is damaged, so that git takes this for "
	    "no repository; write into it which branch it was: %s", path,
	    command);
	free(command);
	return e;
}

/*
 * With another HEAD git takes this for no repository, and so leaves out its
 * configuration: we would know of no remote, and of no setting of ours.
 */
static struct err *
check_head(struct repo *r)
{
	char *path = xasprintf("%s/HEAD", r->gitdir);
	struct buf text = BUF_INIT;
	struct err *e = NULL;
	struct stat st;

	if (lstat(path, &st) != 0 || !S_ISLNK(st.st_mode))
		e = file_read(path, &text);
	else
		buf_addstr(&text, "ref: refs/");	/* git's old form */
	if (e == NULL && !is_head_text(text.p))
		e = head_damaged(path);
	buf_release(&text);
	free(path);
	return e;
}

/* 1 if `path` + `name` is there and not mine. */
static int
is_foreign(const char *path, const char *name)
{
	char *whole = xasprintf("%s%s", path, name);
	struct stat st;
	int foreign;

	foreign = lstat(whole, &st) == 0 && st.st_uid != geteuid();
	free(whole);
	return foreign;
}

/* What git asks for the owner of, at the least. */
static int
is_somebody_elses(const struct repo *r)
{
	const char *dir = git_repository_workdir(r->git);
	const char *base = strrchr(r->gitdir, '/');

	/* And where it was found, which core.worktree does not change. */
	if (is_foreign(r->gitdir, "") || (base != NULL &&
	    strcmp(base, "/.git") == 0 && is_foreign(r->gitdir, "/..")))
		return 1;
	return dir != NULL && (is_foreign(dir, "") || is_foreign(dir, ".git"));
}

/*
 * safe.directory and safe.bareRepository: git takes them from the user's own
 * configuration alone, and has changed its mind on how a folder is to be
 * written and on what is exempt; libgit2 takes what git does not.  So git
 * itself is asked, where the one or the other counts.
 */
static struct err *
check_discovered(struct repo *r)
{
	struct buf dir = BUF_INIT;
	struct err *e;

	if (getenv("GIT_DIR") != NULL || (!is_somebody_elses(r) &&
	    repo_config(r, "safe.barerepository") == NULL))
		return NULL;
	e = ask_git("--absolute-git-dir", &dir);
	buf_release(&dir);
	return e;
}

/* A relative one is below the current folder, which we may leave. */
static char *
objects_folder(const struct repo *r)
{
	const char *dir = getenv("GIT_OBJECT_DIRECTORY");
	char *real;

	if (dir == NULL)
		return xasprintf("%s/objects", r->commondir);
	real = realpath(dir, NULL);
	return real != NULL ? real : xstrdup(dir);
}

struct err *
repo_open(struct repo **out)
{
	static const char *extensions[] = {
		"worktreeconfig", "partialclone", "preciousobjects"
	};
	struct saved_env env;
	struct repo *r;
	struct err *e;

	*out = NULL;
	r = xcalloc(1, sizeof(*r));
	r->unreached_lock.fd = -1;
	r->packed = (struct packed_refs)PACKED_REFS_INIT;
	if (libgit2_start() < 0) {
		e = err_git("cannot start libgit2");
		goto done;
	}
	git_libgit2_opts(GIT_OPT_SET_EXTENSIONS, extensions, (size_t)3);
	/* As git: objects are hashed when they arrive, not when read; and each
	 * is read once, so that keeping them helps nobody. */
	git_libgit2_opts(GIT_OPT_ENABLE_STRICT_HASH_VERIFICATION, 0);
	git_libgit2_opts(GIT_OPT_ENABLE_CACHING, 0);
	env.work_tree = take_env("GIT_WORK_TREE");
	env.common_dir = take_env("GIT_COMMON_DIR");
	env.namespace = take_env("GIT_NAMESPACE");
	e = open_found(r);
	give_env("GIT_WORK_TREE", env.work_tree);
	give_env("GIT_COMMON_DIR", env.common_dir);
	give_env("GIT_NAMESPACE", env.namespace);
	if (e != NULL)
		goto done;
	r->gitdir = without_slash(git_repository_path(r->git));
	r->commondir = without_slash(git_repository_commondir(r->git));
	r->objects = objects_folder(r);
	e = check_head(r);
	if (e == NULL)
		e = check_discovered(r);
	if (e == NULL)
		e = check_format(r);
	if (e == NULL)
		e = settings_check(r);
	if (e == NULL)
		e = choose_workdir(r);
	if (e != NULL)
		goto done;
	share_begin(r);
	git_libgit2_opts(GIT_OPT_ENABLE_FSYNC_GITDIR,
	    repo_config_bool(r, "agent.fsync", 1));
	*out = r;
	r = NULL;
done:
	repo_close(r);
	return e;
}

void
repo_close(struct repo *r)
{
	if (r == NULL)
		return;
	unreached_settle(r, 1);
	git_config_free(r->config);
	git_odb_free(r->odb);
	git_odb_free(r->packs);
	git_repository_free(r->git);
	strvec_release(&r->keys);
	strvec_release(&r->elsewhere);
	strvec_release(&r->nowhere);
	strvec_release(&r->values);
	strvec_release(&r->kept);
	strvec_release(&r->alternates);
	strvec_release(&r->absent);
	packed_refs_release(&r->packed);
	free(r->gitdir);
	free(r->commondir);
	free(r->workdir);
	free(r->objects);
	free(r->remote);
	free(r->prefix);
	free(r->damage);
	free(r->looked);
	free(r->abbrevs);
	free(r);
	libgit2_end();
}

const char *
repo_gitdir(const struct repo *r)
{
	return r->gitdir;
}

const char *
repo_commondir(const struct repo *r)
{
	return r->commondir;
}

const char *
repo_objects(const struct repo *r)
{
	return r->objects;
}

const char *
repo_workdir(const struct repo *r)
{
	return r->workdir;
}

struct err *
repo_need_workdir(const struct repo *r)
{
	if (r->workdir != NULL)
		return NULL;
	return err_new(ERR_BARE, "'%s' is a bare repository; this needs a "
	    "work tree, so run it in a clone", r->gitdir);
}

int
repo_is_shallow(const struct repo *r)
{
	return git_repository_is_shallow(r->git) == 1;
}

const char *
repo_damage(const struct repo *r)
{
	return r->damage;
}

void
repo_note_damage(struct repo *r, const char *sentence)
{
	if (r->damage == NULL)
		r->damage = xstrdup(sentence);
}
