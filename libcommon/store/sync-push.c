#include "store/sync-push.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"
#include "store/guard.h"
#include "store/index.h"
#include "store/lost.h"
#include "store/record.h"
#include "store/rollup-search.h"
#include "store/sync-move.h"
#include "store/sync-others.h"
#include "store/sync-state.h"
#include "store/transfer.h"
#include "store/writer-name.h"
#include "store/writer.h"

/* One of our refs, where it goes, and where we keep what the remote has. */
struct outgoing {
	const char *what;	/* "log", "beat", "notes" */
	char *local, *remote;
	char *tracking;		/* a ref; of the notes, a file: see below */
	struct oid tip;
	int is_log, notes, exists, differs;
};

/*
 * What the remote has of our notes is kept in a file: as a ref it would show
 * them twice in `git log --notes`, or as records in `git log --glob`.
 */
static struct err *
tracking_read(struct repo *r, const struct outgoing *o, struct oid *id)
{
	struct buf text = BUF_INIT;
	struct err *e;

	if (!o->notes)
		return ref_read(r, o->tracking, id);
	e = file_read(o->tracking, &text);
	buf_rtrim(&text);
	if (e == NULL && oid_parse(text.p, id) != 0)
		e = err_new(ERR_NOTFOUND, "'%s' is not whole", o->tracking);
	buf_release(&text);
	return e;
}

static struct err *
tracking_write(struct repo *r, const struct outgoing *o)
{
	char hex[OID_HEX_SIZE];

	if (!o->notes)
		return ref_set(r, o->tracking, &o->tip);
	oid_hex(&o->tip, hex);
	return file_write_cache(o->tracking, hex, strlen(hex));
}

char *
sync_pushed_notes(struct repo *r, const char *remote, const char *own)
{
	char *folder = repo_remote_name(remote), *name, *path;

	name = xasprintf("pushed-notes/%s/%s", folder, own);
	path = repo_shared_path(r, name);
	free(folder);
	free(name);
	return path;
}

void
sync_forget_pushed_notes(struct repo *r, const char *remote)
{
	char *folder = sync_pushed_notes(r, remote, ""), *path;
	/* No part of a ref's name begins with a dot; ".." is not ours. */
	DIR *open = *remote == '.' ? NULL : opendir(folder);
	struct dirent *d;

	while (open != NULL && (d = readdir(open)) != NULL) {
		path = xasprintf("%s%s", folder, d->d_name);
		if (writer_name_ok(d->d_name))
			(void)unlink(path);
		free(path);
	}
	if (open != NULL) {
		closedir(open);
		(void)rmdir(folder);
	}
	free(folder);
}

static char *
tracking_name(struct repo *r, const struct outgoing *o, const char *remote,
    const char *own)
{
	return o->notes ? sync_pushed_notes(r, remote, own) :
	    xasprintf("refs/agent-remotes/%s/%s/%s", remote, o->what, own);
}

static struct err *
outgoing_read(struct repo *r, struct outgoing *o)
{
	struct oid theirs;
	struct err *e = ref_read(r, o->local, &o->tip);

	o->exists = e == NULL;
	if (e != NULL && e->code == ERR_NOTFOUND) {
		err_free(e);
		return NULL;
	}
	/* git would push nothing at all then. */
	if (e == NULL && !o->is_log && !object_is_here(r, &o->tip))
		e = err_new(ERR_NOTFOUND, "what '%s' leads to is not here",
		    o->local);
	if (e != NULL)
		return e;
	e = tracking_read(r, o, &theirs);
	o->differs = e != NULL || !oid_equal(&theirs, &o->tip);
	err_free(e);
	return NULL;
}

