#include "store/repair.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/shell.h"
#include "store/barred.h"
#include "store/git.h"
#include "store/last.h"
#include "store/lost.h"
#include "store/record.h"
#include "store/writer.h"

/* ERR_DAMAGED: what is not found may only be out of reach. */
static struct err *
check_reach(struct repo *r, const char *what)
{
	char *remedy = NULL, *why = objects_barred(r, &remedy);
	struct err *e = NULL;

	if (why != NULL && remedy != NULL)
		e = err_new(ERR_DAMAGED, "%s cannot be read now, and is not "
		    "known to be lost: %s; run '%s'", what, why, remedy);
	else if (why != NULL)
		e = err_new(ERR_DAMAGED, "%s cannot be read now, and is not "
		    "known to be lost: %s", what, why);
	free(remedy);
	free(why);
	return e;
}

/* The sentence about a tip that could not be read, or a ref that is none. */
static struct err *
advise(struct repo *r, const char *ref)
{
	char *what = xasprintf("the log of this clone, '%s',", ref);
	struct err *e = check_reach(r, what);

	if (e == NULL)
		e = err_new(ERR_DAMAGED, "%s is damaged, as by a power loss; "
		    "to fetch what is on the remote of it, and to go on from "
		    "its newest record that is whole, run 'git agent sync "
		    "--repair'", what);
	free(what);
	return e;
}

/* There is no such ref; NULL if there never was, or if that is known. */
static struct err *
check_absent(struct repo *r, const char *ref)
{
	struct err *e;
	char *what;

	if (!writer_has_written(r) || lost_has(r, ref))
		return NULL;
	what = xasprintf("the log of this clone, '%s', is gone; what it had",
	    ref);
	e = check_reach(r, what);
	if (e == NULL)
		e = err_new(ERR_NOTFOUND, "the log of this clone, '%s', is "
		    "gone; to go on from its newest record that is here, run "
		    "'git agent sync --repair'", ref);
	free(what);
	return e;
}

struct err *
log_put_back(struct repo *r, const struct reflist *ends)
{
	struct err *e = NULL;
	size_t i;

	for (i = 0; e == NULL && i < ends->n; i++)
		e = lost_keep(r, ends->v[i].name, &ends->v[i].id, 0);
	if (e == NULL)
		lost_settle(r, NULL);
	return e;
}

struct err *
log_restore(struct repo *r, const char *ref, struct oid *tip, int *any)
{
	struct reflist ends = REFLIST_INIT;
	struct err *e = check_reach(r, "what it had");

	*any = 0;
	if (e != NULL)
		return err_prefix(e, "the log of this clone, '%s', is gone",
		    ref);
	e = log_search(r, ref, tip, &ends);
	*any = e == NULL && !oid_is_zero(tip);
	if (*any && ends.n == 1)
		e = ref_swap(r, ref, NULL, tip);
	else if (*any)
		e = log_put_back(r, &ends);
	*any &= e == NULL;
	reflist_release(&ends);
	return e;
}

/*
 * At the tip is a commit that is no record.  Somebody may have put it on top
 * of the log; but where the log's records are not behind it, they would be
 * in no log any more if it went on from there.
 */
static struct err *
check_strange(struct repo *r, const char *ref, const struct oid *tip)
{
	char hex[OID_HEX_SIZE];
	struct oid newest;
	struct err *e = log_search(r, ref, &newest, NULL);

	if (e != NULL || oid_is_zero(&newest) ||
	    repo_contains(r, tip, &newest))
		return e;
	oid_hex(tip, hex);
	return err_new(ERR_INPUT, "the log of this clone, '%s', leads to %s, "
	    "which is no record and has none of its records behind it; to go "
	    "on from its newest record, run 'git agent sync --repair'", ref,
	    hex);
}

