/* Logs of which the host has lost objects, or that git does not take. */
#include "store/doctor-parts.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/proc.h"
#include "base/shell.h"
#include "store/sync-state.h"
#include "store/transfer.h"
#include "store/turn.h"
#include "store/writer-name.h"

/* What the last fetch noted of the ref, malloc'd, or NULL. */
static char *
why_unfetched(struct repo *r, const char *ref)
{
	char *list = sync_unfetched(r), *line, *rest = list, *why = NULL;
	size_t n = strlen(ref);

	while (why == NULL && (line = strsep(&rest, "\n")) != NULL)
		if (strncmp(line, ref, n) == 0 && line[n] == ' ')
			why = xstrdup(line + n + 1);
	free(list);
	return why;
}

/*
 * Only a push of a ref that is not there sends all that it leads to.  The
 * first command is to keep the others from a clone that cannot send it.
 */
static char *
commands(const struct diagnosis *d, const char *ref, const struct oid *id)
{
	char hex[OID_HEX_SIZE];

	oid_hex(id, hex);
	return shell_format("git rev-list --quiet --objects %s && git push "
	    "--force-with-lease=%s:%s %s :%s && git push %s %s:%s", hex, ref,
	    hex, d->remote, ref, d->remote, hex, ref);
}

/* 1 if all that the commit leads to is here, down to its beginning. */
static int
is_whole(struct repo *r, const struct oid *id)
{
	struct strvec argv = STRVEC_INIT;
	struct buf out = BUF_INIT, errors = BUF_INIT;
	struct proc p = PROC_INIT;
	char hex[OID_HEX_SIZE];
	int status = 1;

	if (!object_exists(r, id) || doctor_is_cut_off(r, id))
		return 0;
	oid_hex(id, hex);
	strvec_pushl(&argv, "git", "rev-list", "--quiet", "--objects", hex,
	    (char *)NULL);
	p.argv = &argv;
	err_free(proc_capture(&p, NULL, &out, &errors, &status));
	strvec_release(&argv);
	buf_release(&out);
	buf_release(&errors);
	return status == 0;
}

static void
lost_there(struct repo *r, struct diagnosis *d, const char *ref,
    const struct oid *id)
{
	char *how = commands(d, ref, id);
	size_t i;

	for (i = 0; i < d->n; i++)
		if (d->v[i].code == DOCTOR_LOST_THERE &&
		    strcmp(d->v[i].subject, ref) == 0)
			break;
	if (i < d->n)
		;
	else if (is_whole(r, id)) {
		diagnosis_add(d, DOCTOR_LOST_THERE, ref, xasprintf("'%s' has "
		    "lost objects of it, which are here", d->remote), how,
		    xstrdup("delete it there, and push it again at once"))->id
		    = *id;
		how = NULL;
	} else {
		diagnosis_add(d, DOCTOR_LOST_THERE, ref, xasprintf("'%s' has "
		    "lost objects of it, which are not all here either; a "
		    "clone that has them puts them there again by '%s'",
		    d->remote, how), NULL, NULL);
	}
	free(how);
}

void
doctor_unfetched(struct repo *r, struct diagnosis *d, const struct ref *there)
{
	char *ref = xasprintf("%s/log/%s", d->prefix, there->name);
	char *why = why_unfetched(r, ref);

	if (why == NULL)
		diagnosis_add(d, DOCTOR_UNFETCHED, ref, xasprintf("'%s' has "
		    "records in it that are not here", d->remote),
		    xstrdup("git agent sync --fetch"), xstrdup("fetch"));
	else if (strstr(why, "not our ref") != NULL ||
	    strstr(why, "on the remote side") != NULL)
		lost_there(r, d, ref, &there->id);
	else
		diagnosis_add(d, DOCTOR_UNFETCHED, ref, xasprintf("'%s' has "
		    "records in it that are not here, and git does not take "
		    "them: %s%s", d->remote, why,
		    strstr(why, "fsck error") == NULL ? "" : "; 'git help "
		    "config' tells of fetch.fsck.<msg-id>, which lets them "
		    "in"), NULL, xstrdup("fetch once more"));
	free(why);
	free(ref);
}

/*
 * The writers of the logs that the host, as the last push from here was
 * refused, named as those that keep it from taking anything.
 */
static void
named(struct repo *r, const char *prefix, struct strvec *writers)
{
	char *mark = xasprintf("bad object %s/log/", prefix), *name;
	char *list = sync_refused(r), *p = list;

	while ((p = strstr(p, mark)) != NULL) {
		p += strlen(mark);
		name = xstrndup(p, strcspn(p, "; \n"));
		if (writer_name_ok(name) && !strvec_has(writers, name))
			strvec_push(writers, name);
		free(name);
	}
	free(list);
	free(mark);
}

void
doctor_lost_there(struct repo *r, struct diagnosis *d,
    const struct reflist *there)
{
	struct strvec writers = STRVEC_INIT;
	const struct ref *log;
	char *ref;
	size_t i;

	named(r, d->prefix, &writers);
	for (i = 0; i < writers.n; i++) {
		log = reflist_find(there, writers.v[i]);
		if (log == NULL)
			continue;
		ref = xasprintf("%s/log/%s", d->prefix, log->name);
		lost_there(r, d, ref, &log->id);
		free(ref);
	}
	strvec_release(&writers);
}

/* ---- the repair ------------------------------------------------------------ */

