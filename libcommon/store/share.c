#include "store/share.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/proc.h"

enum {
	SHARE_GROUP = 0660,
	SHARE_ALL = 0664,
};

static int
is_true(const char *v)
{
	return strcasecmp(v, "true") == 0 || strcasecmp(v, "yes") == 0 ||
	    strcasecmp(v, "on") == 0;
}

/* Who may read a file may enter a folder. */
static mode_t
with_folders(mode_t mode)
{
	return mode | (mode & 0444) >> 2;
}

/* What the setting (or NULL) makes of it; git_config_perm() in git's setup.c */
static mode_t
shared_umask(const char *v, mode_t mask)
{
	char *end;
	long n;

	if (v == NULL)
		return mask;
	if (strcmp(v, "group") == 0 || is_true(v))
		return mask & ~with_folders(SHARE_GROUP);
	if (strcmp(v, "all") == 0 || strcmp(v, "world") == 0 ||
	    strcmp(v, "everybody") == 0)
		return mask & ~with_folders(SHARE_ALL);
	n = strtol(v, &end, 8);
	if (*end != '\0' || n <= 0)
		return mask;	/* "umask", "false" */
	if (n == 1)		/* as `git init --shared` writes them */
		return mask & ~with_folders(SHARE_GROUP);
	if (n == 2)
		return mask & ~with_folders(SHARE_ALL);
	/* One that takes the owner's away is an error for git. */
	if ((n & 0600) != 0600)
		return mask;
	return 0777 & ~with_folders((mode_t)n & 0666);
}

void
share_begin(struct repo *r)
{
	const char *v = repo_config(r, "core.sharedrepository");

	proc_set_umask(shared_umask(v, proc_umask()));
}
