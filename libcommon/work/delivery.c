#include "work/delivery.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/cmd.h"
#include "store/logrefs.h"

/*
 * git may ask for a password where a person sits at a terminal; the text of
 * a record may well come from a pipe there.
 */
static int
background_flag(void)
{
	return isatty(STDERR_FILENO) ? 0 : SYNC_BACKGROUND | SYNC_WAIT;
}

/* A host that takes no refs of ours takes branches. */
static void
offer_branches(const struct sync_report *rep)
{
	cmd_note("hint: if '%s' takes nothing but branches and tags, the "
	    "records can be branches there;", rep->remote);
	cmd_note("hint: for all clones of the project, each from its next "
	    "'git fetch' on:");
	cmd_note("  printf '[records]\\n\\tprefix = refs/heads/agent\\n' "
	    ">>" PROJECT_FILE);
	cmd_note("  git add " PROJECT_FILE " && git commit -m 'Keep the "
	    "records in branches' && git push");
	cmd_note("hint: or clone by clone:");
	cmd_note("  git config agent.prefix refs/heads/agent");
	cmd_note("hint: the next 'git agent sync' takes all records there; "
	    "what is refused here holds up no push of code");
}

void
delivery_warn_refused(const struct sync_report *rep)
{
	const struct sync_ref *ref;
	int by_host = 0;
	size_t nobodys = 0, i;

	for (i = 0; i < rep->n; i++) {
		ref = &rep->refs[i];
		if (ref->fate != SYNC_REFUSED)
			continue;
		by_host |= ref->by_host;
		if (ref->nobodys)
			nobodys++;
		else if (ref->pushed && ref->target == NULL)
			cmd_warn("'%s' is not pushed: %s", ref->name,
			    ref->reason);
		else if (ref->pushed)
			cmd_warn("'%s' refused '%s': %s", rep->remote,
			    ref->target, ref->reason == NULL ?
			    "no reason given" : ref->reason);
		else
			cmd_warn("git could not take '%s' from '%s': %s",
			    ref->name, rep->remote, ref->reason == NULL ?
			    "no reason given" : ref->reason);
	}
	if (nobodys > 0)
		cmd_warn("git could not take %zu ref%s from '%s' by a name "
		    "that no writer has; nobody's records are concerned, and "
		    "'git agent sync --check' tells how to delete %s there",
		    nobodys, nobodys == 1 ? "" : "s", rep->remote,
		    nobodys == 1 ? "it" : "them");
	if (rep->words != NULL)
		cmd_warn("'%s' says: %s", rep->remote, rep->words);
	if (by_host && strncmp(rep->prefix, "refs/heads/", 11) != 0)
		offer_branches(rep);
}

/* `known` is 0 where the push may have worked: then `e` says why. */
static void
warn_left(const struct sync_report *rep, int known, const struct err *e)
{
	const char *why = e == NULL ? rep->problem : e->msg;

	delivery_warn_refused(rep);
	cmd_warn("recorded in this clone, but not %spushed to '%s'%s%s; "
	    "'git agent sync' tries again", known ? "" : "known to be ",
	    rep->remote, why == NULL ? "" : ": ", why == NULL ? "" : why);
}

void
delivery_push(struct repo *r, const struct oid *id, int quiet, int *arrived)
{
	struct oidset left = OIDSET_INIT;
	struct sync_report rep;
	struct err *e;
	int known;

	*arrived = 0;
	e = sync_run(r, SYNC_PUSH | background_flag(), &rep);
	known = e != NULL || !rep.reached;
	if (e == NULL)
		e = sync_unpushed(r, &left);
	/* Another process may have written one more since. */
	if (e == NULL)
		*arrived = !oidset_has(&left, id);
	if (!*arrived && !quiet)
		warn_left(&rep, known || e == NULL, e);
	if (rep.renewed != NULL && !quiet)
		cmd_note("another copy of this clone had written to the same "
		    "log; this one goes on as '%s'", rep.renewed);
	oidset_release(&left);
	sync_report_release(&rep);
	err_free(e);
}

int
delivery_warn_unclear(struct repo *r)
{
	char *unclear = repo_remote_unclear(r);
	int is = unclear != NULL;

	if (is)
		cmd_warn("records are exchanged with no remote: %s", unclear);
	free(unclear);
	return is;
}

static void
warn_rewound(struct repo *r, int *partial)
{
	struct strvec refs = STRVEC_INIT;
	const char *name;
	char *remote;
	size_t i;

	sync_rewound_refs(r, &refs);
	for (i = 0; i < refs.n; i++) {
		remote = logrefs_remote(refs.v[i], &name);
		/* Or only its ref is lost here, before a fetch. */
		cmd_warn("on '%s', as far as is known, '%s' has lost records "
		    "that were fetched before; they are kept here, and the "
		    "remote's version is not adopted; 'git agent sync "
		    "--check' tells more", remote, name);
		free(remote);
	}
	*partial |= refs.n > 0;
	strvec_release(&refs);
}

