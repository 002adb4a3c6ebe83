/*
 * Child processes, by argument vector and never through a shell, except
 * where the user configured a shell line (PROC_SHELL).  Failure to exec is
 * told apart from the program's own failure.  A child that is "git" itself
 * reads objects as they are: refs/replace/ does not count.
 */
#ifndef BASE_PROC_H
#define BASE_PROC_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/strvec.h"

enum {
	PROC_SHELL = 1,		/* argv[0] is a line for /bin/sh -c */
	PROC_NEW_GROUP = 2,	/* a process group of its own */
	PROC_DIE_WITH_PARENT = 4, /* Linux: SIGKILL when the parent dies */
	PROC_NO_STDERR = 8,	/* stderr to /dev/null */
	PROC_MERGE_STDERR = 16,	/* stderr to where stdout goes */
};

struct proc {
	const struct strvec *argv;
	const char *cwd;	/* NULL: inherited */
	/* NAME=VALUE sets, NAME alone unsets; NULL: inherited as it is. */
	const struct strvec *env;
	int flags;
	int in;			/* descriptor for stdin; -1: /dev/null */
	int out;		/* for stdout; -1: inherited */
	/* Said on our stderr once it has taken three seconds; or NULL.  Only
	 * for what is waited for: proc_capture() and the jobs below. */
	const char *slow;
	int64_t limit;		/* µs, proc_capture() only; 0: none */
};

#define PROC_INIT { NULL, NULL, NULL, 0, -1, -1, NULL, 0 }

/*
 * Start it.  The child gets default signal handlers and an empty mask.  A
 * program that is not there is ERR_NOTFOUND.
 */
struct err *proc_start(const struct proc *, pid_t *);
/* The umask that this process was started with; children get it always. */
mode_t	 proc_umask(void);
/* Another one, for the files of this process alone. */
void	 proc_set_umask(mode_t);
/* Wait for it; status as waitpid(2) gives it. */
struct err *proc_wait(pid_t, int *status);
/* 0…255 the exit status, 128+N killed by signal N (the shell's way). */
int	 proc_exit_status(int status);

/*
 * Run to the end with `input` (may be NULL) on stdin, gathering stdout (and
 * stderr into `err_out` if not NULL); *status as by proc_exit_status().
 * Beyond its limit, it and all its descendants are ended: ERR_SYSTEM.
 */
struct err *proc_capture(const struct proc *, const struct buf *input,
		struct buf *out, struct buf *err_out, int *status);

struct proc_result {
	int status;		/* as by proc_exit_status() */
	int signal;		/* the signal that ended it, or 0 */
	int timed_out;
	int interrupted;	/* *stop became non-zero: it was ended early */
	int64_t wall;		/* µs */
	size_t dropped;		/* bytes left out of the middle of the output */
};

/*
 * Leave out the middle, so that about `keep` bytes stay: whole lines of the
 * head and of the tail, and a line between them that tells.  Returns how many
 * bytes were left out; 0 if all of it stayed.
 */
size_t	 proc_bound(struct buf *, size_t keep);

/*
 * Run a job that may hang or leave children behind: stdout and stderr
 * together into `output` (bounded as by proc_bound()), for at most `timeout`
 * µs, then TERM and, after two seconds, KILL for its whole process tree, also
 * for what escaped by setsid(2), and also when we are killed ourselves.  What
 * the job leaves behind when it ends by itself is ended in the same way.
 * `stop` may be NULL; it points to a flag that a signal handler sets.
 */
struct err *proc_run_job(const struct proc *, int64_t timeout, size_t keep,
		const volatile int *stop, struct buf *output,
		struct proc_result *);

/*
 * The same for a job that is watched while it runs: its output goes to
 * `output`, what it says on stderr to `errors` (NULL: stderr is inherited),
 * piece by piece, and is not kept.  `tick` is called about ten times a second;
 * when it returns non-zero, the job is ended and result->interrupted set.
 */
struct proc_watcher {
	void (*output)(void *arg, const char *, size_t);
	void (*errors)(void *arg, const char *, size_t);
	int (*tick)(void *arg);
	void *arg;
};

struct err *proc_watch_job(const struct proc *, int64_t timeout,
		const struct proc_watcher *, struct proc_result *);

/*
 * Become the reaper of orphaned descendants (Linux; elsewhere a no-op), so
 * that proc_kill_tree() can find what a child left behind.
 */
void	 proc_adopt_orphans(void);
/*
 * End `root` and all its descendants (where it is this process itself, the
 * descendants alone): TERM, wait up to `grace` µs, KILL.  Reaps those that
 * are our children, except `root`, which stays for the caller's proc_wait().
 * Returns how many processes there were.  Not Linux: the process group.
 */
int	 proc_kill_tree(pid_t root, int64_t grace);
/*
 * End all processes of this user whose environment holds NAME=VALUE (what a
 * supervisor that was itself killed left running).  Linux; elsewhere 0.
 */
int	 proc_kill_marked(const char *assignment, int64_t grace);

#endif
