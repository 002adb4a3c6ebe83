#include "work/common-view.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"

static int
is_left_out(const char *name)
{
	static const char *const names[] = { ".", "..", "info", "agent" };
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(name, names[i]) == 0)
			return 1;
	return 0;
}

static struct err *
link_one(struct repo *r, const char *dir, const char *name)
{
	char *from = xasprintf("%s/%s", repo_commondir(r), name);
	char *to = xasprintf("%s/%s", dir, name);
	struct err *e = NULL;

	if (symlink(from, to) != 0)
		e = err_errno("cannot make the link '%s'", to);
	free(from);
	free(to);
	return e;
}

struct err *
common_view_make(struct repo *r, const char *dir)
{
	struct dirent *d;
	struct err *e;
	DIR *all;

	e = file_mkdirs(dir);
	if (e != NULL)
		return e;
	all = opendir(repo_commondir(r));
	if (all == NULL)
		return err_errno("cannot list '%s'", repo_commondir(r));
	while (e == NULL && (d = readdir(all)) != NULL)
		if (!is_left_out(d->d_name))
			e = link_one(r, dir, d->d_name);
	closedir(all);
	return e;
}
