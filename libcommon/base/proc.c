#include "base/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

#include "base/alloc.h"
#include "base/clock.h"
#include "base/proc-spawn.h"

#define SLOW_SECONDS 3

extern char **environ;

enum {
	STAGE_FORK = 1,
	STAGE_CWD,
	STAGE_EXEC,
};

/* (mode_t)-1: it was not changed. */
static mode_t umask_given = (mode_t)-1;

mode_t
proc_umask(void)
{
	mode_t mask = umask_given;

	if (mask == (mode_t)-1) {
		mask = umask(0);
		(void)umask(mask);
	}
	return mask;
}

void
proc_set_umask(mode_t mask)
{
	umask_given = proc_umask();
	(void)umask(mask);
}

struct err *
spawn_pipe(int fd[2])
{
	if (pipe(fd) != 0)
		return err_errno("cannot make a pipe");
	(void)fcntl(fd[0], F_SETFD, FD_CLOEXEC);
	(void)fcntl(fd[1], F_SETFD, FD_CLOEXEC);
	return NULL;
}

void
spawn_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

int
spawn_read(int *fd, struct buf *b)
{
	ssize_t n;

	buf_grow(b, 65536);
	n = read(*fd, b->p + b->len, 65536);
	if (n > 0) {
		b->len += (size_t)n;
		b->p[b->len] = '\0';
	} else if (n == 0 || (errno != EINTR && errno != EAGAIN)) {
		spawn_close(fd);
		return 0;
	}
	return 1;
}

/* What a shell line becomes; borrowed strings, freed as one block. */
static char **
make_argv(const struct proc *p)
{
	static const char *const shell[] = { "/bin/sh", "-c" };
	size_t i, n = 0;
	char **v;

	v = xcalloc(p->argv->n + 3, sizeof(*v));
	if (p->flags & PROC_SHELL)
		for (; n < 2; n++)
			memcpy(&v[n], &shell[n], sizeof(*v));
	for (i = 0; i < p->argv->n; i++)
		v[n++] = p->argv->v[i];
	return v;
}

static int
same_name(const char *entry, const char *change)
{
	size_t n = strcspn(change, "=");

	return strncmp(entry, change, n) == 0 && entry[n] == '=';
}

/* git reads objects as they are, not what refs/replace/ puts for them. */
static void
gather_changes(const struct proc *p, struct strvec *changes)
{
	size_t i;

	for (i = 0; p->env != NULL && i < p->env->n; i++)
		strvec_push(changes, p->env->v[i]);
	if (!(p->flags & PROC_SHELL) && strcmp(p->argv->v[0], "git") == 0)
		strvec_push(changes, "GIT_NO_REPLACE_OBJECTS=1");
}

/* The environment with the changes; borrowed strings, freed as one block. */
static char **
make_environment(const struct strvec *changes)
{
	size_t i, j, count = 0, n = 0, more = changes->n;
	char **env;

	while (environ != NULL && environ[count] != NULL)
		count++;
	env = xcalloc(count + more + 1, sizeof(*env));
	for (i = 0; i < count; i++) {
		for (j = 0; j < more; j++)
			if (same_name(environ[i], changes->v[j]))
				break;
		if (j == more)
			env[n++] = environ[i];
	}
	for (j = 0; j < more; j++)
		if (strchr(changes->v[j], '=') != NULL)
			env[n++] = changes->v[j];
	return env;
}

static void
default_signals(void)
{
	sigset_t none;
	int i;

	for (i = 1; i < NSIG; i++)
		if (i != SIGKILL && i != SIGSTOP)
			(void)signal(i, SIG_DFL);
	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

static void
place(int fd, int target)
{
	if (fd >= 0 && fd != target)
		(void)dup2(fd, target);
	else if (fd == target)
		(void)fcntl(fd, F_SETFD, 0);
}

static void
place_descriptors(const struct proc *p, int stderr_fd)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	/* Out of the way of the dup2 calls, should they be that low. */
	int in = p->in >= 0 ? p->in : null, out = p->out, err = stderr_fd;

	if (out >= 0 && out < 1)
		out = fcntl(out, F_DUPFD_CLOEXEC, 3);
	if (err >= 0 && err < 2)
		err = fcntl(err, F_DUPFD_CLOEXEC, 3);
	place(in, STDIN_FILENO);
	place(out, STDOUT_FILENO);
	if (p->flags & PROC_NO_STDERR)
		err = null;
	else if (p->flags & PROC_MERGE_STDERR)
		err = STDOUT_FILENO;
	place(err, STDERR_FILENO);
}

