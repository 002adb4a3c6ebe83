/* The part of repo.h that is about where our own state files are. */
#include "store/git.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"

char *
repo_shared_path(const struct repo *r, const char *name)
{
	return xasprintf("%s/agent/%s", r->commondir, name);
}

/* No ref has a '^' in its name, and so no remote that is fetched from. */
static void
flatten(char *remote)
{
	for (; *remote != '\0'; remote++)
		if (*remote == '/')
			*remote = '^';
}

char *
repo_remote_name(const char *remote)
{
	char *name = xstrdup(remote);

	flatten(name);
	return name;
}

static int
is_folder(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/*
 * Earlier versions kept what is of a remote "a/b" in a folder "a", where the
 * file of a remote "a" is to be.  What is behind `base` is the remote's name.
 */
static void
take_out(const char *dir, size_t base)
{
	DIR *open = opendir(dir);
	struct dirent *d;
	char *path, *to;

	while (open != NULL && (d = readdir(open)) != NULL) {
		if (strcmp(d->d_name, ".") == 0 ||
		    strcmp(d->d_name, "..") == 0)
			continue;
		path = xasprintf("%s/%s", dir, d->d_name);
		to = xstrdup(path);
		flatten(to + base);
		if (is_folder(path))
			take_out(path, base);
		else
			(void)rename(path, to);
		free(path);
		free(to);
	}
	if (open != NULL)
		closedir(open);
	(void)rmdir(dir);
}

char *
repo_remote_path(const struct repo *r, const char *what, const char *remote)
{
	char *dir = xasprintf("%s/agent/%s/", r->commondir, what);
	char *name = repo_remote_name(remote), *first, *path;

	first = xasprintf("%s%.*s", dir, (int)strcspn(remote, "/"), remote);
	path = xasprintf("%s%s", dir, name);
	/* No part of a ref's name begins with a dot; ".." is not ours. */
	if (*remote != '.' && *remote != '/' && *remote != '\0' &&
	    is_folder(first))
		take_out(first, strlen(dir));
	free(first);
	free(name);
	free(dir);
	return path;
}

char *
repo_local_path(const struct repo *r, const char *name)
{
	return xasprintf("%s/agent/%s", r->gitdir, name);
}

struct err *
repo_make_state(const struct repo *r)
{
	struct err *e = NULL;
	char *shared = xasprintf("%s/agent", r->commondir);
	char *local = xasprintf("%s/agent", r->gitdir);

	if (access(shared, F_OK) != 0)
		e = file_mkdirs(shared);
	if (e == NULL && access(local, F_OK) != 0)
		e = file_mkdirs(local);
	free(shared);
	free(local);
	return e;
}
