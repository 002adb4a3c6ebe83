#include "work/inside.h"

#include <stdlib.h>
#include <string.h>

/*
 * A repository may have been made by a stranger: a link in it that leads out
 * of it would have us publish, or replace, a file of the user's.
 */
struct err *
inside_check(struct repo *r, const char *path, const char *name,
    const char *what)
{
	char *real = realpath(path, NULL);
	char *top = realpath(repo_workdir(r), NULL);
	size_t n = top == NULL ? 0 : strlen(top);
	struct err *e = NULL;

	if (real != NULL && (n == 0 || strncmp(real, top, n) != 0 ||
	    real[n] != '/' || strncmp(real + n, "/.git/", 6) == 0))
		e = err_new(ERR_INPUT, "'%s' is a link to '%s', which is not "
		    "in the work tree; it is not %s", name, real, what);
	free(real);
	free(top);
	return e;
}