struct put {
	struct repo *repo;
	const struct diagnosis *d;
	struct strvec *done;
	int background;
	struct strvec deleted;	/* "<oid>:<ref>": to be pushed again */
	struct strvec tried;	/* writers */
};

static void
report(struct put *p, const struct sync_report *rep, const char *what,
    const char *ref, struct err *e)
{
	strvec_pushf(p->done, "could not %s '%s': %s", what, ref,
	    e != NULL ? e->msg : rep->problem != NULL ? rep->problem :
	    rep->n > 0 && rep->refs[rep->n - 1].reason != NULL ?
	    rep->refs[rep->n - 1].reason : "no answer");
	err_free(e);
}

/* Only at the very value of which all is here. */
static void
delete_there(struct put *p, const struct ref *log)
{
	struct sync_report rep = { .remote = p->d->remote,
		.prefix = p->d->prefix };
	struct strvec leases = STRVEC_INIT, specs = STRVEC_INIT;
	char *ref = xasprintf("%s/log/%s", p->d->prefix, log->name);
	char hex[OID_HEX_SIZE];
	struct err *e;

	oid_hex(&log->id, hex);
	strvec_pushf(&leases, "--force-with-lease=%s:%s", ref, hex);
	strvec_pushf(&specs, ":%s", ref);
	e = transfer_delete(p->repo, &leases, &specs, p->background, &rep);
	if (e == NULL && rep.reached && rep.refused == 0 && rep.n > 0)
		strvec_pushf(&p->deleted, "%s:%s", hex, ref);
	else
		report(p, &rep, "delete", ref, e);
	rep.remote = rep.prefix = NULL;
	sync_report_release(&rep);
	strvec_release(&leases);
	strvec_release(&specs);
	free(ref);
}

/* What is not there any more goes with all that it leads to. */
static void
push_again(struct put *p)
{
	struct sync_report rep = { .remote = p->d->remote,
		.prefix = p->d->prefix };
	struct strvec left = STRVEC_INIT;
	const char *ref;
	struct err *e;
	size_t i, j;

	e = transfer_push(p->repo, &p->deleted, p->background, &rep);
	for (i = 0; i < p->deleted.n; i++) {
		ref = p->deleted.v[i] + OID_HEX_SIZE;
		for (j = 0; j < rep.n; j++)
			if (rep.refs[j].fate != SYNC_REFUSED &&
			    strcmp(rep.refs[j].target, ref) == 0)
				break;
		if (j < rep.n)
			strvec_pushf(p->done, "put what '%s' had lost of '%s' "
			    "there again", rep.remote, ref);
		else
			strvec_push(&left, p->deleted.v[i]);
	}
	/* It may name the next one. */
	sync_remember_push(p->repo, &rep);
	strvec_release(&p->deleted);
	p->deleted = left;
	if (e != NULL || !rep.reached)
		report(p, &rep, "push to", rep.remote, e);
	rep.remote = rep.prefix = NULL;
	sync_report_release(&rep);
}

/* 1 if one that is named, and was not tried before, was deleted. */
static int
next(struct put *p)
{
	struct diagnosis now = { .remote = p->d->remote,
		.prefix = p->d->prefix };
	struct strvec writers = STRVEC_INIT;
	struct reflist there = REFLIST_INIT, former = REFLIST_INIT;
	size_t i, before = p->deleted.n;
	const struct ref *log;

	named(p->repo, p->d->prefix, &writers);
	for (i = 0; i < writers.n && strvec_has(&p->tried, writers.v[i]); i++)
		;
	if (i < writers.n)
		err_free(doctor_ask(p->repo, &now, p->background ?
		    DOCTOR_BACKGROUND : 0, NULL, &there, &former));
	for (; i < writers.n; i++) {
		if (strvec_has(&p->tried, writers.v[i]))
			continue;
		strvec_push(&p->tried, writers.v[i]);
		log = reflist_find(&there, writers.v[i]);
		if (log != NULL && is_whole(p->repo, &log->id))
			delete_there(p, log);
	}
	now.remote = now.prefix = NULL;
	diagnosis_release(&now);
	reflist_release(&former);
	reflist_release(&there);
	strvec_release(&writers);
	return p->deleted.n > before;
}

int
doctor_put_there(struct repo *r, int flags, const struct diagnosis *d,
    struct strvec *done)
{
	struct put p = { r, d, done, (flags & DOCTOR_BACKGROUND) != 0,
		STRVEC_INIT, STRVEC_INIT };
	struct turn turn = TURN_INIT;
	struct strvec writers = STRVEC_INIT;
	struct err *e = NULL;
	size_t i;

	named(r, d->prefix, &writers);
	if (writers.n > 0)
		e = turn_begin(&turn, r, TURN_PUSH, 1);
	if (e == NULL)
		while (next(&p))
			push_again(&p);
	else
		strvec_pushf(done, "could not push to '%s': %s", d->remote,
		    e->msg);
	err_free(e);
	turn_end(&turn, 0);
	for (i = 0; i < p.deleted.n; i++)
		strvec_pushf(done, "'%s' is not there now; run: git push %s %s",
		    p.deleted.v[i] + OID_HEX_SIZE, d->remote, p.deleted.v[i]);
	i = p.tried.n;
	strvec_release(&p.deleted);
	strvec_release(&p.tried);
	strvec_release(&writers);
	return i > 0;
}
