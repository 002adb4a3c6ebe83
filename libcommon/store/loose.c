#include "store/loose.h"

#include <stdlib.h>
#include <unistd.h>
#include <zlib.h>

#include "base/alloc.h"
#include "base/file.h"

char *
loose_path(struct repo *r, const struct oid *oid)
{
	char hex[OID_HEX_SIZE];

	oid_hex(oid, hex);
	return xasprintf("%s/objects/%.2s/%s", r->commondir, hex, hex + 2);
}

/* Most objects are in packs, and then most of the 256 folders are not there. */
int
loose_may_exist(struct repo *r, const struct oid *oid)
{
	char *known = &r->loose_folders[oid->b[0]], *path;

	if (*known == 0) {
		path = xasprintf("%s/objects/%02x", r->commondir, oid->b[0]);
		*known = access(path, F_OK) == 0 ? 'y' : 'n';
		free(path);
	}
	return *known == 'y';
}

/* The whole stream, with its check sum; 0 if it ends too early. */
static int
inflate_all(const struct buf *in, struct buf *out)
{
	z_stream z;
	int rc;

	memset(&z, 0, sizeof(z));
	if (inflateInit(&z) != Z_OK)
		return 0;
	z.next_in = (unsigned char *)in->p;
	z.avail_in = (unsigned int)in->len;
	do {
		buf_grow(out, 16384);
		z.next_out = (unsigned char *)out->p + out->len;
		z.avail_out = 16384;
		rc = inflate(&z, Z_NO_FLUSH);
		out->len += 16384 - z.avail_out;
	} while (rc == Z_OK);
	out->p[out->len] = '\0';
	inflateEnd(&z);
	return rc == Z_STREAM_END;
}

/* "commit 123" and a zero byte, then 123 bytes that have this name. */
static int
parse(const struct buf *raw, const struct oid *oid, enum object_type *type,
    struct buf *b)
{
	const char *end = raw->len == 0 ? NULL : memchr(raw->p, '\0',
	    raw->len < 64 ? raw->len : 64);
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
	if (strtoull(space + 1, NULL, 10) != len ||
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
	char hex[OID_HEX_SIZE];

	oid_hex(oid, hex);
	if (remote == NULL)
		return err_new(ERR_DAMAGED, "object %s is damaged; put back "
		    "'%s' from another copy of this repository", hex, path);
	return err_new(ERR_DAMAGED, "object %s is damaged; to fetch it again, "
	    "run 'rm -f \"%s\" && git fetch --refetch %s'", hex, path,
	    remote);
}

struct err *
loose_read(struct repo *r, const struct oid *oid, enum object_type *type,
    struct buf *b)
{
	struct buf in = BUF_INIT, raw = BUF_INIT;
	struct err *e;
	char *path;

	path = loose_path(r, oid);
	e = file_read(path, &in);
	if (e == NULL && (!inflate_all(&in, &raw) ||
	    !parse(&raw, oid, type, b)))
		e = damaged(r, oid, path);
	buf_release(&in);
	buf_release(&raw);
	free(path);
	return e;
}

struct err *
loose_check(struct repo *r, const struct oid *oid)
{
	struct buf b = BUF_INIT;
	enum object_type type;
	struct err *e = NULL;

	if (loose_may_exist(r, oid))
		e = loose_read(r, oid, &type, &b);
	buf_release(&b);
	if (e == NULL || e->code == ERR_DAMAGED)
		return e;
	err_free(e);
	return NULL;
}
