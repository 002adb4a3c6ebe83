#include "store/packed-refs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"

#define HEX (OID_HEX_SIZE - 1)

static int
is_same(const struct stat *a, const struct stat *b)
{
	return a->st_ino == b->st_ino && a->st_dev == b->st_dev &&
	    a->st_size == b->st_size &&
	    a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
	    a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(((const struct packed_ref *)a)->name,
	    ((const struct packed_ref *)b)->name);
}

/* 1 unless the line, of which `stop` is the NUL at its end, is none. */
static int
add_line(struct packed_refs *p, char *line, const char *stop)
{
	size_t len = (size_t)(stop - line);
	struct packed_ref *ref;

	if (*line == '#')
		return 1;
	if (*line == '^')
		return len == 1 + HEX;
	/* The name, without a NUL in it. */
	if (len < HEX + 2 || line[HEX] != ' ' || strlen(line) != len)
		return 0;
	line[HEX] = '\0';
	ALLOC_GROW(p->v, p->n, p->cap);
	ref = &p->v[p->n++];
	ref->name = line + HEX + 1;
	return oid_parse(line, &ref->id) == 0;
}

/* Lines that are not in order are those of an old git. */
static int
parse(struct packed_refs *p)
{
	char *line, *stop, *end = p->text.p + p->text.len;
	int sorted = 1;

	/* Most lines are longer than that. */
	if (p->cap < p->text.len / 64) {
		p->cap = p->text.len / 64;
		p->v = xreallocarray(p->v, p->cap, sizeof(*p->v));
	}
	for (line = p->text.p; line < end; line = stop + 1) {
		stop = memchr(line, '\n', (size_t)(end - line));
		if (stop == NULL)
			return 0;
		*stop = '\0';
		if (!add_line(p, line, stop))
			return 0;
		sorted = sorted && (p->n < 2 ||
		    by_name(&p->v[p->n - 2], &p->v[p->n - 1]) <= 0);
	}
	if (!sorted)
		qsort(p->v, p->n, sizeof(*p->v), by_name);
	return 1;
}

static void
forget(struct packed_refs *p)
{
	p->n = 0;
	p->damaged = 0;
	buf_clear(&p->text);
	memset(&p->seen, 0, sizeof(p->seen));
}

static struct err *
read_file(struct packed_refs *p, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct err *e = NULL;

	if (fd < 0 && errno == ENOENT)
		return NULL;
	if (fd < 0 || fstat(fd, &p->seen) != 0)
		e = err_errno("cannot read '%s'", path);
	if (e == NULL) {
		buf_grow(&p->text, (size_t)p->seen.st_size + 1);
		e = file_read_fd(fd, path, &p->text);
	}
	if (fd >= 0)
		close(fd);
	if (e == NULL)
		p->damaged = !parse(p);
	else
		forget(p);
	return e;
}

struct err *
packed_refs_load(struct packed_refs *p, const char *path)
{
	struct err *e = NULL;
	struct stat st;

	if (stat(path, &st) != 0)
		memset(&st, 0, sizeof(st));
	if (!is_same(&st, &p->seen)) {
		forget(p);
		e = read_file(p, path);
	}
	if (e == NULL && p->damaged)
		e = err_new(ERR_DAMAGED, "damaged");
	return e;
}

size_t
packed_refs_find(const struct packed_refs *p, const char *name)
{
	size_t low = 0, high = p->n, middle;

	while (low < high) {
		middle = low + (high - low) / 2;
		if (strcmp(p->v[middle].name, name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

void
packed_refs_release(struct packed_refs *p)
{
	forget(p);
	free(p->v);
	p->v = NULL;
	p->cap = 0;
	buf_release(&p->text);
}
