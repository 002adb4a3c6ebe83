#include "store/sync.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/lock.h"
#include "store/repair.h"
#include "store/index.h"
#include "store/rollup.h"
#include "store/sync-move.h"
#include "store/sync-state.h"
#include "store/transfer.h"
#include "store/writer.h"

#define TURN_WAIT_MS 60000

static char *
log_refspec(const struct sync_report *rep)
{
	return xasprintf("%s/log/*:refs/agent-remotes/%s/log/*",
	    rep->prefix, rep->remote);
}

static char *
beat_refspec(const struct sync_report *rep)
{
	return xasprintf("+%s/beat/*:refs/agent-remotes/%s/beat/*",
	    rep->prefix, rep->remote);
}

/*
 * From now on a plain `git fetch` brings the records too.  Not done where
 * there are none, so that looking at a project leaves its config alone.
 */
static struct err *
connect_clone(struct repo *r, struct sync_report *rep)
{
	struct reflist own = REFLIST_INIT, fetched = REFLIST_INIT;
	char *log = log_refspec(rep), *beat = beat_refspec(rep);
	const char *specs[3];
	struct err *e;

	specs[0] = log;
	specs[1] = beat;
	specs[2] = NULL;
	e = ref_list(r, LOG_PREFIX, &own);
	if (e == NULL)
		e = ref_list(r, "refs/agent-remotes/", &fetched);
	if (e == NULL && own.n + fetched.n > 0)
		e = repo_add_refspecs(r, rep->remote, specs,
		    &rep->refspecs_added);
	reflist_release(&own);
	reflist_release(&fetched);
	free(log);
	free(beat);
	return e;
}

/* Where the notes of the writers are on the remote, with a slash behind. */
static char *
remote_notes(const struct sync_report *rep)
{
	if (strcmp(rep->prefix, REPO_PREFIX_DEFAULT) == 0)
		return xstrdup(NOTES_PREFIX);
	return xasprintf("%s/notes/", rep->prefix);
}

char *
sync_target(const struct sync_report *rep, const char *what,
    const char *writer)
{
	char *notes = strcmp(what, "notes") == 0 ? remote_notes(rep) : NULL;
	char *ref = notes != NULL ? xasprintf("%s%s", notes, writer) :
	    xasprintf("%s/%s/%s", rep->prefix, what, writer);

	free(notes);
	return ref;
}

static struct err *
fetch_specs(struct repo *r, const struct sync_report *rep,
    struct strvec *specs)
{
	char *log = log_refspec(rep), *beat = beat_refspec(rep);
	char *notes = remote_notes(rep), *own = NULL;
	struct err *e;

	strvec_pushl(specs, log, beat, (char *)NULL);
	strvec_pushf(specs, "+%s*:refs/notes/agent-remotes/%s/*", notes,
	    rep->remote);
	e = writer_id(r, 0, &own);
	/* Our own notes are here already; `git log` would show them twice. */
	if (e == NULL && own != NULL)
		strvec_pushf(specs, "^%s%s", notes, own);
	free(log);
	free(beat);
	free(notes);
	free(own);
	return e;
}

/* A log that is gone because another has its records is not lost. */
static struct err *
drop_rolled_up(struct repo *r, struct sync_report *rep)
{
	struct index *ix = NULL;
	struct err *e = index_open(r, &ix);
	struct oid tip;
	size_t i;

	for (i = 0; e == NULL && i < rep->n; i++) {
		struct sync_ref *ref = &rep->refs[i];
		char *name;

		if (ref->fate != SYNC_REWOUND || ref->reason == NULL ||
		    strcmp(ref->reason, "deleted") != 0 ||
		    strncmp(ref->name, "log/", 4) != 0)
			continue;
		name = xasprintf("refs/agent-remotes/%s/%s", rep->remote,
		    ref->name);
		e = ref_read(r, name, &tip);
		free(name);
		if (e != NULL || !rollup_has(ix, r, ref->name + 4, &tip))
			continue;
		e = rollup_forget(r, rep->remote, ref->name + 4);
		ref->fate = SYNC_ROLLED_UP;
		rep->rewound--;
	}
	index_close(ix);
	return e;
}

