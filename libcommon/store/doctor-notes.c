/* The notes that `git agent check` made of its records, and may be lost. */
#include "store/doctor-parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/shell.h"
#include "store/notes.h"
#include "store/record.h"
#include "store/writer.h"

struct look {
	struct repo *repo;
	char *own;
	struct oid notes;	/* the tip of our notes; zero: there is none */
	struct oidset told;	/* commits: of several results the newest */
	int make;
	size_t count;		/* of those that lack a note, or got it */
};

static void
tip_of(struct repo *r, const char *prefix, const char *writer, struct oid *id)
{
	char *ref = xasprintf("%s%s", prefix, writer);
	struct err *e = ref_read(r, ref, id);

	if (e != NULL)
		memset(id, 0, sizeof(*id));
	err_free(e);
	free(ref);
}

/* 1 if it is a record that `git agent check` makes a note of. */
static int
measured(const struct look *l, const struct record *rec, struct oid *commit)
{
	const char *of = record_trailer(rec, "Agent-Commit");

	return rec->clock != 0 && strcmp(rec->kind, "check") == 0 &&
	    strcmp(rec->writer, l->own) == 0 && of != NULL &&
	    record_trailer(rec, "Agent-Dirty") == NULL &&
	    oid_parse(of, commit) == 0 && object_exists(l->repo, commit);
}

static int
has_note(struct look *l, const struct oid *commit)
{
	char hex[OID_HEX_SIZE], path[OID_HEX_SIZE + 1];
	struct oid blob;
	struct err *e;
	int has;

	if (oid_is_zero(&l->notes))
		return 0;
	oid_hex(commit, hex);
	snprintf(path, sizeof(path), "%.2s/%s", hex, hex + 2);
	e = repo_commit_entry(l->repo, &l->notes, path, &blob);
	has = e == NULL;
	err_free(e);
	return has;
}

/* The text that `git agent check` gave it. */
static struct err *
make_note(struct repo *r, const struct record *rec, const struct oid *commit)
{
	const char *state = record_trailer(rec, "Agent-State");
	struct buf text = BUF_INIT;
	struct err *e;

	buf_addf(&text, "git agent check: %s\n%s\n",
	    state == NULL ? "ERROR" : state, rec->body);
	e = notes_set(r, commit, text.p, text.len);
	buf_release(&text);
	return e;
}

/* One record; *at becomes its parent, or zero. */
static struct err *
look_at(struct look *l, struct oid *at)
{
	struct record rec;
	struct oid commit;
	struct err *e = NULL, *bad = record_read(l->repo, at, &rec);

	if (bad == NULL && measured(l, &rec, &commit) &&
	    oidset_add(&l->told, &commit) && !has_note(l, &commit)) {
		if (l->make)
			e = make_note(l->repo, &rec, &commit);
		l->count += e == NULL;
	}
	memset(at, 0, sizeof(*at));
	if (rec.parent_count > 0)
		*at = rec.parents[0];
	err_free(bad);
	record_release(&rec);
	return e;
}

static struct err *
look_at_log(struct repo *r, int make, size_t *count)
{
	struct look l = { .repo = r, .make = make };
	struct oidset met = OIDSET_INIT;
	struct oid at;
	struct err *e = writer_id(r, 0, &l.own);

	*count = 0;
	if (e != NULL || l.own == NULL)
		return e;
	tip_of(r, LOG_PREFIX, l.own, &at);
	tip_of(r, NOTES_PREFIX, l.own, &l.notes);
	while (e == NULL && !oid_is_zero(&at) && oidset_add(&met, &at))
		e = look_at(&l, &at);
	*count = l.count;
	oidset_release(&met);
	oidset_release(&l.told);
	free(l.own);
	return e;
}

struct err *
doctor_make_notes(struct repo *r, size_t *count)
{
	return look_at_log(r, 1, count);
}

void
doctor_bad_notes(struct repo *r, struct diagnosis *d)
{
	static const char *const folders[] = { NOTES_PREFIX,
	    "refs/notes/agent-remotes/" };
	struct reflist refs = REFLIST_INIT;
	struct err *e = NULL;
	size_t i;

	for (i = 0; e == NULL && i < 2; i++)
		e = ref_list(r, folders[i], &refs);
	for (i = 0; i < refs.n; i++)
		if (!notes_ok(r, &refs.v[i].id))
			diagnosis_add(d, DOCTOR_DAMAGED_REF, refs.v[i].name,
			    xstrdup("it leads to no commit, and 'git log "
			    "--notes' stops at it"), shell_format("git "
			    "update-ref -d %s", refs.v[i].name), NULL);
	err_free(e);
	reflist_release(&refs);
}

/* 1 if a ref was found here because of which there can be none. */
static int
is_blocked(const struct diagnosis *d)
{
	const char *name;
	size_t i, n;

	for (i = 0; i < d->n; i++) {
		name = d->v[i].subject;
		n = strlen(name);
		if (d->v[i].code == DOCTOR_BLOCKED &&
		    ((strncmp(name, NOTES_PREFIX, n) == 0 &&
		    NOTES_PREFIX[n] == '/') || strncmp(name, NOTES_PREFIX,
		    strlen(NOTES_PREFIX)) == 0))
			return 1;
	}
	return 0;
}

struct err *
doctor_no_notes(struct repo *r, struct diagnosis *d)
{
	struct err *e;
	size_t n;

	/* That they are not there follows from it. */
	if (is_blocked(d))
		return NULL;
	e = look_at_log(r, 0, &n);
	if (e == NULL && n > 0)
		diagnosis_add(d, DOCTOR_NO_NOTES, "refs/notes/agent",
		    xasprintf("'git log --notes' does not show %zu result%s "
		    "of the oracle that the records have", n,
		    n == 1 ? "" : "s"), xstrdup("git agent sync --repair"),
		    xstrdup("make the notes again from the records"))->count =
		    n;
	return e;
}
