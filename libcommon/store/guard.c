#include "store/guard.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/file.h"
#include "base/shell.h"
#include "store/busy.h"

#define WAIT_MS 30000

static char *
lock_path(struct repo *r, const char *name)
{
	return xasprintf("%s/%s.lock", repo_commondir(r), name);
}

/* It was written by us; but what a power loss leaves may be anything. */
static int
is_name(const char *name)
{
	return strcmp(name, "config") == 0 ||
	    (strncmp(name, "refs/", 5) == 0 && strstr(name, "..") == NULL);
}

static int
is_same(const struct stat *a, const struct stat *b)
{
	return a->st_ino == b->st_ino && a->st_size == b->st_size &&
	    a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
	    a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

void
guard_wait(void)
{
	const struct timespec patience = { GUARD_PATIENCE_MS / 1000,
	    GUARD_PATIENCE_MS % 1000 * 1000 * 1000 };

	nanosleep(&patience, NULL);
}

void
guard_remove(const char *path, const struct stat *before)
{
	struct stat now;

	if (lstat(path, &now) == 0 && is_same(before, &now))
		(void)unlink(path);
}

/* The process that wrote this name has died. */
static void
clear_lock(struct repo *r, const char *name)
{
	char *path = lock_path(r, name);
	struct stat before;

	if (lstat(path, &before) == 0) {
		guard_wait();
		guard_remove(path, &before);
	}
	free(path);
}

/* 1 if it is there, younger than that, and nobody is at work on it. */
static int
is_dead(struct repo *r, const char *path, const struct timespec *since,
    struct stat *st)
{
	char *busy;
	int dead;

	if (lstat(path, st) != 0 || !S_ISREG(st->st_mode) ||
	    st->st_mtim.tv_sec < since->tv_sec ||
	    (st->st_mtim.tv_sec == since->tv_sec &&
	    st->st_mtim.tv_nsec < since->tv_nsec))
		return 0;
	busy = busy_who(r, st);
	dead = busy == NULL;
	free(busy);
	return dead;
}

void
guard_clear_packed(struct repo *r, const struct timespec *since)
{
	char *lock = lock_path(r, "packed-refs");
	char *begun = xasprintf("%s/packed-refs.new", repo_commondir(r));
	struct stat st[2];
	int dead = is_dead(r, lock, since, &st[0]), with;

	with = dead && lstat(begun, &st[1]) == 0;
	if (dead)
		guard_wait();
	/* The lock last: nobody writes the other one without it. */
	if (with)
		guard_remove(begun, &st[1]);
	if (dead && (!with || access(begun, F_OK) != 0))
		guard_remove(lock, &st[0]);
	free(begun);
	free(lock);
}

int
guard_is_locked(struct repo *r, const char *name)
{
	char *path = lock_path(r, name);
	int is = access(path, F_OK) == 0;

	free(path);
	return is;
}

static void
hold_signals(sigset_t *saved)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGQUIT);
	sigprocmask(SIG_BLOCK, &set, saved);
}

void
guard_enter(struct guard *g, struct repo *r, const char *name)
{
	char *path = repo_shared_path(r, "git.lock");
	struct buf dead = BUF_INIT;
	struct stat st;
	struct err *e;

	g->path = lock_path(r, name);
	g->lock.fd = -1;
	e = repo_make_state(r);
	if (e == NULL)
		e = lock_take(&g->lock, path, WAIT_MS);
	if (e == NULL)
		e = file_read_fd(g->lock.fd, path, &dead);
	if (e == NULL && dead.len > 0 && is_name(dead.p)) {
		clear_lock(r, dead.p);
		if (fstat(g->lock.fd, &st) == 0)
			guard_clear_packed(r, &st.st_mtim);
	}
	err_free(e);
	hold_signals(&g->saved);
	if (g->lock.fd >= 0 && ftruncate(g->lock.fd, 0) == 0 &&
	    lseek(g->lock.fd, 0, SEEK_SET) == 0 && access(g->path, F_OK) != 0)
		err_free(file_write_fd(g->lock.fd, path, name, strlen(name)));
	buf_release(&dead);
	free(path);
}

void
guard_leave(struct guard *g, int taken)
{
	/* Where it could not be removed (EIO), the next one tries again. */
	if (g->lock.fd >= 0 && (taken || access(g->path, F_OK) != 0))
		(void)!ftruncate(g->lock.fd, 0);
	lock_release(&g->lock);
	sigprocmask(SIG_SETMASK, &g->saved, NULL);
	free(g->path);
}

struct err *
guard_locked(struct repo *r, const char *name)
{
	char *path = lock_path(r, name);
	char *begun = xasprintf("%s/%s.new", repo_commondir(r), name);
	char *command = access(begun, F_OK) == 0 ?
	    shell_format("rm -f %s %s", begun, path) :
	    shell_format("rm -f %s", path);
	struct err *e;

	e = err_new(ERR_LOCKED, "'%s' is locked; if 'pgrep -a git' shows no "
	    "git that is at work here, then one was killed: run "
	    "'%s'", name, command);
	free(command);
	free(begun);
	free(path);
	return e;
}
