/* Reading refs; see repo.h. */
#include "store/git.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/shell.h"

/*
 * One bad line, and git itself reads no ref at all any more.  libgit2 says so
 * once, and then takes what is before that line for all there is.
 */
struct err *
packed_refs_error(const struct repo *r)
{
	char *command = shell_format("sed -n -i -E "
	    "\"/^(#.*|\\^?[0-9a-f]{40}( refs\\/.*)?)$/p\" %s/packed-refs",
	    r->commondir);
	struct err *e;

	e = err_new(ERR_DAMAGED, "'%s/packed-refs' is damaged, as by a power "
	    "loss; to drop the lines that are not whole, run '%s' and then "
	    "'git agent sync --repair'", r->commondir, command);
	free(command);
	return e;
}

int
ref_name_ok(const char *name)
{
	int ok = 0;

	return git_reference_name_is_valid(&ok, name) == 0 && ok;
}

static struct err *
load_packed(struct repo *r)
{
	char *path = xasprintf("%s/packed-refs", r->commondir);
	struct err *e = packed_refs_load(&r->packed, path);

	free(path);
	if (e != NULL && e->code == ERR_DAMAGED) {
		err_free(e);
		e = packed_refs_error(r);
	}
	return e;
}

/* Most commands ask for two or three refs, of ten thousand perhaps. */
static struct err *
find_packed(struct repo *r, const char *name, struct oid *oid, int *found)
{
	char *path = xasprintf("%s/packed-refs", r->commondir);
	struct err *e = NULL;
	size_t i;

	*found = r->packed.n > 0 ? -1 : packed_refs_search(path, name, oid);
	free(path);
	if (*found >= 0)
		return NULL;
	e = load_packed(r);
	if (e != NULL)
		return e;
	i = packed_refs_find(&r->packed, name);
	*found = i < r->packed.n && strcmp(r->packed.v[i].name, name) == 0;
	if (*found)
		*oid = r->packed.v[i].id;
	return NULL;
}

enum loose { LOOSE_NONE, LOOSE_DIRECT, LOOSE_SYMBOLIC, LOOSE_DAMAGED,
	LOOSE_UNREAD };	/* errno says why */

static int
is_absent(int error)
{
	return error == ENOENT || error == ENOTDIR || error == ENAMETOOLONG;
}

/*
 * The ref in a file of its own, if there is one.  A link is a symbolic ref to
 * git, as it made them once.
 */
static enum loose
read_loose(int folder, const char *name, struct oid *id)
{
	int fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	char text[64];
	ssize_t n;
	int error;

	if (fd < 0)
		return is_absent(errno) ? LOOSE_NONE :
		    errno == ELOOP ? LOOSE_SYMBOLIC : LOOSE_UNREAD;
	n = read(fd, text, sizeof(text) - 1);
	error = errno;
	close(fd);
	errno = error;
	if (n < 0)	/* a folder */
		return errno == EISDIR ? LOOSE_NONE : LOOSE_UNREAD;
	text[n] = '\0';
	if (strncmp(text, "ref:", 4) == 0)
		return LOOSE_SYMBOLIC;
	/* As git, which takes a line without an end. */
	if (n < OID_HEX_SIZE - 1 || strchr(" \t\r\n",
	    text[OID_HEX_SIZE - 1]) == NULL)
		return LOOSE_DAMAGED;
	text[OID_HEX_SIZE - 1] = '\0';
	return oid_parse(text, id) == 0 ? LOOSE_DIRECT : LOOSE_DAMAGED;
}

static struct err *
damaged_ref(const struct repo *r, const char *name, const char *how)
{
	char *command = shell_format("rm -f %s/%s", r->commondir, name);
	struct err *e;

	e = err_new(ERR_DAMAGED, "the ref '%s' is damaged%s; run '%s' and then "
	    "'git agent sync'", name, how, command);
	free(command);
	return e;
}

static struct err *
damaged_loose(const struct repo *r, const char *name)
{
	return damaged_ref(r, name, ", as by a power loss");
}

/* It may be whole: of another user's, say, or on a server that is away. */
static struct err *
unread(const struct repo *r, const char *name)
{
	return err_errno("cannot read '%s/%s'", r->commondir, name);
}

/* To follow it would take the project's own commits for records. */
static struct err *
symbolic(const struct repo *r, const char *name)
{
	return damaged_ref(r, name, ": it is a symbolic one, which no ref of "
	    "records is");
}

struct err *
ref_read(struct repo *r, const char *name, struct oid *oid)
{
	char *path = xasprintf("%s/%s", r->commondir, name);
	enum loose loose = read_loose(AT_FDCWD, path, oid);
	struct err *e = NULL;
	int found;

	switch (loose) {
	case LOOSE_DIRECT:
		break;
	case LOOSE_UNREAD:
		e = unread(r, name);
		break;
	case LOOSE_DAMAGED:
		e = damaged_loose(r, name);
		break;
	case LOOSE_SYMBOLIC:
		e = symbolic(r, name);
		break;
	case LOOSE_NONE:
		e = find_packed(r, name, oid, &found);
		if (e == NULL && !found)
			e = err_new(ERR_NOTFOUND, "there is no ref '%s'", name);
		break;
	}
	free(path);
	return e;
}

