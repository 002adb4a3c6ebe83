/* The part of render.h that writes the file. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/cmd.h"
#include "base/file.h"
#include "work/inside.h"
#include "work/render.h"

/* A file that a person wrote is not ours to replace. */
static struct err *
check_replaceable(const char *path, const char *name)
{
	struct buf old = BUF_INIT;
	struct err *e;

	e = file_read(path, &old);
	if (e == NULL &&
	    strncmp(old.p, RENDER_MARK, strlen(RENDER_MARK)) != 0)
		e = err_new(ERR_INPUT, "'%s' was not written by 'git agent "
		    "log --render'; name another file with -o, or replace it "
		    "with --force", name);
	buf_release(&old);
	return e;
}

/*
 * What the name stands for, malloc'd: a file is written by a rename, which
 * would put a regular file in the place of a link, a device or a pipe.
 */
static struct err *
find_target(const char *name, char **target, int *there)
{
	struct stat st;

	*there = 0;
	*target = NULL;
	if (lstat(name, &st) != 0) {	/* what is wrong, the write says */
		*target = xstrdup(name);
		return NULL;
	}
	if (stat(name, &st) != 0)
		return err_new(ERR_INPUT, "'%s' is a symbolic link that leads "
		    "to no file; remove it, or name another file with -o",
		    name);
	if (!S_ISREG(st.st_mode))
		return err_new(ERR_INPUT, "'%s' is not a regular file; name "
		    "another with -o, or '-' for standard output", name);
	*there = 1;
	*target = realpath(name, NULL);
	return *target != NULL ? NULL : err_errno("cannot find '%s'", name);
}

struct err *
render_write(struct repo *r, const char *output, int force,
    const struct buf *text)
{
	char *name, *target = NULL;
	struct err *e = NULL;
	int there;

	if (output != NULL && strcmp(output, "-") == 0) {
		(void)fwrite(text->p, 1, text->len, stdout);
		return NULL;	/* cmd_main() sees whether that failed */
	}
	name = output != NULL ? xstrdup(output) :
	    xasprintf("%s/CHANGELOG.md", repo_workdir(r));
	if (output == NULL)
		e = inside_check(r, name, "CHANGELOG.md", "written");
	if (e == NULL)
		e = find_target(name, &target, &there);
	if (e == NULL && there && !force)
		e = check_replaceable(target, name);
	if (e == NULL)
		e = file_write(target, text->p, text->len);
	if (e == NULL)
		cmd_note("wrote '%s'", name);
	free(target);
	free(name);
	return e;
}
