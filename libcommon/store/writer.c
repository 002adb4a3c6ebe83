#include "store/writer.h"

#include <errno.h>
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
#include "base/lock.h"
#include "store/repair.h"
#include "store/sign.h"
#include "store/writer-name.h"
#include "store/writer-locked.h"

/* The lock is held while a record is signed. */
#define LOCK_WAIT_MS (30000 + (int)(SIGN_LIMIT / 1000))

/* What shows where the file was written: inodes change when it is copied. */
static int
place(const struct repo *r, ino_t file, struct buf *b)
{
	struct stat common, agent;
	char *dir = repo_shared_path(r, ".");
	int ok;

	ok = stat(repo_commondir(r), &common) == 0 && stat(dir, &agent) == 0;
	if (ok)
		buf_addf(b, "%ju %ju %ju", (uintmax_t)common.st_ino,
		    (uintmax_t)agent.st_ino, (uintmax_t)file);
	free(dir);
	return ok;
}

/* "<id>\n<inodes>\n".  *id stays NULL if there is no file or it is a copy's;
 * then *copied is the id that the original still uses. */
static struct err *
load(struct repo *r, char **id, char **copied)
{
	struct buf text = BUF_INIT, here = BUF_INIT;
	char *path = repo_shared_path(r, "writer"), *name, *where, *save = NULL;
	struct err *e = NULL;
	struct stat st;
	int fd;

	*id = *copied = NULL;
	/* One descriptor: the file may be replaced while we look. */
	fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		goto done;
	if (fd < 0 || fstat(fd, &st) != 0)
		e = err_errno("cannot open '%s'", path);
	if (e == NULL)
		e = file_read_fd(fd, path, &text);
	if (e != NULL)
		goto done;
	name = strtok_r(text.p, "\n", &save);
	where = strtok_r(NULL, "\n", &save);
	/* Cut short by a crash or an editor: a new writer loses nothing. */
	if (name == NULL || !writer_name_ok(name))
		goto done;
	if (where != NULL && place(r, st.st_ino, &here) &&
	    strcmp(here.p, where) == 0)
		*id = xstrdup(name);
	else
		*copied = xstrdup(name);
done:
	if (fd >= 0)
		close(fd);
	buf_release(&text);
	buf_release(&here);
	free(path);
	return e;
}

static struct err *
store(struct repo *r, const char *id)
{
	char *path = repo_shared_path(r, "writer"), *tmp;
	struct buf text = BUF_INIT;
	struct err *e = NULL;
	struct stat st;
	int fd;

	tmp = xasprintf("%s.new", path);
	fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0 || fstat(fd, &st) != 0) {
		e = err_errno("cannot create '%s'", tmp);
		goto done;
	}
	buf_addf(&text, "%s\n", id);
	place(r, st.st_ino, &text);
	buf_addch(&text, '\n');
	e = file_write_fd(fd, tmp, text.p, text.len);
	if (e == NULL && fsync(fd) != 0)
		e = err_errno("cannot sync '%s'", tmp);
	if (e == NULL && rename(tmp, path) != 0)
		e = err_errno("cannot replace '%s'", path);
done:
	if (fd >= 0)
		close(fd);
	buf_release(&text);
	free(tmp);
	free(path);
	return e;
}

/* A new id whose log begins where the log of `old` (may be NULL) is. */
static struct err *
take_new_id(struct repo *r, const char *old, char **id)
{
	char *from = NULL, *to = NULL;
	struct oid tip;
	struct err *e;

	e = writer_name_mint(id);
	if (e != NULL || old == NULL)
		goto done;
	from = xasprintf(LOG_PREFIX "%s", old);
	to = xasprintf(LOG_PREFIX "%s", *id);
	e = ref_read(r, from, &tip);
	if (e == NULL)
		e = ref_swap(r, to, NULL, &tip);
	else if (e->code == ERR_NOTFOUND) {
		err_free(e);
		e = NULL;
	}
done:
	if (e == NULL)
		e = store(r, *id);
	if (e != NULL) {
		free(*id);
		*id = NULL;
	}
	free(from);
	free(to);
	return e;
}

struct err *
writer_lock(struct repo *r, struct lock *lock)
{
	struct err *e = repo_make_state(r);
	char *path = repo_shared_path(r, "lock");

	if (e == NULL)
		e = lock_take(lock, path, LOCK_WAIT_MS);
	free(path);
	return e;
}

