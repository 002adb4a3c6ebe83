#include "work/workspace.h"

#include <dirent.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/file.h"
#include "work/common-view.h"
#include "work/workspace-git.h"

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
		e = git_in(w, NULL, "add", "--all", "--", ".", (char *)NULL);
	if (e == NULL)
		e = git_in(w, &hex, "write-tree", (char *)NULL);
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
		e = git_in(&w, &text, "--no-optional-locks", "status",
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
	static const char *const names[] = { "index.lock", "HEAD.lock",
	    "ORIG_HEAD.lock" };
	char *path;
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		path = xasprintf("%s/%s", gitdir, names[i]);
		(void)unlink(path);
		free(path);
	}
}

/*
 * git that was killed as it added our worktree: it has written who that is,
 * and not yet where the repository is.  No `git worktree` works beside that.
 */
static void
remove_unfinished(struct repo *r, const char *dir)
{
	char *parent = xasprintf("%s/worktrees", repo_commondir(r));
	char *marker = xasprintf("%s/.git", dir);
	char *gitdir, *back, *common;
	DIR *d = opendir(parent);
	struct dirent *entry;

	while (d != NULL && (entry = readdir(d)) != NULL) {
		gitdir = xasprintf("%s/%s", parent, entry->d_name);
		back = read_line(gitdir, "gitdir");
		common = read_line(gitdir, "commondir");
		/* git gives none a name with a dot first; ".." is all of it. */
		if (*entry->d_name != '.' && strcmp(back, marker) == 0 &&
		    *common == '\0')
			err_free(remove_folder(gitdir));
		free(gitdir);
		free(back);
		free(common);
	}
	if (d != NULL)
		closedir(d);
	free(parent);
	free(marker);
}

/* Twice --force: the folder may be known, and locked, and be gone. */
static struct err *
add_worktree(struct repo *r, const char *dir, const char *hex)
{
	struct workspace w;
	struct err *e;

	workspace_init(&w, repo_gitdir(r), repo_workdir(r));
	w.pristine = 1;
	e = remove_folder(dir);
	if (e == NULL)
		remove_unfinished(r, dir);
	if (e == NULL)
		e = git_in(&w, NULL, "worktree", "add", "--force", "--force",
		    "--detach", "--no-checkout", dir, hex, (char *)NULL);
	workspace_release(&w);
	return e;
}

static struct err *
make_view(struct repo *r, const char *dir, struct workspace *w)
{
	char *view = xasprintf("%s.common", dir);
	struct err *e;

	workspace_make_pristine(w, view);
	e = remove_folder(view);
	if (e == NULL)
		e = common_view_make(r, view);
	free(view);
	return e;
}

/*
 * Look at every file: the index that was left there may say of one that has
 * changed that it has not.
 */
static struct err *
read_anew(const struct workspace *w, const char *gitdir, const char *hex)
{
	char *index = xasprintf("%s/index", gitdir);
	struct err *e;

	(void)unlink(index);
	e = git_in(w, NULL, "read-tree", hex, (char *)NULL);
	/* It fails where a file differs, which is put right next. */
	if (e == NULL)
		err_free(git_in(w, NULL, "update-index", "-q", "--refresh",
		    (char *)NULL));
	free(index);
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
	remove_stale_locks(gitdir);
	e = make_view(r, dir, w);
	if (e == NULL)
		e = read_anew(w, gitdir, hex);
	if (e == NULL)
		e = git_in(w, NULL, "checkout", "-q", "--force", "--detach", hex,
		    (char *)NULL);
	if (e == NULL)
		e = git_in(w, NULL, "reset", "-q", "--hard", hex, (char *)NULL);
	if (e == NULL)
		e = git_in(w, NULL, "clean", "-q", "-ffdx", (char *)NULL);
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
	err_free(git_in(w, &list, "config", "-z", "-f", ".gitmodules",
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
		e = workspace_run(w, NULL, &words);
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
		e = git_in(w, NULL, "rm", "-r", "-f", "-q", "--ignore-unmatch",
		    "--", path, (char *)NULL);
	if (e == NULL)
		e = git_in(w, NULL, "checkout", "-q", hex, "--", path,
		    (char *)NULL);
	return e;
}

/* In the place of what is there. */
static struct err *
move_over(const char *from_dir, const char *to_dir, const char *path)
{
	char *from = xasprintf("%s/%s", from_dir, path);
	char *to = xasprintf("%s/%s", to_dir, path);
	struct err *e;

	e = remove_folder(to);
	if (e == NULL && rename(from, to) != 0)
		e = err_errno("cannot move '%s'", from);
	free(from);
	free(to);
	return e;
}

/*
 * git converted them as the commit's own .gitattributes say, but the source
 * defines them: again, by those of the source, which an index of it alone
 * and a folder without any other give.
 */
static struct err *
lay_as_source(struct repo *r, const char *dir, const char *hex,
    const struct strvec *paths)
{
	struct strvec words = STRVEC_INIT;
	struct workspace w;
	char *gitdir = admin_folder(r, dir), *laid = xasprintf("%s.laid", dir);
	char *index = xasprintf("%s.index", laid);
	struct err *e;
	size_t i;

	workspace_init(&w, gitdir, laid);
	strvec_pushf(&w.env, "GIT_INDEX_FILE=%s", index);
	strvec_pushl(&words, "checkout", "-q", hex, "--", (char *)NULL);
	for (i = 0; i < paths->n; i++)
		strvec_push(&words, paths->v[i]);
	e = make_view(r, dir, &w);
	if (e == NULL)
		e = remove_folder(laid);
	if (e == NULL)
		e = file_mkdirs(laid);
	if (e == NULL)
		e = git_in(&w, NULL, "read-tree", hex, (char *)NULL);
	if (e == NULL)
		e = workspace_run(&w, NULL, &words);
	for (i = 0; e == NULL && i < paths->n; i++)
		e = move_over(laid, dir, paths->v[i]);
	e = err_first(e, remove_folder(laid));
	(void)unlink(index);
	workspace_release(&w);
	strvec_release(&words);
	free(gitdir);
	free(index);
	free(laid);
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
	oid_hex(source, hex);
	if (e == NULL && paths->n > 0)
		e = lay_as_source(r, dir, hex, paths);
	workspace_release(&w);
	return e;
}
