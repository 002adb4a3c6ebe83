#include "work/workspace.h"

#include <ftw.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/proc.h"

/* A work tree, and the environment in which git can mean no other one. */
struct workspace {
	const char *dir;
	struct strvec env;
	int whole;	/* all files, also where the clone is sparse */
};

/* What the caller's environment, a git hook's perhaps, must not decide. */
static void
workspace_init(struct workspace *w, const char *gitdir, const char *dir)
{
	memset(w, 0, sizeof(*w));
	w->dir = dir == NULL ? gitdir : dir;
	strvec_pushl(&w->env, "GIT_INDEX_FILE", "GIT_PREFIX",
	    "GIT_COMMON_DIR", "GIT_GLOB_PATHSPECS", "GIT_NOGLOB_PATHSPECS",
	    "GIT_ICASE_PATHSPECS", "GIT_LITERAL_PATHSPECS=1", (char *)NULL);
	strvec_pushf(&w->env, "GIT_DIR=%s", gitdir);
	if (dir == NULL)
		strvec_push(&w->env, "GIT_WORK_TREE");
	else
		strvec_pushf(&w->env, "GIT_WORK_TREE=%s", dir);
}

static void
workspace_release(struct workspace *w)
{
	strvec_release(&w->env);
}

/* Run git with these words; what it prints goes to `out` if not NULL. */
static struct err *
run_git(const struct workspace *w, struct buf *out,
    const struct strvec *words)
{
	struct strvec argv = STRVEC_INIT;
	struct proc p = PROC_INIT;
	struct buf text = BUF_INIT, problem = BUF_INIT;
	struct err *e;
	size_t i;
	int status;

	/* A checkout of ours is no event for the user's hooks. */
	strvec_pushl(&argv, "git", "-c", "core.hooksPath=/dev/null", "-c",
	    "advice.detachedHead=false", "-c", "submodule.recurse=false",
	    "-c", "worktree.useRelativePaths=false", (char *)NULL);
	if (w->whole)
		strvec_pushl(&argv, "-c", "core.sparseCheckout=false",
		    (char *)NULL);
	for (i = 0; i < words->n; i++)
		strvec_push(&argv, words->v[i]);
	p.argv = &argv;
	p.cwd = w->dir;
	p.env = &w->env;
	e = proc_capture(&p, NULL, &text, &problem, &status);
	buf_rtrim(&problem);
	for (i = 0; i + 1 < words->n && strcmp(words->v[i], "-c") == 0; i += 2)
		continue;
	if (e == NULL && status != 0)
		e = err_new(ERR_GIT, "'git %s' failed: %s", words->v[i],
		    problem.p);
	if (out != NULL)
		buf_add(out, text.p, text.len);
	buf_release(&text);
	buf_release(&problem);
	strvec_release(&argv);
	return e;
}

static struct err *
git(const struct workspace *w, struct buf *out, ...)
{
	struct strvec words = STRVEC_INIT;
	struct err *e;
	const char *word;
	va_list ap;

	va_start(ap, out);
	while ((word = va_arg(ap, const char *)) != NULL)
		strvec_push(&words, word);
	va_end(ap);
	e = run_git(w, out, &words);
	strvec_release(&words);
	return e;
}

/* A copy, so that git need not read every file again to know it. */
static struct err *
copy_index(struct repo *r, const char *to)
{
	char *from = xasprintf("%s/index", repo_gitdir(r));
	struct buf data = BUF_INIT;
	struct err *e;

	e = file_read(from, &data);
	if (e == NULL)
		e = file_write_cache(to, data.p, data.len);
	if (e != NULL && e->code == ERR_NOTFOUND) {
		err_free(e);
		e = NULL;
	}
	buf_release(&data);
	free(from);
	return e;
}

static struct err *
write_tree(struct repo *r, struct workspace *w, struct oid *tree)
{
	char *index = xasprintf("%s/agent/index.%ld.%llx", repo_gitdir(r),
	    (long)getpid(), (unsigned long long)clock_now());
	struct buf hex = BUF_INIT;
	struct err *e;

	strvec_pushf(&w->env, "GIT_INDEX_FILE=%s", index);
	e = repo_make_state(r);
	if (e == NULL)
		e = copy_index(r, index);
	if (e == NULL)
		e = git(w, NULL, "add", "--all", "--", ".", (char *)NULL);
	if (e == NULL)
		e = git(w, &hex, "write-tree", (char *)NULL);
	buf_rtrim(&hex);
	if (e == NULL && oid_parse(hex.p, tree) != 0)
		e = err_new(ERR_GIT, "'git write-tree' said '%s'", hex.p);
	(void)unlink(index);
	buf_release(&hex);
	free(index);
	return e;
}

