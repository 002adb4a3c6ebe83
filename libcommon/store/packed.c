#include "store/packed.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/fnv.h"
#include "store/abbrev.h"
#include "store/git.h"

struct packed {
	git_odb *odb;
};

static int
ends_in(const char *name, const char *end)
{
	size_t n = strlen(name), k = strlen(end);

	return n > k && strcmp(name + n - k, end) == 0;
}

/* A pack has a new time whenever an object is written that it has already. */
static uint64_t
stamp_of(int dir, const char *name)
{
	uint64_t hash = fnv_add(FNV_START, name, strlen(name));
	struct stat st;

	if (fstatat(dir, name, &st, 0) != 0)
		return hash;
	hash = fnv_add(hash, &st.st_size, sizeof(st.st_size));
	return ends_in(name, ".pack") ? hash :
	    fnv_add(hash, &st.st_mtim, sizeof(st.st_mtim));
}

/* Now: a process that goes on for days may begin to. */
static int
borrows(struct repo *r)
{
	const char *more = getenv("GIT_ALTERNATE_OBJECT_DIRECTORIES");
	char *list = xasprintf("%s/info/alternates", r->objects);
	struct stat st;
	int there = stat(list, &st) == 0 || errno != ENOENT;

	free(list);
	return there || (more != NULL && *more != '\0');
}

uint64_t
packed_stamp(struct repo *r)
{
	char *path = xasprintf("%s/pack", r->objects);
	struct dirent *entry;
	DIR *d = opendir(path);
	uint64_t sum = d != NULL || errno == ENOENT;

	if (borrows(r))
		sum = 0;
	/* Added, as a folder has no order. */
	while (sum != 0 && d != NULL && (entry = readdir(d)) != NULL)
		if (ends_in(entry->d_name, ".pack") ||
		    ends_in(entry->d_name, ".idx"))
			sum += stamp_of(dirfd(d), entry->d_name);
	if (d != NULL)
		closedir(d);
	free(path);
	return sum;
}

struct packed *
packed_open(struct repo *r)
{
	git_odb_backend *packs = NULL;
	git_odb *odb = NULL;
	struct packed *p;

	if (git_odb_new(&odb) != 0 ||
	    git_odb_backend_pack(&packs, r->objects) != 0 ||
	    git_odb_add_backend(odb, packs, 1) != 0) {
		git_odb_free(odb);
		return NULL;
	}
	p = xcalloc(1, sizeof(*p));
	p->odb = odb;
	return p;
}

void
packed_close(struct packed *p)
{
	if (p == NULL)
		return;
	git_odb_free(p->odb);
	free(p);
}

int
packed_read_commit(struct packed *p, const struct oid *oid, size_t max,
    struct buf *text)
{
	git_odb_object *object = NULL;
	git_object_t type;
	git_oid id;
	size_t n;

	oid_to_git(&id, oid);
	if (!git_odb_exists_ext(p->odb, &id, GIT_ODB_LOOKUP_NO_REFRESH) ||
	    git_odb_read_header(&n, &type, p->odb, &id) != 0 ||
	    type != GIT_OBJECT_COMMIT || n > max ||
	    git_odb_read(&object, p->odb, &id) != 0)
		return 0;
	buf_add(text, git_odb_object_data(object),
	    git_odb_object_size(object));
	git_odb_object_free(object);
	return 1;
}

size_t
packed_digits(struct packed *p, const struct oid *oid)
{
	git_oid id, found;
	size_t n;
	int rc = GIT_EAMBIGUOUS;

	oid_to_git(&id, oid);
	if (!git_odb_exists_ext(p->odb, &id, GIT_ODB_LOOKUP_NO_REFRESH))
		return 0;
	for (n = ABBREV_LEAST; rc == GIT_EAMBIGUOUS && n < OID_HEX_SIZE; n++)
		rc = git_odb_exists_prefix(&found, p->odb, &id, n);
	return rc == 0 ? n - 1 : 0;
}
