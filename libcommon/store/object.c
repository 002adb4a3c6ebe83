#include "store/loose.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "store/alternates.h"
#include "store/unreached.h"

/*
 * A miss makes libgit2 list the folder of packs again, in case git made a new
 * one.  After so many misses that is done only where it has changed.
 */
#define MISSES_MAX 64
#define COARSE (2 * CLOCK_SECOND)	/* what file systems round times to */

struct err *
repo_odb(struct repo *r, git_odb **odb)
{
	if (r->odb == NULL && git_repository_odb(&r->odb, r->git) != 0)
		return err_git("cannot open the object database");
	*odb = r->odb;
	return NULL;
}

static struct err *
missing(const struct oid *oid)
{
	char hex[OID_HEX_SIZE];

	oid_hex(oid, hex);
	return err_new(ERR_NOTFOUND, "object %s is missing", hex);
}

static struct err *
too_large(const struct oid *oid)
{
	char hex[OID_HEX_SIZE];

	oid_hex(oid, hex);
	return err_new(ERR_INPUT, "object %s is far too large", hex);
}

/* A time of change can be set back, as a backup does; that of status cannot. */
static int64_t
changed_at(const char *objects)
{
	char *path = xasprintf("%s/pack", objects);
	struct stat st;
	int64_t at = 0;

	if (stat(path, &st) == 0)
		at = st.st_ctim.tv_sec * CLOCK_SECOND +
		    st.st_ctim.tv_nsec / 1000;
	free(path);
	return at;
}

/*
 * Another number after a pack has come or gone; 0 if that was just now, so
 * that the next change may be at the same time.
 */
static uint64_t
packs_stamp(struct repo *r)
{
	char *objects = xasprintf("%s/objects", r->commondir);
	int64_t at = changed_at(objects), newest = at;
	uint64_t sum = 1 + (uint64_t)at;
	size_t i;

	free(objects);
	for (i = 0; i < r->alternates.n; i++) {
		at = changed_at(r->alternates.v[i]);
		newest = at > newest ? at : newest;
		sum = sum * 31 + (uint64_t)at;
	}
	return newest < clock_now() - COARSE ? sum : 0;
}

static struct err *
read_from(struct repo *r, git_odb *odb, const struct oid *oid, size_t max,
    int ask, enum object_type *type, struct buf *b)
{
	git_odb_object *object = NULL;
	git_object_t t;
	git_oid id;
	uint64_t stamp = 0;
	size_t size = 0;
	struct err *e = NULL;
	int rc = 0;

	oid_to_git(&id, oid);
	if (r->misses >= MISSES_MAX &&
	    !git_odb_exists_ext(odb, &id, GIT_ODB_LOOKUP_NO_REFRESH)) {
		stamp = packs_stamp(r);
		if (stamp != 0 && stamp == r->missed_packs &&
		    odb == r->missed_in)
			return missing(oid);
	}
	if (ask)
		rc = git_odb_read_header(&size, &t, odb, &id);
	if (rc == 0 && size <= max)
		rc = git_odb_read(&object, odb, &id);
	if (rc == GIT_ENOTFOUND) {
		r->misses++;
		r->missed_in = odb;
		r->missed_packs = stamp;
		return missing(oid);
	}
	if (rc != 0)
		return err_git("cannot read an object");
	if (object != NULL)
		size = git_odb_object_size(object);
	if (size > max) {
		e = too_large(oid);
	} else {
		*type = (enum object_type)git_odb_object_type(object);
		buf_add(b, git_odb_object_data(object), size);
	}
	git_odb_object_free(object);
	return e;
}

static int
borrows(struct repo *r)
{
	if (!r->alternates_known)
		alternates_list(r, &r->alternates, NULL);
	r->alternates_known = 1;
	return r->alternates.n > 0;
}

static int
add_packs(git_odb *odb, const char *objects)
{
	git_odb_backend *packs = NULL;

	return git_odb_backend_pack(&packs, objects) == 0 &&
	    git_odb_add_backend(odb, packs, 1) == 0;
}

/* The packs of this repository and of those that it borrows from. */
static struct err *
repo_packs(struct repo *r, git_odb **odb)
{
	char *objects = xasprintf("%s/objects", r->commondir);
	size_t i;
	int ok = 1;

	if (r->packs == NULL) {
		ok = git_odb_new(&r->packs) == 0 &&
		    add_packs(r->packs, objects);
		for (i = 0; i < r->alternates.n && ok; i++)
			ok = add_packs(r->packs, r->alternates.v[i]);
	}
	free(objects);
	if (!ok) {
		git_odb_free(r->packs);
		r->packs = NULL;
	}
	*odb = r->packs;
	return ok ? NULL : err_git("cannot open the object database");
}

/*
 * libgit2 would read the loose objects of others too: see loose.h.  Packs
 * come first, of which most have 256 folders of loose objects beside them,
 * and once more at the end, when git may have made a new one.
 */
