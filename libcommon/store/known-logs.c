/* The files of the logs that were fetched; see sync-known.h. */
#include "store/sync-known.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/file.h"
#include "store/index.h"
#include "store/logrefs.h"
#include "store/writer-name.h"

#define LOGS "known-logs"
#define MOVED "known-moved"
#define READS_MAX 3		/* while others write */

/*
 * "names <id> <id>": when it was written the logs were all that the index with
 * these names had of remotes, and where it had them; and which of all files
 * that say so it is.
 */
#define HEAD "names %016" PRIx64 " %016" PRIx64 "\n"
#define HEAD_SIZE (sizeof("names 0123456789abcdef 0123456789abcdef\n") - 1)

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

/* How long the head of a file is, and its first id; 0: it has none. */
static size_t
head_of(const char *text, size_t len, uint64_t *names)
{
	char own[HEAD_SIZE + 1];
	uint64_t file;

	if (len < HEAD_SIZE)
		return 0;
	memcpy(own, text, HEAD_SIZE);
	own[HEAD_SIZE] = '\0';
	return sscanf(own, "names %16" SCNx64 " %16" SCNx64, names, &file) ==
	    2 && own[HEAD_SIZE - 1] == '\n' ? HEAD_SIZE : 0;
}

int
known_is_whole(const struct buf *file)
{
	char *text = xasprintf("%s\n", file->p), *line, *rest;
	int ok = strlen(file->p) == file->len;
	uint64_t names;
	struct known k;

	rest = text + head_of(text, strlen(text), &names);
	while (ok && (line = strsep(&rest, "\n")) != NULL) {
		ok = *line == '\0' || known_parse(line, &k);
		if (*line != '\0')
			free(k.remote);
	}
	free(text);
	return ok;
}

/* The tips of what moved, in the lines that have been there before. */
static void
take_moved(struct buf *lines, const char *moved)
{
	char *text = xstrdup(moved), *line, *rest = text, *stop;
	struct reflist now = REFLIST_INIT;
	const struct ref *ref;
	struct known k;

	while ((line = strsep(&rest, "\n")) != NULL)
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
	uint64_t names;
	int i, fit = 0;

	for (i = 0; e == NULL && !fit && i < READS_MAX; i++) {
		e = read_file(r, LOGS, logs);
		*n = e == NULL ? head_of(logs->p, logs->len, &names) : 0;
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

	if (e == NULL)
		buf_add(lines, logs.p + n, logs.len - n);
	if (e == NULL && moved.len > 0)
		take_moved(lines, moved.p + n);
	buf_release(&logs);
	buf_release(&moved);
	return e;
}

/* 1 if these are all logs of remotes that the index has, where it has them. */
static int
are_all(struct index *ix, const struct buf *lines)
{
	struct reflist refs = REFLIST_INIT;
	char *text = xstrdup(lines->len > 0 ? lines->p : ""), *line;
	char *rest = text, *remote;
	size_t known = 0, i, n = 0;
	const struct ref *ref;
	const char *name;
	struct known k;
	int all = 1;

	index_refs(ix, &refs);
	for (i = 0; i < refs.n; i++) {
		remote = logrefs_remote(refs.v[i].name, &name);
		n += remote != NULL;
		free(remote);
	}
	while (all && (line = strsep(&rest, "\n")) != NULL) {
		if (*line == '\0')
			continue;
		all = known_parse(line, &k);
		ref = all ? reflist_find(&refs, k.ref) : NULL;
		all = ref != NULL && oid_equal(&ref->id, &k.id);
		known++;
		free(k.remote);
	}
	reflist_release(&refs);
	free(text);
	return all && known == n;
}

struct err *
known_replace(struct repo *r, const struct buf *lines, struct index *ix)
{
	char *path = repo_shared_path(r, LOGS);
	struct buf text = BUF_INIT;
	struct err *e;

	if (ix != NULL && are_all(ix, lines))
		buf_addf(&text, HEAD, index_names(ix), (uint64_t)clock_now()
		    << 8 ^ (uint64_t)getpid() << 40);
	buf_add(&text, lines->p, lines->len);
	e = file_write_cache(path, text.p, text.len);
	buf_release(&text);
	free(path);
	return e;
}

/* The head of the file alone; ERR_NOTFOUND: there is no file. */
static struct err *
read_head(struct repo *r, char head[HEAD_SIZE], uint64_t *names)
{
	char *path = repo_shared_path(r, LOGS);
	struct err *e;
	ssize_t n;
	int fd;

	*names = 0;
	e = file_open(path, path, O_RDONLY, &fd);
	if (e == NULL) {
		n = read(fd, head, HEAD_SIZE);
		if (n < 0 || head_of(head, (size_t)n, names) == 0)
			e = err_new(ERR_INPUT, "'%s' has no head", path);
		close(fd);
	}
	free(path);
	return e;
}

int
sync_knows_names_of(struct repo *r, uint64_t id)
{
	char head[HEAD_SIZE];
	uint64_t names;
	struct err *e = read_head(r, head, &names);
	int knows = e == NULL ? names == id : e->code == ERR_NOTFOUND;

	err_free(e);
	return knows;
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
	char head[HEAD_SIZE], *path;
	struct buf text = BUF_INIT;
	uint64_t names;
	struct err *e = read_head(r, head, &names);

	if (e == NULL && names != index_names(ix))
		e = err_new(ERR_MOVED, "the logs have other names by now");
	if (e == NULL) {
		buf_add(&text, head, sizeof(head));
		index_moved(ix, add_moved, &text);
	}
	if (e == NULL && index_is_damaged(ix))
		e = err_new(ERR_DAMAGED, "the index is damaged");
	if (e == NULL) {
		path = repo_shared_path(r, MOVED);
		e = file_write_cache(path, text.p, text.len);
		free(path);
	}
	buf_release(&text);
	if (e == NULL)
		return 1;
	err_free(e);
	return 0;
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
