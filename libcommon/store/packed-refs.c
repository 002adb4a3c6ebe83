#include "store/packed-refs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"

#define HEX (OID_HEX_SIZE - 1)
#define SMALL 65536	/* is read as a whole at once */
#define WINDOW 16384	/* holds two lines, with the longest names */

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
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
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

/* A line of the file, from a place in it. */
struct search {
	int fd;
	off_t size;
	off_t start, next;	/* of the line that was found, and behind it */
	char text[WINDOW];	/* the line, and a NUL for its newline */
};

/* The first line that begins at `from` or, unless that is 0, behind it. */
static int
line_behind(struct search *s, off_t from)
{
	ssize_t n = pread(s->fd, s->text, sizeof(s->text), from);
	char *end = n <= 0 ? NULL : s->text + n, *line = s->text, *stop;

	if (end != NULL && from > 0) {
		line = memchr(line, '\n', (size_t)(end - line));
		line = line == NULL ? end : line + 1;
	}
	s->start = from + (line - s->text);
	if (end == NULL || s->start >= s->size)
		return end != NULL;
	stop = memchr(line, '\n', (size_t)(end - line));
	if (stop == NULL)
		return 0;
	*stop = '\0';
	s->next = from + (stop + 1 - s->text);
	memmove(s->text, line, (size_t)(stop + 1 - line));
	return 1;
}

/* The same, but a ref: not a line about the file, or about a tag. */
static int
ref_behind(struct search *s, off_t from)
{
	int ok = line_behind(s, from);

	while (ok && s->start < s->size &&
	    (*s->text == '^' || *s->text == '#'))
		ok = line_behind(s, s->next - 1);
	return ok && (s->start >= s->size || (strlen(s->text) > HEX + 1 &&
	    s->text[HEX] == ' '));
}

static int
search(struct search *s, const char *name, struct oid *id)
{
	off_t low = 0, high = s->size, middle;

	if (!line_behind(s, 0) || strncmp(s->text, "# ", 2) != 0 ||
	    strstr(s->text, " sorted") == NULL)
		return -1;
	/* The line that is looked for begins in here, if there is one. */
	while (low < high) {
		middle = low + (high - low) / 2;
		if (!ref_behind(s, middle))
			return -1;
		if (s->start < s->size && strcmp(s->text + HEX + 1, name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	if (!ref_behind(s, low))
		return -1;
	if (s->start >= s->size || strcmp(s->text + HEX + 1, name) != 0)
		return 0;
	s->text[HEX] = '\0';
	return oid_parse(s->text, id) == 0 ? 1 : -1;
}

int
packed_refs_search(const char *path, const char *name, struct oid *id)
{
	struct search s = { .fd = open(path, O_RDONLY | O_CLOEXEC) };
	struct stat st;
	int found = -1;

	if (s.fd >= 0 && fstat(s.fd, &st) == 0 && st.st_size > SMALL) {
		s.size = st.st_size;
		found = search(&s, name, id);
	}
	if (s.fd >= 0)
		close(s.fd);
	return found;
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
