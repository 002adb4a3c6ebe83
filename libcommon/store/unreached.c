#include "store/unreached.h"

#include <dirent.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <git2/sys/mempack.h>
#include <git2/sys/repository.h>

#include "base/alloc.h"
#include "base/file.h"

#define BYTES_MAX (64 * 1024 * 1024)
#define GC_LIMIT (12 * 3600)	/* git, too, takes an older one for dead */
#define PACKS_MAX 30		/* `git gc --auto` acts when there are 50 */
#define WHY "git-agent, while 'git gc' runs\n"

struct unreached {
	git_oid id;
	enum object_type type;
	size_t len;
	char *data;
};

void
unreached_add(struct repo *r, const git_oid *id, const void *data, size_t len,
    enum object_type type)
{
	struct unreached *u;

	if (len > BYTES_MAX - r->unreached_bytes)
		return;
	ALLOC_GROW(r->unreached, r->unreached_count, r->unreached_cap);
	u = &r->unreached[r->unreached_count++];
	git_oid_cpy(&u->id, id);
	u->type = type;
	u->len = len;
	u->data = xmalloc(len + 1);
	if (len > 0)
		memcpy(u->data, data, len);
	r->unreached_bytes += len;
}

int
unreached_gc_runs(struct repo *r)
{
	char *path = xasprintf("%s/gc.pid", r->commondir);
	struct stat st;
	int runs;

	runs = stat(path, &st) == 0 && st.st_mtime > time(NULL) - GC_LIMIT;
	free(path);
	return runs;
}

/* The bytes of a pack with all of them, made in memory. */
static int
make_pack(const struct repo *r, git_buf *pack)
{
	git_odb_backend *memory = NULL;
	git_packbuilder *builder = NULL;
	git_repository *shell = NULL;
	git_odb *odb = NULL;
	size_t i;
	int rc;

	rc = git_odb_new(&odb);
	if (rc == 0)
		rc = git_mempack_new(&memory);
	if (rc == 0)
		rc = git_odb_add_backend(odb, memory, 1);
	if (rc == 0)
		rc = git_repository_wrap_odb(&shell, odb);
	if (rc == 0)
		rc = git_packbuilder_new(&builder, shell);
	for (i = 0; rc == 0 && i < r->unreached_count; i++) {
		const struct unreached *u = &r->unreached[i];
		git_oid id;

		rc = git_odb_write(&id, odb, u->data, u->len,
		    (git_object_t)u->type);
		if (rc == 0)
			rc = git_packbuilder_insert(builder, &u->id, NULL);
	}
	if (rc == 0)
		rc = git_packbuilder_write_buf(pack, builder);
	git_packbuilder_free(builder);
	git_repository_free(shell);
	git_odb_free(odb);
	return rc;
}

/* A pack is named after the checksum that it ends with. */
static char *
keep_path(const struct repo *r, const git_buf *pack)
{
	char hex[GIT_OID_HEXSZ + 1];
	git_oid sum;

	git_oid_fromraw(&sum, (const unsigned char *)pack->ptr + pack->size -
	    GIT_OID_RAWSZ);
	git_oid_tostr(hex, sizeof(hex), &sum);
	return xasprintf("%s/pack/pack-%s.keep", r->objects, hex);
}

static int
write_pack(git_odb *odb, const git_buf *pack)
{
	git_odb_writepack *out = NULL;
	git_indexer_progress progress = { 0 };
	int rc;

	rc = git_odb_write_pack(&out, odb, NULL, NULL);
	if (rc != 0)
		return rc;
	rc = out->append(out, pack->ptr, pack->size, &progress);
	if (rc == 0)
		rc = out->commit(out, &progress);
	out->free(out);
	return rc;
}

/* Of processes that were killed; the guard is held from making such a file
 * until it is locked. */
static void
drop_left_keeps(const struct repo *r)
{
	char *folder = xasprintf("%s/pack", r->objects), *path;
	DIR *dir = opendir(folder);
	struct buf text = BUF_INIT;
	struct dirent *d;
	size_t len;

	while (dir != NULL && (d = readdir(dir)) != NULL) {
		len = strlen(d->d_name);
		if (len < 5 || strcmp(d->d_name + len - 5, ".keep") != 0)
			continue;
		path = xasprintf("%s/%s", folder, d->d_name);
		buf_clear(&text);
		err_free(file_read(path, &text));
		if (text.len == strlen(WHY) && strcmp(text.p, WHY) == 0 &&
		    !lock_held(path))
			(void)unlink(path);
		free(path);
	}
	if (dir != NULL)
		closedir(dir);
	buf_release(&text);
	free(folder);
}

static void
let_go(struct repo *r)
{
	if (r->unreached_keep != NULL)
		(void)unlink(r->unreached_keep);
	lock_release(&r->unreached_lock);
	free(r->unreached_keep);
	r->unreached_keep = NULL;
}

static int
is_needed(struct repo *r, git_odb *odb)
{
	size_t i;

	if (unreached_gc_runs(r))
		return 1;
	/* It may have come and gone. */
	for (i = 0; i < r->unreached_count; i++)
		if (!git_odb_exists(odb, &r->unreached[i].id))
			return 1;
	return 0;
}

struct err *
unreached_save(struct repo *r)
{
	git_buf pack = { 0 };
	git_odb *odb = NULL;
	struct err *e;
	int made;

	if (r->unreached_count == 0 || r->unreached_keep != NULL)
		return NULL;
	e = repo_odb(r, &odb);
	if (e != NULL || !is_needed(r, odb))
		return e;
	drop_left_keeps(r);
	if (make_pack(r, &pack) != 0) {
		e = err_git("cannot pack the new objects");
		goto done;
	}
	r->unreached_keep = keep_path(r, &pack);
	e = file_create(r->unreached_keep, WHY, strlen(WHY), 0644, &made);
	if (e == NULL)
		e = lock_take(&r->unreached_lock, r->unreached_keep, 0);
	if (e == NULL && write_pack(odb, &pack) != 0)
		e = err_git("cannot write a pack");
	if (e != NULL)
		let_go(r);
done:
	git_buf_dispose(&pack);
	return e;
}

struct err *
unreached_again(struct repo *r)
{
	git_odb *odb = NULL;
	struct err *e = repo_odb(r, &odb);
	git_oid id;
	size_t i;

	if (e == NULL && git_odb_refresh(odb) != 0)
		e = err_git("cannot look for new packs");
	for (i = 0; e == NULL && i < r->unreached_count; i++)
		if (git_odb_write(&id, odb, r->unreached[i].data,
		    r->unreached[i].len,
		    (git_object_t)r->unreached[i].type) != 0)
			e = err_git("cannot write an object");
	return e;
}

int
unreached_wants_packs(struct repo *r)
{
	char *folder = xasprintf("%s/pack", r->objects);
	DIR *dir = opendir(folder);
	const struct dirent *d;
	size_t n = 0;

	while (dir != NULL && (d = readdir(dir)) != NULL)
		n += strstr(d->d_name, ".pack") != NULL;
	if (dir != NULL)
		closedir(dir);
	free(folder);
	return n < PACKS_MAX || unreached_gc_runs(r);
}

void
unreached_settle(struct repo *r, int reached)
{
	size_t i;

	let_go(r);
	if (!reached)
		return;
	for (i = 0; i < r->unreached_count; i++)
		free(r->unreached[i].data);
	free(r->unreached);
	r->unreached = NULL;
	r->unreached_count = r->unreached_cap = r->unreached_bytes = 0;
}
