/* The file agent/writer: the id of this clone's log; see writer.h. */
#include "store/writer-locked.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"
#include "store/last.h"
#include "store/repair.h"
#include "store/sign.h"
#include "store/writer-name.h"

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

/* What the file says. */
struct self {
	char *id;		/* NULL: there is no file, or it is a copy's */
	char *copied;		/* then the id that the original still uses */
	int wrote;		/* there is a log of that id */
};

static void
self_release(struct self *me)
{
	free(me->id);
	free(me->copied);
	memset(me, 0, sizeof(*me));
}

/* "<id>\n<inodes>\n" and, behind the first record, "log\n". */
static void
parse(struct repo *r, char *text, ino_t file, struct self *me)
{
	char *save = NULL, *name = strtok_r(text, "\n", &save);
	char *where = strtok_r(NULL, "\n", &save);
	char *wrote = where == NULL ? NULL : strtok_r(NULL, "\n", &save);
	struct buf here = BUF_INIT;

	/* Cut short by a crash or an editor: a new writer loses nothing. */
	if (name == NULL || !writer_name_ok(name))
		return;
	if (where != NULL && place(r, file, &here) &&
	    strcmp(here.p, where) == 0)
		me->id = xstrdup(name);
	else
		me->copied = xstrdup(name);
	me->wrote = wrote != NULL && strcmp(wrote, "log") == 0;
	buf_release(&here);
}

static struct err *
load(struct repo *r, struct self *me)
{
	char *path = repo_shared_path(r, "writer");
	struct buf text = BUF_INIT;
	struct err *e = NULL;
	struct stat st = { 0 };
	int fd;

	memset(me, 0, sizeof(*me));
	/* One descriptor: the file may be replaced while we look. */
	fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		goto done;
	if (fd < 0 || fstat(fd, &st) != 0)
		e = err_errno("cannot open '%s'", path);
	if (e == NULL)
		e = file_read_fd(fd, path, &text);
	if (e == NULL)
		parse(r, text.p, st.st_ino, me);
done:
	if (fd >= 0)
		close(fd);
	buf_release(&text);
	free(path);
	return e;
}