/* The clock of the record at the tip of our own log; 0 if not believed. */
static int64_t
tip_clock(struct repo *r, const struct oid *tip)
{
	struct record rec;
	struct err *e = record_read(r, tip, &rec);
	int64_t clock = rec.clock;

	err_free(e);
	record_release(&rec);
	return clock;
}

/*
 * The file is lost, but this clone's log may be here: the newest one, so
 * that the new log continues it and what was not pushed still arrives.  A
 * bare repository holds the logs of others.
 */
static struct err *
find_log(struct repo *r, char **id)
{
	struct reflist logs = REFLIST_INIT;
	struct err *e;
	int64_t clock, newest = -1;
	size_t i;

	if (repo_workdir(r) == NULL)
		return NULL;
	e = ref_list(r, LOG_PREFIX, &logs);
	for (i = 0; e == NULL && i < logs.n; i++) {
		const char *name = logs.v[i].name + strlen(LOG_PREFIX);

		clock = tip_clock(r, &logs.v[i].id);
		if (clock <= newest || !writer_name_ok(name))
			continue;
		newest = clock;
		free(*id);
		*id = xstrdup(name);
	}
	reflist_release(&logs);
	return e;
}

struct err *
writer_id_locked(struct repo *r, char **id)
{
	char *copied = NULL;
	struct err *e;

	e = load(r, id, &copied);
	if (e == NULL && *id == NULL && copied == NULL)
		e = find_log(r, &copied);
	if (e == NULL && *id == NULL)
		e = take_new_id(r, copied, id);
	free(copied);
	return e;
}

struct err *
writer_id(struct repo *r, int make, char **id)
{
	struct lock lock = LOCK_INIT;
	char *copied = NULL;
	struct err *e;

	e = load(r, id, &copied);
	free(copied);
	if (e != NULL || *id != NULL || !make)
		return e;
	e = writer_lock(r, &lock);
	if (e == NULL)
		e = writer_id_locked(r, id);
	lock_release(&lock);
	return e;
}

struct err *
writer_settle(struct repo *r, char **id)
{
	struct lock lock = LOCK_INIT;
	char *copied = NULL;
	struct err *e;

	e = load(r, id, &copied);
	if (e == NULL && *id == NULL && copied != NULL) {
		e = writer_lock(r, &lock);
		if (e == NULL)
			e = writer_id_locked(r, id);
		lock_release(&lock);
	}
	free(copied);
	return e;
}

struct err *
writer_log(struct repo *r, char **ref)
{
	char *id = NULL, *copied = NULL;
	struct err *e;

	*ref = NULL;
	e = load(r, &id, &copied);
	if (e == NULL && (id != NULL || copied != NULL))
		*ref = xasprintf(LOG_PREFIX "%s", id != NULL ? id : copied);
	free(id);
	free(copied);
	return e;
}

struct err *
writer_renew(struct repo *r, char **id)
{
	struct lock lock = LOCK_INIT;
	char *old = NULL;
	struct err *e;

	*id = NULL;
	e = writer_lock(r, &lock);
	if (e == NULL)
		e = writer_id_locked(r, &old);
	if (e == NULL)
		e = take_new_id(r, old, id);
	lock_release(&lock);
	free(old);
	return e;
}

static int64_t
seen_clock(struct repo *r)
{
	char *path = repo_shared_path(r, "clock");
	struct buf text = BUF_INIT;
	int64_t clock = 0;

	err_free(file_read(path, &text));
	buf_rtrim(&text);
	if (clock_parse(text.p, &clock) != 0)
		clock = 0;
	buf_release(&text);
	free(path);
	return clock;
}

void
writer_saw(struct repo *r, int64_t clock)
{
	char text[CLOCK_TEXT_SIZE], *path;

	if (clock > clock_now() + CLOCK_AHEAD_MAX || clock <= seen_clock(r))
		return;
	clock_format(clock, text);
	path = repo_shared_path(r, "clock");
	/* A cache: without it the tips that we push after still order us. */
	err_free(file_write_cache(path, text, strlen(text)));
	free(path);
}

int64_t
writer_next_clock(struct repo *r, const struct oid *tip)
{
	int64_t now = clock_now(), seen[2];
	int64_t clock = now;
	size_t i;

	seen[0] = tip == NULL ? 0 : tip_clock(r, tip);
	seen[1] = seen_clock(r);
	for (i = 0; i < 2; i++)
		if (seen[i] >= clock && seen[i] <= now + CLOCK_AHEAD_MAX)
			clock = seen[i] + 1;
	return clock;
}