void
reflist_add(struct reflist *list, const char *name, const struct oid *id)
{
	ALLOC_GROW(list->v, list->n, list->cap);
	list->v[list->n].name = pool_strndup(&list->names, name, strlen(name));
	list->v[list->n].id = *id;
	list->v[list->n].loose = 0;
	list->n++;
}

static int
is_no_ref(const char *name)
{
	size_t n = strlen(name);

	return name[0] == '.' ||
	    (n > 5 && strcmp(name + n - 5, ".lock") == 0);
}

/*
 * The refs in files below a folder, whose name ends in a slash.  One that is
 * not read must not pass for one that is not there.
 */
static struct err *
list_loose(struct repo *r, int parent, const char *folder, struct buf *name,
    struct reflist *list)
{
	int fd = openat(parent, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	size_t before = name->len;
	struct err *e = NULL;
	struct oid id = { { 0 } };
	struct dirent *d;
	enum loose loose;

	if (dir == NULL && (fd >= 0 || !is_absent(errno)))
		e = unread(r, name->p);
	if (dir == NULL && fd >= 0)
		close(fd);
	while (dir != NULL && e == NULL && (errno = 0,
	    d = readdir(dir)) != NULL) {
		if (is_no_ref(d->d_name))
			continue;
		buf_addstr(name, d->d_name);
		memset(&id, 0, sizeof(id));
		loose = d->d_type == DT_DIR ? LOOSE_NONE :
		    read_loose(fd, d->d_name, &id);
		if (loose == LOOSE_UNREAD) {
			e = unread(r, name->p);
		/* What is packed of such a name does not count. */
		} else if (loose != LOOSE_NONE) {
			reflist_add(list, name->p, &id);
		} else if (d->d_type == DT_DIR || d->d_type == DT_UNKNOWN) {
			buf_addch(name, '/');
			e = list_loose(r, fd, d->d_name, name, list);
		}
		buf_truncate(name, before);
	}
	if (dir != NULL && e == NULL && errno != 0)
		e = unread(r, name->p);
	if (dir != NULL)
		closedir(dir);
	return e;
}

/* Those without a value are symbolic, and nobody's records, or damaged. */
static void
add_loose(struct reflist *list, const struct ref *loose)
{
	if (oid_is_zero(&loose->id)) {
		list->left_out++;
		return;
	}
	reflist_add(list, loose->name, &loose->id);
	list->v[list->n - 1].loose = 1;
}

/* Both lists, of which the loose ones count. */
static void
merge(const struct packed_refs *packed, const char *prefix,
    struct reflist *loose, struct reflist *list)
{
	size_t i = packed_refs_find(packed, prefix), k = 0;
	size_t len = strlen(prefix);
	int c, more;

	for (;;) {
		more = i < packed->n &&
		    strncmp(packed->v[i].name, prefix, len) == 0;
		if (!more && k == loose->n)
			return;
		c = !more ? 1 : k == loose->n ? -1 :
		    strcmp(packed->v[i].name, loose->v[k].name);
		if (c < 0)
			reflist_add(list, packed->v[i].name,
			    &packed->v[i].id);
		else
			add_loose(list, &loose->v[k]);
		i += c <= 0;
		k += c >= 0;
	}
}

/* In files of their own, sorted, with those that have no value. */
static struct err *
find_loose(struct repo *r, const char *prefix, struct reflist *loose)
{
	struct buf name = BUF_INIT;
	char *folder = xasprintf("%s/%s", r->commondir, prefix);
	struct err *e;

	buf_addstr(&name, prefix);
	e = list_loose(r, AT_FDCWD, folder, &name, loose);
	reflist_sort(loose);
	buf_release(&name);
	free(folder);
	return e;
}

struct err *
ref_list(struct repo *r, const char *prefix, struct reflist *list)
{
	struct reflist loose = REFLIST_INIT;
	struct err *e;

	/* In this order: a ref is packed first, and then its file goes. */
	e = find_loose(r, prefix, &loose);
	if (e == NULL)
		e = load_packed(r);
	if (e == NULL)
		merge(&r->packed, prefix, &loose, list);
	reflist_release(&loose);
	return e;
}

struct err *
ref_list_loose(struct repo *r, const char *prefix, struct reflist *list)
{
	struct reflist loose = REFLIST_INIT;
	struct err *e = find_loose(r, prefix, &loose);
	size_t i;

	for (i = 0; e == NULL && i < loose.n; i++)
		add_loose(list, &loose.v[i]);
	reflist_release(&loose);
	return e;
}

static int
ref_cmp(const void *a, const void *b)
{
	return strcmp(((const struct ref *)a)->name,
	    ((const struct ref *)b)->name);
}

void
reflist_sort(struct reflist *list)
{
	if (list->n > 0)
		qsort(list->v, list->n, sizeof(*list->v), ref_cmp);
}

const struct ref *
reflist_find(const struct reflist *list, const char *name)
{
	struct ref key = { .name = (char *)name };

	return list->n == 0 ? NULL : bsearch(&key, list->v, list->n,
	    sizeof(*list->v), ref_cmp);
}

void
reflist_release(struct reflist *list)
{
	free(list->v);
	pool_release(&list->names);
	memset(list, 0, sizeof(*list));
}
