/* The files of the logs that were fetched; see sync-known.h. */
#include "store/sync-known.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/fnv.h"
#include "store/index.h"
#include "store/logrefs.h"
#include "store/writer-name.h"

#define LOGS "known-logs"
#define MOVED "known-moved"
#define READS_MAX 3		/* while others write */

/*
 * The first line of both: when the first of them was written, its logs were
 * among those that the index with these names has of remotes ("names"), or
 * just all of them and where it had them ("whole").  Then the age of that index
 * (an older one, as of a backup, has not seen them), which of all such files
 * it is, and the size and the FNV-1a of its lines.
 */
#define NUMBER " %016" PRIx64
#define HEAD "%s" NUMBER NUMBER NUMBER NUMBER NUMBER "\n"
#define HEAD_SIZE (5 + 5 * 17 + 1)

struct head {
	int whole;
	uint64_t names, age, own, size, sum;
};

int
known_parse(const char *line, struct known *k)
{
	char hex[OID_HEX_SIZE];
	const char *name;

	k->remote = NULL;
	if (strlen(line) < OID_HEX_SIZE)
		return 0;
	memcpy(hex, line, OID_HEX_SIZE - 1);
	hex[OID_HEX_SIZE - 1] = '\0';
	if (oid_parse(hex, &k->id) != 0)
		return 0;
	k->ref = line + OID_HEX_SIZE;
	k->remote = logrefs_remote(k->ref, &name);
	if (k->remote == NULL)
		return 0;
	k->writer = name + strlen("log/");
	if (writer_name_ok(k->writer))
		return 1;
	free(k->remote);
	k->remote = NULL;
	return 0;
}

const char *
known_ref(const char *line)
{
	return strnlen(line, OID_HEX_SIZE) < OID_HEX_SIZE ? "" :
	    line + OID_HEX_SIZE;
}

/* How long the head of a file is; 0: it has none. */
static size_t
head_of(const char *text, size_t len, struct head *h)
{
	char own[HEAD_SIZE + 1], word[6];

	memset(h, 0, sizeof(*h));
	if (len < HEAD_SIZE)
		return 0;
	memcpy(own, text, HEAD_SIZE);
	own[HEAD_SIZE] = '\0';
	if (sscanf(own, "%5[a-z] %16" SCNx64 " %16" SCNx64 " %16" SCNx64
	    " %16" SCNx64 " %16" SCNx64, word, &h->names, &h->age, &h->own,
	    &h->size, &h->sum) != 6 || own[HEAD_SIZE - 1] != '\n')
		return 0;
	h->whole = strcmp(word, "whole") == 0;
	return HEAD_SIZE;
}

static uint64_t
sum_of(const char *lines, size_t n)
{
	return fnv_add(FNV_START, lines, n);
}

int
known_is_whole(const struct buf *file)
{
	char *text = xstrdup(file->p), *line, *rest;
	int ok = strlen(file->p) == file->len;
	struct known k;
	struct head h;
	size_t n = head_of(file->p, file->len, &h);

	rest = text + (ok ? n : 0);
	while (ok && (line = strsep(&rest, "\n")) != NULL &&
	    (*line != '\0' || rest != NULL)) {
		ok = known_parse(line, &k);
		free(k.remote);
	}
	free(text);
	return ok;
}

int
known_logs_are_whole(const struct buf *file)
{
	struct head h;
	size_t n = head_of(file->p, file->len, &h);

	return known_is_whole(file) && (n == 0 ||
	    (h.size == file->len - n && h.sum == sum_of(file->p + n,
	    file->len - n)));
}

