#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

#include "base/alloc.h"
#include "base/clock.h"
#include "base/proc.h"
#include "base/proc-spawn.h"

/* After KILL: what sleeps in the kernel does not die at once, or ever. */
#define KILL_PATIENCE (5 * CLOCK_SECOND)

#ifdef __linux__

struct entry {
	pid_t pid, parent;
	unsigned long long started;	/* tells a reused pid apart */
	int chosen;
};

struct entries {
	struct entry *v;
	size_t n, cap;
};

/* What is to be ended: a root's descendants, or the carriers of a mark. */
struct target {
	pid_t root;
	pid_t spare;		/* not to be reaped */
	const char *mark;	/* NULL: by root */
};

void
proc_adopt_orphans(void)
{
	(void)prctl(PR_SET_CHILD_SUBREAPER, 1L);
}

static void
pause_ms(long ms)
{
	const struct timespec t = { ms / 1000, ms % 1000 * 1000000 };

	(void)nanosleep(&t, NULL);
}

/* 1 if the process is there and not a zombie. */
static int
read_entry(const char *name, struct entry *e)
{
	char path[64], text[1024], state, *s;
	FILE *f;
	size_t n;

	memset(e, 0, sizeof(*e));
	snprintf(path, sizeof(path), "/proc/%.20s/stat", name);
	f = fopen(path, "re");
	if (f == NULL)
		return 0;
	n = fread(text, 1, sizeof(text) - 1, f);
	fclose(f);
	text[n] = '\0';
	/* The program's name may hold blanks and parentheses. */
	s = strrchr(text, ')');
	if (s == NULL)
		return 0;
	e->pid = (pid_t)atol(name);
	return sscanf(s + 1, " %c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u "
	    "%*u %*u %*d %*d %*d %*d %*d %*d %llu", &state, &e->parent,
	    &e->started) == 3 && state != 'Z' && state != 'X';
}

static void
list_processes(struct entries *all)
{
	struct dirent *d;
	struct entry e;
	DIR *dir;

	dir = opendir("/proc");
	if (dir == NULL)
		return;
	while ((d = readdir(dir)) != NULL) {
		if (d->d_name[0] < '1' || d->d_name[0] > '9' ||
		    !read_entry(d->d_name, &e))
			continue;
		ALLOC_GROW(all->v, all->n, all->cap);
		all->v[all->n++] = e;
	}
	closedir(dir);
}

static int
choose_children(struct entries *all, pid_t parent)
{
	int found = 0;
	size_t i;

	for (i = 0; i < all->n; i++)
		if (all->v[i].parent == parent && !all->v[i].chosen) {
			all->v[i].chosen = 1;
			found = 1;
		}
	return found;
}

static int
is_known(const struct entries *known, const struct entry *e)
{
	size_t i;

	for (i = 0; i < known->n; i++)
		if (known->v[i].pid == e->pid &&
		    known->v[i].started == e->started)
			return 1;
	return 0;
}

/* Whose parent has died has another one now; `known` still has it. */
static void
choose_descendants(struct entries *all, pid_t root,
    const struct entries *known)
{
	int again = 1;
	size_t i;

	(void)choose_children(all, root);
	for (i = 0; i < all->n; i++)
		if (all->v[i].pid == root || is_known(known, &all->v[i]))
			all->v[i].chosen = 1;
	while (again) {
		again = 0;
		for (i = 0; i < all->n; i++)
			if (all->v[i].chosen &&
			    choose_children(all, all->v[i].pid))
				again = 1;
	}
}

