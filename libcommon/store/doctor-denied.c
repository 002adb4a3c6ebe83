/*
 * What this user may not read or write, as after a command that was run by
 * sudo or by a colleague.
 */
#include "store/doctor-parts.h"

#include <dirent.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/shell.h"

#define DEPTH_MAX 32

/* What there is below one folder. */
struct search {
	int may_write;		/* it is a clone to write to */
	size_t count;
	char *first;
	const char *verb;	/* what is not allowed with it */
	struct stat st;		/* of the first */
};

static void
meet(struct search *s, const char *path, const struct stat *st,
    const char *verb)
{
	if (s->count++ > 0)
		return;
	s->first = xstrdup(path);
	s->verb = verb;
	s->st = *st;
}

/* Ours are written in place where they are locks; git's are replaced. */
static int
is_own_lock(const char *path)
{
	const char *name = strrchr(path, '/') + 1;
	size_t n = strlen(name);

	return strstr(path, "/agent/") != NULL &&
	    strstr(path, "/refs/") == NULL && n >= 4 &&
	    strcmp(name + n - 4, "lock") == 0;
}

static void
look(struct search *s, const char *path, int depth)
{
	DIR *open = NULL;
	struct dirent *d;
	struct stat st;
	int folder;

	if (lstat(path, &st) != 0 ||
	    (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode)))
		return;
	folder = S_ISDIR(st.st_mode);
	if (faccessat(AT_FDCWD, path, folder ? R_OK | X_OK : R_OK,
	    AT_EACCESS) != 0)
		meet(s, path, &st, "read");
	else if (s->may_write && (folder || is_own_lock(path)) &&
	    faccessat(AT_FDCWD, path, W_OK, AT_EACCESS) != 0)
		meet(s, path, &st, "write to");
	if (folder && depth > 0)
		open = opendir(path);
	while (open != NULL && (d = readdir(open)) != NULL) {
		char *below = xasprintf("%s/%s", path, d->d_name);

		if (strcmp(d->d_name, ".") != 0 &&
		    strcmp(d->d_name, "..") != 0)
			look(s, below, depth - 1);
		free(below);
	}
	if (open != NULL)
		closedir(open);
}

static char *
name_of(uid_t uid)
{
	const struct passwd *pw = getpwuid(uid);

	return pw != NULL ? xstrdup(pw->pw_name) :
	    xasprintf("%ld", (long)uid);
}

/* Who owns the clone takes back what is in it, and nobody else does. */
static char *
remedy(struct repo *r, const struct search *s, const char *top,
    const char *me)
{
	struct stat st;

	if (s->st.st_uid == geteuid())
		return shell_format("chmod -R u+rwX %s", top);
	if (stat(repo_commondir(r), &st) == 0 && st.st_uid == geteuid())
		return shell_format("sudo chown -R %s %s", me, top);
	return NULL;
}

static void
report(struct repo *r, struct diagnosis *d, const struct search *s,
    const char *top)
{
	char *owner = name_of(s->st.st_uid), *me = name_of(geteuid());
	int mine = s->st.st_uid == geteuid();

	diagnosis_add(d, DOCTOR_DENIED, s->first, xasprintf("%s may not %s "
	    "it%s%s%s", me, s->verb, mine ? "" : ", which belongs to ",
	    mine ? "" : owner, s->count == 1 ? "" :
	    "; nor others of that folder"), remedy(r, s, top, me),
	    NULL)->count = s->count;
	free(me);
	free(owner);
}

static void
look_below(struct repo *r, struct diagnosis *d, const char *gitdir,
    const char *name, int depth)
{
	char *top = xasprintf("%s/%s", gitdir, name);
	struct search s = { 0 };

	/* Whose clone it is not only reads there. */
	s.may_write = access(repo_commondir(r), W_OK) == 0;
	look(&s, top, depth);
	if (s.count > 0)
		report(r, d, &s, top);
	free(s.first);
	free(top);
}

int
doctor_denied(struct repo *r, struct diagnosis *d)
{
	static const struct {
		const char *name;
		int depth;
	} places[] = {
		{ "packed-refs", 0 }, { "refs", 0 }, { "refs/notes", 0 },
		{ "refs/agent", DEPTH_MAX }, { "refs/agent-remotes", DEPTH_MAX },
		{ "refs/notes/agent", DEPTH_MAX },
		{ "refs/notes/agent-remotes", DEPTH_MAX },
		{ "agent", DEPTH_MAX },
		/* The objects themselves count where one is missing. */
		{ "objects", 0 }, { "objects/pack", 0 },
	};
	size_t i, before = d->n;

	for (i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		look_below(r, d, repo_commondir(r), places[i].name,
		    places[i].depth);
	if (strcmp(repo_gitdir(r), repo_commondir(r)) != 0)
		look_below(r, d, repo_gitdir(r), "agent", DEPTH_MAX);
	return d->n > before;
}