/* The tips of what moved, in the lines that have been there before. */
static void
take_moved(struct buf *lines, const char *moved)
{
	char *text = xstrdup(moved), *line, *rest = text, *stop;
	struct reflist now = REFLIST_INIT;
	const struct ref *ref;
	struct known k;

	/* As in known_read(). */
	while ((line = strsep(&rest, "\n")) != NULL && rest != NULL)
		if (known_parse(line, &k)) {
			reflist_add(&now, k.ref, &k.id);
			free(k.remote);
		}
	reflist_sort(&now);
	for (line = lines->p; now.n > 0 && *line != '\0'; line = stop + 1) {
		stop = line + strcspn(line, "\n");
		if (*stop == '\0')
			break;
		*stop = '\0';
		ref = reflist_find(&now, known_ref(line));
		if (ref != NULL) {
			oid_hex(&ref->id, line);
			line[OID_HEX_SIZE - 1] = ' ';
		}
		*stop = '\n';
	}
	reflist_release(&now);
	free(text);
}

static struct err *
read_file(struct repo *r, const char *name, struct buf *text)
{
	char *path = repo_shared_path(r, name);
	struct err *e;

	buf_clear(text);
	e = file_read(path, text);
	free(path);
	return e;
}

/* Both files, of one time; *n is how long the head of both is, or 0. */
static struct err *
read_both(struct repo *r, struct buf *logs, struct buf *moved, size_t *n)
{
	char last[HEAD_SIZE] = "";
	struct err *e = NULL;
	struct head h;
	int i, fit = 0;

	for (i = 0; e == NULL && !fit && i < READS_MAX; i++) {
		e = read_file(r, LOGS, logs);
		*n = e == NULL ? head_of(logs->p, logs->len, &h) : 0;
		/* What moved is of an earlier one. */
		if (*n == 0 || memcmp(last, logs->p, *n) == 0)
			break;
		memcpy(last, logs->p, *n);
		err_free(read_file(r, MOVED, moved));
		fit = moved->len >= *n && memcmp(moved->p, last, *n) == 0;
	}
	if (!fit)
		buf_clear(moved);
	return e;
}

struct err *
known_read(struct repo *r, struct buf *lines)
{
	struct buf logs = BUF_INIT, moved = BUF_INIT;
	size_t n = 0;
	struct err *e = read_both(r, &logs, &moved, &n);

	/* What is behind the last end of a line was cut in a name, perhaps. */
	while (logs.len > n && logs.p[logs.len - 1] != '\n')
		logs.p[--logs.len] = '\0';
	if (e == NULL)
		buf_add(lines, logs.p + n, logs.len - n);
	if (e == NULL && moved.len > 0)
		take_moved(lines, moved.p + n);
	buf_release(&logs);
	buf_release(&moved);
	return e;
}

/* How many logs of remotes these are. */
static size_t
count_fetched(const struct reflist *refs)
{
	const char *name;
	size_t i, n = 0;
	char *remote;

	for (i = 0; i < refs->n; i++) {
		remote = logrefs_remote(refs->v[i].name, &name);
		n += remote != NULL;
		free(remote);
	}
	return n;
}

/* What a head can say of these lines, or NULL. */
static const char *
compare(struct index *ix, const struct buf *lines)
{
	struct reflist refs = REFLIST_INIT;
	char *text = xstrdup(lines->p), *line, *rest = text, *found;
	int are_there = 1, are_same = 1;
	const struct ref *ref;
	size_t n = 0;
	struct known k;

	index_refs(ix, &refs);
	found = xcalloc(refs.n + 1, 1);
	while (are_there && (line = strsep(&rest, "\n")) != NULL &&
	    (*line != '\0' || rest != NULL)) {
		ref = known_parse(line, &k) ? reflist_find(&refs, k.ref) : NULL;
		are_there = ref != NULL;
		are_same &= ref != NULL && oid_equal(&ref->id, &k.id);
		if (ref != NULL && !found[ref - refs.v])
			n += found[ref - refs.v] = 1;
		free(k.remote);
	}
	are_there &= !index_is_damaged(ix);
	are_same &= n == count_fetched(&refs);
	reflist_release(&refs);
	free(found);
	free(text);
	return !are_there ? NULL : are_same ? "whole" : "names";
}