struct err *
log_look(struct repo *r, const char *ref)
{
	struct record rec = RECORD_INIT;
	struct oid tip;
	struct err *e = ref_read(r, ref, &tip);

	if (e != NULL && e->code == ERR_NOTFOUND) {
		err_free(e);
		return check_absent(r, ref);
	}
	/* Of the file of all packed refs it says enough itself. */
	if (e != NULL && e->code == ERR_DAMAGED && !r->packed.damaged) {
		err_free(e);
		return advise(r, ref);
	}
	if (e != NULL)
		return e;
	e = record_read(r, &tip, &rec);
	if (e != NULL) {
		int strange = e->code == ERR_INPUT;

		err_free(e);
		e = strange ? check_strange(r, ref, &tip) : advise(r, ref);
	}
	record_release(&rec);
	return e;
}

/* So that it need not be looked for again, unless somebody writes just now. */
static void
note_again(struct repo *r, const char *ref, const struct oid *noted,
    const struct oid *now)
{
	char *path = repo_shared_path(r, "lock"), *last = NULL;
	struct lock lock = LOCK_INIT;
	struct oid id;
	struct err *e = lock_take(&lock, path, 0);

	if (e == NULL && last_read(r, &last, &id) && oid_equal(&id, noted))
		last_note(&lock, ref, now);
	lock_release(&lock);
	err_free(e);
	free(last);
	free(path);
}

/* A ref that is gone or damaged is told by log_look(). */
static int
leads_elsewhere(struct repo *r, const char *ref, const struct oid *id)
{
	struct oid now;
	struct err *e = ref_read(r, ref, &now);
	int elsewhere = 0;

	if (e == NULL && !oid_equal(&now, id) && record_is_here(r, id)) {
		elsewhere = !repo_contains(r, &now, id);
		if (!elsewhere)
			note_again(r, ref, id, &now);
	}
	err_free(e);
	return elsewhere;
}

/* What was written last is known before any reader saw it. */
static void
check_last(struct repo *r, const char *ref)
{
	char *last = NULL;
	struct oid id;
	struct err *e = NULL;
	int back;

	/* Before the ref: what is written meanwhile has that behind it. */
	if (last_read(r, &last, &id) && strcmp(last, ref) == 0 &&
	    leads_elsewhere(r, ref, &id))
		e = lost_revive(r, ref, &id, &back);
	if (e != NULL)
		repo_note_damage(r, e->msg);
	err_free(e);
	free(last);
}

struct err *
log_check(struct repo *r, const char *ref)
{
	check_last(r, ref);
	lost_settle(r, NULL);
	return log_look(r, ref);
}

/* What to say of a tip that is remembered; malloc'd. */
static char *
lost_text(struct repo *r, const struct ref *lost)
{
	char *path, *command, *text, hex[OID_HEX_SIZE];

	oid_hex(&lost->id, hex);
	if (record_is_here(r, &lost->id))	/* git's lock is on the ref */
		return xasprintf("a log of this clone, '%s', had been set "
		    "back or deleted, and cannot be put back to %s just now; "
		    "'git agent sync --check' tells more", lost->name, hex);
	path = repo_shared_path(r, "lost-logs");
	command = shell_format("rm -f %s", path);
	text = xasprintf("records of this clone, up to %s, are not here, and "
	    "its log went on without them; put their objects back, or, if "
	    "they are gone for good, run '%s'", hex, command);
	free(command);
	free(path);
	return text;
}

/* What the log went on without may yet come back. */
static void
note_lost(struct repo *r)
{
	struct reflist lost = REFLIST_INIT;
	char *text;

	lost_list(r, 1, &lost);
	if (lost.n > 0) {
		text = lost_text(r, &lost.v[0]);
		repo_note_damage(r, text);
		free(text);
	}
	reflist_release(&lost);
}

void
log_note_damage(struct repo *r)
{
	char *ref = NULL;
	struct err *e = writer_log(r, &ref);

	if (e == NULL && ref != NULL)
		e = log_check(r, ref);
	if (e != NULL && (e->code == ERR_DAMAGED ||
	    e->code == ERR_NOTFOUND || e->code == ERR_INPUT))
		repo_note_damage(r, e->msg);
	err_free(e);
	free(ref);
	note_lost(r);
}