static struct err *
store(struct repo *r, const char *id, int wrote)
{
	char *path = repo_shared_path(r, "writer"), *tmp;
	struct buf text = BUF_INIT;
	struct err *e = NULL;
	struct stat st;
	int fd;

	tmp = xasprintf("%s.new", path);
	/* What is left of a killed process, or a link to anywhere. */
	(void)unlink(tmp);
	fd = open(tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd < 0 || fstat(fd, &st) != 0) {
		e = err_errno("cannot create '%s'", tmp);
		goto done;
	}
	buf_addf(&text, "%s\n", id);
	place(r, st.st_ino, &text);
	buf_addstr(&text, wrote ? "\nlog\n" : "\n");
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

/* Where the log of an id is, put back if it is gone; *any 0: nowhere. */
static struct err *
find_tip(struct repo *r, const char *ref, struct oid *tip, int *any)
{
	struct err *e = ref_read(r, ref, tip);

	*any = e == NULL;
	if (e == NULL || e->code != ERR_NOTFOUND)
		return e;
	err_free(e);
	return writer_has_written(r) ? log_restore(r, ref, tip, any) : NULL;
}

/* A new id whose log begins where the log of `old` (may be NULL) is. */
static struct err *
take_new_id(struct repo *r, const char *old, char **id)
{
	char *from = NULL, *to = NULL;
	struct oid tip;
	struct err *e;
	int any = 0;

	e = writer_name_mint(id);
	if (e != NULL || old == NULL)
		goto done;
	from = xasprintf(LOG_PREFIX "%s", old);
	to = xasprintf(LOG_PREFIX "%s", *id);
	e = find_tip(r, from, &tip, &any);
	if (e == NULL && any)
		e = ref_swap(r, to, NULL, &tip);
done:
	if (e == NULL)
		e = store(r, *id, any);
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
	char *path = repo_shared_path(r, "lock");
	struct err *e = ref_check_quarantine();

	if (e == NULL)
		e = repo_make_state(r);
	if (e == NULL)
		e = lock_take(lock, path, LOCK_WAIT_MS);
	free(path);
	return e;
}

int64_t
writer_tip_clock(struct repo *r, const struct oid *tip)
{
	struct record rec;
	struct err *e = record_read(r, tip, &rec);
	int64_t clock = rec.clock;

	err_free(e);
	record_release(&rec);
	return clock;
}

/* The log that this clone wrote to last, by its own word, if it is here. */
static struct err *
find_last(struct repo *r, char **id)
{
	const size_t n = strlen(LOG_PREFIX);
	struct err *e = NULL;
	char *ref = NULL;
	struct oid tip;

	if (last_read(r, &ref, &tip) && strncmp(ref, LOG_PREFIX, n) == 0 &&
	    writer_name_ok(ref + n)) {
		e = ref_read(r, ref, &tip);
		if (e == NULL)
			*id = xstrdup(ref + n);
	}
	if (e != NULL && e->code == ERR_NOTFOUND) {
		err_free(e);
		e = NULL;
	}
	free(ref);
	return e;
}

/*
 * The file is lost, but this clone's log may be here, so that the new one
 * continues it and what was not pushed still arrives.  Without a word about
 * it, the newest one; but a bare repository holds the logs of others.
 */
static struct err *
find_log(struct repo *r, char **id)
{
	struct reflist logs = REFLIST_INIT;
	struct err *e = find_last(r, id);
	int64_t clock, newest = -1;
	size_t i;

	if (e != NULL || *id != NULL || repo_workdir(r) == NULL)
		return e;
	e = ref_list(r, LOG_PREFIX, &logs);
	for (i = 0; e == NULL && i < logs.n; i++) {
		const char *name = logs.v[i].name + strlen(LOG_PREFIX);

		clock = writer_tip_clock(r, &logs.v[i].id);
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
	struct self me;
	struct err *e;

	*id = NULL;
	e = load(r, &me);
	if (e == NULL && me.id == NULL && me.copied == NULL)
		e = find_log(r, &me.copied);
	if (e == NULL && me.id == NULL)
		e = take_new_id(r, me.copied, id);
	else if (e == NULL)
		*id = xstrdup(me.id);
	self_release(&me);
	return e;
}

struct err *
writer_id(struct repo *r, int make, char **id)
{
	struct lock lock = LOCK_INIT;
	struct self me;
	struct err *e;

	e = load(r, &me);
	*id = me.id;
	me.id = NULL;
	self_release(&me);
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
	struct self me;
	struct err *e;

	e = load(r, &me);
	if (e == NULL)
		e = writer_id(r, me.copied != NULL, id);
	self_release(&me);
	return e;
}

struct err *
writer_log(struct repo *r, char **ref)
{
	struct self me;
	struct err *e;

	*ref = NULL;
	e = load(r, &me);
	if (e == NULL && (me.id != NULL || me.copied != NULL))
		*ref = xasprintf(LOG_PREFIX "%s", me.id != NULL ? me.id :
		    me.copied);
	self_release(&me);
	return e;
}

int
writer_has_written(struct repo *r)
{
	struct self me;
	struct err *e = load(r, &me);
	int wrote = e == NULL && me.wrote;

	err_free(e);
	self_release(&me);
	return wrote;
}

struct err *
writer_forget_log(struct repo *r)
{
	struct lock lock = LOCK_INIT;
	char *id = NULL;
	struct err *e;

	e = writer_lock(r, &lock);
	if (e == NULL)
		e = writer_id_locked(r, &id);
	if (e == NULL)
		e = store(r, id, 0);
	lock_release(&lock);
	free(id);
	return e;
}

/* Without it, only a log that is lost would not be noticed. */
void
writer_wrote_locked(struct repo *r, const char *id)
{
	err_free(store(r, id, 1));
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
