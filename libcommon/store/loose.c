#include "store/loose.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/shell.h"

#define CHUNK 16384
#define FRESH (CLOCK_SECOND / 100)	/* as long, a folder is not there */
#define HEADER_MAX 64		/* "commit 123" and a zero byte */

char *
loose_path(struct repo *r, const struct oid *oid)
{
	char hex[OID_HEX_SIZE];

	oid_hex(oid, hex);
	return xasprintf("%s/%.2s/%s", r->objects, hex, hex + 2);
}

/* Most objects are in packs, and then most of the 256 folders are not there. */
static void
look_for_folders(struct repo *r)
{
	static const char digits[] = "0123456789abcdef";
	const char *high, *low;
	struct dirent *entry;
	DIR *d = opendir(r->objects);

	memset(r->loose_folders, d == NULL ? 'y' : 'n',
	    sizeof(r->loose_folders));
	while (d != NULL && (entry = readdir(d)) != NULL) {
		if (strlen(entry->d_name) != 2)
			continue;
		high = strchr(digits, entry->d_name[0]);
		low = strchr(digits, entry->d_name[1]);
		if (high != NULL && low != NULL)
			r->loose_folders[(high - digits) * 16 +
			    (low - digits)] = 'y';
	}
	if (d != NULL)
		closedir(d);
}

/* Others make folders while a loop, say, is at work. */
int
loose_may_exist(struct repo *r, const struct oid *oid)
{
	if (r->loose_folders[oid->b[0]] == 'y')
		return 1;
	if (r->loose_folders[0] == 0 ||
	    clock_monotonic() - r->loose_looked > FRESH) {
		look_for_folders(r);
		r->loose_looked = clock_monotonic();
	}
	return r->loose_folders[oid->b[0]] == 'y';
}

int
loose_is_here(struct repo *r, const struct oid *oid)
{
	char *path;
	int here;

	if (!loose_may_exist(r, oid))
		return 0;
	path = loose_path(r, oid);
	here = access(path, F_OK) == 0;
	free(path);
	return here;
}

/* How many bytes are to come behind the header; 0 if there is none. */
static unsigned long long
stated_size(const struct buf *raw)
{
	const char *end = memchr(raw->p, '\0',
	    raw->len < HEADER_MAX ? raw->len : HEADER_MAX);
	const char *space = end == NULL ? NULL : strchr(raw->p, ' ');

	return space == NULL ? 0 : strtoull(space + 1, NULL, 10);
}

/* The next bytes of the file, if the last ones are used up; 0, or -1. */
static int
refill(int fd, unsigned char *in, size_t size, z_stream *z)
{
	ssize_t n;

	if (z->avail_in > 0)
		return 0;
	do {
		n = read(fd, in, size);
	} while (n < 0 && errno == EINTR);
	z->next_in = in;
	z->avail_in = n < 0 ? 0 : (unsigned int)n;
	return n < 0 ? -1 : 0;
}

/*
 * The whole stream, with its check sum: 1; 0 if it is cut short or longer
 * than it says.  ERR_INPUT as soon as it says that it is too large.
 */
static struct err *
inflate_file(int fd, const char *path, size_t max, struct buf *out,
    int *whole)
{
	unsigned char in[CHUNK];
	struct err *e = NULL;
	z_stream z;
	int rc;

	memset(&z, 0, sizeof(z));
	if (inflateInit(&z) != Z_OK)
		return err_new(ERR_SYSTEM, "cannot start zlib");
	do {
		if (refill(fd, in, sizeof(in), &z) != 0) {
			e = err_errno("cannot read '%s'", path);
			break;
		}
		buf_grow(out, CHUNK);
		z.next_out = (unsigned char *)out->p + out->len;
		z.avail_out = CHUNK;
		rc = inflate(&z, Z_NO_FLUSH);
		out->len += CHUNK - z.avail_out;
		if (stated_size(out) > max)
			e = err_new(ERR_INPUT, "the object in '%s' is far "
			    "too large", path);
	} while (e == NULL && rc == Z_OK &&
	    out->len <= stated_size(out) + HEADER_MAX);
	out->p[out->len] = '\0';
	*whole = e == NULL && rc == Z_STREAM_END;
	inflateEnd(&z);
	return e;
}

