/* This clone's own logs: gone, or with a tip that is not here. */
#include "store/doctor-parts.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "store/barred.h"
#include "store/index.h"
#include "store/logrefs.h"
#include "store/lost.h"
#include "store/record.h"
#include "store/repair.h"
#include "store/writer.h"

/* What the log went on without. */
static void
lost_tips(struct repo *r, struct diagnosis *d)
{
	char *path = repo_shared_path(r, "lost-logs"), hex[OID_HEX_SIZE];
	struct reflist lost = REFLIST_INIT;
	struct finding *f;
	size_t i;

	lost_list(r, 1, &lost);
	for (i = 0; i < lost.n; i++) {
		oid_hex(&lost.v[i].id, hex);
		f = diagnosis_add(d, DOCTOR_MISSING_OBJECT, hex,
		    record_is_here(r, &lost.v[i].id) ?
		    xasprintf("the newest record of '%s', which was not "
		    "here, is here again", lost.v[i].name) :
		    xasprintf("the newest record of '%s' is not here, and "
		    "this clone went on without it; put it back, or, if it "
		    "is gone for good, remove '%s'", lost.v[i].name, path),
		    NULL, xstrdup("look for it again"));
		f->id = lost.v[i].id;
	}
	reflist_release(&lost);
	free(path);
}

struct err *
doctor_own_log(struct repo *r, struct diagnosis *d)
{
	struct err *e, *bad = NULL;
	const char *what = NULL;
	struct oid tip;
	char *ref = NULL;

	lost_tips(r, d);
	e = writer_log(r, &ref);
	if (e == NULL && ref != NULL)
		bad = ref_read(r, ref, &tip);
	if (bad != NULL && bad->code == ERR_NOTFOUND &&
	    writer_has_written(r) && !lost_has(r, ref))
		what = "it is gone, and this clone has written to it";
	if (bad == NULL && ref != NULL)
		bad = log_look(r, ref);
	if (what == NULL && bad != NULL && bad->code == ERR_INPUT)
		what = "it leads to what is no record, and has none of its "
		    "records behind it";
	if (what != NULL)
		diagnosis_add(d, DOCTOR_DAMAGED_REF, ref, xstrdup(what),
		    xstrdup("git agent sync --repair"), xstrdup("go on from "
		    "the newest record of this log that is here"));
	err_free(bad);
	free(ref);
	return e;
}

void
doctor_unreadable(struct repo *r, struct diagnosis *d)
{
	char *why, *remedy = NULL;
	size_t i;

	for (i = 0; i < d->n; i++)
		if (d->v[i].code == DOCTOR_MISSING_OBJECT ||
		    d->v[i].code == DOCTOR_DAMAGED_OBJECT ||
		    d->v[i].code == DOCTOR_DAMAGED_REF)
			break;
	why = i == d->n ? objects_lender_gone(r) : objects_barred(r, &remedy);
	if (why == NULL)
		return;
	for (i = 0; i < d->n; i++) {
		free(d->v[i].repair);
		d->v[i].repair = NULL;
	}
	diagnosis_add(d, DOCTOR_UNREADABLE, "objects", xasprintf("%s; what "
	    "is not found may be there, and nothing is mended before that",
	    why), remedy, NULL);
	free(why);
}

struct err *
doctor_restore_log(struct repo *r, const char *ref, struct strvec *done)
{
	char *own = NULL, hex[OID_HEX_SIZE];
	struct reflist ends = REFLIST_INIT;
	struct oid now, newest;
	struct err *e;
	int any = 0;

	/* Behind the file there may be an older place in packed-refs. */
	e = ref_read(r, ref, &now);
	if (e == NULL) {
		e = log_search(r, ref, &newest, &ends);
		any = e == NULL && !oid_is_zero(&newest) &&
		    (repo_contains(r, &newest, &now) ||
		    !record_is_one(r, &now));
		if (any && !oid_equal(&now, &newest))
			e = ref_swap(r, ref, &now, &newest);
		if (e == NULL && any && ends.n > 1)
			e = log_put_back(r, &ends);
	} else if (e->code == ERR_NOTFOUND) {
		err_free(e);
		e = log_restore(r, ref, &newest, &any);
		if (e == NULL && !any)
			e = writer_log(r, &own);
		if (own != NULL && strcmp(own, ref) == 0) {
			strvec_pushf(done, "no record of '%s' is here; it "
			    "begins anew", ref);
			e = writer_forget_log(r);
		}
	}
	oid_hex(&newest, hex);
	if (e == NULL && any)
		strvec_pushf(done, "'%s' goes on from %s", ref, hex);
	reflist_release(&ends);
	free(own);
	return e;
}

