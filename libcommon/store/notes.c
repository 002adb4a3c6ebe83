#include "store/notes.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "store/writer.h"

#define COMMIT_MAX ((size_t)1 << 20)	/* of notes; it is not read on */

/* The tree of the notes commit at `tip`. */
static struct err *
root_of(struct repo *r, const struct oid *tip, struct tree *root)
{
	struct oid tree;
	struct err *e;

	e = repo_commit_tree(r, tip, &tree);
	if (e == NULL)
		e = tree_read(r, &tree, root);
	return e;
}

/* root/ab/cdef… = blob */
static struct err *
place_note(struct repo *r, struct tree *root, const struct oid *commit,
    const struct oid *blob, struct oid *result)
{
	struct tree sub = TREE_INIT;
	const struct tree_entry *dir;
	char hex[OID_HEX_SIZE], two[3];
	struct oid id;
	struct err *e = NULL;

	oid_hex(commit, hex);
	memcpy(two, hex, 2);
	two[2] = '\0';
	dir = tree_get(root, two);
	if (dir != NULL && dir->mode == 040000)
		e = tree_read(r, &dir->id, &sub);
	if (e == NULL) {
		tree_set(&sub, hex + 2, 0100644, blob);
		e = tree_write(r, &sub, &id);
	}
	if (e == NULL) {
		tree_set(root, two, 040000, &id);
		e = tree_write(r, root, result);
	}
	tree_release(&sub);
	return e;
}

static struct err *
commit_notes(struct repo *r, const struct oid *tree, const struct oid *parent,
    struct oid *id)
{
	struct buf b = BUF_INIT;
	char *ident = NULL, hex[OID_HEX_SIZE];
	long long now = (long long)(clock_now() / CLOCK_SECOND);
	struct err *e;

	e = repo_identity(r, "COMMITTER", &ident);
	if (e != NULL)
		return e;
	oid_hex(tree, hex);
	buf_addf(&b, "tree %s\n", hex);
	if (parent != NULL) {
		oid_hex(parent, hex);
		buf_addf(&b, "parent %s\n", hex);
	}
	buf_addf(&b, "author %s %lld +0000\ncommitter %s %lld +0000\n\n"
	    "Notes added by 'git agent check'\n", ident, now, ident, now);
	e = object_write(r, OBJECT_COMMIT, b.p, b.len, id);
	buf_release(&b);
	free(ident);
	return e;
}

/* The notes of a ref as they are now; *any is 0 if there are none yet. */
static struct err *
read_notes(struct repo *r, const char *ref, struct oid *tip, int *any,
    struct tree *root)
{
	struct err *e = ref_read(r, ref, tip);

	*any = e == NULL;
	if (e != NULL && e->code == ERR_NOTFOUND) {
		err_free(e);
		return NULL;
	}
	return e != NULL ? e : root_of(r, tip, root);
}

/* From the tip that was read, or NULL, to a commit of the tree. */
static struct err *
move_notes(struct repo *r, const char *ref, const struct oid *tip,
    const struct oid *tree)
{
	struct oid id;
	struct err *e = commit_notes(r, tree, tip, &id);

	return e != NULL ? e : ref_swap(r, ref, tip, &id);
}

static struct err *
set_once(struct repo *r, const char *ref, const struct oid *commit,
    const struct oid *blob)
{
	struct tree root = TREE_INIT;
	struct oid tip, tree;
	struct err *e;
	int any;

	e = read_notes(r, ref, &tip, &any, &root);
	if (e == NULL)
		e = place_note(r, &root, commit, blob, &tree);
	if (e == NULL)
		e = move_notes(r, ref, any ? &tip : NULL, &tree);
	tree_release(&root);
	return e;
}

struct err *
notes_set(struct repo *r, const struct oid *commit, const char *text,
    size_t len)
{
	char *writer = NULL, *ref = NULL;
	struct oid blob;
	struct err *e;
	int tries = 0;

	e = writer_id(r, 1, &writer);
	if (e == NULL)
		e = object_write(r, OBJECT_BLOB, text, len, &blob);
	if (e != NULL)
		goto done;
	ref = xasprintf(NOTES_PREFIX "%s", writer);
	do {
		e = set_once(r, ref, commit, &blob);
	} while (ref_try_again(&e, &tries));
done:
	free(writer);
	free(ref);
	return e;
}

