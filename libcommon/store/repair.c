#include "store/repair.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "store/loose.h"
#include "store/record.h"
#include "store/writer.h"

struct search {
	struct repo *repo;
	const char *writer;
	struct oid newest;
	int64_t clock;		/* of the newest; -1: none found */
};

static int
each_object(const git_oid *id, void *arg)
{
	struct search *s = arg;
	struct record rec;
	struct oid oid;
	struct err *e;

	oid_from_git(&oid, id);
	e = record_read(s->repo, &oid, &rec);
	if (e == NULL && rec.clock > s->clock &&
	    strcmp(rec.writer, s->writer) == 0) {
		s->clock = rec.clock;
		s->newest = oid;
	}
	err_free(e);
	record_release(&rec);
	return 0;
}

struct err *
log_newest(struct repo *r, const char *writer, struct oid *id)
{
	struct search s = { r, writer, { { 0 } }, -1 };
	git_odb *odb = NULL;
	struct err *e = repo_odb(r, &odb);

	if (e == NULL)
		(void)git_odb_foreach(odb, each_object, &s);
	*id = s.newest;
	return e;
}

/* The sentence; `object` is the damaged tip, or NULL where the ref is. */
static struct err *
advise(struct repo *r, const char *ref, const struct oid *object)
{
	char *path = object == NULL ?
	    xasprintf("%s/%s", r->commondir, ref) : loose_path(r, object);
	char hex[OID_HEX_SIZE];
	struct oid newest;
	struct err *e;

	e = log_newest(r, strrchr(ref, '/') + 1, &newest);
	if (e != NULL)
		goto done;
	oid_hex(&newest, hex);
	if (!oid_is_zero(&newest))
		e = err_new(ERR_DAMAGED, "the log of this clone, '%s', is "
		    "damaged, as by a power loss; to go on from its newest "
		    "record that is whole, run 'rm -f \"%s\" && git "
		    "update-ref %s %s', or 'git agent sync --repair'", ref,
		    path, ref, hex);
	else
		e = err_new(ERR_DAMAGED, "the log of this clone, '%s', is "
		    "damaged, as by a power loss, and none of its records is "
		    "whole; to begin a new one, run 'rm -f \"%s\" && git "
		    "update-ref -d %s', or 'git agent sync --repair'", ref,
		    path, ref);
done:
	free(path);
	return e;
}

struct err *
log_check(struct repo *r, const char *ref)
{
	struct record rec = { 0 };
	struct oid tip;
	struct err *e;

	e = ref_read(r, ref, &tip);
	if (e != NULL && e->code == ERR_NOTFOUND) {
		err_free(e);
		return NULL;
	}
	/* Of the file of all packed refs it says enough itself. */
	if (e != NULL && e->code == ERR_DAMAGED && !r->packed.damaged) {
		err_free(e);
		return advise(r, ref, NULL);
	}
	if (e != NULL)
		return e;
	e = record_read(r, &tip, &rec);
	if (e != NULL && (e->code == ERR_DAMAGED || e->code == ERR_NOTFOUND)) {
		err_free(e);
		e = advise(r, ref, &tip);
	} else if (e != NULL && e->code == ERR_INPUT) {
		err_free(e);
		e = NULL;
	}
	record_release(&rec);
	return e;
}

void
log_note_damage(struct repo *r)
{
	char *ref = NULL;
	struct err *e = writer_log(r, &ref);

	if (e == NULL && ref != NULL)
		e = log_check(r, ref);
	if (e != NULL && e->code == ERR_DAMAGED)
		repo_note_damage(r, e->msg);
	err_free(e);
	free(ref);
}