/* 1 if it was here, and not whole. */
static int
was_damaged(const struct diagnosis *d, const struct oid *id)
{
	size_t i;

	for (i = 0; i < d->n; i++)
		if (d->v[i].code == DOCTOR_DAMAGED_OBJECT &&
		    oid_equal(&d->v[i].id, id))
			return 1;
	return 0;
}

static struct err *
keep_log(struct repo *r, const struct diagnosis *d, const struct ref *log,
    struct strvec *done)
{
	char hex[OID_HEX_SIZE];
	struct oid newest;
	struct err *e;

	e = log_search(r, log->name, &newest, NULL);
	if (e == NULL)
		e = lost_keep(r, log->name, &log->id,
		    was_damaged(d, &log->id));
	if (e == NULL && oid_is_zero(&newest))
		e = ref_remove_at(r, log->name, &log->id);
	else if (e == NULL)
		e = ref_swap(r, log->name, &log->id, &newest);
	oid_hex(&log->id, hex);
	if (e == NULL)
		strvec_pushf(done, "noted in '%s/agent/lost-logs' that '%s' "
		    "was at %s", repo_commondir(r), log->name, hex);
	return e;
}

struct err *
doctor_keep_logs(struct repo *r, const struct diagnosis *d,
    struct strvec *done)
{
	struct reflist refs = REFLIST_INIT;
	struct err *e = ref_list(r, LOG_PREFIX, &refs);
	size_t i;

	for (i = 0; e == NULL && i < refs.n; i++)
		if (!record_is_here(r, &refs.v[i].id))
			e = keep_log(r, d, &refs.v[i], done);
	reflist_release(&refs);
	return e;
}

struct err *
doctor_leave_log(struct repo *r, struct strvec *done)
{
	char *ref = NULL, *id = NULL;
	struct err *e = writer_log(r, &ref);

	if (e == NULL && ref != NULL && lost_has(r, ref))
		e = writer_renew(r, &id);
	if (e == NULL && id != NULL)
		strvec_pushf(done, "this clone goes on as '%s', as the newest "
		    "record of '%s' is not here", id, ref);
	free(ref);
	free(id);
	return e;
}

static int
is_told(const struct diagnosis *d, const char *name)
{
	size_t i;

	for (i = 0; i < d->n; i++)
		if ((d->v[i].code == DOCTOR_PRUNED ||
		    d->v[i].code == DOCTOR_BEHIND) &&
		    strcmp(d->v[i].subject, name) == 0)
			return 1;
	return 0;
}

/* 1 if there is a remote that it is fetched from. */
static int
is_fetched(struct repo *r, const char *name)
{
	const char *log;
	char *remote = logrefs_remote(name, &log);
	int is = remote != NULL && repo_has_view(r, remote);

	free(remote);
	return is;
}

static void
tell_lost(struct repo *r, struct diagnosis *d, const struct ref *seen)
{
	int own = strncmp(seen->name, LOG_PREFIX, strlen(LOG_PREFIX)) == 0;
	char hex[OID_HEX_SIZE];
	struct oid now;
	struct err *e = ref_read(r, seen->name, &now);
	int gone = e != NULL && e->code == ERR_NOTFOUND;

	if ((e == NULL && repo_contains(r, &seen->id, &now)) ||
	    (gone && !own && is_fetched(r, seen->name))) {
		oid_hex(&seen->id, hex);
		diagnosis_add(d, own ? DOCTOR_BEHIND : DOCTOR_PRUNED,
		    seen->name, xasprintf("read here before, and %s since, "
		    "as by '%s'", gone ? "dropped" : "set back", gone ?
		    "git fetch --prune" : "git fetch --force"),
		    xasprintf("git update-ref %s %s", seen->name, hex),
		    xstrdup(gone ? "put the ref back" : "move it forward"))->
		    id = seen->id;
	}
	err_free(e);
}

struct err *
doctor_seen(struct repo *r, struct diagnosis *d, const struct oidset *reach)
{
	struct reflist seen = REFLIST_INIT, now = REFLIST_INIT;
	struct oid id;
	struct err *e, *gone;
	size_t i, unnamed = 0;
	int there;

	index_seen(r, &seen);
	e = logrefs_logs(r, &now, &unnamed);
	for (i = 0; e == NULL && i < seen.n; i++) {
		gone = ref_read(r, seen.v[i].name, &id);
		there = gone == NULL && oid_equal(&id, &seen.v[i].id);
		err_free(gone);
		if (!there && !oidset_has(reach, &seen.v[i].id) &&
		    record_is_here(r, &seen.v[i].id) &&
		    !is_told(d, seen.v[i].name) &&
		    !reflist_contains(r, &now, &seen.v[i].id))
			tell_lost(r, d, &seen.v[i]);
	}
	reflist_release(&seen);
	reflist_release(&now);
	return e;
}