static struct err *
fetch(struct repo *r, int background, struct sync_report *rep)
{
	struct strvec specs = STRVEC_INIT;
	struct err *e;

	e = sync_restore_pruned(r);
	if (e == NULL)
		e = fetch_specs(r, rep, &specs);
	if (e == NULL)
		e = transfer_fetch(r, &specs, background, rep);
	/*
	 * A log that somebody else moved forward while git was looking seems
	 * rewound too: ask again before it is said.
	 */
	if (e == NULL && sync_rewound_is_news(r, rep)) {
		sync_drop_rewound(rep);
		e = transfer_fetch(r, &specs, background, rep);
	}
	if (e == NULL && rep->reached && rep->rewound > 0)
		e = drop_rolled_up(r, rep);
	if (e == NULL && rep->reached) {
		e = sync_remember_fetch(r, rep);
		if (e == NULL)
			e = move_settle(r, rep);
		if (e == NULL)
			e = connect_clone(r, rep);
	}
	strvec_release(&specs);
	return e;
}

/*
 * The project's prefix is another one: fetch for the last time from where
 * records were, and begin anew.
 */
static struct err *
leave_prefix(struct repo *r, int background, struct sync_report *rep)
{
	struct sync_report last = { 0 };
	struct strvec specs = STRVEC_INIT;
	struct err *e;

	last.remote = xstrdup(rep->remote);
	last.prefix = move_from(r, rep);
	rep->reached = 1;
	if (last.prefix == NULL) {	/* another process was faster */
		sync_report_release(&last);
		return NULL;
	}
	e = sync_restore_pruned(r);
	if (e == NULL)
		e = fetch_specs(r, &last, &specs);
	if (e == NULL)
		e = transfer_fetch(r, &specs, background, &last);
	rep->reached = last.reached;
	if (e == NULL && last.reached)
		e = move_logs(r, rep);
	else if (last.problem != NULL)
		rep->problem = xstrdup(last.problem);
	strvec_release(&specs);
	sync_report_release(&last);
	return e;
}

/* One of our refs, where it goes, and where we keep what the remote has. */
struct outgoing {
	const char *what;	/* "log", "beat", "notes" */
	char *local, *remote;
	char *tracking;		/* a ref; of the notes, a file: see below */
	struct oid tip;
	int notes, exists, differs;
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

static char *
tracking_name(struct repo *r, const struct outgoing *o, const char *remote,
    const char *own)
{
	char *name, *path;

	if (!o->notes)
		return xasprintf("refs/agent-remotes/%s/%s/%s", remote,
		    o->what, own);
	name = xasprintf("pushed-notes/%s/%s", remote, own);
	path = repo_shared_path(r, name);
	free(name);
	return path;
}

static struct err *
outgoing_fill(struct repo *r, const struct sync_report *rep, const char *own,
    const char *what, struct outgoing *o)
{
	struct oid theirs;
	struct err *e;

	o->what = what;
	o->notes = strcmp(what, "notes") == 0;
	o->local = xasprintf("%s%s", o->notes ? NOTES_PREFIX :
	    strcmp(what, "log") == 0 ? LOG_PREFIX : BEAT_PREFIX, own);
	o->remote = sync_target(rep, what, own);
	o->tracking = tracking_name(r, o, rep->remote, own);
	e = ref_read(r, o->local, &o->tip);
	o->exists = e == NULL;
	if (e != NULL && e->code == ERR_NOTFOUND) {
		err_free(e);
		return NULL;
	}
	if (e != NULL)
		return e;
	e = tracking_read(r, o, &theirs);
	o->differs = e != NULL || !oid_equal(&theirs, &o->tip);
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
			if (e == NULL)
				e = sync_restored(r, rep, name);
		} else if (ref != NULL && is_diverged(ref))
			*diverged |= strcmp(o[i].what, "log") == 0;
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
	strvec_pushf(specs, "%s%s:%s", strcmp(o->what, "log") == 0 ? "" : "+",
	    hex, o->remote);
}

/* What is in a log that rolled ours up need not get a ref of its own again. */
static struct err *
is_rolled_up(struct repo *r, const struct outgoing *log, int *rolled_up)
{
	struct index *ix = NULL;
	struct oid tracked;
	struct err *e;

	*rolled_up = 0;
	if (!log->exists || !log->differs)
		return NULL;
	e = ref_read(r, log->tracking, &tracked);
	if (e == NULL)
		return NULL;
	err_free(e);
	e = index_open(r, &ix);
	if (e == NULL)
		*rolled_up = index_is_rolled_up(ix, &log->tip);
	index_close(ix);
	return e;
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
		e = is_rolled_up(r, &out[0], &rolled_up);
	for (i = 0; e == NULL && i < 3; i++)
		if (out[i].exists && !rolled_up && (all || out[i].differs))
			push_spec(&specs, &out[i]);
	if (e == NULL && specs.n == 0)
		rep->reached = 1;
	else if (e == NULL)
		e = transfer_push(r, &specs, background, rep);
	if (e == NULL)
		e = settle(r, out, 3, rep, own, diverged);
	for (i = 0; i < 3; i++)
		outgoing_release(&out[i]);
	strvec_release(&specs);
	return e;
}