struct err *
workspace_tree(struct repo *r, struct oid *tree, int *dirty)
{
	struct buf text = BUF_INIT;
	struct workspace w;
	struct oid head;
	struct err *e;

	workspace_init(&w, repo_gitdir(r), repo_workdir(r));
	e = repo_head(r, &head);
	if (e == NULL)
		e = repo_commit_tree(r, &head, tree);
	/* Whatever the user likes to see: all that can change a result. */
	if (e == NULL)
		e = git(&w, &text, "--no-optional-locks", "status",
		    "--porcelain", "--untracked-files=normal",
		    "--ignore-submodules=untracked", (char *)NULL);
	*dirty = text.len != 0;
	if (e == NULL && *dirty)
		e = write_tree(r, &w, tree);
	workspace_release(&w);
	buf_release(&text);
	return e;
}

static int
make_writable(const char *path, const struct stat *st, int type,
    struct FTW *at)
{
	(void)at;
	if (type == FTW_D || type == FTW_DNR)
		(void)chmod(path, st->st_mode | S_IRWXU);
	return 0;
}

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	(void)type;
	(void)at;
	return remove(path);
}

static struct err *
remove_folder(const char *dir)
{
	struct stat st;

	(void)nftw(dir, make_writable, 16, FTW_PHYS);
	(void)nftw(dir, remove_one, 16, FTW_PHYS | FTW_DEPTH);
	if (lstat(dir, &st) != 0)
		return NULL;
	return err_new(ERR_SYSTEM, "cannot remove '%s'; remove it by hand",
	    dir);
}

/* One line of a small file, malloc'd; "" if it cannot be read. */
static char *
read_line(const char *dir, const char *name)
{
	char *path = xasprintf("%s/%s", dir, name);
	struct buf text = BUF_INIT;

	err_free(file_read(path, &text));
	buf_rtrim(&text);
	free(path);
	return buf_steal(&text);
}

static int
same_file(const char *a, const char *b)
{
	struct stat x, y;

	return stat(a, &x) == 0 && stat(b, &y) == 0 &&
	    x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

/*
 * The git folder of our linked worktree, malloc'd; NULL if `dir` is none.
 * A clone that was moved or copied has one that points into the old place,
 * where it must not be written to.
 */
static char *
admin_folder(struct repo *r, const char *dir)
{
	char *line = read_line(dir, ".git"), *gitdir = NULL, *back = NULL;
	char *parent = xasprintf("%s/worktrees", repo_commondir(r));
	char *marker = xasprintf("%s/.git", dir), *slash;

	if (strncmp(line, "gitdir: /", 9) == 0) {
		gitdir = xstrdup(line + 8);
		back = read_line(gitdir, "gitdir");
		slash = strrchr(gitdir, '/');
		*slash = '\0';
		if (!same_file(gitdir, parent) || !same_file(back, marker)) {
			free(gitdir);
			gitdir = NULL;
		} else {
			*slash = '/';
		}
	}
	free(back);
	free(line);
	free(parent);
	free(marker);
	return gitdir;
}

/* What a process that was killed left behind; we hold the lock above it. */
static void
remove_stale_locks(const char *gitdir)
{
	static const char *const names[] = { "index.lock", "HEAD.lock" };
	char *path;
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		path = xasprintf("%s/%s", gitdir, names[i]);
		(void)unlink(path);
		free(path);
	}
}

/* Twice --force: the folder may be known, and locked, and be gone. */
static struct err *
add_worktree(struct repo *r, const char *dir, const char *hex)
{
	struct workspace w;
	struct err *e;

	workspace_init(&w, repo_gitdir(r), repo_workdir(r));
	w.whole = 1;
	e = remove_folder(dir);
	if (e == NULL)
		e = git(&w, NULL, "worktree", "add", "--force", "--force",
		    "--detach", "--no-checkout", dir, hex, (char *)NULL);
	workspace_release(&w);
	return e;
}

