#include "store/turn.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"
#include "store/guard.h"

#define WAIT_MS 60000
#define DEPTH_MAX 32

static const char at_work[] = "at work\n";
/* For our git, and its hooks: the repository whose turn it is. */
static const char mark[] = "GIT_AGENT_SYNCING";

struct found {
	struct found_lock {
		char *path;
		struct stat st;
	} *v;
	size_t n, cap;
};

static void
add_lock(struct found *f, const char *path, const struct stat *st)
{
	ALLOC_GROW(f->v, f->n, f->cap);
	f->v[f->n].path = xstrdup(path);
	f->v[f->n++].st = *st;
}

static int
is_lock(const char *name)
{
	size_t n = strlen(name);

	return n > 5 && strcmp(name + n - 5, ".lock") == 0;
}

static void
find_locks(const char *dir, int depth, struct found *f)
{
	struct dirent *d;
	DIR *open = opendir(dir);
	struct stat st;
	char *path;

	while (open != NULL && (d = readdir(open)) != NULL) {
		if (d->d_name[0] == '.')	/* no ref begins so */
			continue;
		path = xasprintf("%s/%s", dir, d->d_name);
		if (lstat(path, &st) != 0)
			st.st_mode = 0;
		if (S_ISDIR(st.st_mode) && depth < DEPTH_MAX)
			find_locks(path, depth + 1, f);
		else if (S_ISREG(st.st_mode) && is_lock(d->d_name))
			add_lock(f, path, &st);
		free(path);
	}
	if (open != NULL)
		closedir(open);
}

static void
clear_locks(struct repo *r)
{
	struct strvec folders = STRVEC_INIT;
	struct found f = { NULL, 0, 0 };
	size_t i;

	strvec_pushl(&folders, "refs/agent-remotes",
	    "refs/notes/agent-remotes", (char *)NULL);
	repo_tracked(r, &folders);
	for (i = 0; i < folders.n; i++) {
		char *dir = xasprintf("%s/%s", repo_commondir(r),
		    folders.v[i]);

		find_locks(dir, 0, &f);
		free(dir);
	}
	if (f.n > 0)
		guard_wait();
	for (i = 0; i < f.n; i++) {
		guard_remove(f.v[i].path, &f.v[i].st);
		free(f.v[i].path);
	}
	free(f.v);
	strvec_release(&folders);
}

/* 0: the other turn is another process's, whose locks they may be. */
static int
clear_what_died(struct repo *r, const char *other,
    const struct timespec *since)
{
	struct lock lock = LOCK_INIT;
	struct err *e = lock_take(&lock, other, 0);
	int cleared = e == NULL;

	if (cleared) {
		clear_locks(r);
		guard_clear_packed(r, since);
		(void)!ftruncate(lock.fd, 0);
	}
	lock_release(&lock);
	err_free(e);
	return cleared;
}

/* Take the turn's lock, and read what the one before left there. */
static struct err *
take(struct turn *t, const char *path, int wait, struct buf *left)
{
	struct err *e;

	e = lock_take(&t->lock, path, wait ? WAIT_MS : 0);
	if (e != NULL && e->code == ERR_LOCKED) {
		err_free(e);
		e = err_new(ERR_LOCKED, "another sync of this clone is "
		    "running");
	}
	if (e == NULL)
		e = file_read_fd(t->lock.fd, path, left);
	if (e != NULL)
		lock_release(&t->lock);
	return e;
}

/* In a hook of a git that waits for us, we must not wait for it. */
static int
is_in_turn(struct repo *r)
{
	const char *where = getenv(mark);

	return where != NULL && strcmp(where, repo_commondir(r)) == 0;
}

/* When the one that has died began, or the first of two. */
static struct timespec
began(const struct turn *t, int mine, const char *other, int theirs)
{
	struct timespec since = { 0, 0 };
	struct stat st;

	if (mine && fstat(t->lock.fd, &st) == 0)
		since = st.st_mtim;
	if (theirs && stat(other, &st) == 0 && (!mine ||
	    st.st_mtim.tv_sec < since.tv_sec))
		since = st.st_mtim;
	return since;
}

struct err *
turn_begin(struct turn *t, struct repo *r, const char *which, int wait)
{
	char *path = repo_shared_path(r, which);
	char *other = repo_shared_path(r, strcmp(which, TURN_FETCH) == 0 ?
	    TURN_PUSH : TURN_FETCH);
	struct buf left = BUF_INIT, theirs = BUF_INIT;
	struct timespec since;
	struct err *e;

	t->mark = 0;
	e = take(t, path, wait && !is_in_turn(r), &left);
	if (e != NULL)
		goto done;
	(void)setenv(mark, repo_commondir(r), 1);
	/* A fetch meets the locks of a push, too; which may be at work now. */
	err_free(file_read(other, &theirs));
	since = began(t, left.len > 0, other, theirs.len > 0);
	if ((left.len == 0 && theirs.len == 0) ||
	    clear_what_died(r, other, &since) || left.len == 0)
		t->mark = ftruncate(t->lock.fd, 0) == 0 &&
		    lseek(t->lock.fd, 0, SEEK_SET) == 0;
	/* On a full disk the next one does not know; all else works. */
	if (t->mark)
		err_free(file_write_fd(t->lock.fd, path, at_work,
		    strlen(at_work)));
done:
	buf_release(&theirs);
	buf_release(&left);
	free(other);
	free(path);
	return e;
}

void
turn_end(struct turn *t, int killed)
{
	if (t->lock.fd >= 0 && t->mark && !killed)
		(void)!ftruncate(t->lock.fd, 0);
	if (t->lock.fd >= 0)
		(void)unsetenv(mark);
	lock_release(&t->lock);
}
