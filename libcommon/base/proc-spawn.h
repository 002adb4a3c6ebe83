/*
 * Inside proc: what its three files share.
 */
#ifndef BASE_PROC_SPAWN_H
#define BASE_PROC_SPAWN_H

#include <stdint.h>
#include <sys/types.h>

#include "base/proc.h"

/* Where starting a program went wrong in the child; 0 in `stage` is nowhere. */
struct spawn_failure {
	int stage;
	int number;		/* errno */
};

/* As proc_start(), with a descriptor for stderr (-1: as the flags say). */
struct err *spawn(const struct proc *, int stderr_fd, pid_t *,
		struct spawn_failure *);
struct err *spawn_error(const struct proc *, const struct spawn_failure *);
/* A pipe whose ends are not inherited by programs. */
struct err *spawn_pipe(int fd[2]);
void	 spawn_close(int *fd);	/* if it is open; then -1 */
/*
 * Append what can be read at once; 1 if there may be more, 0 at the end of
 * the file, which is then closed.
 */
int	 spawn_read(int *fd, struct buf *);
/* Say p->slow if it is time and *said is 0; it becomes 1. */
void	 spawn_say_slow(const struct proc *, int64_t start, int *said);
/*
 * proc_kill_tree() that leaves the child `spare` unreaped (ended it is).
 * Not Linux: the process group of `spare`.
 */
int	 spawn_end_tree(pid_t root, pid_t spare, int64_t grace);

#endif
