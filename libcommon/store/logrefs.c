#include "store/logrefs.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/shell.h"
#include "store/writer-name.h"
#include "store/writer.h"

#define REMOTES_PREFIX "refs/agent-remotes/"

/* The folders in what is known of a remote. */
enum folder { LOG, BEAT, FORMER, ELSEWHERE, KEPT, FOLDERS };

static const char *const folders[FOLDERS] = {
	"log", "beat", "former", "elsewhere", "kept"
};

/*
 * The rule by which a name is read: the remote's has slashes as well, but only
 * its first part is called as one of our folders, see logrefs_bad_remote().
 */
static const char *
first_folder(const char *name, enum folder *which)
{
	const char *part = *name == '/' ? NULL : strchr(name, '/');
	size_t n;
	int i;

	for (; part != NULL; part = strchr(part, '/')) {
		n = strcspn(++part, "/");
		for (i = 0; i < FOLDERS; i++)
			if (strncmp(part, folders[i], n) == 0 &&
			    folders[i][n] == '\0') {
				*which = (enum folder)i;
				return part;
			}
	}
	return NULL;
}

/*
 * What is behind <remote>/beat/ or <remote>/log/, or else, of a log that was
 * set aside, <remote>/former/log/, <remote>/elsewhere/<place>/log/ or
 * <remote>/kept/<oid>/log/; or NULL.  Heartbeats may be forced: whatever is in
 * their folder is no log.
 */
static const char *
end_of(const char *name, enum folder want)
{
	enum folder which;
	const char *rest = first_folder(name, &which);

	if (rest == NULL || rest[strlen(folders[which])] == '\0')
		return NULL;
	rest += strlen(folders[which]) + 1;
	if (which == want)
		return rest;
	if (want == BEAT || which == BEAT)
		return NULL;
	if (which != FORMER) {
		rest += strcspn(rest, "/");
		rest += *rest == '/';
	}
	return strncmp(rest, "log/", 4) == 0 ? rest + 4 : NULL;
}

static const char *
writer_of(const char *name, enum folder want)
{
	const char *writer = end_of(name, want);

	return writer != NULL && writer_name_ok(writer) ? writer : NULL;
}

/* Where logs are, or as if it were, but by a name that no writer has. */
static int
is_unnamed(const char *name)
{
	return strstr(name, "/log/") != NULL && writer_of(name, LOG) == NULL;
}

typedef struct err *lister(struct repo *, const char *, struct reflist *);

/* In the order of names: "refs/agent-remotes/…" is before "refs/agent/…". */
static struct err *
list(struct repo *r, lister *all, const char *own, enum folder fetched,
    struct reflist *refs, size_t *unnamed)
{
	const char *name;
	struct err *e;
	size_t i, n = 0;

	e = all(r, REMOTES_PREFIX, refs);
	for (i = 0; i < refs->n; i++) {
		name = refs->v[i].name + strlen(REMOTES_PREFIX);
		if (writer_of(name, fetched) != NULL) {
			refs->v[n++] = refs->v[i];
		} else if (is_unnamed(name)) {
			refs->left_out += (size_t)refs->v[i].loose;
			++*unnamed;
		}
	}
	refs->n = n;
	if (e == NULL)
		e = all(r, own, refs);
	return e;
}

struct err *
logrefs_logs(struct repo *r, struct reflist *refs, size_t *unnamed)
{
	return list(r, ref_list, LOG_PREFIX, LOG, refs, unnamed);
}

struct err *
logrefs_loose(struct repo *r, struct reflist *refs, size_t *unnamed)
{
	return list(r, ref_list_loose, LOG_PREFIX, LOG, refs, unnamed);
}

struct err *
logrefs_beats(struct repo *r, struct reflist *refs)
{
	size_t unnamed = 0;

	return list(r, ref_list, BEAT_PREFIX, BEAT, refs, &unnamed);
}

struct err *
logrefs_unnamed(struct repo *r, struct reflist *refs)
{
	struct err *e = ref_list(r, REMOTES_PREFIX, refs);
	size_t i, n = 0;

	for (i = 0; i < refs->n; i++)
		if (is_unnamed(refs->v[i].name + strlen(REMOTES_PREFIX)))
			refs->v[n++] = refs->v[i];
	refs->n = n;
	return e;
}

static int
name_cmp(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

size_t
logrefs_writers(const struct reflist *refs)
{
	const char **names = xreallocarray(NULL, refs->n, sizeof(*names));
	size_t i, count = 0;
	int sorted = 1;

	for (i = 0; i < refs->n; i++) {
		names[i] = strrchr(refs->v[i].name, '/');
		sorted = sorted && (i == 0 ||
		    strcmp(names[i - 1], names[i]) <= 0);
	}
	/* Those of one remote are in order. */
	if (!sorted)
		qsort(names, refs->n, sizeof(*names), name_cmp);
	for (i = 0; i < refs->n; i++)
		count += i == 0 || strcmp(names[i], names[i - 1]) != 0;
	free(names);
	return count;
}

static char *
bad_remote(const char *name, const char *folder)
{
	char *command = shell_format("git remote rename %s", name), *text;

	text = xasprintf("its records could not be told from others, as '%s' "
	    "in the remote's name is a folder of ours; run '%s <new name>'",
	    folder, command);
	free(command);
	return text;
}

char *
logrefs_bad_remote(const char *name)
{
	enum folder which;

	return first_folder(name, &which) == NULL ? NULL :
	    bad_remote(name, folders[which]);
}

/* What is behind refs/agent-remotes/, or NULL. */
static const char *
below_remotes(const char *ref)
{
	size_t n = strlen(REMOTES_PREFIX);

	return strncmp(ref, REMOTES_PREFIX, n) == 0 ? ref + n : NULL;
}

char *
logrefs_remote(const char *ref, const char **name)
{
	const char *from = below_remotes(ref), *part = NULL;
	enum folder which;

	if (from != NULL)
		part = first_folder(from, &which);
	if (part == NULL || which != LOG || part[strlen("log")] != '/')
		return NULL;
	*name = part;
	return xstrndup(from, (size_t)(part - 1 - from));
}

const char *
logrefs_writer(const char *ref)
{
	const char *from = below_remotes(ref);

	return from == NULL ? NULL : writer_of(from, LOG);
}