static struct err *
read_packed_or_borrowed(struct repo *r, const struct oid *oid, size_t max,
    int ask, enum object_type *type, struct buf *b)
{
	struct err *e, *again;
	git_odb *odb = NULL;
	git_oid id;

	e = repo_packs(r, &odb);
	if (e != NULL)
		return e;
	oid_to_git(&id, oid);
	if (git_odb_exists_ext(odb, &id, GIT_ODB_LOOKUP_NO_REFRESH))
		return read_from(r, odb, oid, max, ask, type, b);
	/* Also ours: its folder may just have been made, as by a write. */
	e = loose_read(r, oid, max, type, b);
	if (e == NULL || e->code != ERR_NOTFOUND)
		return e;
	err_free(e);
	e = loose_read_borrowed(r, oid, max, type, b);
	if (e == NULL || e->code == ERR_INPUT)
		return e;
	again = read_from(r, odb, oid, max, ask, type, b);
	if (again != NULL && e->code == ERR_DAMAGED) {
		err_free(again);
		return e;
	}
	err_free(e);
	return again;
}

/* One whole copy is enough: damage is told only if no pack has it. */
static struct err *
read_despite(struct repo *r, struct err *damage, const struct oid *oid,
    size_t max, int ask, enum object_type *type, struct buf *b)
{
	git_odb *odb = NULL;
	struct err *e;

	(void)borrows(r);
	e = repo_packs(r, &odb);
	if (e == NULL)
		e = read_from(r, odb, oid, max, ask, type, b);
	if (e != NULL) {
		err_free(e);
		return damage;
	}
	err_free(damage);
	return NULL;
}

struct err *
object_read_max(struct repo *r, const struct oid *oid, size_t max, int ask,
    enum object_type *type, struct buf *b)
{
	git_odb *odb = NULL;
	struct err *e;

	if (loose_may_exist(r, oid)) {
		e = loose_read(r, oid, max, type, b);
		if (e != NULL && e->code == ERR_DAMAGED)
			return read_despite(r, e, oid, max, ask, type, b);
		if (e == NULL || e->code != ERR_NOTFOUND)
			return e;
		err_free(e);
	}
	if (borrows(r))
		return read_packed_or_borrowed(r, oid, max, ask, type, b);
	e = repo_odb(r, &odb);
	return e != NULL ? e : read_from(r, odb, oid, max, ask, type, b);
}

struct err *
object_read(struct repo *r, const struct oid *oid, enum object_type *type,
    struct buf *b)
{
	return object_read_max(r, oid, SIZE_MAX, 0, type, b);
}

int
object_exists(struct repo *r, const struct oid *oid)
{
	git_odb *odb = NULL;
	git_oid id;
	struct err *e = repo_odb(r, &odb);

	if (e != NULL) {
		err_free(e);
		return 0;
	}
	oid_to_git(&id, oid);
	return git_odb_exists_ext(odb, &id, GIT_ODB_LOOKUP_NO_REFRESH);
}

/*
 * `git gc` removes a folder of loose objects that has just become empty, be
 * it between our making it and our writing into it.
 */
static int
lost_its_folder(int rc)
{
	const git_error *g = git_error_last();

	return rc != 0 && g != NULL && g->klass == GIT_ERROR_OS &&
	    (rc == GIT_ENOTFOUND || errno == ENOENT ||
	    (g->message != NULL && strstr(g->message, strerror(ENOENT))));
}

struct err *
object_write(struct repo *r, enum object_type type, const void *data,
    size_t len, struct oid *oid)
{
	git_odb *odb = NULL;
	git_oid id;
	struct err *e;
	int rc, tries = 0;

	e = repo_odb(r, &odb);
	if (e != NULL)
		return e;
	do {
		rc = git_odb_write(&id, odb, data, len, (git_object_t)type);
	} while (lost_its_folder(rc) && ++tries < 10);
	if (rc != 0)
		return err_git("cannot write an object");
	unreached_add(r, &id, data, len, type);
	oid_from_git(oid, &id);
	return NULL;
}

struct err *
object_hash(enum object_type type, const void *data, size_t len,
    struct oid *oid)
{
	git_oid id;

	if (git_odb_hash(&id, data, len, (git_object_t)type) != 0)
		return err_git("cannot hash");
	oid_from_git(oid, &id);
	return NULL;
}

/* core.abbrev; 7 where it is "auto", or nothing that git would take. */
static size_t
abbrev_length(struct repo *r)
{
	const char *text = repo_config(r, "core.abbrev");
	char *end;
	long n;

	if (text == NULL)
		return 7;
	n = strtol(text, &end, 0);
	if (end == text || *end != '\0')	/* no number */
		return repo_config_bool(r, "core.abbrev", 1) ? 7 :
		    OID_HEX_SIZE - 1;
	return n >= 4 && n < OID_HEX_SIZE ? (size_t)n : 7;
}