struct err *
stamp_init(struct stamp *s, struct repo *r, const char *writer)
{
	struct err *e;

	memset(s, 0, sizeof(*s));
	s->writer = writer;
	e = repo_identity(r, "AUTHOR", &s->author);
	if (e == NULL)
		e = repo_identity(r, "COMMITTER", &s->committer);
	return e;
}

void
stamp_release(struct stamp *s)
{
	free(s->author);
	free(s->committer);
}

struct err *
writer_format(const struct draft *d, const struct stamp *s, int64_t clock,
    const struct oid *parent, struct buf *commit)
{
	struct oid *parents;
	size_t n = 0;

	parents = xcalloc(d->also_count + 1, sizeof(*parents));
	if (parent != NULL)
		parents[n++] = *parent;
	if (d->also_count > 0)
		memcpy(&parents[n], d->also, d->also_count * sizeof(*parents));
	n += d->also_count;
	record_format(commit, d, s->writer, clock, parents, n, s->author,
	    s->committer);
	free(parents);
	if (commit->len > RECORD_TEXT_MAX)
		return err_new(ERR_INPUT, "a record holds at most 1 MiB of "
		    "text, this one has %zu bytes; shorten it", commit->len);
	return NULL;
}

/* The commit of a draft, written; the caller moves the ref. */
static struct err *
write_commit(struct repo *r, const struct draft *d, const char *writer,
    const struct oid *parent, int sign, struct oid *id)
{
	struct buf commit = BUF_INIT;
	struct stamp stamp;
	struct err *e;

	e = stamp_init(&stamp, r, writer);
	if (e == NULL && oid_is_zero(&d->tree)) {
		struct oid empty;	/* so that git can check it out */

		e = object_write(r, OBJECT_TREE, "", 0, &empty);
	}
	if (e == NULL)
		e = writer_format(d, &stamp, writer_next_clock(r, parent),
		    parent, &commit);
	if (e == NULL && sign)
		e = sign_commit(r, &commit);
	if (e == NULL)
		e = object_write(r, OBJECT_COMMIT, commit.p, commit.len, id);
	buf_release(&commit);
	stamp_release(&stamp);
	return e;
}

struct err *
writer_tip_locked(struct repo *r, const char *ref, struct oid *tip, int *any)
{
	struct err *e = log_check(r, ref);

	*any = 0;
	if (e == NULL)
		e = ref_read(r, ref, tip);
	if (e == NULL)
		*any = 1;
	if (e != NULL && e->code == ERR_NOTFOUND) {
		err_free(e);
		e = NULL;
	}
	return e;
}

static struct err *
append_locked(struct repo *r, const struct draft *d, struct oid *id)
{
	char *writer = NULL, *ref = NULL;
	struct oid tip;
	struct err *e;
	int any;

	e = writer_id_locked(r, &writer);
	if (e != NULL)
		return e;
	ref = xasprintf(LOG_PREFIX "%s", writer);
	e = writer_tip_locked(r, ref, &tip, &any);
	if (e == NULL)
		e = write_commit(r, d, writer, any ? &tip : NULL, 1, id);
	if (e == NULL)
		e = ref_swap(r, ref, any ? &tip : NULL, id);
	free(writer);
	free(ref);
	return e;
}

struct err *
writer_append(struct repo *r, const struct draft *d, struct oid *id)
{
	struct lock lock = LOCK_INIT;
	struct err *e;
	int tries = 0;

	do {
		e = writer_lock(r, &lock);
		if (e == NULL)
			e = append_locked(r, d, id);
		lock_release(&lock);
		/* Somebody moved the ref with plain git: read it again. */
		if (e == NULL || e->code != ERR_MOVED || ++tries == 5)
			break;
		err_free(e);
	} while (1);
	return e;
}

struct err *
writer_beat(struct repo *r, const struct draft *d)
{
	char *writer = NULL, *ref = NULL;
	struct oid id;
	struct err *e;

	e = writer_id(r, 1, &writer);
	if (e != NULL)
		return e;
	ref = xasprintf(BEAT_PREFIX "%s", writer);
	e = write_commit(r, d, writer, NULL, 0, &id);
	if (e == NULL)
		e = ref_set(r, ref, &id);
	free(writer);
	free(ref);
	return e;
}