static struct err *
check_out(struct repo *r, const char *dir, const char *hex,
    struct workspace *w)
{
	char *gitdir = admin_folder(r, dir);
	struct err *e;

	if (gitdir == NULL)
		return err_new(ERR_GIT, "'%s' is not a work tree of this "
		    "repository", dir);
	workspace_init(w, gitdir, dir);
	w->whole = 1;
	remove_stale_locks(gitdir);
	e = git(w, NULL, "checkout", "-q", "--force", "--detach", hex,
	    (char *)NULL);
	if (e == NULL)
		e = git(w, NULL, "reset", "-q", "--hard", hex, (char *)NULL);
	if (e == NULL)
		e = git(w, NULL, "clean", "-q", "-ffdx", (char *)NULL);
	free(gitdir);
	return e;
}

/*
 * Submodules that the user has are cloned out of the user's own copy, so
 * that the network is not needed.
 */
static struct err *
check_out_submodules(struct repo *r, const struct workspace *w)
{
	struct strvec words = STRVEC_INIT, paths = STRVEC_INIT;
	struct buf list = BUF_INIT;
	struct err *e = NULL;
	const char *p;
	size_t i;

	/* "submodule.NAME.path\nPATH\0"; fails where there are none. */
	err_free(git(w, &list, "config", "-z", "-f", ".gitmodules",
	    "--get-regexp", "^submodule\\..*\\.path$", (char *)NULL));
	strvec_pushl(&words, "-c", "protocol.file.allow=always", (char *)NULL);
	for (p = list.p; p < list.p + list.len; p += strlen(p) + 1) {
		int n = (int)strcspn(p, "\n") - 15;
		char *modules = xasprintf("%s/modules/%.*s",
		    repo_commondir(r), n, p + 10);

		if (n > 0 && p[n + 15] == '\n' && access(modules, F_OK) == 0) {
			strvec_push(&words, "-c");
			strvec_pushf(&words, "submodule.%.*s.url=%s", n,
			    p + 10, modules);
			strvec_push(&paths, p + n + 16);
		}
		free(modules);
	}
	strvec_pushl(&words, "submodule", "--quiet", "update", "--init",
	    "--force", "--", (char *)NULL);
	for (i = 0; i < paths.n; i++)
		strvec_push(&words, paths.v[i]);
	if (paths.n > 0)
		e = run_git(w, NULL, &words);
	strvec_release(&words);
	strvec_release(&paths);
	buf_release(&list);
	return e;
}

/* What the commit itself has at the path goes; what the source has comes. */
static struct err *
lay_over(struct repo *r, const struct workspace *w, const struct oid *source,
    const char *path)
{
	char hex[OID_HEX_SIZE];
	struct oid entry;
	struct err *e;

	oid_hex(source, hex);
	e = repo_commit_entry(r, source, path, &entry);
	if (e != NULL && e->code == ERR_NOTFOUND) {
		err_free(e);
		return err_new(ERR_CONFIG, "the protected path '%s' is not "
		    "in %.12s, which defines the oracle", path, hex);
	}
	if (e == NULL)
		e = git(w, NULL, "rm", "-r", "-f", "-q", "--ignore-unmatch",
		    "--", path, (char *)NULL);
	if (e == NULL)
		e = git(w, NULL, "checkout", "-q", hex, "--", path,
		    (char *)NULL);
	return e;
}

struct err *
workspace_checkout(struct repo *r, const char *dir, const struct oid *commit,
    const struct oid *source, const struct strvec *paths)
{
	struct workspace w = { 0 };
	char hex[OID_HEX_SIZE];
	struct err *e;
	size_t i;

	oid_hex(commit, hex);
	e = check_out(r, dir, hex, &w);
	if (e != NULL) {
		/* It is missing, or damaged: a new one. */
		err_free(e);
		workspace_release(&w);
		e = add_worktree(r, dir, hex);
		if (e == NULL)
			e = check_out(r, dir, hex, &w);
	}
	if (e == NULL)
		e = check_out_submodules(r, &w);
	for (i = 0; e == NULL && i < paths->n; i++)
		e = lay_over(r, &w, source, paths->v[i]);
	workspace_release(&w);
	return e;
}
