#include "store/sync.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "store/garbage.h"
#include "store/index.h"
#include "store/logrefs.h"
#include "store/repair.h"
#include "store/rollup-search.h"
#include "store/rollup.h"
#include "store/sync-former.h"
#include "store/sync-move.h"
#include "store/sync-push.h"
#include "store/sync-removed.h"
#include "store/sync-rename.h"
#include "store/sync-state.h"
#include "store/transfer.h"
#include "store/turn.h"
#include "store/writer.h"

#define TRIES_MAX 4		/* to have it explained what seems rewound */

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
	struct err *e = NULL;

	specs[0] = log;
	specs[1] = beat;
	specs[2] = NULL;
	/* Ten thousand refs are not listed to see that there is one. */
	if (rep->present.n == 0)
		e = ref_list(r, LOG_PREFIX, &own);
	if (e == NULL && rep->present.n + own.n == 0)
		e = ref_list(r, "refs/agent-remotes/", &fetched);
	if (e == NULL && rep->present.n + own.n + fetched.n > 0)
		e = repo_add_refspecs(r, rep->remote, specs,
		    &rep->refspecs_added);
	if (e == NULL && rep->refspecs_added > 0)
		e = sync_remember_time(r, rep->remote);
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

/* Its ref stays, and so the next sync tries again. */
static void
say_stays(struct sync_report *rep, struct sync_ref *ref, const char *locked)
{
	free(ref->reason);
	ref->reason = xasprintf("it is rolled up there, but cannot be dropped "
	    "here: %s", locked);
	ref->fate = SYNC_REFUSED;
	ref->stays = 1;
	rep->rewound--;
	rep->refused++;
}

/*
 * A log that is gone because another has its records is not lost.  Nor is one
 * that has begun anew there, as of a writer that woke up in a backup: *anew
 * counts those, which can be fetched now.
 */
static struct err *
drop_rolled_up(struct repo *r, struct sync_report *rep, int *anew)
{
	struct rollup_search *search;
	struct index *ix = NULL;
	struct err *e = index_open(r, &ix);
	char *locked = NULL;
	struct oid tip;
	size_t i;
	int begun = 0;

	search = rollup_search_new(ix, r, rep->remote, rep);
	for (i = rep->n; e == NULL && i > 0; i--) {
		struct sync_ref *ref = &rep->refs[i - 1];
		char *name;

		if (ref->fate != SYNC_REWOUND || ref->reason == NULL ||
		    strncmp(ref->name, "log/", 4) != 0)
			continue;
		name = xasprintf("refs/agent-remotes/%s/%s", rep->remote,
		    ref->name);
		e = ref_read(r, name, &tip);
		free(name);
		if (e != NULL && e->code == ERR_NOTFOUND) {
			/* By another process; what was lost is put back. */
			err_free(e);
			e = NULL;
			sync_drop_ref(rep, i - 1);
			continue;
		}
		if (e != NULL || !rollup_has(search, ref->name + 4, &tip))
			continue;
		e = rollup_forget(r, rep->remote, ref->name + 4, &tip,
		    &locked);
		if (e != NULL && e->code == ERR_LOCKED) {
			say_stays(rep, ref, e->msg);
			err_free(e);
			e = NULL;
			continue;
		}
		begun += strcmp(ref->reason, "deleted") != 0;
		ref->fate = SYNC_ROLLED_UP;
		rep->rewound--;
	}
	/* What was said of those would be lost with another fetch. */
	if (locked == NULL)
		*anew += begun;
	free(locked);
	rollup_search_free(search);
	index_close(ix);
	return e;
}

struct err *
sync_recover(struct repo *r)
{
	struct index *ix = NULL;
	struct err *e;

	if (index_is_current(r))
		return NULL;
	/* It says more than what the index would say of its objects. */
	log_note_damage(r);
	e = index_open(r, &ix);
	index_close(ix);
	return e;
}

/* And what of it is not to stay, or to be said. */
static struct err *
fetch_once(struct repo *r, const struct strvec *specs, int background,
    struct sync_report *rep)
{
	struct err *e = transfer_fetch(r, specs, background, rep);

	former_drop_rewound(rep);
	return e != NULL ? e : sync_drop_bad_notes(r, rep);
}

/*
 * A log that somebody else moved forward while git was looking seems rewound
 * too: of what the remote says again, those are believed that nobody moved
 * meanwhile.
 */
static struct err *
fetch_again(struct repo *r, const struct strvec *specs, int background,
    struct sync_report *rep)
{
	struct reflist before = REFLIST_INIT;
	struct err *e;

	sync_drop_fetched(rep);
	e = sync_view_list(r, rep->remote, &before);
	if (e == NULL)
		e = fetch_once(r, specs, background, rep);
	if (e == NULL)
		sync_drop_moved(r, rep, &before);
	reflist_release(&before);
	return e;
}

/*
 * What seems rewound, and is not; *anew counts what can be fetched now.
 * `is_new`: the remote has the name of one that was removed.
 */
static struct err *
explain_rewound(struct repo *r, struct sync_report *rep, int is_new, int *anew)
{
	struct err *e = NULL;

	sync_drop_below(r, rep);
	if (rep->reached && rep->rewound > 0)
		e = drop_rolled_up(r, rep, anew);
	if (e == NULL && rep->reached && rep->rewound > 0 && is_new)
		e = sync_leave_removed(r, rep, anew);
	return e;
}

