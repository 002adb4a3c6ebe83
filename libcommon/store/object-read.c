/* Objects are read in one place, wherever they are: loose, packed, borrowed. */
#include "store/loose.h"

#include <stdlib.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/file.h"
#include "store/alternates.h"

/*
 * A miss makes libgit2 list the folder of packs again, in case git made a new
 * one.  After so many misses that is done only where it has changed.
 */
#define MISSES_MAX 64

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

static int64_t
changed_at(const char *objects)
{
	char *path = xasprintf("%s/pack", objects);
	struct stat st;
	int64_t at = stat(path, &st) == 0 ? file_changed_at(&st) : 0;

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
	int64_t at = changed_at(r->objects), newest = at;
	uint64_t sum = 1 + (uint64_t)at;
	size_t i;

	for (i = 0; i < r->alternates.n; i++) {
		at = changed_at(r->alternates.v[i]);
		newest = at > newest ? at : newest;
		sum = sum * 31 + (uint64_t)at;
	}
	return newest < clock_now() - CLOCK_COARSE ? sum : 0;
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

static uint64_t
lenders_now(struct repo *r)
{
	return alternates_stamp(r, &r->alternates, &r->absent);
}

static int
borrows(struct repo *r)
{
	size_t i;

	if (!r->alternates_known) {
		alternates_list(r, &r->alternates, &r->absent, NULL);
		r->lenders = lenders_now(r);
		r->alternates_known = 1;
		/* It may be in use; what it has, it does not take twice. */
		for (i = 0; i < r->alternates.n && r->odb != NULL; i++)
			(void)git_odb_add_disk_alternate(r->odb,
			    r->alternates.v[i]);
	}
	return r->alternates.n > 0;
}

/*
 * 1 if it borrows from elsewhere now, as others pool their clones while a
 * loop, say, is at work: then packs are opened anew.
 */
static int
borrows_anew(struct repo *r)
{
	(void)borrows(r);
	if (r->lenders != 0 && r->lenders == lenders_now(r))
		return 0;
	strvec_release(&r->alternates);
	strvec_release(&r->absent);
	r->alternates_known = 0;
	git_odb_free(r->packs);
	r->packs = NULL;
	r->missed_in = NULL;
	(void)borrows(r);
	return 1;
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
	size_t i;
	int ok = 1;

	if (r->packs == NULL) {
		ok = git_odb_new(&r->packs) == 0 &&
		    add_packs(r->packs, r->objects);
		for (i = 0; i < r->alternates.n && ok; i++)
			ok = add_packs(r->packs, r->alternates.v[i]);
	}
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

/* One whole copy is enough: what is wrong is told only if no pack has it. */
static struct err *
read_despite(struct repo *r, struct err *wrong, const struct oid *oid,
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
		return wrong;
	}
	err_free(wrong);
	return NULL;
}

static struct err *
read_here(struct repo *r, const struct oid *oid, size_t max, int ask,
    enum object_type *type, struct buf *b)
{
	git_odb *odb = NULL;
	struct err *e;

	if (loose_may_exist(r, oid)) {
		e = loose_read(r, oid, max, type, b);
		if (e == NULL || e->code == ERR_INPUT)
			return e;
		if (e->code != ERR_NOTFOUND)
			return read_despite(r, e, oid, max, ask, type, b);
		err_free(e);
	}
	if (borrows(r))
		return read_packed_or_borrowed(r, oid, max, ask, type, b);
	e = repo_odb(r, &odb);
	return e != NULL ? e : read_from(r, odb, oid, max, ask, type, b);
}

struct err *
object_read_max(struct repo *r, const struct oid *oid, size_t max, int ask,
    enum object_type *type, struct buf *b)
{
	struct err *e = read_here(r, oid, max, ask, type, b);

	if (e != NULL && (e->code == ERR_NOTFOUND ||
	    e->code == ERR_DAMAGED) && borrows_anew(r)) {
		err_free(e);
		e = read_here(r, oid, max, ask, type, b);
	}
	return e;
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

int
object_is_here(struct repo *r, const struct oid *oid)
{
	enum object_type type;
	struct buf b = BUF_INIT;
	int here = object_exists(r, oid);
	struct err *e = NULL;

	if (!here) {
		e = object_read(r, oid, &type, &b);
		here = e == NULL || e->code != ERR_NOTFOUND;
	}
	err_free(e);
	buf_release(&b);
	return here;
}