/* A heartbeat or notes that cannot be read keep no record from going. */
static struct err *
outgoing_fill(struct repo *r, struct sync_report *rep, const char *own,
    const char *what, struct outgoing *o)
{
	struct err *e;
	char *name;

	o->what = what;
	o->is_log = strcmp(what, "log") == 0;
	o->notes = strcmp(what, "notes") == 0;
	o->local = xasprintf("%s%s", o->notes ? NOTES_PREFIX :
	    o->is_log ? LOG_PREFIX : BEAT_PREFIX, own);
	o->remote = sync_target(rep, what, own);
	o->tracking = tracking_name(r, o, rep->remote, own);
	e = outgoing_read(r, o);
	if (e == NULL || o->is_log)
		return e;
	o->exists = 0;
	name = xasprintf("%s/%s", what, own);
	transfer_withhold(rep, name, xstrdup(e->msg));
	free(name);
	err_free(e);
	return NULL;
}

static void
outgoing_release(struct outgoing *o)
{
	free(o->local);
	free(o->remote);
	free(o->tracking);
}

/* The line of the report for what we pushed as "log/…", or NULL. */
static const struct sync_ref *
fate_of(const struct sync_report *rep, const char *name)
{
	size_t i;

	for (i = rep->n; i > 0; i--)
		if (rep->refs[i - 1].pushed &&
		    strcmp(rep->refs[i - 1].name, name) == 0)
			return &rep->refs[i - 1];
	return NULL;
}

static int
is_diverged(const struct sync_ref *ref)
{
	return ref->fate == SYNC_REFUSED && ref->reason != NULL &&
	    (strstr(ref->reason, "non-fast-forward") != NULL ||
	    strstr(ref->reason, "fetch first") != NULL);
}

/* Keep what the remote acknowledged; *diverged: it has another log of ours. */
static struct err *
settle(struct repo *r, const struct outgoing *o, size_t n,
    struct sync_report *rep, const char *own, int *diverged)
{
	const struct sync_ref *ref;
	struct err *e = NULL;
	char *name;
	size_t i;

	*diverged = 0;
	for (i = 0; e == NULL && i < n; i++) {
		name = xasprintf("%s/%s", o[i].what, own);
		ref = fate_of(rep, name);
		if (ref != NULL && ref->fate != SYNC_REFUSED) {
			e = tracking_write(r, &o[i]);
			/* Of a heartbeat: then it goes again the next time. */
			if (e != NULL && !o[i].is_log && !o[i].notes) {
				err_free(e);
				e = NULL;
			}
			if (e == NULL)
				e = sync_restored(r, rep, name);
		} else if (ref != NULL && is_diverged(ref))
			*diverged |= o[i].is_log;
		free(name);
	}
	return e;
}

/*
 * By object name: what is settled later is just what was sent, whoever
 * moves the ref meanwhile.
 */
static void
push_spec(struct strvec *specs, const struct outgoing *o)
{
	char hex[OID_HEX_SIZE];

	oid_hex(&o->tip, hex);
	strvec_pushf(specs, "%s%s:%s", o->is_log ? "" : "+", hex,
	    o->remote);
}

/*
 * Our log as it was rolled up has more than it has here: a backup was put
 * back.  If it only ends too early, it is moved forward.
 */
static struct err *
catch_up(struct repo *r, const struct outgoing *log, const struct oid *more,
    int *rolled_up, int *diverged)
{
	*diverged = !repo_contains(r, more, &log->tip);
	if (*diverged)
		return NULL;
	return lost_revive(r, log->local, more, rolled_up);
}

/* What is in a log that rolled ours up need not get a ref of its own again. */
static struct err *
is_rolled_up(struct repo *r, const char *remote, const char *own,
    const struct outgoing *log, int *rolled_up, int *diverged)
{
	struct rollup_search *search;
	struct index *ix = NULL;
	struct oid tracked, more;
	struct err *e;

	*rolled_up = 0;
	if (!log->exists || !log->differs)
		return NULL;
	e = ref_read(r, log->tracking, &tracked);
	if (e == NULL)
		return NULL;
	err_free(e);
	e = index_open(r, &ix);
	if (e == NULL) {
		search = rollup_search_new(ix, r, remote, NULL);
		*rolled_up = rollup_is_at(search, &log->tip);
		if (rollup_beyond(search, own, &log->tip, &more))
			e = catch_up(r, log, &more, rolled_up, diverged);
		rollup_search_free(search);
	}
	index_close(ix);
	return e;
}

