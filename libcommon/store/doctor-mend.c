/* The repairs, in an order in which each can build on those before it. */
#include "store/doctor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"
#include "store/busy.h"
#include "store/doctor-parts.h"
#include "store/index.h"
#include "store/logrefs.h"
#include "store/loose.h"
#include "store/lost.h"
#include "store/pack.h"
#include "store/sync-state.h"
#include "store/sync.h"
#include "store/transfer.h"
#include "store/turn.h"
#include "store/writer.h"

struct mend {
	struct repo *repo;
	int flags;
	struct strvec *done;
	int refetch, deepen;
};

/* What could not be done is said, and the other repairs go on. */
static void
failed(struct mend *m, const char *what, struct err *e)
{
	if (e != NULL)
		strvec_pushf(m->done, "could not mend '%s': %s", what,
		    e->msg);
	err_free(e);
}

struct err *
doctor_set_aside(struct repo *r, const char *path)
{
	const char *common = repo_commondir(r);
	char *dir = repo_shared_path(r, "damaged"), *name, *to = NULL, *p;
	size_t n = strlen(common);
	struct err *e;
	int i = 0;

	name = xstrdup(strncmp(path, common, n) == 0 && path[n] == '/' ?
	    path + n + 1 : path);
	for (p = name; *p != '\0'; p++)
		if (*p == '/')
			*p = '-';
	e = file_mkdirs(dir);
	do {	/* those of earlier damages stay, too */
		free(to);
		to = xasprintf("%s/%s-%d", dir, name, ++i);
	} while (access(to, F_OK) == 0);
	if (e == NULL && rename(path, to) != 0)
		e = err_errno("cannot move '%s' to '%s'", path, to);
	free(dir);
	free(to);
	free(name);
	return e;
}

/* The same lock, after all the looking, and still nobody's. */
static void
remove_file(struct mend *m, const struct finding *f)
{
	struct stat st;
	char *busy = NULL;

	if (lstat(f->subject, &st) != 0 || f->repair == NULL ||
	    time(NULL) - st.st_mtime < DOCTOR_LOCK_AGE)
		return;
	if (f->code == DOCTOR_STALE_LOCK ||
	    pack_is_part(strrchr(f->subject, '/') + 1))
		busy = busy_who(m->repo, &st);
	if (busy != NULL)
		strvec_pushf(m->done, "left '%s': %s may hold it", f->subject,
		    busy);
	else if (unlink(f->subject) != 0)
		failed(m, f->subject, err_errno("cannot remove it"));
	else
		strvec_pushf(m->done, "removed '%s'", f->subject);
	free(busy);
}

static void
set_aside(struct mend *m, const char *path)
{
	struct err *e = doctor_set_aside(m->repo, path);

	if (e == NULL)
		strvec_pushf(m->done, "moved '%s' to '%s/agent/damaged'",
		    path, repo_commondir(m->repo));
	failed(m, path, e);
}

static void
damaged_ref(struct mend *m, const struct finding *f)
{
	char *path = xasprintf("%s/%s", repo_commondir(m->repo), f->subject);
	struct stat st;

	if (lstat(path, &st) == 0)
		set_aside(m, path);
	if (strncmp(f->subject, LOG_PREFIX, strlen(LOG_PREFIX)) == 0)
		failed(m, f->subject, doctor_restore_log(m->repo, f->subject,
		    m->done));
	free(path);
}

static void
damaged_object(struct mend *m, const struct finding *f)
{
	char *path = loose_path(m->repo, &f->id);

	m->refetch = 1;
	if (f->code == DOCTOR_DAMAGED_OBJECT && access(path, F_OK) == 0)
		set_aside(m, path);
	free(path);
}

static void
remake_index(struct mend *m)
{
	struct index *ix = NULL;
	struct err *e = index_open(m->repo, &ix);

	if (e == NULL)
		e = index_rebuild(ix);
	index_close(ix);
	if (e == NULL)
		strvec_push(m->done, "made the index again");
	failed(m, "agent/index", e);
}

