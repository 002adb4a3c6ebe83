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

static char *
base_name(struct repo *r, uint64_t id)
{
	char *name = xasprintf(HEAD_NAME "-%016" PRIx64, id);
	char *path = repo_shared_path(r, name);

	free(name);
	return path;
}

void
index_unload(struct index *ix)
{
	segment_close(ix->file[0]);
	segment_close(ix->file[1]);
	ix->file[0] = ix->file[1] = NULL;
	segment_close(ix->texts);
	ix->texts = NULL;
	ix->texts_known = 0;
	memset(&ix->meta, 0, sizeof(ix->meta));
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
	    &ix->meta, sizeof(ix->meta));
	if (ok && ix->meta.base != 0) {
		path = base_name(ix->repo, ix->meta.base);
		err_free(segment_open(path, &ix->file[1]));
		free(path);
		ok = ix->file[1] != NULL &&
		    segment_id(ix->file[1]) == ix->meta.base;
	}
	if (!ok)
		index_unload(ix);
	return ok;
}

void
index_load(struct index *ix)
{
	/* Once more: another process may just have replaced both. */
	if (!load_once(ix))
		(void)load_once(ix);
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
remove_others(struct repo *r, uint64_t base)
{
	char *dir = repo_shared_path(r, "."), *keep = base_name(r, base), *path;
	const char *keep_name = strrchr(keep, '/') + 1;
	struct dirent *d;
	DIR *open = opendir(dir);

	while (open != NULL && (d = readdir(open)) != NULL) {
		if ((strncmp(d->d_name, HEAD_NAME "-",
		    strlen(HEAD_NAME "-")) != 0 &&
		    !is_unfinished(d->d_name)) ||
		    strcmp(d->d_name, keep_name) == 0)
			continue;
		path = xasprintf("%s/%s", dir, d->d_name);
		(void)unlink(path);
		free(path);
	}
	if (open != NULL)
		closedir(open);
	free(keep);
	free(dir);
}

/* A cache: where it cannot be written, the next reader makes it again. */
static void
save_files(struct repo *r, uint64_t base_id, const struct buf *head,
    const struct buf *base)
{
	char *path;
	struct err *e = NULL;

	if (base != NULL) {
		path = base_name(r, base_id);
		e = file_write_cache(path, base->p, base->len);
		free(path);
	}
	path = repo_shared_path(r, HEAD_NAME);
	if (e == NULL)
		e = file_write_cache(path, head->p, head->len);
	if (e == NULL)
		remove_others(r, base_id);
	err_free(e);
	free(path);
}

void
index_replace(struct index *ix, struct buf *head, struct buf *base, int save)
{
	struct segment *older = ix->file[1];
	struct index_meta meta;

	ix->file[1] = NULL;
	segment_close(ix->file[0]);
	ix->file[0] = NULL;
	if (base != NULL) {
		segment_close(older);
		older = NULL;
	}
	/* What was just made is read from memory, and needs no checks. */
	err_free(segment_of_image(head, &ix->file[0]));
	(void)segment_get(ix->file[0], TABLE_META, 0, &meta, sizeof(meta));
	ix->meta = meta;
	if (base != NULL)
		err_free(segment_of_image(base, &older));
	ix->file[1] = older;
	if (save)
		save_files(ix->repo, meta.base, segment_image_of(ix->file[0]),
		    base == NULL ? NULL : segment_image_of(older));
}

void
index_save(struct index *ix)
{
	save_files(ix->repo, ix->meta.base, segment_image_of(ix->file[0]),
	    ix->file[1] == NULL ? NULL : segment_image_of(ix->file[1]));
}

void
index_refs(struct index *ix, struct reflist *refs)
{
	struct buf name = BUF_INIT;
	struct index_ref ref;
	size_t i;

	for (i = 0; i < segment_count(ix->file[0], TABLE_REFS); i++)
		if (segment_get(ix->file[0], TABLE_REFS, i, &ref,
		    sizeof(ref)) && index_ref_name(ix, &ref, &name))
			reflist_add(refs, name.p, &ref.tip);
	if (index_is_damaged(ix))
		reflist_release(refs);
	buf_release(&name);
}

void
index_seen(struct repo *r, struct reflist *refs)
{
	struct index ix = { .repo = r };

	index_load(&ix);
	index_refs(&ix, refs);
	index_unload(&ix);
}
