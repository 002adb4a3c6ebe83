#include "store/alternates.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"

#define NESTING_MAX 5		/* lists behind lists (git's object-file.c) */

struct listing {
	struct strvec *folders;
	struct strvec *absent;
	char **gone;
	struct stat *met;	/* those, and the repository's own */
	size_t n, cap;
};

/* 1 if it is a folder that was not met by another name; `list` names it. */
static int
meet(struct listing *l, const char *folder, const char *list)
{
	struct stat st;
	size_t i;

	if (stat(folder, &st) != 0) {
		if (l->absent != NULL)
			strvec_push(l->absent, folder);
		if (list != NULL && l->gone != NULL && *l->gone == NULL &&
		    (errno == ENOENT || errno == ENOTDIR))
			*l->gone = xasprintf("'%s' is not here, of which '%s' "
			    "says that it has objects; put it back, or take "
			    "its line out if it is gone for good", folder,
			    list);
		return 0;
	}
	for (i = 0; i < l->n; i++)
		if (l->met[i].st_dev == st.st_dev &&
		    l->met[i].st_ino == st.st_ino)
			return 0;
	if (!S_ISDIR(st.st_mode))
		return 0;
	ALLOC_GROW(l->met, l->n, l->cap);
	l->met[l->n++] = st;
	return 1;
}

static void
read_list(struct listing *l, const char *objects, int nesting)
{
	char *path = xasprintf("%s/info/alternates", objects);
	char *line, *rest, *folder;
	struct buf text = BUF_INIT;

	err_free(file_read(path, &text));
	rest = text.p;
	while (text.len > 0 && (line = strsep(&rest, "\r\n")) != NULL) {
		if (*line == '\0' || *line == '#' || *line == '"')
			continue;
		folder = *line == '/' ? xstrdup(line) :
		    xasprintf("%s/%s", objects, line);
		if (meet(l, folder, path)) {
			strvec_push(l->folders, folder);
			if (nesting < NESTING_MAX)
				read_list(l, folder, nesting + 1);
		}
		free(folder);
	}
	buf_release(&text);
	free(path);
}

void
alternates_list(struct repo *r, struct strvec *folders,
    struct strvec *absent, char **gone)
{
	struct listing l = { folders, absent, gone, NULL, 0, 0 };
	const char *more = getenv("GIT_ALTERNATE_OBJECT_DIRECTORIES");
	char *copy = xstrdup(more == NULL ? "" : more), *rest = copy, *folder;

	if (gone != NULL)
		*gone = NULL;
	(void)meet(&l, repo_objects(r), NULL);
	read_list(&l, repo_objects(r), 0);
	while ((folder = strsep(&rest, ":")) != NULL)
		if (*folder != '\0' && meet(&l, folder, NULL)) {
			strvec_push(folders, folder);
			read_list(&l, folder, 1);
		}
	free(l.met);
	free(copy);
}

/* One more thing that may change, in the order in which they are met. */
static uint64_t
mix(uint64_t stamp, uint64_t value)
{
	return stamp * 31 + value;
}

static uint64_t
stamp_of(uint64_t stamp, const char *objects, int64_t *newest)
{
	char *list = xasprintf("%s/info/alternates", objects);
	char *packs = xasprintf("%s/pack", objects);
	struct stat st;
	int64_t at;

	if (stat(list, &st) == 0) {
		at = file_changed_at(&st);
		*newest = at > *newest ? at : *newest;
		stamp = mix(mix(stamp, (uint64_t)at), st.st_ino);
	} else {
		stamp = mix(stamp, 1);
	}
	/* libgit2 does not see one that comes late, or is another one now. */
	stamp = mix(stamp, stat(packs, &st) == 0 ? st.st_ino : 0);
	free(list);
	free(packs);
	return stamp;
}

uint64_t
alternates_stamp(struct repo *r, const struct strvec *folders,
    const struct strvec *absent)
{
	int64_t newest = 0;
	uint64_t stamp = stamp_of(1, repo_objects(r), &newest);
	struct stat st;
	size_t i;

	for (i = 0; i < folders->n; i++)
		stamp = stamp_of(stamp, folders->v[i], &newest);
	for (i = 0; i < absent->n; i++)
		stamp = mix(stamp, stat(absent->v[i], &st) == 0);
	return newest < clock_now() - CLOCK_COARSE ? stamp : 0;
}