static void
renew_writer(struct mend *m, const struct finding *f)
{
	char *id = NULL;
	struct err *e;

	if (f->code == DOCTOR_COPIED)
		e = writer_settle(m->repo, &id);
	else if (f->code == DOCTOR_BLOCKED)
		e = writer_renew(m->repo, &id);
	else
		e = writer_id(m->repo, 1, &id);
	if (e == NULL && id != NULL)
		strvec_pushf(m->done, "this clone goes on as '%s'", id);
	failed(m, "agent/writer", e);
	free(id);
}

static void
put_back(struct mend *m, const struct finding *f)
{
	struct oid now;
	struct err *e = ref_read(m->repo, f->subject, &now);

	if (e != NULL && e->code == ERR_NOTFOUND) {
		err_free(e);
		e = ref_swap(m->repo, f->subject, NULL, &f->id);
	} else if (e == NULL && repo_contains(m->repo, &f->id, &now)) {
		e = ref_swap(m->repo, f->subject, &now, &f->id);
	}
	if (e == NULL)
		strvec_pushf(m->done, "put '%s' back", f->subject);
	failed(m, f->subject, e);
}

static void
mend_here(struct mend *m, const struct finding *f)
{
	switch (f->code) {
	case DOCTOR_STALE_LOCK:
	case DOCTOR_LEFTOVER:
		remove_file(m, f);
		break;
	case DOCTOR_DAMAGED_STATE:
		set_aside(m, f->subject);
		break;
	case DOCTOR_DAMAGED_REF:
		if (f->repair != NULL)
			damaged_ref(m, f);
		break;
	case DOCTOR_DAMAGED_OBJECT:
	case DOCTOR_MISSING_OBJECT:
		if (f->repair != NULL)
			damaged_object(m, f);
		break;
	case DOCTOR_SHALLOW:
		m->deepen = f->repair != NULL;
		break;
	case DOCTOR_DAMAGED_INDEX:
		remake_index(m);
		break;
	case DOCTOR_PRUNED:
		put_back(m, f);
		break;
	default:
		break;
	}
}

/* What each ref of the sync came to, as far as it is news. */
static void
tell(struct mend *m, const struct sync_report *rep)
{
	static const char *const did[] = {
		[SYNC_NEW] = "made", [SYNC_MOVED] = "moved",
		[SYNC_RESTORED] = "put back", [SYNC_CARRIED] = "carried",
		[SYNC_ROLLED_UP] = "rolled up", [SYNC_REWOUND] = NULL,
	};
	const struct sync_ref *ref;
	size_t i;

	for (i = 0; i < rep->n; i++) {
		ref = &rep->refs[i];
		if (did[ref->fate] != NULL)
			strvec_pushf(m->done, "%s '%s': %s", ref->pushed ?
			    "pushed" : "fetched", ref->name, did[ref->fate]);
	}
	if (rep->deepen && rep->reached)
		strvec_push(m->done, "fetched the records in full");
	if (rep->refspecs_added > 0)
		strvec_pushf(m->done, "added %d fetch refspec%s",
		    rep->refspecs_added, rep->refspecs_added == 1 ? "" : "s");
	if (rep->renewed != NULL)
		strvec_pushf(m->done, "this clone goes on as '%s'",
		    rep->renewed);
	if (rep->problem != NULL)
		strvec_pushf(m->done, "could not ask '%s': %s", rep->remote,
		    rep->problem);
}

static int
sync_now(struct mend *m, int flags)
{
	struct sync_report rep;
	struct err *e;
	int reached;

	if ((m->flags & DOCTOR_BACKGROUND) != 0)
		flags |= SYNC_BACKGROUND | SYNC_WAIT;
	e = sync_run(m->repo, flags, &rep);
	reached = e == NULL && rep.remote != NULL && rep.reached;
	if (e == NULL)
		tell(m, &rep);
	failed(m, "the exchange with the remote", e);
	sync_report_release(&rep);
	return reached;
}

