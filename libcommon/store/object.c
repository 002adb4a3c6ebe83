#include "store/git.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "store/unreached.h"

struct err *
repo_odb(struct repo *r, git_odb **odb)
{
	if (r->odb == NULL && git_repository_odb(&r->odb, r->git) != 0)
		return err_git("cannot open the object database");
	*odb = r->odb;
	return NULL;
}

/*
 * `git gc` removes a folder of loose objects that has just become empty, be
 * it between our making it and our writing into it.
 */
static int
lost_its_folder(int rc)
{
	const git_error *g = git_error_last();

	return rc != 0 && g != NULL && g->klass == GIT_ERROR_OS &&
	    (rc == GIT_ENOTFOUND || errno == ENOENT ||
	    (g->message != NULL && strstr(g->message, strerror(ENOENT))));
}

struct err *
object_write(struct repo *r, enum object_type type, const void *data,
    size_t len, struct oid *oid)
{
	git_odb *odb = NULL;
	git_oid id;
	struct err *e;
	int rc, tries = 0;

	e = repo_odb(r, &odb);
	if (e != NULL)
		return e;
	do {
		rc = git_odb_write(&id, odb, data, len, (git_object_t)type);
	} while (lost_its_folder(rc) && ++tries < 10);
	if (rc != 0)
		return err_git("cannot write an object");
	unreached_add(r, &id, data, len, type);
	oid_from_git(oid, &id);
	return NULL;
}

struct err *
object_hash(enum object_type type, const void *data, size_t len,
    struct oid *oid)
{
	git_oid id;

	if (git_odb_hash(&id, data, len, (git_object_t)type) != 0)
		return err_git("cannot hash");
	oid_from_git(oid, &id);
	return NULL;
}

void
tree_release(struct tree *t)
{
	size_t i;

	for (i = 0; i < t->n; i++)
		free(t->e[i].name);
	free(t->e);
	memset(t, 0, sizeof(*t));
}

const struct tree_entry *
tree_get(const struct tree *t, const char *name)
{
	size_t i;

	for (i = 0; i < t->n; i++)
		if (strcmp(t->e[i].name, name) == 0)
			return &t->e[i];
	return NULL;
}

void
tree_set(struct tree *t, const char *name, unsigned int mode,
    const struct oid *id)
{
	struct tree_entry *e = (struct tree_entry *)tree_get(t, name);

	if (e == NULL) {
		ALLOC_GROW(t->e, t->n, t->cap);
		e = &t->e[t->n++];
		e->name = xstrdup(name);
	}
	e->mode = mode;
	e->id = *id;
}

/* "<mode> <name>", a zero byte, and the name of the object, again and again. */
static int
parse_tree(const struct buf *b, struct tree *t)
{
	const char *p = b->p, *end = b->p + b->len, *nul;
	struct tree_entry *entry;
	char *name;

	for (; p < end; p = nul + 1 + sizeof(entry->id.b)) {
		nul = memchr(p, '\0', (size_t)(end - p));
		if (nul == NULL ||
		    (size_t)(end - nul - 1) < sizeof(entry->id.b))
			return -1;
		ALLOC_GROW(t->e, t->n, t->cap);
		entry = &t->e[t->n];
		entry->mode = (unsigned int)strtoul(p, &name, 8);
		if (*p < '0' || *p > '7' || *name != ' ')
			return -1;
		entry->name = xstrdup(name + 1);
		memcpy(entry->id.b, nul + 1, sizeof(entry->id.b));
		t->n++;
	}
	return 0;
}

struct err *
tree_read(struct repo *r, const struct oid *oid, struct tree *t)
{
	enum object_type type = OBJECT_BLOB;
	struct buf b = BUF_INIT;
	struct err *e;

	e = object_read(r, oid, &type, &b);
	if (e == NULL && (type != OBJECT_TREE || parse_tree(&b, t) != 0))
		e = err_new(ERR_GIT, "it is not one");
	if (e != NULL && e->code != ERR_DAMAGED) {
		e = err_prefix(e, "cannot read a tree");
		e->code = ERR_GIT;	/* not that a path is not in it */
	}
	buf_release(&b);
	return e;
}

/* git sorts a folder's name as if it ended in a slash. */
static int
entry_cmp(const void *va, const void *vb)
{
	const struct tree_entry *a = va, *b = vb;
	size_t na = strlen(a->name), nb = strlen(b->name);
	size_t n = na < nb ? na : nb;
	int c = memcmp(a->name, b->name, n);
	unsigned char ca, cb;

	if (c != 0)
		return c;
	ca = (unsigned char)a->name[n];
	cb = (unsigned char)b->name[n];
	if (ca == '\0' && a->mode == 040000)
		ca = '/';
	if (cb == '\0' && b->mode == 040000)
		cb = '/';
	return ca < cb ? -1 : ca > cb;
}

struct err *
tree_write(struct repo *r, const struct tree *t, struct oid *oid)
{
	struct tree_entry *sorted;
	struct buf b = BUF_INIT;
	struct err *e;
	size_t i;

	sorted = xreallocarray(NULL, t->n, sizeof(*sorted));
	if (t->n != 0)
		memcpy(sorted, t->e, t->n * sizeof(*sorted));
	qsort(sorted, t->n, sizeof(*sorted), entry_cmp);
	for (i = 0; i < t->n; i++) {
		buf_addf(&b, "%o %s", sorted[i].mode, sorted[i].name);
		buf_addch(&b, '\0');
		buf_add(&b, sorted[i].id.b, sizeof(sorted[i].id.b));
	}
	e = object_write(r, OBJECT_TREE, b.p, b.len, oid);
	buf_release(&b);
	free(sorted);
	return e;
}