static void
die_with(pid_t parent)
{
#ifdef __linux__
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* It may have died before the call. */
	if (getppid() != parent)
		_exit(127);
#else
	(void)parent;
#endif
}

static _Noreturn void
run_child(const struct proc *p, int stderr_fd, char **argv, char **env,
    pid_t parent, int report)
{
	struct spawn_failure f = { STAGE_EXEC, 0 };

	default_signals();
	(void)umask(proc_umask());
	if (p->flags & PROC_NEW_GROUP)
		(void)setpgid(0, 0);
	if (p->flags & PROC_DIE_WITH_PARENT)
		die_with(parent);
	if (report <= STDERR_FILENO)
		report = fcntl(report, F_DUPFD_CLOEXEC, 3);
	place_descriptors(p, stderr_fd);
	if (p->cwd != NULL && chdir(p->cwd) != 0) {
		f.stage = STAGE_CWD;
	} else {
		environ = env;
		execvp(argv[0], argv);
	}
	f.number = errno;
	if (write(report, &f, sizeof(f)) < 0)
		_exit(126);
	_exit(127);
}

struct err *
spawn_error(const struct proc *p, const struct spawn_failure *f)
{
	const char *name = p->flags & PROC_SHELL ? "/bin/sh" : p->argv->v[0];

	errno = f->number;
	if (f->stage == STAGE_CWD)
		return err_errno("cannot enter the folder '%s'", p->cwd);
	if (f->stage == STAGE_FORK)
		return err_errno("cannot start a process for '%s'", name);
	if (f->number == ENOENT)
		return err_new(ERR_NOTFOUND, "cannot run '%s': "
		    "there is no such program", name);
	return err_errno("cannot run '%s'", name);
}

/* 0 bytes arrive when exec closes the pipe: the program runs. */
static void
read_failure(int fd, struct spawn_failure *f)
{
	ssize_t n;

	do
		n = read(fd, f, sizeof(*f));
	while (n < 0 && errno == EINTR);
	if (n != (ssize_t)sizeof(*f))
		f->stage = 0;
}

struct err *
spawn(const struct proc *p, int stderr_fd, pid_t *pid,
    struct spawn_failure *f)
{
	struct strvec changes = STRVEC_INIT;
	char **argv = make_argv(p), **env;
	pid_t parent = getpid();
	struct err *e;
	int fd[2];

	gather_changes(p, &changes);
	env = make_environment(&changes);
	f->stage = 0;
	e = spawn_pipe(fd);
	if (e != NULL) {
		f->stage = STAGE_FORK;
		f->number = errno;
		goto done;
	}
	*pid = fork();
	if (*pid == 0)
		run_child(p, stderr_fd, argv, env, parent, fd[1]);
	close(fd[1]);
	if (*pid < 0) {
		f->stage = STAGE_FORK;
		f->number = errno;
	} else {
		/* Both sides do it, so that neither is too late. */
		if (p->flags & PROC_NEW_GROUP)
			(void)setpgid(*pid, *pid);
		read_failure(fd[0], f);
	}
	close(fd[0]);
	if (f->stage != 0) {
		while (*pid > 0 && waitpid(*pid, NULL, 0) < 0 &&
		    errno == EINTR)
			continue;
		e = spawn_error(p, f);
	}
done:
	free(argv);
	free(env);
	strvec_release(&changes);
	return e;
}

struct err *
proc_start(const struct proc *p, pid_t *pid)
{
	struct spawn_failure f;

	return spawn(p, -1, pid, &f);
}

struct err *
proc_wait(pid_t pid, int *status)
{
	while (waitpid(pid, status, 0) < 0)
		if (errno != EINTR)
			return err_errno("cannot wait for process %ld",
			    (long)pid);
	return NULL;
}

int
proc_exit_status(int status)
{
	if (WIFSIGNALED(status))
		return 128 + WTERMSIG(status);
	return WEXITSTATUS(status);
}

/* The pipes to a child that proc_capture() serves. */
struct pumps {
	int in, out, err;	/* -1: closed */
	const struct buf *input;
	size_t written;
	struct buf *output, *errors;
};

static void
feed(struct pumps *p)
{
	ssize_t n;

	n = write(p->in, p->input->p + p->written,
	    p->input->len - p->written);
	if (n > 0)
		p->written += (size_t)n;
	/* EPIPE: it did not want all of it, which is its right. */
	if (p->written == p->input->len ||
	    (n < 0 && errno != EINTR && errno != EAGAIN))
		spawn_close(&p->in);
}

