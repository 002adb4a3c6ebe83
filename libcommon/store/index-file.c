#include "store/index-file.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"
#include "store/index-texts.h"

#define HEAD_NAME "index"
#define BASE_NAME HEAD_NAME "-"		/* and an id */
#define LOADS_MAX 3
#define REFS_NAME HEAD_NAME "-refs-"

static char *
path_of(struct repo *r, const char *kind, uint64_t id)
{
	char *name = xasprintf("%s%016" PRIx64, kind, id);
	char *path = repo_shared_path(r, name);

	free(name);
	return path;
}

void
index_unload(struct index *ix)
{
	segment_close(ix->file[0]);
	segment_close(ix->file[1]);
	segment_close(ix->refs);
	ix->file[0] = ix->file[1] = ix->refs = NULL;
	segment_close(ix->texts);
	ix->texts = NULL;
	ix->texts_known = 0;
	ix->unsaved = 0;
	memset(&ix->meta, 0, sizeof(ix->meta));
}

static int
load_other(struct repo *r, const char *kind, uint64_t id, struct segment **s)
{
	char *path = path_of(r, kind, id);

	err_free(segment_open(path, s));
	free(path);
	return *s != NULL && segment_id(*s) == id;
}

/* Whatever is wrong with a file: then there is none. */
static int
load_once(struct index *ix)
{
	char *path = repo_shared_path(ix->repo, HEAD_NAME);
	int ok;

	err_free(segment_open(path, &ix->file[0]));
	free(path);
	ok = ix->file[0] != NULL && segment_get(ix->file[0], TABLE_META, 0,
	    &ix->meta, sizeof(ix->meta)) &&
	    load_other(ix->repo, REFS_NAME, ix->meta.refs, &ix->refs) &&
	    (ix->meta.base == 0 || load_other(ix->repo, BASE_NAME,
	    ix->meta.base, &ix->file[1]));
	if (!ok)
		index_unload(ix);
	return ok;
}

void
index_load(struct index *ix)
{
	int i;

	/* Again: another process may just have replaced them. */
	for (i = 0; i < LOADS_MAX && !load_once(ix); i++)
		;
}

/* As file_write_cache() names it until it is whole. */
static int
is_unfinished(const char *name)
{
	const char *dot = strchr(name, '.');
	size_t n = dot == NULL ? 0 : (size_t)(dot - name);

	return n > 0 && strlen(dot) == strlen(".XXXXXX") &&
	    ((n == strlen(HEAD_NAME) && memcmp(name, HEAD_NAME, n) == 0) ||
	    (n == strlen(INDEX_TEXTS_FILE) &&
	    memcmp(name, INDEX_TEXTS_FILE, n) == 0));
}

/*
 * Files that the newest one does not add to, and what those left behind who
 * were killed while they wrote.
 */
static void
remove_others(struct repo *r, const struct index_meta *meta)
{
	char *dir = repo_shared_path(r, ".");
	char *base = path_of(r, BASE_NAME, meta->base), *path;
	char *refs = path_of(r, REFS_NAME, meta->refs);
	struct dirent *d;
	DIR *open = opendir(dir);

	while (open != NULL && (d = readdir(open)) != NULL) {
		if ((strncmp(d->d_name, HEAD_NAME "-",
		    strlen(HEAD_NAME "-")) != 0 &&
		    !is_unfinished(d->d_name)) ||
		    strcmp(d->d_name, strrchr(base, '/') + 1) == 0 ||
		    strcmp(d->d_name, strrchr(refs, '/') + 1) == 0)
			continue;
		path = xasprintf("%s/%s", dir, d->d_name);
		(void)unlink(path);
		free(path);
	}
	if (open != NULL)
		closedir(open);
	free(base);
	free(refs);
	free(dir);
}

static struct err *
save_other(struct repo *r, const char *kind, const struct segment *s)
{
	const struct buf *image;
	struct err *e;
	char *path;

	if (s == NULL)
		return NULL;
	path = path_of(r, kind, segment_id(s));
	image = segment_image_of(s);
	e = file_write_cache(path, image->p, image->len);
	free(path);
	return e;
}

/*
 * The newest one last, as it names the others; NULL: that one is there.  A
 * cache: where it cannot be written, the next reader makes it again.
 */
static void
save_files(struct index *ix, const struct segment *base,
    const struct segment *refs)
{
	const struct buf *head = segment_image_of(ix->file[0]);
	char *path = repo_shared_path(ix->repo, HEAD_NAME);
	struct err *e = save_other(ix->repo, REFS_NAME, refs);

	if (e == NULL)
		e = save_other(ix->repo, BASE_NAME, base);
	if (e == NULL)
		e = file_write_cache(path, head->p, head->len);
	if (e == NULL)
		remove_others(ix->repo, &ix->meta);
	ix->unsaved = e != NULL;
	err_free(e);
	free(path);
}

static void
replace(struct segment **s, struct buf *image)
{
	if (image == NULL)
		return;
	segment_close(*s);
	*s = NULL;
	/* What was just made is read from memory, and needs no checks. */
	err_free(segment_of_image(image, s));
}

void
index_replace(struct index *ix, struct buf *head, struct buf *base,
    struct buf *refs, int save)
{
	replace(&ix->file[0], head);
	replace(&ix->file[1], base);
	replace(&ix->refs, refs);
	(void)segment_get(ix->file[0], TABLE_META, 0, &ix->meta,
	    sizeof(ix->meta));
	ix->unsaved = 1;
	if (save)
		save_files(ix, base == NULL ? NULL : ix->file[1],
		    refs == NULL ? NULL : ix->refs);
}

void
index_save(struct index *ix)
{
	save_files(ix, ix->file[1], ix->refs);
}
