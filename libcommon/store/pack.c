#include "store/pack.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/sha1.h"
#include "store/busy.h"
#include "store/git.h"

#define CHUNK (256 * 1024)	/* handed to libgit2 at a time */
#define STORED_MAX 65535	/* bytes in one stored block */
#define PART_AGE 3600		/* seconds: may go if nobody is at work */
#define PART_MAX_AGE (24 * 3600)	/* nobody writes that long */

/* In a .keep of ours, and in no other program's. */
static const char keep_text[] = "git agent log --batch\n";

struct pack {
	git_odb_writepack *stream;
	git_indexer_progress progress;
	struct sha1 sum;
	struct buf out;
	char *folder, *keep;	/* keep: NULL until it is there */
};

/* 1 for a .keep of ours, or one that did not get its name. */
static int
is_old_keep(const char *path)
{
	const char *suffix = strrchr(path, '/');
	struct buf text = BUF_INIT;
	int ours;

	suffix = strstr(suffix, ".keep");
	if (suffix == NULL || suffix[5] != '\0')
		return suffix != NULL && suffix[5] == '.';
	err_free(file_read(path, &text));
	ours = strcmp(text.p, keep_text) == 0;
	buf_release(&text);
	return ours;
}

int
pack_is_part(const char *name)
{
	return strncmp(name, "pack_git2_", 10) == 0;
}

static int
is_old_part(struct repo *r, const char *path)
{
	time_t now = time(NULL);
	struct stat st;
	char *busy;
	int old;

	if (!pack_is_part(strrchr(path, '/') + 1) || lstat(path, &st) != 0 ||
	    st.st_mtime >= now - PART_AGE)
		return 0;
	busy = st.st_mtime < now - PART_MAX_AGE ? NULL : busy_who(r, &st);
	old = busy == NULL;
	free(busy);
	return old;
}

/* What a killed process has left; nothing here can fail. */
static void
clear_old(struct repo *r, const char *folder)
{
	DIR *dir = opendir(folder);
	struct dirent *d;
	char *path;

	while (dir != NULL && (d = readdir(dir)) != NULL) {
		path = xasprintf("%s/%s", folder, d->d_name);
		if (is_old_keep(path) || is_old_part(r, path))
			(void)unlink(path);
		free(path);
	}
	if (dir != NULL)
		closedir(dir);
}

static struct err *
flush(struct pack *p)
{
	sha1_add(&p->sum, p->out.p, p->out.len);
	if (p->stream->append(p->stream, p->out.p, p->out.len,
	    &p->progress) != 0)
		return err_git("cannot write a pack");
	buf_clear(&p->out);
	return NULL;
}

static void
add_be32(struct buf *b, uint32_t n)
{
	buf_addch(b, (int)(n >> 24));
	buf_addch(b, (int)(n >> 16 & 255));
	buf_addch(b, (int)(n >> 8 & 255));
	buf_addch(b, (int)(n & 255));
}

struct err *
pack_begin(struct repo *r, uint32_t count, struct pack **out)
{
	struct pack *p = xcalloc(1, sizeof(*p));
	git_odb *odb = NULL;
	struct err *e;

	*out = NULL;
	buf_init(&p->out);
	sha1_init(&p->sum);
	p->folder = xasprintf("%s/pack", r->objects);
	clear_old(r, p->folder);
	e = repo_odb(r, &odb);
	if (e == NULL &&
	    git_odb_write_pack(&p->stream, odb, NULL, NULL) != 0)
		e = err_git("cannot write a pack");
	if (e != NULL) {
		pack_end(p);
		return e;
	}
	buf_addstr(&p->out, "PACK");
	add_be32(&p->out, 2);
	add_be32(&p->out, count);
	*out = p;
	return NULL;
}

/* RFC 1950, section 9. */
static uint32_t
adler32(const unsigned char *p, size_t n)
{
	uint32_t a = 1, b = 0;
	size_t i, run;

	while (n > 0) {
		run = n < 5552 ? n : 5552;	/* so many cannot overflow */
		for (i = 0; i < run; i++) {
			a += p[i];
			b += a;
		}
		a %= 65521;
		b %= 65521;
		p += run;
		n -= run;
	}
	return b << 16 | a;
}

/*
 * The zlib format (RFC 1950) around stored blocks (RFC 1951, 3.2.4): not
 * compressed.  git's next repack makes deltas; until then records are read
 * faster so, and to compress them would take twice as long as all the rest.
 */
static void
add_stored(struct buf *b, const char *data, size_t len)
{
	size_t at = 0, n;

	buf_add(b, "\x78\x01", 2);
	do {
		n = len - at < STORED_MAX ? len - at : STORED_MAX;
		buf_addch(b, at + n == len);
		buf_addch(b, (int)(n & 255));
		buf_addch(b, (int)(n >> 8));
		buf_addch(b, (int)(~n & 255));
		buf_addch(b, (int)(~n >> 8 & 255));
		buf_add(b, data + at, n);
		at += n;
	} while (at < len);
	add_be32(b, adler32((const unsigned char *)data, len));
}

struct err *
pack_add(struct pack *p, enum object_type type, const void *data, size_t len)
{
	size_t size = len >> 4;
	int c = (int)type << 4 | (int)(len & 15);

	for (; size > 0; size >>= 7) {
		buf_addch(&p->out, c | 128);
		c = (int)(size & 127);
	}
	buf_addch(&p->out, c);
	add_stored(&p->out, data, len);
	return p->out.len < CHUNK ? NULL : flush(p);
}

/* libgit2 names the pack by its check sum, so .keep can be there first. */
static struct err *
make_keep(struct pack *p, const unsigned char sum[SHA1_SIZE])
{
	char hex[OID_HEX_SIZE], *path;
	struct oid name;
	struct err *e;
	int made;

	memcpy(name.b, sum, sizeof(name.b));
	oid_hex(&name, hex);
	path = xasprintf("%s/pack-%s.keep", p->folder, hex);
	e = file_create(path, keep_text, strlen(keep_text), 0644, &made);
	if (e == NULL && made)
		p->keep = path;
	else
		free(path);
	return e;
}

struct err *
pack_finish(struct pack *p)
{
	unsigned char sum[SHA1_SIZE];
	struct err *e;

	e = flush(p);
	if (e != NULL)
		return e;
	sha1_finish(&p->sum, sum);
	e = make_keep(p, sum);
	if (e == NULL && p->stream->append(p->stream, sum, sizeof(sum),
	    &p->progress) != 0)
		e = err_git("cannot write a pack");
	if (e == NULL && p->stream->commit(p->stream, &p->progress) != 0)
		e = err_git("cannot write a pack");
	return e;
}

void
pack_end(struct pack *p)
{
	if (p == NULL)
		return;
	if (p->keep != NULL)
		(void)unlink(p->keep);
	if (p->stream != NULL)
		p->stream->free(p->stream);
	buf_release(&p->out);
	free(p->folder);
	free(p->keep);
	free(p);
}
