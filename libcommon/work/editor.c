#include "work/editor.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/proc.h"

static struct err *
find_editor(struct buf *line)
{
	struct strvec argv = STRVEC_INIT;
	struct proc p = PROC_INIT;
	struct err *e;
	int status;

	strvec_pushl(&argv, "git", "var", "GIT_EDITOR", (char *)NULL);
	p.argv = &argv;
	p.flags = PROC_NO_STDERR;
	e = proc_capture(&p, NULL, line, NULL, &status);
	buf_rtrim(line);
	if (e == NULL && (status != 0 || line->len == 0))
		e = err_new(ERR_INPUT, "git knows of no editor here; set "
		    "core.editor or GIT_EDITOR, or give the text as words or "
		    "on standard input ('-')");
	strvec_release(&argv);
	return e;
}

/* The editor is a shell line by git's own rule (core.editor). */
static struct err *
run_editor(const char *line, const char *path)
{
	struct strvec argv = STRVEC_INIT;
	struct proc p = PROC_INIT;
	struct err *e;
	pid_t pid;
	int status;

	strvec_pushf(&argv, "%s \"$1\"", line);
	strvec_pushl(&argv, line, path, (char *)NULL);
	p.argv = &argv;
	p.flags = PROC_SHELL;
	p.in = STDIN_FILENO;
	e = proc_start(&p, &pid);
	if (e == NULL)
		e = proc_wait(pid, &status);
	if (e == NULL && status != 0)
		e = err_new(ERR_INPUT, "the editor '%s' failed; nothing was "
		    "recorded, and your text is in '%s'", line, path);
	strvec_release(&argv);
	return e;
}

struct err *
editor_text(struct repo *r, const char *kind, struct buf *text)
{
	char *path = repo_local_path(r, "LOG_EDITMSG"), *line, *rest;
	struct buf editor = BUF_INIT, raw = BUF_INIT;
	struct err *e;

	e = find_editor(&editor);
	if (e != NULL)
		goto done;
	buf_add(&raw, text->p, text->len);
	buf_addf(&raw, "\n# A '%s' record: the first line says it in one "
	    "sentence, the rest the detail.\n# Lines that begin with '#' are "
	    "left out; an empty text records nothing.\n", kind);
	e = repo_make_state(r);
	if (e == NULL)
		e = file_write_cache(path, raw.p, raw.len);
	if (e == NULL)
		e = run_editor(editor.p, path);
	if (e != NULL)
		goto done;
	buf_clear(&raw);
	buf_clear(text);
	e = file_read(path, &raw);
	rest = raw.p;
	while (e == NULL && (line = strsep(&rest, "\n")) != NULL)
		if (*line != '#')
			buf_addf(text, "%s\n", line);
	(void)unlink(path);
done:
	buf_release(&editor);
	buf_release(&raw);
	free(path);
	return e;
}
