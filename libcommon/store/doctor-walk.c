/* The records: each commit of each log, and what it names. */
#include "store/doctor-parts.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/shell.h"
#include "store/logrefs.h"
#include "store/loose.h"
#include "store/record.h"
#include "store/writer.h"

#define SHOWN_MAX 20		/* findings of one kind, one by one */

struct walk {
	struct repo *repo;
	struct diagnosis *d;
	struct oidset seen, shallow;
	const char *ref;
	struct oid tip;		/* of the ref */
	struct oid *stack;
	size_t n, cap;
};

/*
 * One more of a kind that there may be thousands of.  What can be repaired is
 * of another kind than what is left to its owner.
 */
static struct finding *
add(struct diagnosis *d, enum doctor_code code, const char *subject,
    char *meaning, char *command, char *repair)
{
	size_t i, shown = 0, last = 0;

	for (i = 0; i < d->n; i++)
		if (d->v[i].code == code &&
		    (d->v[i].repair == NULL) == (repair == NULL)) {
			shown++;
			last = i;
		}
	if (shown < SHOWN_MAX)
		return diagnosis_add(d, code, subject, meaning, command,
		    repair);
	d->v[last].count++;
	free(meaning);
	free(command);
	free(repair);
	return &d->v[last];
}

static void
unparseable(struct walk *w, const struct oid *id, const char *why)
{
	char hex[OID_HEX_SIZE];

	oid_hex(id, hex);
	add(w->d, DOCTOR_UNPARSEABLE, hex, xasprintf("in '%s': %s; readers "
	    "skip it", w->ref, why), NULL, NULL);
}

/* What the repair does about an object that is not here. */
static char *
plan(const struct walk *w, const struct oid *id, int damaged)
{
	int own = strncmp(w->ref, LOG_PREFIX, strlen(LOG_PREFIX)) == 0 &&
	    oid_equal(id, &w->tip);

	if (w->d->remote == NULL && !damaged && !own)
		return NULL;
	return xasprintf("%s%s%s%s", damaged ? "set it aside" : "",
	    w->d->remote == NULL ? "" : damaged ? ", and fetch it again" :
	    "fetch it again", own && (damaged || w->d->remote != NULL) ?
	    ", or else " : "", !own ? "" : "keep its name, and go on from the "
	    "record before it under a new name");
}

static void
not_here(struct walk *w, const struct oid *id, const struct err *why)
{
	int damaged = why != NULL && why->code == ERR_DAMAGED;
	const char *remote = w->d->remote;
	char hex[OID_HEX_SIZE], *path = loose_path(w->repo, id);
	size_t before = w->d->n;
	struct finding *f;

	oid_hex(id, hex);
	/* It is borrowed, and git fetches nothing in its place. */
	if (damaged && access(path, F_OK) != 0) {
		add(w->d, DOCTOR_DAMAGED_OBJECT, hex, xstrdup(why->msg), NULL,
		    NULL);
		free(path);
		return;
	}
	f = add(w->d, damaged ? DOCTOR_DAMAGED_OBJECT :
	    DOCTOR_MISSING_OBJECT, hex, xasprintf("an object of '%s' is %s",
	    w->ref, damaged ? "cut short or overwritten" : "not here"),
	    remote == NULL ? NULL : damaged ?
	    shell_format("rm -f %s && git fetch --refetch %s", path, remote) :
	    shell_format("git fetch --refetch %s", remote),
	    plan(w, id, damaged));
	if (w->d->n > before)	/* else it is one that was found before */
		f->id = *id;
	free(path);
}

/*
 * Behind a commit of the project it is as it should be.  Whether the records
 * behind this one are here or not: git collects them.
 */
static void
cut_off(struct walk *w, const struct record *rec)
{
	const char *remote = w->d->remote;
	char hex[OID_HEX_SIZE];

	if (rec->parent_count == 0)
		return;
	oid_hex(&rec->id, hex);
	add(w->d, DOCTOR_SHALLOW, hex, xasprintf("git cuts '%s' off behind "
	    "it, as after 'git pull --depth': what is before it is not here, "
	    "or is garbage for git", w->ref),
	    remote == NULL ? NULL : xstrdup("git agent sync --repair"),
	    remote == NULL ? NULL : xstrdup("fetch the records in full"));
}

static void
push(struct walk *w, const struct oid *id)
{
	if (!oidset_add(&w->seen, id))
		return;
	ALLOC_GROW(w->stack, w->n, w->cap);
	w->stack[w->n++] = *id;
}

void
doctor_reach(struct repo *r, const struct ref *tips, size_t n,
    struct oidset *met)
{
	struct walk w = { .repo = r };
	struct record rec;
	size_t i;

	for (i = 0; i < n; i++)
		push(&w, &tips[i].id);
	while (w.n > 0) {
		struct oid at = w.stack[--w.n];

		err_free(record_read(r, &at, &rec));
		for (i = 0; i < rec.parent_count; i++)
			push(&w, &rec.parents[i]);
		record_release(&rec);
	}
	free(w.stack);
	*met = w.seen;
}