/* "commit 123" and a zero byte, then 123 bytes that have this name. */
static int
parse(const struct buf *raw, const struct oid *oid, enum object_type *type,
    struct buf *b)
{
	const char *end = memchr(raw->p, '\0',
	    raw->len < HEADER_MAX ? raw->len : HEADER_MAX);
	const char *space = end == NULL ? NULL : strchr(raw->p, ' ');
	git_oid id, want;
	git_object_t t;
	char name[8];
	size_t len;

	if (space == NULL || space - raw->p >= (int)sizeof(name))
		return 0;
	memcpy(name, raw->p, (size_t)(space - raw->p));
	name[space - raw->p] = '\0';
	t = git_object_string2type(name);
	len = raw->len - (size_t)(end + 1 - raw->p);
	oid_to_git(&want, oid);
	if (stated_size(raw) != len ||
	    git_odb_hash(&id, end + 1, len, t) != 0 ||
	    !git_oid_equal(&id, &want))
		return 0;
	*type = (enum object_type)t;
	buf_add(b, end + 1, len);
	return 1;
}

/* An ordinary fetch asks for nothing that is below a ref that we have. */
static struct err *
damaged(struct repo *r, const struct oid *oid, const char *path)
{
	const char *remote = repo_remote(r);
	char hex[OID_HEX_SIZE], *command;
	struct err *e;

	oid_hex(oid, hex);
	if (remote == NULL)
		return err_new(ERR_DAMAGED, "object %s is damaged; put back "
		    "'%s' from another copy of this repository", hex, path);
	command = shell_format("rm -f %s && git fetch --refetch %s", path,
	    remote);
	e = err_new(ERR_DAMAGED, "object %s is damaged; to fetch it again, "
	    "run '%s'", hex, command);
	free(command);
	return e;
}

/* ERR_NOTFOUND: it is not there; *whole is 0 if it is, but damaged. */
static struct err *
read_file(const char *path, const struct oid *oid, size_t max,
    enum object_type *type, struct buf *b, int *whole)
{
	struct buf raw = BUF_INIT;
	struct err *e = NULL;
	struct stat st;
	int fd;

	*whole = 0;
	/* A pipe has another end, for which one would wait. */
	fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		e = err_new(ERR_NOTFOUND, "not loose");
	else if (fd < 0 || fstat(fd, &st) != 0)
		e = err_errno("cannot open '%s'", path);
	else if (S_ISREG(st.st_mode))
		e = inflate_file(fd, path, max, &raw, whole);
	if (e == NULL && *whole)
		*whole = parse(&raw, oid, type, b);
	if (fd >= 0)
		close(fd);
	buf_release(&raw);
	return e;
}

struct err *
loose_read(struct repo *r, const struct oid *oid, size_t max,
    enum object_type *type, struct buf *b)
{
	char *path = loose_path(r, oid);
	struct err *e;
	int whole;

	e = read_file(path, oid, max, type, b, &whole);
	if (e == NULL && !whole)
		e = damaged(r, oid, path);
	free(path);
	return e;
}

struct err *
loose_read_borrowed(struct repo *r, const struct oid *oid, size_t max,
    enum object_type *type, struct buf *b)
{
	struct err *e = err_new(ERR_NOTFOUND, "not loose"), *found;
	char hex[OID_HEX_SIZE], *path;
	size_t i;
	int whole;

	oid_hex(oid, hex);
	for (i = 0; i < r->alternates.n; i++) {
		path = xasprintf("%s/%.2s/%s", r->alternates.v[i], hex,
		    hex + 2);
		found = read_file(path, oid, max, type, b, &whole);
		if (found == NULL && !whole && e->code != ERR_DAMAGED) {
			err_free(e);
			e = err_new(ERR_DAMAGED, "object %s is damaged in "
			    "another repository, from which this one borrows: "
			    "mend '%s' there", hex, path);
		}
		free(path);
		if (found == NULL ? whole : found->code == ERR_INPUT) {
			err_free(e);
			return found;
		}
		/* What cannot be opened may be whole in another one. */
		err_free(found);
	}
	return e;
}
