/* Whether a git is at work in the repository, as far as /proc tells. */
#include "store/busy.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/file.h"

#define ANCESTORS_MAX 64

/* The parent of a process by /proc/<pid>/stat; 0: not known. */
static long
parent_of(long pid)
{
	char *path = xasprintf("/proc/%ld/stat", pid), *close;
	struct buf b = BUF_INIT;
	struct err *e = file_read(path, &b);
	long parent = 0;

	/* "12 (any name) S 1 …" */
	close = e == NULL ? strrchr(b.p, ')') : NULL;
	if (close == NULL || sscanf(close + 1, " %*c %ld", &parent) != 1)
		parent = 0;
	err_free(e);
	buf_release(&b);
	free(path);
	return parent;
}

/* `git agent` waits for us; what started it may be a git as well. */
static int
is_ours(long pid)
{
	long p = (long)getpid();
	int i;

	for (i = 0; i < ANCESTORS_MAX && p > 1; i++, p = parent_of(p))
		if (p == pid)
			return 1;
	return 0;
}

static int
is_git(long pid)
{
	char *path = xasprintf("/proc/%ld/comm", pid);
	struct buf b = BUF_INIT;
	int is;

	err_free(file_read(path, &b));
	is = strncmp(b.p, "git", 3) == 0;
	buf_release(&b);
	free(path);
	return is;
}

static int
is_inside(const char *path, const char *dir)
{
	size_t n = dir == NULL ? 0 : strlen(dir);

	return n > 0 && strncmp(path, dir, n) == 0 &&
	    (path[n] == '\0' || path[n] == '/');
}

/* 1 the link leads into the repository, 0 not, -1 we may not look. */
static int
leads_here(struct repo *r, const char *link)
{
	char to[PATH_MAX];
	ssize_t n = readlink(link, to, sizeof(to) - 1);

	if (n < 0)	/* or it has ended while we looked */
		return errno == EACCES || errno == EPERM ? -1 : 0;
	to[n] = '\0';
	return is_inside(to, repo_commondir(r)) ||
	    is_inside(to, repo_gitdir(r)) || is_inside(to, repo_workdir(r));
}

/* Its current folder, or any file that it has open. */
static int
is_at_work(struct repo *r, long pid)
{
	char *dir = xasprintf("/proc/%ld/fd", pid);
	char *link = xasprintf("/proc/%ld/cwd", pid);
	struct dirent *d;
	DIR *open = opendir(dir);
	int here = leads_here(r, link);

	while (here == 0 && open != NULL && (d = readdir(open)) != NULL) {
		free(link);
		link = xasprintf("%s/%s", dir, d->d_name);
		here = isdigit((unsigned char)d->d_name[0]) &&
		    leads_here(r, link) == 1;
	}
	if (open != NULL)
		closedir(open);
	free(link);
	free(dir);
	return here;
}

/*
 * Of those we may not look at, the ones of the lock's owner count: the lock
 * of another user was not made by them.
 */
static int
may_hold(struct repo *r, long pid, const struct stat *lock)
{
	char *path = xasprintf("/proc/%ld", pid);
	struct stat st;
	int here = is_git(pid) && !is_ours(pid) ? is_at_work(r, pid) : 0;

	if (here < 0)
		here = stat(path, &st) == 0 && st.st_uid == lock->st_uid;
	free(path);
	return here;
}

char *
busy_who(struct repo *r, const struct stat *lock)
{
	DIR *proc = access("/proc/self/stat", R_OK) == 0 ? opendir("/proc") :
	    NULL;
	struct dirent *d;
	char *who = NULL;
	long pid;

	if (proc == NULL)
		return xstrdup("a process (this system does not tell)");
	while (who == NULL && (d = readdir(proc)) != NULL) {
		pid = strtol(d->d_name, NULL, 10);
		if (pid > 0 && may_hold(r, pid, lock))
			who = xasprintf("process %ld", pid);
	}
	closedir(proc);
	return who;
}