/* Serve what is ready within so many milliseconds; 0 if nothing was. */
static int
pump(struct pumps *p, int wait_ms)
{
	struct pollfd f[3] = {
		{ p->in, POLLOUT, 0 },
		{ p->out, POLLIN, 0 },
		{ p->err, POLLIN, 0 },
	};
	int n = poll(f, 3, wait_ms);

	if (n <= 0)
		return n < 0 && errno == EINTR;
	if (f[0].revents != 0)
		feed(p);
	if (f[1].revents != 0)
		(void)spawn_read(&p->out, p->output);
	if (f[2].revents != 0)
		(void)spawn_read(&p->err, p->errors);
	return 1;
}

void
spawn_say_slow(const struct proc *p, int64_t start, int *said)
{
	if (p->slow == NULL || *said ||
	    clock_monotonic() - start < SLOW_SECONDS * CLOCK_SECOND)
		return;
	*said = 1;
	fprintf(stderr, "%s\n", p->slow);
}

/* It took too long, stopped at a terminal that is not its own perhaps. */
static struct err *
give_up(const struct proc *proc, pid_t pid, int *status)
{
	struct err *e = err_new(ERR_SYSTEM, "'%s' did not end within %lld "
	    "seconds", proc->argv->v[0],
	    (long long)(proc->limit / CLOCK_SECOND));

	(void)proc_kill_tree(pid, CLOCK_SECOND);
	return err_first(e, proc_wait(pid, status));
}

/*
 * Until the pipes are closed; or until the child has ended and the pipes are
 * empty, since a daemon that it left behind may hold them open for ever.
 */
static struct err *
pump_all(struct pumps *p, const struct proc *proc, pid_t pid, int *status)
{
	int64_t limit, start = clock_monotonic();
	pid_t got;
	int said = 0;

	while (p->out >= 0 || p->err >= 0) {
		spawn_say_slow(proc, start, &said);
		if (proc->limit != 0 && clock_monotonic() - start > proc->limit)
			return give_up(proc, pid, status);
		if (pump(p, 50))
			continue;
		got = waitpid(pid, status, WNOHANG);
		if (got == 0)
			continue;
		limit = clock_monotonic() + CLOCK_SECOND;
		while ((p->out >= 0 || p->err >= 0) && pump(p, 0) &&
		    clock_monotonic() < limit)
			continue;
		return got > 0 ? NULL : err_errno(
		    "cannot wait for process %ld", (long)pid);
	}
	return proc_wait(pid, status);
}

static struct err *
open_pumps(struct pumps *p, struct proc *child, int *child_err)
{
	struct err *e = NULL;
	int fd[2];

	if (p->input != NULL) {
		e = spawn_pipe(fd);
		if (e != NULL)
			return e;
		child->in = fd[0];
		p->in = fd[1];
		(void)fcntl(p->in, F_SETFL, O_NONBLOCK);
		if (p->input->len == 0)
			spawn_close(&p->in);
	}
	e = spawn_pipe(fd);
	if (e != NULL)
		return e;
	p->out = fd[0];
	child->out = fd[1];
	if (p->errors == NULL)
		return NULL;
	e = spawn_pipe(fd);
	if (e != NULL)
		return e;
	p->err = fd[0];
	*child_err = fd[1];
	return NULL;
}

struct err *
proc_capture(const struct proc *proc, const struct buf *input,
    struct buf *out, struct buf *err_out, int *status)
{
	struct pumps p = { -1, -1, -1, input, 0, out, err_out };
	struct proc child = *proc;
	struct spawn_failure f;
	struct sigaction ignore = { 0 }, saved;
	int child_err = -1, raw = 0;
	struct err *e;
	pid_t pid;

	child.out = -1;
	ignore.sa_handler = SIG_IGN;
	(void)sigaction(SIGPIPE, &ignore, &saved);
	e = open_pumps(&p, &child, &child_err);
	if (e == NULL)
		e = spawn(&child, child_err, &pid, &f);
	if (input != NULL)
		spawn_close(&child.in);
	spawn_close(&child.out);
	spawn_close(&child_err);
	if (e == NULL)
		e = pump_all(&p, proc, pid, &raw);
	*status = proc_exit_status(raw);
	spawn_close(&p.in);
	spawn_close(&p.out);
	spawn_close(&p.err);
	(void)sigaction(SIGPIPE, &saved, NULL);
	return e;
}