/* 1 if a log that is here leads to it, besides the one of this name. */
static int
is_kept(struct repo *r, const char *but, const struct oid *id)
{
	struct reflist refs = REFLIST_INIT, others = REFLIST_INIT;
	struct err *e;
	size_t i, unnamed;
	int kept;

	e = logrefs_logs(r, &refs, &unnamed);
	for (i = 0; i < refs.n; i++)
		if (strcmp(refs.v[i].name, but) != 0)
			reflist_add(&others, refs.v[i].name, &refs.v[i].id);
	kept = e == NULL && reflist_contains(r, &others, id);
	err_free(e);
	reflist_release(&refs);
	reflist_release(&others);
	return kept;
}

/*
 * From now on the log is what the remote has.  All that it was is in other
 * logs, there and here.
 */
static void
adopt(struct mend *m, const struct diagnosis *d, const struct finding *f)
{
	struct sync_report rep = { .remote = d->remote, .prefix = d->prefix };
	const char *writer = strrchr(f->subject, '/') + 1;
	char *name = xasprintf("log/%s", writer);
	char *ref = xasprintf("refs/agent-remotes/%s/%s", d->remote, name);
	struct err *e = NULL;

	if (!object_is_here(m->repo, &f->there) ||
	    !is_kept(m->repo, ref, &f->id))
		goto done;
	e = ref_swap(m->repo, ref, &f->id, &f->there);
	if (e == NULL)
		e = sync_restored(m->repo, &rep, name);
	if (e == NULL)
		e = sync_remember_logs(m->repo, &rep);
	if (e == NULL)
		strvec_pushf(m->done, "took '%s' as '%s' has it; its records "
		    "are in other logs", f->subject, d->remote);
	failed(m, f->subject, e);
done:
	free(ref);
	free(name);
}

/*
 * "<prefix>/log/<writer>", of a replaced log what it is kept as, and of one at
 * a former prefix its place at the present one; 1 if it is there then.
 */
static int
push_lost(struct mend *m, const struct diagnosis *d, const struct finding *f,
    const char *own)
{
	struct sync_report rep = { .remote = d->remote, .prefix = d->prefix };
	const char *writer = strrchr(f->subject, '/') + 1;
	int arrived = 0;
	struct strvec specs = STRVEC_INIT;
	struct turn turn = TURN_INIT;
	char hex[OID_HEX_SIZE], *ref = NULL, *target;
	struct err *e;

	/* Our own goes with the push of our records. */
	if (f->repair == NULL || (f->code != DOCTOR_FORMER && own != NULL &&
	    strcmp(writer, own) == 0))
		return 0;
	oid_hex(&f->id, hex);
	target = f->code == DOCTOR_FORMER ?
	    doctor_former_target(m->repo, d, f, own) :
	    f->code == DOCTOR_REPLACED ?
	    xasprintf("%s-%.7s", f->subject, hex) : xstrdup(f->subject);
	strvec_pushf(&specs, "%s:%s", hex, target);
	e = turn_begin(&turn, m->repo, TURN_PUSH, 1);
	if (e == NULL)
		e = transfer_push(m->repo, &specs,
		    (m->flags & DOCTOR_BACKGROUND) != 0, &rep);
	turn_end(&turn, rep.killed);
	if (e == NULL && rep.reached && rep.refused == 0 && rep.n > 0) {
		strvec_pushf(m->done, "pushed '%s'", rep.refs[0].target);
		ref = xasprintf("refs/agent-remotes/%s/%s", d->remote,
		    rep.refs[0].name);
		e = f->code == DOCTOR_REPLACED || f->code == DOCTOR_FORMER ?
		    ref_set(m->repo, ref, &f->id) :
		    sync_restored(m->repo, &rep, rep.refs[0].name);
		arrived = e == NULL;
	} else if (e == NULL)
		strvec_pushf(m->done, "could not push '%s': %s", f->subject,
		    rep.problem != NULL ? rep.problem : rep.n > 0 &&
		    rep.refs[0].reason != NULL ? rep.refs[0].reason :
		    "no answer");
	failed(m, f->subject, e);
	rep.remote = rep.prefix = NULL;
	sync_report_release(&rep);
	strvec_release(&specs);
	free(target);
	free(ref);
	return arrived;
}