/* The folder of our state, if it may not be entered, malloc'd; or NULL. */
static char *
denied(struct repo *r)
{
	char *dir = xasprintf("%s/agent", repo_commondir(r));

	if (faccessat(AT_FDCWD, dir, X_OK, AT_EACCESS) == 0 ||
	    errno != EACCES) {
		free(dir);
		dir = NULL;
	}
	return dir;
}

/* There is no time of a fetch. */
static void
warn_unconnected(struct repo *r)
{
	char *path = denied(r);

	if (path != NULL)
		cmd_warn("'%s' may not be read, so that it is not known what "
		    "was fetched from '%s'; 'git agent sync --check' tells "
		    "what to do about it", path, repo_remote(r));
	else
		cmd_warn("nothing was ever fetched from '%s': what others "
		    "wrote is not shown", repo_remote(r));
	free(path);
}

static void
warn_unreached(struct repo *r, const struct sync_report *rep)
{
	struct buf when = BUF_INIT;
	int64_t last = sync_last(r);
	char *path = denied(r);

	if (path != NULL)
		buf_addf(&when, "when it was asked last is not known, as '%s' "
		    "may not be read", path);
	else if (last == 0)
		buf_addstr(&when, "nothing was ever fetched from it");
	else {
		buf_addstr(&when, "what is shown was fetched ");
		clock_relative(&when, last, clock_now());
	}
	cmd_warn("could not ask '%s' for news: %s; %s", rep->remote,
	    rep->problem == NULL ? "no answer" : rep->problem, when.p);
	free(path);
	buf_release(&when);
}

/* Logs that are there and that git could not bring. */
static void
warn_unfetched(const struct sync_report *rep, int *partial)
{
	const struct sync_ref *ref;
	size_t i;

	for (i = 0; i < rep->n; i++) {
		ref = &rep->refs[i];
		if (ref->pushed || !ref->by_object || ref->nobodys)
			continue;
		cmd_warn("git could not take '%s' from '%s': %s; what is here "
		    "of it is shown", ref->name, rep->remote, ref->reason);
		*partial = 1;
	}
}

/* The same, without a fetch, of what stays so until the clone is elsewhere. */
static void
warn_twins(struct repo *r, int *partial)
{
	const char *remote = repo_remote(r);
	char *list, *line, *rest, *why;

	if (remote == NULL)
		return;
	rest = list = sync_unfetched(r, remote);
	while ((line = strsep(&rest, "\n")) != NULL) {
		why = strstr(line, SYNC_TWIN) == NULL ? NULL :
		    strchr(line, ' ');
		why = why == NULL ? NULL : strchr(why + 1, ' ');
		if (why == NULL)
			continue;
		cmd_warn("'%.*s' of '%s' is not shown: %s",
		    (int)strcspn(line, " "), line, remote, why + 1);
		*partial = 1;
	}
	free(list);
}

/*
 * What goes wrong here (a clone that this user may not write to) keeps nobody
 * from reading what there is.
 */
static void
fetch(struct repo *r, int *partial)
{
	struct sync_report rep;
	struct err *e = sync_run(r, SYNC_FETCH | background_flag(), &rep);

	if (e != NULL) {
		rep.reached = 0;
		free(rep.problem);
		rep.problem = xstrdup(e->msg);
	}
	if (rep.remote != NULL && !rep.reached) {
		warn_unreached(r, &rep);
		*partial = 1;
	}
	if (e == NULL)
		warn_unfetched(&rep, partial);
	if (e == NULL && rep.refspecs_added > 0)
		cmd_note("connected: from now on 'git fetch' brings the "
		    "records of '%s' too", rep.remote);
	sync_report_release(&rep);
	err_free(e);
}

void
delivery_fetch(struct repo *r, enum delivery_fetch how, int *partial)
{
	err_free(sync_recover(r));
	if (how == DELIVERY_ALWAYS ||
	    (how == DELIVERY_FIRST && !sync_is_connected(r)))
		fetch(r, partial);
	else
		warn_twins(r, partial);
	if (how == DELIVERY_OFFLINE && !sync_is_connected(r)) {
		warn_unconnected(r);
		*partial = 1;
	}
	*partial |= delivery_warn_unclear(r);
	warn_rewound(r, partial);
}

void
delivery_warn(struct repo *r, const struct index_stats *s, int *partial)
{
	if (s->malformed > 0)
		cmd_warn("%zu commit%s in the logs could not be read as "
		    "records and %s skipped", s->malformed,
		    s->malformed == 1 ? "" : "s",
		    s->malformed == 1 ? "was" : "were");
	if (repo_damage(r) != NULL)
		cmd_warn("%s", repo_damage(r));
	else if (s->missing > 0)
		cmd_warn("%zu object%s missing here; 'git agent sync --check' "
		    "tells more", s->missing,
		    s->missing == 1 ? " is" : "s are");
	if (s->ahead > 0)
		cmd_warn("%zu record%s a clock far in the future; see the "
		    "flagged lines", s->ahead, s->ahead == 1 ? " has" :
		    "s have");
	if (s->malformed > 0 || s->missing > 0 || repo_damage(r) != NULL)
		*partial = 1;
}