static struct err *
push(struct repo *r, int background, struct sync_report *rep)
{
	char *own = NULL;
	struct err *e;
	int diverged;

	e = writer_settle(r, &own);
	if (e != NULL || own == NULL) {
		rep->reached = e == NULL;
		return e;
	}
	e = push_writer(r, own, !background || rep->rewound > 0, background,
	    rep, &diverged);
	/*
	 * Only this clone appends to its log, so a remote log that ours does
	 * not continue was written by a copy of this very disk: go on under
	 * a new name, which loses neither's records.
	 */
	if (e == NULL && diverged) {
		sync_drop_refused_log(rep, own);
		e = writer_renew(r, &rep->renewed);
		if (e == NULL)
			e = push_writer(r, rep->renewed, 0, background, rep,
			    &diverged);
	}
	if (e == NULL && rep->reached)
		e = move_push(r, own, background, rep);
	free(own);
	return e;
}

/* Run one direction under its lock; a busy one is a problem to report. */
static struct err *
in_turn(struct repo *r, const char *name,
    struct err *(*go)(struct repo *, int, struct sync_report *),
    int flags, struct sync_report *rep)
{
	int background = (flags & SYNC_BACKGROUND) != 0;
	int wait = !background || (flags & SYNC_WAIT) != 0;
	struct lock lock = LOCK_INIT;
	char *path = repo_shared_path(r, name);
	struct err *e;

	e = lock_take(&lock, path, wait ? TURN_WAIT_MS : 0);
	if (e != NULL && e->code == ERR_LOCKED) {
		err_free(e);
		e = NULL;
		rep->reached = 0;
		free(rep->problem);
		rep->problem = xstrdup("another sync of this clone is running");
	} else if (e == NULL) {
		e = go(r, background, rep);
	}
	lock_release(&lock);
	free(path);
	return e;
}

/* Where the records are; *reached is 0 if they cannot be followed there. */
static struct err *
find_prefix(struct repo *r, int flags, struct sync_report *rep, int *reached)
{
	const char *prefix = NULL;
	char *from;
	struct err *e;

	e = repo_prefix(r, &prefix);
	if (e != NULL) {	/* a .gitagent; what is here stays usable */
		rep->problem = xstrdup(e->msg);
		err_free(e);
		*reached = 0;
		return NULL;
	}
	rep->prefix = xstrdup(prefix);
	from = move_from(r, rep);
	if (from != NULL) {
		e = in_turn(r, "fetch.lock", leave_prefix, flags, rep);
		*reached = rep->reached;
	}
	free(from);
	return e;
}

/* With a damaged ref git itself neither fetches nor pushes. */
static struct err *
check_own_log(struct repo *r)
{
	char *ref = NULL;
	struct err *e = writer_log(r, &ref);

	if (e == NULL && ref != NULL)
		e = log_check(r, ref);
	free(ref);
	return e;
}

struct err *
sync_run(struct repo *r, int flags, struct sync_report *rep)
{
	const char *remote = repo_remote(r);
	int reached = 1;
	struct err *e;

	memset(rep, 0, sizeof(*rep));
	if (remote == NULL)
		return NULL;
	rep->remote = xstrdup(remote);
	if (!repo_has_remote(r, remote) &&
	    repo_config(r, "agent.remote") != NULL) {
		rep->problem = xasprintf("agent.remote is '%s', and there is "
		    "no such remote; 'git remote' lists them", remote);
		return NULL;
	}
	e = repo_make_state(r);
	if (e == NULL)
		e = check_own_log(r);
	if (e == NULL)
		e = find_prefix(r, flags, rep, &reached);
	if (e == NULL && (flags & SYNC_FETCH) != 0 && reached) {
		e = in_turn(r, "fetch.lock", fetch, flags, rep);
		reached = rep->reached;
	}
	/* An unreachable remote is asked once, not twice. */
	if (e == NULL && (flags & SYNC_PUSH) != 0 && reached) {
		e = in_turn(r, "push.lock", push, flags, rep);
		reached = rep->reached;
	}
	rep->reached = reached;
	return e;
}