/* Ask, and again until all is explained or said twice. */
static struct err *
fetch_until_clear(struct repo *r, const struct strvec *specs, int background,
    int is_new, struct sync_report *rep)
{
	struct sync_doubts doubts;
	struct err *e;
	int again = 0, begun, tries;

	sync_doubts_begin(&doubts, r, rep->remote);
	e = fetch_once(r, specs, background, rep);
	if (e == NULL && rep->refused > 0)
		e = sync_clear_way(r, rep, &again);
	if (e == NULL)
		e = explain_rewound(r, rep, is_new, &again);
	for (tries = 0; e == NULL && tries < TRIES_MAX &&
	    (sync_has_doubts(&doubts, rep) || again > 0); tries++) {
		/* What came from the new one is not the removed one's. */
		begun = again > 0;
		again = 0;
		e = fetch_again(r, specs, background, rep);
		if (e == NULL)
			e = explain_rewound(r, rep, is_new && begun, &again);
	}
	if (e == NULL && tries == TRIES_MAX && sync_has_doubts(&doubts, rep))
		sync_drop_doubted(&doubts, rep);
	sync_doubts_release(&doubts);
	return e;
}

static struct err *
fetch(struct repo *r, int background, struct sync_report *rep)
{
	struct strvec specs = STRVEC_INIT;
	struct err *e;
	int all = 0, is_new;

	e = sync_recover(r);
	if (e == NULL)
		e = sync_follow_rename(r, rep->remote);
	if (e == NULL)
		e = fetch_specs(r, rep, &specs);
	if (e == NULL) {
		rep->whole = 1;
		is_new = sync_is_another(r, rep->remote);
		former_begin(r, rep, &specs, &all);
		e = fetch_until_clear(r, &specs, background, is_new, rep);
	}
	if (e == NULL && rep->reached)
		e = sync_tell_twins(r, rep);
	if (e == NULL && rep->reached) {
		e = sync_remember_fetch(r, rep);
		if (e == NULL)
			e = former_take(r, rep, all);
		if (e == NULL)
			e = move_settle(r, rep);
		/* Last: killed before, the next sync moves once more. */
		if (e == NULL)
			e = move_arrived(r, rep);
		if (e == NULL)
			e = connect_clone(r, rep);
	}
	strvec_release(&specs);
	return e;
}

/*
 * The project's prefix is another one: fetch once more from where the records
 * were, and begin anew.
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
	e = sync_recover(r);
	if (e == NULL)
		e = fetch_specs(r, &last, &specs);
	if (e == NULL)
		e = fetch_once(r, &specs, background, &last);
	rep->reached = last.reached;
	rep->killed |= last.killed;
	if (e == NULL && last.reached)
		e = move_logs(r, rep);
	else if (last.problem != NULL)
		rep->problem = xstrdup(last.problem);
	strvec_release(&specs);
	sync_report_release(&last);
	return e;
}

/* Run one direction in its turn; a busy one is a problem to report. */
static struct err *
in_turn(struct repo *r, const char *which,
    struct err *(*go)(struct repo *, int, struct sync_report *),
    int flags, struct sync_report *rep)
{
	int background = (flags & SYNC_BACKGROUND) != 0;
	struct turn turn = TURN_INIT;
	struct err *e;

	e = turn_begin(&turn, r, which,
	    !background || (flags & SYNC_WAIT) != 0);
	if (e != NULL && e->code == ERR_LOCKED) {
		rep->reached = 0;
		free(rep->problem);
		rep->problem = xstrdup(e->msg);
		err_free(e);
		e = NULL;
	} else if (e == NULL) {
		e = go(r, background, rep);
	}
	turn_end(&turn, rep->killed);
	return e;
}

/*
 * Where the records are; *reached is 0 if they cannot be followed there.  Who
 * has just come there must fetch before it pushes, to see what is there.
 */
static struct err *
find_prefix(struct repo *r, int *flags, struct sync_report *rep, int *reached)
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
		e = in_turn(r, TURN_FETCH, leave_prefix, *flags, rep);
		*reached = rep->reached;
		*flags |= SYNC_FETCH;
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

/* As git's own commands do when they have brought or sent something. */
static int
has_moved(const struct sync_report *rep)
{
	size_t i;

	for (i = 0; i < rep->n; i++)
		if (rep->refs[i].fate != SYNC_UP_TO_DATE &&
		    rep->refs[i].fate != SYNC_REFUSED &&
		    rep->refs[i].fate != SYNC_REWOUND)
			return 1;
	return 0;
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
	rep->refetch = (flags & SYNC_REFETCH) != 0;
	rep->deepen = (flags & SYNC_DEEPEN) != 0;
	if (!repo_has_remote(r, remote) &&
	    repo_config(r, "agent.remote") != NULL) {
		rep->problem = xasprintf("agent.remote is '%s', and there is "
		    "no such remote; 'git remote' lists them", remote);
		return NULL;
	}
	rep->problem = logrefs_bad_remote(remote);
	if (rep->problem != NULL)
		return NULL;
	e = repo_make_state(r);
	if (e == NULL)
		e = check_own_log(r);
	if (e == NULL)
		e = find_prefix(r, &flags, rep, &reached);
	if (e == NULL && (flags & SYNC_FETCH) != 0 && reached) {
		e = in_turn(r, TURN_FETCH, fetch, flags, rep);
		reached = rep->reached;
	}
	/* An unreachable remote is asked once, not twice. */
	if (e == NULL && (flags & SYNC_PUSH) != 0 && reached) {
		e = in_turn(r, TURN_PUSH, sync_push, flags, rep);
		reached = rep->reached;
	}
	rep->reached = reached;
	if (e == NULL && has_moved(rep))
		garbage_collect(r);
	return e;
}