struct err *
known_replace(struct repo *r, const struct buf *lines, struct index *ix)
{
	const char *word = ix == NULL || index_names(ix) == 0 ? NULL :
	    compare(ix, lines);
	char *path = repo_shared_path(r, LOGS);
	struct buf text = BUF_INIT;
	struct err *e;

	if (word != NULL)
		buf_addf(&text, HEAD, word, index_names(ix), index_age(ix),
		    (uint64_t)clock_now() << 8 ^ (uint64_t)getpid() << 40,
		    (uint64_t)lines->len, sum_of(lines->p, lines->len));
	buf_add(&text, lines->p, lines->len);
	/* It stays for long, so it is to survive a power loss. */
	e = file_write(path, text.p, text.len);
	buf_release(&text);
	free(path);
	return e;
}

/*
 * The head of the file alone; ERR_NOTFOUND: there is no file, ERR_INPUT: it
 * has none, or is cut.
 */
static struct err *
read_head(struct repo *r, char text[HEAD_SIZE], struct head *h)
{
	char *path = repo_shared_path(r, LOGS);
	struct err *e;
	struct stat st;
	ssize_t n;
	int fd;

	e = file_open(path, path, O_RDONLY, &fd);
	if (e == NULL) {
		n = read(fd, text, HEAD_SIZE);
		if (n < 0 || head_of(text, (size_t)n, h) == 0 ||
		    fstat(fd, &st) != 0 ||
		    (uint64_t)st.st_size != HEAD_SIZE + h->size)
			e = err_new(ERR_INPUT, "'%s' has no head", path);
		close(fd);
	}
	free(path);
	return e;
}

int
sync_knows_names_of(struct repo *r, uint64_t id, uint64_t age)
{
	char text[HEAD_SIZE];
	struct head h;
	struct err *e = read_head(r, text, &h);
	int knows = e == NULL ? h.names == id && h.age <= age :
	    e->code == ERR_NOTFOUND;

	err_free(e);
	return knows;
}

int
sync_moved_are_in(struct repo *r, struct index *ix)
{
	char head[HEAD_SIZE], *line, *rest = NULL;
	struct buf moved = BUF_INIT;
	struct index_entry entry;
	struct known k;
	struct head h;
	struct err *e = read_head(r, head, &h);
	int are = e == NULL || e->code == ERR_NOTFOUND;

	if (e == NULL)
		err_free(read_file(r, MOVED, &moved));
	if (moved.len >= HEAD_SIZE && memcmp(moved.p, head, HEAD_SIZE) == 0)
		rest = moved.p;
	while (are && (line = strsep(&rest, "\n")) != NULL)
		if (known_parse(line, &k)) {
			are = index_find(ix, &k.id, &entry);
			free(k.remote);
		}
	err_free(e);
	buf_release(&moved);
	return are;
}

static void
add_moved(void *arg, const char *name, const struct oid *tip)
{
	struct buf *text = arg;
	char hex[OID_HEX_SIZE], *remote;
	const char *end;

	remote = logrefs_remote(name, &end);
	oid_hex(tip, hex);
	if (remote != NULL)
		buf_addf(text, "%s %s\n", hex, name);
	free(remote);
}

int
known_follow(struct repo *r, struct index *ix)
{
	char *path = repo_shared_path(r, MOVED), head[HEAD_SIZE];
	struct buf text = BUF_INIT;
	struct head h;
	struct err *e = read_head(r, head, &h);
	int fits;

	fits = e == NULL && h.whole && h.names == index_names(ix) &&
	    h.age <= index_age(ix);
	if (fits) {
		buf_add(&text, head, sizeof(head));
		index_moved(ix, add_moved, &text);
		e = index_is_damaged(ix) ? NULL :
		    file_write_cache(path, text.p, text.len);
		fits = e == NULL && !index_is_damaged(ix);
	}
	err_free(e);
	buf_release(&text);
	free(path);
	return fits;
}

int
known_is_newer(struct repo *r)
{
	char *logs = repo_shared_path(r, LOGS);
	char *moved = repo_shared_path(r, MOVED);
	int newer = index_is_older(r, logs) || index_is_older(r, moved);

	free(logs);
	free(moved);
	return newer;
}