/* The attachments; most records have the empty tree. */
static void
look_at_tree(struct walk *w, const struct oid *id)
{
	struct tree t = TREE_INIT;
	struct err *e;
	size_t i;

	if (!oidset_add(&w->seen, id))
		return;
	e = tree_read(w->repo, id, &t);
	if (e != NULL)
		not_here(w, id, e);
	for (i = 0; e == NULL && i < t.n; i++)
		if (oidset_add(&w->seen, &t.e[i].id) &&
		    !object_exists(w->repo, &t.e[i].id))
			not_here(w, &t.e[i].id, NULL);
	err_free(e);
	tree_release(&t);
}

static void
look_at_commit(struct walk *w, const struct oid *id)
{
	struct record rec;
	struct err *e = record_read(w->repo, id, &rec);
	int cut = oidset_has(&w->shallow, id);
	size_t i;

	if (e == NULL && cut)
		cut_off(w, &rec);
	if (e == NULL)
		look_at_tree(w, &rec.tree);
	else if (e->code == ERR_INPUT)
		unparseable(w, id, e->msg);
	else
		not_here(w, id, e);
	for (i = 0; i < rec.parent_count && !cut; i++)
		push(w, &rec.parents[i]);
	err_free(e);
	record_release(&rec);
}

/* Behind these commits there is nothing for git. */
static void
read_shallow(struct repo *r, struct oidset *set)
{
	char *path = xasprintf("%s/shallow", repo_commondir(r)), *line, *rest;
	struct buf text = BUF_INIT;
	struct oid id;

	err_free(file_read(path, &text));
	rest = text.p;
	while (text.len > 0 && (line = strsep(&rest, "\n")) != NULL)
		if (oid_parse(line, &id) == 0)
			oidset_add(set, &id);
	buf_release(&text);
	free(path);
}

int
doctor_is_cut_off(struct repo *r, const struct oid *id)
{
	struct ref tip = { .id = *id };
	struct oidset shallow = OIDSET_INIT, met = OIDSET_INIT;
	size_t i;
	int cut = 0;

	read_shallow(r, &shallow);
	if (shallow.used > 0)
		doctor_reach(r, &tip, 1, &met);
	for (i = 0; i < shallow.used && !cut; i++)
		cut = oidset_has(&met, &shallow.id[i]);
	oidset_release(&shallow);
	oidset_release(&met);
	return cut;
}

/* Those on the remote get another command, see doctor-ask.c. */
static struct err *
bad_names(struct repo *r, struct diagnosis *d)
{
	struct reflist refs = REFLIST_INIT;
	struct err *e = logrefs_unnamed(r, &refs);
	size_t i;

	for (i = 0; e == NULL && i < refs.n; i++)
		add(d, DOCTOR_BAD_NAME, refs.v[i].name, xstrdup("fetched to "
		    "where a log could be, and no writer's log has such a "
		    "name: it is not read, and those who read say so and exit "
		    "with 3"), shell_format("git update-ref -d %s",
		    refs.v[i].name), NULL);
	reflist_release(&refs);
	return e;
}

struct err *
doctor_records(struct repo *r, struct diagnosis *d)
{
	struct walk w = { .repo = r, .d = d };
	struct reflist refs = REFLIST_INIT;
	struct oid at;
	struct err *e;
	size_t i, unnamed = 0;

	read_shallow(r, &w.shallow);
	e = logrefs_logs(r, &refs, &unnamed);
	for (i = 0; e == NULL && i < refs.n; i++) {
		w.ref = refs.v[i].name;
		w.tip = refs.v[i].id;
		push(&w, &refs.v[i].id);
		while (w.n > 0) {
			at = w.stack[--w.n];
			look_at_commit(&w, &at);
		}
	}
	if (e == NULL && unnamed > 0)
		e = bad_names(r, d);
	free(w.stack);
	oidset_release(&w.seen);
	oidset_release(&w.shallow);
	reflist_release(&refs);
	return e;
}

/* git asks no remote for news as long as such a commit cannot be read. */
static struct err *
look_at_code(struct repo *r, const char *ref)
{
	struct oid commit, tree;
	struct tree t = TREE_INIT;
	struct err *e = repo_resolve(r, ref, &commit);

	if (e == NULL)
		e = repo_commit_tree(r, &commit, &tree);
	if (e == NULL)
		e = tree_read(r, &tree, &t);
	tree_release(&t);
	return e;
}

void
doctor_code(struct repo *r, struct diagnosis *d)
{
	char *main = repo_remote(r) == NULL ? NULL :
	    xasprintf("refs/remotes/%s/HEAD", repo_remote(r));
	const char *refs[] = { "HEAD", main };
	struct err *e = NULL;
	struct oid id;
	size_t i;

	/* They are the same commit more often than not. */
	for (i = 0; i < 2 && refs[i] != NULL; i++) {
		err_free(e);
		e = look_at_code(r, refs[i]);
		if (e == NULL || e->code != ERR_DAMAGED)
			continue;
		diagnosis_add(d, DOCTOR_DAMAGED_OBJECT, refs[i],
		    xstrdup(e->msg), NULL, NULL);
		break;
	}
	err_free(e);
	e = repo_head(r, &id);
	if (e == NULL && !object_exists(r, &id))
		diagnosis_add(d, DOCTOR_MISSING_OBJECT, "HEAD",
		    xstrdup("the commit that it is at is not here; 'git "
		    "reflog' tells of those before it"), NULL, NULL);
	err_free(e);
	free(main);
}