static int
carries_mark(pid_t pid, const char *mark)
{
	struct buf b = BUF_INIT;
	size_t at = 0, n;
	int found = 0, fd;
	struct stat st;
	char path[64];
	ssize_t got;

	snprintf(path, sizeof(path), "/proc/%ld/environ", (long)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	/* The superuser may read those of others; they are not ours. */
	got = fstat(fd, &st) == 0 && st.st_uid == geteuid();
	while (got > 0) {
		buf_grow(&b, 65536);
		got = read(fd, b.p + b.len, 65536);
		b.len += got > 0 ? (size_t)got : 0;
	}
	close(fd);
	b.p[b.len] = '\0';
	for (; !found && at < b.len; at += n + 1) {
		n = strlen(b.p + at);
		found = strcmp(b.p + at, mark) == 0;
	}
	buf_release(&b);
	return found;
}

/* The processes to end that are alive now, in `all` as chosen. */
static size_t
choose(struct entries *all, const struct target *t,
    const struct entries *known)
{
	size_t i, chosen = 0;

	all->n = 0;
	list_processes(all);
	if (t->mark == NULL)
		choose_descendants(all, t->root, known);
	for (i = 0; i < all->n; i++) {
		if (all->v[i].pid == getpid())
			all->v[i].chosen = 0;
		else if (t->mark != NULL)
			all->v[i].chosen = carries_mark(all->v[i].pid,
			    t->mark);
		chosen += (size_t)all->v[i].chosen;
	}
	return chosen;
}

/* TERM goes to each process once, KILL as long as it lives. */
static void
signal_chosen(const struct entries *all, struct entries *known, int sig)
{
	size_t i;
	int new;

	for (i = 0; i < all->n; i++) {
		if (!all->v[i].chosen)
			continue;
		new = !is_known(known, &all->v[i]);
		if (new) {
			ALLOC_GROW(known->v, known->n, known->cap);
			known->v[known->n++] = all->v[i];
		}
		if (new || sig == SIGKILL)
			(void)kill(all->v[i].pid, sig);
		/* A stopped process would keep the TERM pending. */
		if (new && sig == SIGTERM)
			(void)kill(all->v[i].pid, SIGCONT);
	}
}

/* Also those that became our children only when their parents died. */
static void
reap_known(const struct entries *known, pid_t spare)
{
	size_t i;

	for (i = 0; i < known->n; i++)
		if (known->v[i].pid != spare)
			(void)waitpid(known->v[i].pid, NULL, WNOHANG);
}

static int
end_processes(const struct target *t, int64_t grace)
{
	struct entries all = { 0 }, known = { 0 };
	int64_t start = clock_monotonic(), waited = 0;
	int count;

	while (choose(&all, t, &known) > 0 && waited < grace + KILL_PATIENCE) {
		signal_chosen(&all, &known,
		    waited < grace ? SIGTERM : SIGKILL);
		pause_ms(waited < 50000 ? 2 : 20);
		reap_known(&known, t->spare);
		waited = clock_monotonic() - start;
	}
	reap_known(&known, t->spare);
	count = (int)known.n;
	free(all.v);
	free(known.v);
	return count;
}

int
spawn_end_tree(pid_t root, pid_t spare, int64_t grace)
{
	struct target t = { root, spare, NULL };

	return end_processes(&t, grace);
}

int
proc_kill_marked(const char *assignment, int64_t grace)
{
	struct target t = { 0, 0, assignment };

	return end_processes(&t, grace);
}

#else

void
proc_adopt_orphans(void)
{
}

int
spawn_end_tree(pid_t root, pid_t spare, int64_t grace)
{
	const struct timespec pause = { 0, 10 * 1000 * 1000 };
	int64_t end = clock_monotonic() + grace;

	(void)root;
	if (spare == getpid() || kill(-spare, SIGTERM) != 0)
		return 0;
	(void)kill(-spare, SIGCONT);
	while (clock_monotonic() < end && kill(-spare, 0) == 0)
		(void)nanosleep(&pause, NULL);
	(void)kill(-spare, SIGKILL);
	return 1;
}

int
proc_kill_marked(const char *assignment, int64_t grace)
{
	(void)assignment;
	(void)grace;
	return 0;
}

#endif

int
proc_kill_tree(pid_t root, int64_t grace)
{
	return spawn_end_tree(root, root, grace);
}