void
object_abbrev(struct repo *r, const struct oid *oid, char out[OID_HEX_SIZE])
{
	git_odb *odb = NULL;
	git_oid id, found;
	struct err *e = repo_odb(r, &odb);
	size_t n;
	int rc = e == NULL ? GIT_EAMBIGUOUS : -1;

	if (r->abbrev == 0)
		r->abbrev = abbrev_length(r);
	oid_hex(oid, out);
	oid_to_git(&id, oid);
	for (n = r->abbrev; rc == GIT_EAMBIGUOUS && n < OID_HEX_SIZE; n++)
		rc = git_odb_exists_prefix(&found, odb, &id, n);
	if (rc == 0 && git_oid_equal(&found, &id))
		out[n - 1] = '\0';
	else	/* it is not here, so that nobody can count */
		out[r->abbrev > 12 ? r->abbrev : 12] = '\0';
	err_free(e);
}

void
tree_release(struct tree *t)
{
	size_t i;

	for (i = 0; i < t->n; i++)
		free(t->e[i].name);
	free(t->e);
	memset(t, 0, sizeof(*t));
}

const struct tree_entry *
tree_get(const struct tree *t, const char *name)
{
	size_t i;

	for (i = 0; i < t->n; i++)
		if (strcmp(t->e[i].name, name) == 0)
			return &t->e[i];
	return NULL;
}

void
tree_set(struct tree *t, const char *name, unsigned int mode,
    const struct oid *id)
{
	struct tree_entry *e = (struct tree_entry *)tree_get(t, name);

	if (e == NULL) {
		ALLOC_GROW(t->e, t->n, t->cap);
		e = &t->e[t->n++];
		e->name = xstrdup(name);
	}
	e->mode = mode;
	e->id = *id;
}

/* "<mode> <name>", a zero byte, and the name of the object, again and again. */
static int
parse_tree(const struct buf *b, struct tree *t)
{
	const char *p = b->p, *end = b->p + b->len, *nul;
	struct tree_entry *entry;
	char *name;

	for (; p < end; p = nul + 1 + sizeof(entry->id.b)) {
		nul = memchr(p, '\0', (size_t)(end - p));
		if (nul == NULL ||
		    (size_t)(end - nul - 1) < sizeof(entry->id.b))
			return -1;
		ALLOC_GROW(t->e, t->n, t->cap);
		entry = &t->e[t->n];
		entry->mode = (unsigned int)strtoul(p, &name, 8);
		if (*p < '0' || *p > '7' || *name != ' ')
			return -1;
		entry->name = xstrdup(name + 1);
		memcpy(entry->id.b, nul + 1, sizeof(entry->id.b));
		t->n++;
	}
	return 0;
}

struct err *
tree_read(struct repo *r, const struct oid *oid, struct tree *t)
{
	enum object_type type = OBJECT_BLOB;
	struct buf b = BUF_INIT;
	struct err *e;

	e = object_read(r, oid, &type, &b);
	if (e == NULL && (type != OBJECT_TREE || parse_tree(&b, t) != 0))
		e = err_new(ERR_GIT, "it is not one");
	if (e != NULL && e->code != ERR_DAMAGED) {
		e = err_prefix(e, "cannot read a tree");
		e->code = ERR_GIT;	/* not that a path is not in it */
	}
	buf_release(&b);
	return e;
}

/* git sorts a folder's name as if it ended in a slash. */
static int
entry_cmp(const void *va, const void *vb)
{
	const struct tree_entry *a = va, *b = vb;
	size_t na = strlen(a->name), nb = strlen(b->name);
	size_t n = na < nb ? na : nb;
	int c = memcmp(a->name, b->name, n);
	unsigned char ca, cb;

	if (c != 0)
		return c;
	ca = (unsigned char)a->name[n];
	cb = (unsigned char)b->name[n];
	if (ca == '\0' && a->mode == 040000)
		ca = '/';
	if (cb == '\0' && b->mode == 040000)
		cb = '/';
	return ca < cb ? -1 : ca > cb;
}

struct err *
tree_write(struct repo *r, const struct tree *t, struct oid *oid)
{
	struct tree_entry *sorted;
	struct buf b = BUF_INIT;
	struct err *e;
	size_t i;

	sorted = xreallocarray(NULL, t->n, sizeof(*sorted));
	if (t->n != 0)
		memcpy(sorted, t->e, t->n * sizeof(*sorted));
	qsort(sorted, t->n, sizeof(*sorted), entry_cmp);
	for (i = 0; i < t->n; i++) {
		buf_addf(&b, "%o %s", sorted[i].mode, sorted[i].name);
		buf_addch(&b, '\0');
		buf_add(&b, sorted[i].id.b, sizeof(sorted[i].id.b));
	}
	e = object_write(r, OBJECT_TREE, b.p, b.len, oid);
	buf_release(&b);
	free(sorted);
	return e;
}