static void
move_forward(struct mend *m, const struct finding *f)
{
	struct oid old;
	struct err *e = ref_read(m->repo, f->subject, &old);

	if (e == NULL && repo_contains(m->repo, &f->id, &old))
		e = ref_swap(m->repo, f->subject, &old, &f->id);
	if (e == NULL)
		strvec_pushf(m->done, "moved '%s' forward", f->subject);
	failed(m, f->subject, e);
}

/* What the fetch has brought decides what the push has to put back. */
static struct err *
mend_there(struct mend *m)
{
	struct diagnosis d = DIAGNOSIS_INIT;
	char *own = NULL;
	struct err *e;
	size_t i;

	e = doctor_examine(m->repo, m->flags, &d);
	if (e == NULL)
		e = writer_id(m->repo, 0, &own);
	for (i = 0; e == NULL && i < d.n; i++)
		if (d.v[i].code == DOCTOR_BEHIND)
			move_forward(m, &d.v[i]);
		else if (d.v[i].code == DOCTOR_REWOUND ||
		    d.v[i].code == DOCTOR_DELETED ||
		    (d.v[i].code == DOCTOR_FORMER &&
		    object_is_here(m->repo, &d.v[i].id)))
			(void)push_lost(m, &d, &d.v[i], own);
		else if (d.v[i].code == DOCTOR_REPLACED && (d.v[i].kept ||
		    push_lost(m, &d, &d.v[i], own)))
			adopt(m, &d, &d.v[i]);
	diagnosis_release(&d);
	free(own);
	return e;
}

static void
mend_notes(struct mend *m)
{
	struct err *e;
	size_t n = 0;

	e = doctor_make_notes(m->repo, &n);
	if (n > 0)
		strvec_pushf(m->done, "made %zu note%s again", n,
		    n == 1 ? "" : "s");
	failed(m, "refs/notes/agent", e);
}

struct err *
doctor_repair(struct repo *r, int flags, const struct diagnosis *d,
    struct strvec *done)
{
	struct mend m = { r, flags, done, 0, 0 };
	struct err *e = NULL;
	int online = (flags & DOCTOR_OFFLINE) == 0 && d->remote != NULL &&
	    d->prefix != NULL, behind = 0;
	const char *before = repo_damage(r);
	size_t i;

	for (i = 0; i < d->n; i++)
		if (d->v[i].code == DOCTOR_UNREADABLE ||
		    d->v[i].code == DOCTOR_DENIED) {
			strvec_pushf(done, "mended nothing, as '%s' comes "
			    "first", d->v[i].subject);
			return NULL;
		}
	for (i = 0; i < d->n; i++) {
		mend_here(&m, &d->v[i]);
		behind |= d->v[i].code == DOCTOR_BEHIND;
	}
	failed(&m, LOG_PREFIX, doctor_keep_logs(r, d, done));
	for (i = 0; i < d->n; i++)
		if (d->v[i].code == DOCTOR_COPIED ||
		    (d->v[i].code == DOCTOR_BLOCKED &&
		    d->v[i].repair != NULL) ||
		    d->v[i].code == DOCTOR_NO_WRITER)
			renew_writer(&m, &d->v[i]);
	/* Whatever could not be fetched is tried once more, each alone. */
	if (online)
		sync_write_unfetched(r, d->remote, "");
	online = online && sync_now(&m, SYNC_FETCH |
	    (m.refetch ? SYNC_REFETCH : 0) |
	    (m.deepen ? SYNC_DEEPEN : 0));
	/* Any sync does that where this clone knows what it wrote last. */
	if (behind && before == NULL && repo_damage(r) != NULL)
		strvec_push(done, repo_damage(r));
	if (online && m.refetch)
		strvec_push(done, "fetched every object of the records again");
	lost_settle(r, done);
	if (online)
		e = mend_there(&m);
	failed(&m, "agent/writer", doctor_leave_log(r, done));
	mend_notes(&m);
	if (online)
		(void)sync_now(&m, SYNC_PUSH);
	return e;
}
