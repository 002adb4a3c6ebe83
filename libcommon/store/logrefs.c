#include "store/logrefs.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/shell.h"
#include "store/writer-name.h"
#include "store/writer.h"

#define REMOTES_PREFIX "refs/agent-remotes/"

/* <remote>/log/<writer>, where <remote> may have slashes. */
static int
is_fetched(const char *name, const char *what)
{
	const char *writer = strrchr(name, '/');
	size_t n = strlen(what);

	/* A heartbeat may be forced, so its folder holds no log. */
	return writer != NULL && (size_t)(writer - name) >= n &&
	    strncmp(writer + 1 - n, what, n) == 0 &&
	    strstr(name, "/beat/log/") == NULL &&
	    strstr(name, "/log/beat/") == NULL &&
	    writer_name_ok(writer + 1);
}

/* In the order of names: "refs/agent-remotes/…" is before "refs/agent/…". */
static struct err *
list(struct repo *r, const char *own, const char *fetched,
    struct reflist *refs, size_t *unnamed)
{
	const char *name;
	struct err *e;
	size_t i, n = 0;

	e = ref_list(r, REMOTES_PREFIX, refs);
	for (i = 0; i < refs->n; i++) {
		name = refs->v[i].name + strlen(REMOTES_PREFIX);
		if (is_fetched(name, fetched))
			refs->v[n++] = refs->v[i];
		else	/* Below log/, but with a name that no writer has. */
			*unnamed += strstr(name, fetched) != NULL;
	}
	refs->n = n;
	if (e == NULL)
		e = ref_list(r, own, refs);
	return e;
}

struct err *
logrefs_logs(struct repo *r, struct reflist *refs, size_t *unnamed)
{
	return list(r, LOG_PREFIX, "/log/", refs, unnamed);
}

struct err *
logrefs_beats(struct repo *r, struct reflist *refs)
{
	size_t unnamed = 0;

	return list(r, BEAT_PREFIX, "/beat/", refs, &unnamed);
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

	for (i = 0; i < refs->n; i++)
		names[i] = strrchr(refs->v[i].name, '/');
	if (refs->n > 0)
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
	static const char *const folders[] = { "log", "beat", "former",
		"elsewhere", "kept" };
	const char *part;
	size_t i, n;

	for (part = strchr(name, '/'); part != NULL; part = strchr(part, '/')) {
		n = strcspn(++part, "/");
		for (i = 0; i < sizeof(folders) / sizeof(*folders); i++)
			if (strlen(folders[i]) == n &&
			    strncmp(part, folders[i], n) == 0)
				return bad_remote(name, folders[i]);
	}
	return NULL;
}

char *
logrefs_remote(const char *ref, const char **name)
{
	const char *from, *to;
	char *remote, *bad;

	if (strncmp(ref, REMOTES_PREFIX, strlen(REMOTES_PREFIX)) != 0)
		return NULL;
	from = ref + strlen(REMOTES_PREFIX);
	to = strstr(from, "/log/");
	if (to == NULL || to == from)
		return NULL;
	remote = xstrndup(from, (size_t)(to - from));
	bad = logrefs_bad_remote(remote);
	if (bad != NULL) {
		free(bad);
		free(remote);
		return NULL;
	}
	*name = to + 1;
	return remote;
}