/* What git would not take for a note is none: names come from anywhere. */
static int
is_hex(const char *name, size_t digits)
{
	return strspn(name, "0123456789abcdef") == digits &&
	    name[digits] == '\0';
}

/* Two notes on one commit as one blob. */
static struct err *
join(struct repo *r, const struct oid *ours, const struct oid *theirs,
    struct oid *joined)
{
	struct buf a = BUF_INIT, b = BUF_INIT;
	enum object_type type;
	struct err *e;

	e = object_read(r, ours, &type, &a);
	if (e == NULL)
		e = object_read(r, theirs, &type, &b);
	*joined = *ours;
	/* Merged before, and left at the remote. */
	if (e == NULL && strstr(a.p, b.p) == NULL) {
		buf_addf(&a, "\n%s", b.p);
		e = object_write(r, OBJECT_BLOB, a.p, a.len, joined);
	}
	buf_release(&a);
	buf_release(&b);
	return e;
}

/* One folder of the fan-out of theirs, into the one of ours. */
static struct err *
merge_folder(struct repo *r, struct tree *root, const struct tree_entry *from)
{
	struct tree theirs = TREE_INIT, ours = TREE_INIT;
	const struct tree_entry *dir = tree_get(root, from->name), *own;
	struct oid id;
	struct err *e;
	size_t i;

	e = tree_read(r, &from->id, &theirs);
	if (e == NULL && dir != NULL && dir->mode == 040000)
		e = tree_read(r, &dir->id, &ours);
	for (i = 0; e == NULL && i < theirs.n; i++) {
		if (theirs.e[i].mode != 0100644 ||
		    !is_hex(theirs.e[i].name, OID_HEX_SIZE - 3))
			continue;
		own = tree_get(&ours, theirs.e[i].name);
		id = theirs.e[i].id;
		if (own != NULL && !oid_equal(&own->id, &id))
			e = join(r, &own->id, &theirs.e[i].id, &id);
		if (e == NULL)
			tree_set(&ours, theirs.e[i].name, 0100644, &id);
	}
	if (e == NULL)
		e = tree_write(r, &ours, &id);
	if (e == NULL)
		tree_set(root, from->name, 040000, &id);
	tree_release(&theirs);
	tree_release(&ours);
	return e;
}

static struct err *
merge_once(struct repo *r, const char *ref, const struct tree *theirs)
{
	struct tree root = TREE_INIT;
	struct oid tip, tree, before;
	struct err *e;
	size_t i;
	int any;

	memset(&before, 0, sizeof(before));
	e = read_notes(r, ref, &tip, &any, &root);
	for (i = 0; e == NULL && i < theirs->n; i++)
		if (theirs->e[i].mode == 040000 &&
		    is_hex(theirs->e[i].name, 2))
			e = merge_folder(r, &root, &theirs->e[i]);
	if (e == NULL)
		e = tree_write(r, &root, &tree);
	if (e == NULL && any)
		e = repo_commit_tree(r, &tip, &before);
	/* Unless all of it was ours before. */
	if (e == NULL && !oid_equal(&before, &tree))
		e = move_notes(r, ref, any ? &tip : NULL, &tree);
	tree_release(&root);
	return e;
}

struct err *
notes_merge(struct repo *r, const struct oid *tip)
{
	struct tree theirs = TREE_INIT;
	char *writer = NULL, *ref = NULL;
	struct err *e;
	int tries = 0;

	e = root_of(r, tip, &theirs);
	if (e == NULL)
		e = writer_id(r, 1, &writer);
	if (e != NULL)
		goto done;
	ref = xasprintf(NOTES_PREFIX "%s", writer);
	do {
		e = merge_once(r, ref, &theirs);
	} while (ref_try_again(&e, &tries));
done:
	tree_release(&theirs);
	free(writer);
	free(ref);
	return e;
}

int
notes_ok(struct repo *r, const struct oid *tip)
{
	enum object_type type = OBJECT_COMMIT;
	struct buf b = BUF_INIT;
	struct err *e = object_read_max(r, tip, COMMIT_MAX, 1, &type, &b);
	int ok = e == NULL ? type == OBJECT_COMMIT : e->code != ERR_INPUT;

	err_free(e);
	buf_release(&b);
	return ok;
}
