#include "work/workspace-git.h"

#include <stdarg.h>
#include <string.h>

#include "base/proc.h"

/* What the caller's environment, a git hook's perhaps, must not decide. */
void
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

void
workspace_release(struct workspace *w)
{
	strvec_release(&w->env);
}

void
workspace_make_pristine(struct workspace *w, const char *view)
{
	w->pristine = 1;
	strvec_push(&w->env, "GIT_ATTR_NOSYSTEM=1");
	strvec_pushf(&w->env, "GIT_COMMON_DIR=%s", view);
}

static void
add_pristine(struct strvec *argv)
{
	static const char *const settings[] = {
		"core.sparseCheckout=false", "core.attributesFile=/dev/null",
		"core.autocrlf=false", "core.eol=native",
		/* Else git would be told what it need not look at. */
		"core.fsmonitor=false", "core.ignoreStat=false",
		"core.trustctime=true", "core.checkStat=default",
	};
	size_t i;

	for (i = 0; i < sizeof(settings) / sizeof(settings[0]); i++)
		strvec_pushl(argv, "-c", settings[i], (char *)NULL);
}

struct err *
workspace_run(const struct workspace *w, struct buf *out,
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
	if (w->pristine)
		add_pristine(&argv);
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

struct err *
git_in(const struct workspace *w, struct buf *out, ...)
{
	struct strvec words = STRVEC_INIT;
	struct err *e;
	const char *word;
	va_list ap;

	va_start(ap, out);
	while ((word = va_arg(ap, const char *)) != NULL)
		strvec_push(&words, word);
	va_end(ap);
	e = workspace_run(w, out, &words);
	strvec_release(&words);
	return e;
}