/*
 * 1 if our log ends in a record.  What every reader would have to skip is
 * not sent; behind the next record it may be.
 */
static int
ends_in_record(struct repo *r, const struct outgoing *log, const char *own,
    struct sync_report *rep)
{
	char hex[OID_HEX_SIZE], *name;
	struct record rec;
	struct err *e;

	if (!log->exists)
		return 0;
	e = record_read(r, &log->tip, &rec);
	if (e != NULL) {
		oid_hex(&log->tip, hex);
		name = xasprintf("log/%s", own);
		transfer_withhold(rep, name, xasprintf("it ends in %s, which "
		    "is no record: %s; it goes with the next record that is "
		    "written", hex, e->msg));
		free(name);
	}
	record_release(&rec);
	if (e == NULL)
		return 1;
	err_free(e);
	return 0;
}

/* Push the three refs of one writer, or those of them that moved. */
static struct err *
push_writer(struct repo *r, const char *own, int all, int background,
    struct sync_report *rep, int *diverged)
{
	static const char *const what[3] = { "log", "beat", "notes" };
	struct outgoing out[3] = { { 0 }, { 0 }, { 0 } };
	struct strvec specs = STRVEC_INIT;
	struct err *e = NULL;
	size_t i;
	int rolled_up = 0;

	*diverged = 0;
	for (i = 0; e == NULL && i < 3; i++)
		e = outgoing_fill(r, rep, own, what[i], &out[i]);
	if (e == NULL)
		e = is_rolled_up(r, rep->remote, own, &out[0], &rolled_up,
		    diverged);
	if (e != NULL || *diverged)
		goto done;
	if (!rolled_up && (all || out[0].differs))
		out[0].exists = ends_in_record(r, &out[0], own, rep);
	for (i = 0; e == NULL && i < 3; i++)
		if (out[i].exists && !rolled_up && (all || out[i].differs))
			push_spec(&specs, &out[i]);
	if (e == NULL && specs.n == 0)
		rep->reached = 1;
	else if (e == NULL)
		e = transfer_push(r, &specs, background, rep);
	if (e == NULL)
		e = settle(r, out, 3, rep, own, diverged);
done:
	for (i = 0; i < 3; i++)
		outgoing_release(&out[i]);
	strvec_release(&specs);
	return e;
}

/*
 * 1 if git's lock on our log keeps it from being moved forward to what it had
 * before, which makes it look like another copy's; and what to do about it.
 */
static int
is_locked(struct repo *r, const char *own, struct sync_report *rep)
{
	char *ref = xasprintf(LOG_PREFIX "%s", own);
	int locked = guard_is_locked(r, ref);
	struct err *e;

	if (locked) {
		e = guard_locked(r, ref);
		transfer_withhold(rep, ref + strlen("refs/agent/"),
		    xstrdup(e->msg));
		err_free(e);
	}
	free(ref);
	return locked;
}

struct err *
sync_push(struct repo *r, int background, struct sync_report *rep)
{
	char *own = NULL;
	struct err *e;
	int diverged = 0;

	e = writer_settle(r, &own);
	rep->reached = e == NULL;
	if (e == NULL && own != NULL)
		e = push_writer(r, own, !background || rep->rewound > 0,
		    background, rep, &diverged);
	/*
	 * Only this clone appends to its log, so one on the remote, or rolled
	 * up there, that ours does not continue was written by a copy of this
	 * very disk, or before a backup was put back: go on under a new name,
	 * which loses neither's records.
	 */
	if (e == NULL && diverged) {
		sync_drop_refused_log(rep, own);
		if (!is_locked(r, own, rep))
			e = writer_renew(r, &rep->renewed);
		if (e == NULL && rep->renewed != NULL)
			e = push_writer(r, rep->renewed, 0, background, rep,
			    &diverged);
	}
	if (e == NULL && rep->reached)
		e = move_push(r, own, background, rep);
	if (e == NULL && rep->reached)
		e = others_push(r, rep->renewed != NULL ? rep->renewed : own,
		    background, rep);
	sync_remember_push(r, rep);
	free(own);
	return e;
}
