#include "work/workspace.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/proc.h"

/* Run git with these words; what it prints goes to `out` if not NULL. */
static struct err *
run_git(const char *cwd, const struct strvec *env, struct buf *out,
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
	    "advice.detachedHead=false", (char *)NULL);
	for (i = 0; i < words->n; i++)
		strvec_push(&argv, words->v[i]);
	p.argv = &argv;
	p.cwd = cwd;
	p.env = env;
	e = proc_capture(&p, NULL, &text, &problem, &status);
	buf_rtrim(&problem);
	if (e == NULL && status != 0)
		e = err_new(ERR_GIT, "'git %s' failed: %s", words->v[0],
		    problem.p);
	if (out != NULL)
		buf_addstr(out, text.p);
	buf_release(&text);
	buf_release(&problem);
	strvec_release(&argv);
	return e;
}

static struct err *
git(const char *cwd, const struct strvec *env, struct buf *out, ...)
{
	struct strvec words = STRVEC_INIT;
	struct err *e;
	const char *word;
	va_list ap;

	va_start(ap, out);
	while ((word = va_arg(ap, const char *)) != NULL)
		strvec_push(&words, word);
	va_end(ap);
	e = run_git(cwd, env, out, &words);
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

struct err *
workspace_tree(struct repo *r, struct oid *tree, int *dirty)
{
	char *index = NULL;
	struct strvec env = STRVEC_INIT;
	struct buf hex = BUF_INIT;
	struct oid head;
	struct err *e;

	e = repo_head(r, &head);
	if (e == NULL)
		e = repo_commit_tree(r, &head, tree);
	if (e == NULL)
		e = repo_is_dirty(r, dirty);
	if (e != NULL || !*dirty)
		return e;
	index = xasprintf("%s/agent/index.%ld", repo_gitdir(r),
	    (long)getpid());
	strvec_pushf(&env, "GIT_INDEX_FILE=%s", index);
	e = repo_make_state(r);
	if (e == NULL)
		e = copy_index(r, index);
	if (e == NULL)
		e = git(repo_workdir(r), &env, NULL, "add", "--all", "--",
		    ".", (char *)NULL);
	if (e == NULL)
		e = git(repo_workdir(r), &env, &hex, "write-tree",
		    (char *)NULL);
	buf_rtrim(&hex);
	if (e == NULL && oid_parse(hex.p, tree) != 0)
		e = err_new(ERR_GIT, "'git write-tree' said '%s'", hex.p);
	(void)unlink(index);
	buf_release(&hex);
	strvec_release(&env);
	free(index);
	return e;
}

/* Only what exists in the source: the rest stays as the commit has it not. */
static struct err *
overlay(struct repo *r, const char *dir, const struct strvec *env,
    const struct oid *source, const struct strvec *paths)
{
	char hex[OID_HEX_SIZE];
	struct err *e = NULL;
	struct oid entry;
	size_t i;

	oid_hex(source, hex);
	for (i = 0; e == NULL && i < paths->n; i++) {
		char *path = xstrdup(paths->v[i]);

		while (*path != '\0' && path[strlen(path) - 1] == '/')
			path[strlen(path) - 1] = '\0';
		/* Away with what the commit itself has there. */
		e = git(dir, env, NULL, "rm", "-r", "-f", "-q",
		    "--ignore-unmatch", "--", path, (char *)NULL);
		if (e == NULL) {
			e = repo_commit_entry(r, source, path, &entry);
			if (e != NULL && e->code == ERR_NOTFOUND) {
				err_free(e);
				e = err_new(ERR_CONFIG, "the protected path "
				    "'%s' is not in %.12s, which defines the "
				    "oracle", path, hex);
			}
		}
		if (e == NULL)
			e = git(dir, env, NULL, "checkout", "-q", hex, "--",
			    path, (char *)NULL);
		free(path);
	}
	return e;
}

struct err *
workspace_checkout(struct repo *r, const char *dir, const struct oid *commit,
    const struct oid *source, const struct strvec *paths)
{
	struct strvec env = STRVEC_INIT;
	char hex[OID_HEX_SIZE], *marker = xasprintf("%s/.git", dir);
	const char *start = repo_workdir(r) == NULL ? repo_gitdir(r) :
	    repo_workdir(r);
	struct err *e = NULL;

	oid_hex(commit, hex);
	/* We are about to work in another work tree than the user's. */
	strvec_pushl(&env, "GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE",
	    "GIT_PREFIX", (char *)NULL);
	if (access(marker, F_OK) != 0) {
		e = git(start, NULL, NULL, "worktree", "prune", (char *)NULL);
		if (e == NULL)
			e = git(start, NULL, NULL, "worktree", "add",
			    "--force", "--force", "--detach", "-q",
			    "--no-checkout", dir, hex, (char *)NULL);
	}
	if (e == NULL)
		e = git(dir, &env, NULL, "checkout", "-q", "--force",
		    "--detach", hex, (char *)NULL);
	if (e == NULL)
		e = git(dir, &env, NULL, "reset", "-q", "--hard", hex,
		    (char *)NULL);
	if (e == NULL)
		e = git(dir, &env, NULL, "clean", "-q", "-ffdx",
		    (char *)NULL);
	if (e == NULL)
		e = overlay(r, dir, &env, source, paths);
	strvec_release(&env);
	free(marker);
	return e;
}
