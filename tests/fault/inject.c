/*
 * Run a command and let one of its writes into a folder go wrong.
 *
 *	inject ROOT LOG count COMMAND…
 *	inject ROOT LOG FAULT K COMMAND…
 *
 * A point is a system call, of the command or of any process below it, that
 * changes something below ROOT.  The points are numbered from 1 in the order
 * in which they are seen; `count` writes them all to LOG, one a line:
 *
 *	<number> <own|git> <plain|lock> <call> <path>
 *
 * "own" is a program of this toolkit, "git" another one; "lock" makes a file
 * *.lock or takes a flock(2).  With a FAULT, LOG gets the one line of point K
 * and is empty if the command ended before.  FAULT is
 *
 *	kill, killed	SIGKILL before the call, or when it has returned: to
 *			the process alone if it is own, else to all processes
 *			that work below ROOT/work
 *	term		SIGTERM when the call has returned
 *	ENOSPC, EIO	the call is not made, and returns this
 *
 * The exit status is the command's, 128 + n when a signal ended it.  On other
 * machines than x86_64 and aarch64 it is 77 at once.
 *
 * seccomp(2) stops the processes at the calls in question and nowhere else,
 * so that a traced command is hardly slower.
 */
#include <sys/types.h>

#include <errno.h>
#include <elf.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#define NPROCS 256

/* Where a call has the name of what it changes. */
enum where { IN_FD, IN_PATH, IN_AT };

static const struct call {
	long nr;
	const char *name;
	enum where where;
	int arg;	/* of the descriptor, or of the path */
	int flags;	/* the argument with the flags of open(2), or 0 */
} calls[] = {
	{ SYS_write, "write", IN_FD, 0, 0 },
	{ SYS_pwrite64, "pwrite64", IN_FD, 0, 0 },
	{ SYS_writev, "writev", IN_FD, 0, 0 },
	{ SYS_pwritev, "pwritev", IN_FD, 0, 0 },
	{ SYS_ftruncate, "ftruncate", IN_FD, 0, 0 },
	{ SYS_fsync, "fsync", IN_FD, 0, 0 },
	{ SYS_fdatasync, "fdatasync", IN_FD, 0, 0 },
	{ SYS_fchmod, "fchmod", IN_FD, 0, 0 },
	{ SYS_flock, "flock", IN_FD, 0, 0 },
	{ SYS_openat, "openat", IN_AT, 0, 2 },
	{ SYS_linkat, "linkat", IN_AT, 2, 0 },
	{ SYS_symlinkat, "symlinkat", IN_AT, 1, 0 },
	{ SYS_unlinkat, "unlinkat", IN_AT, 0, 0 },
	{ SYS_mkdirat, "mkdirat", IN_AT, 0, 0 },
	{ SYS_fchmodat, "fchmodat", IN_AT, 0, 0 },
	{ SYS_utimensat, "utimensat", IN_AT, 0, 0 },
	{ SYS_renameat2, "renameat2", IN_AT, 2, 0 },
#ifdef SYS_renameat
	{ SYS_renameat, "renameat", IN_AT, 2, 0 },
#endif
	{ SYS_truncate, "truncate", IN_PATH, 0, 0 },
#ifdef SYS_open
	{ SYS_open, "open", IN_PATH, 0, 1 },
	{ SYS_creat, "creat", IN_PATH, 0, 0 },
	{ SYS_rename, "rename", IN_PATH, 1, 0 },
	{ SYS_link, "link", IN_PATH, 1, 0 },
	{ SYS_symlink, "symlink", IN_PATH, 1, 0 },
	{ SYS_unlink, "unlink", IN_PATH, 0, 0 },
	{ SYS_mkdir, "mkdir", IN_PATH, 0, 0 },
	{ SYS_rmdir, "rmdir", IN_PATH, 0, 0 },
	{ SYS_chmod, "chmod", IN_PATH, 0, 0 },
#endif
};
#define NCALLS (sizeof(calls) / sizeof(calls[0]))

static const char *root, *fault;
static long wanted, seen;
static FILE *logfile;
static pid_t procs[NPROCS];
static size_t nprocs;

static void
die(const char *what)
{
	perror(what);
	exit(125);
}

/* ---- the processes ------------------------------------------------------- */

static void
add_proc(pid_t pid)
{
	size_t i;

	for (i = 0; i < nprocs; i++)
		if (procs[i] == pid)
			return;
	if (nprocs == NPROCS)
		exit(125);
	procs[nprocs++] = pid;
}

static void
drop_proc(pid_t pid)
{
	size_t i;

	for (i = 0; i < nprocs; i++)
		if (procs[i] == pid)
			procs[i] = procs[--nprocs];
}

/* A link below /proc/<pid>, without what the kernel puts behind it. */
static int
proc_link(pid_t pid, const char *name, char out[PATH_MAX])
{
	char link[64], *deleted;
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/%d/%s", (int)pid, name);
	n = readlink(link, out, PATH_MAX - 1);
	if (n < 0)
		return 0;
	out[n] = '\0';
	deleted = strstr(out, " (deleted)");
	if (deleted != NULL)
		*deleted = '\0';
	return 1;
}

static int
is_own(pid_t pid)
{
	char exe[PATH_MAX];

	return proc_link(pid, "exe", exe) &&
	    strncmp(strrchr(exe, '/') + 1, "git-agent", 9) == 0;
}

static int
is_below(const char *path, const char *dir)
{
	size_t n = strlen(dir);

	return strncmp(path, dir, n) == 0 &&
	    (path[n] == '/' || path[n] == '\0');
}

/* All but those that have gone to the remote: that is another machine. */
static void
kill_group(void)
{
	char cwd[PATH_MAX], work[PATH_MAX];
	size_t i;

	snprintf(work, sizeof(work), "%s/work", root);
	for (i = 0; i < nprocs; i++)
		if (proc_link(procs[i], "cwd", cwd) && is_below(cwd, work))
			kill(procs[i], SIGKILL);
}

/* ---- the calls ------------------------------------------------------------ */

static int
read_string(pid_t pid, uint64_t address, char out[PATH_MAX])
{
	struct iovec to = { out, 1 }, from = { NULL, 1 };
	size_t i;

	/* By byte: the next page may not be there. */
	for (i = 0; i < PATH_MAX - 1; i++) {
		to.iov_base = out + i;
		from.iov_base = (void *)(uintptr_t)(address + i);
		if (process_vm_readv(pid, &to, 1, &from, 1, 0) != 1)
			return 0;
		if (out[i] == '\0')
			return 1;
	}
	return 0;
}

static int
path_of(pid_t pid, const struct call *c, const uint64_t *args,
    char out[PATH_MAX])
{
	char name[32], path[PATH_MAX], dir[PATH_MAX] = "";
	int fd = (int)args[c->arg];
	int at = c->where == IN_AT;

	snprintf(name, sizeof(name), "fd/%d", fd);
	/* futimens(fd) is utimensat(fd, NULL). */
	if (c->where == IN_FD || (at && args[c->arg + 1] == 0))
		return proc_link(pid, name, out);
	if (!read_string(pid, args[c->arg + at], path))
		return 0;
	if (*path != '/' && !proc_link(pid, at && fd != AT_FDCWD ? name :
	    "cwd", dir))
		return 0;
	return snprintf(out, PATH_MAX, "%s%s%s", dir, *dir == '\0' ? "" : "/",
	    path) < PATH_MAX;
}

static int
ends_in(const char *s, const char *end)
{
	size_t n = strlen(s), m = strlen(end);

	return n >= m && strcmp(s + n - m, end) == 0;
}

/* A point?  Then it is counted, and its line written if it is asked for. */
static int
is_point(pid_t pid, const struct call *c, const uint64_t *args)
{
	char path[PATH_MAX], work[PATH_MAX];
	int flags = c->flags == 0 ? 0 : (int)args[c->flags];
	int lock;

	if (c->flags != 0 && (flags & (O_CREAT | O_TRUNC)) == 0 &&
	    (flags & O_ACCMODE) == O_RDONLY)
		return 0;
	snprintf(work, sizeof(work), "%s/work", root);
	if (!path_of(pid, c, args, path) || !is_below(path, work))
		return 0;
	lock = strcmp(c->name, "flock") == 0 ||
	    ((flags & O_CREAT) != 0 && ends_in(path, ".lock"));
	seen++;
	if (wanted == 0 || wanted == seen)
		fprintf(logfile, "%ld %s %s %s %s\n", seen,
		    is_own(pid) ? "own" : "git", lock ? "lock" : "plain",
		    c->name, path + strlen(root) + 1);
	return wanted == seen;
}

/* Skip the call that the process is about to make. */
static void
answer(pid_t pid, int error)
{
#if defined(__x86_64__)
	struct user_regs_struct regs;

	if (ptrace(PTRACE_GETREGS, pid, NULL, &regs) != 0)
		die("PTRACE_GETREGS");
	regs.orig_rax = (unsigned long long)-1;
	regs.rax = (unsigned long long)-(long long)error;
	if (ptrace(PTRACE_SETREGS, pid, NULL, &regs) != 0)
		die("PTRACE_SETREGS");
#elif defined(__aarch64__)
	struct user_regs_struct regs;
	int none = -1;
	struct iovec all = { &regs, sizeof(regs) };
	struct iovec nr = { &none, sizeof(none) };

	if (ptrace(PTRACE_GETREGSET, pid, NT_PRSTATUS, &all) != 0)
		die("PTRACE_GETREGSET");
	regs.regs[0] = (unsigned long long)-(long long)error;
	if (ptrace(PTRACE_SETREGSET, pid, NT_PRSTATUS, &all) != 0 ||
	    ptrace(PTRACE_SETREGSET, pid, NT_ARM_SYSTEM_CALL, &nr) != 0)
		die("PTRACE_SETREGSET");
#else
	(void)pid;
	(void)error;
#endif
}

static void
kill_at(pid_t pid)
{
	if (is_own(pid))
		kill(pid, SIGKILL);
	else
		kill_group();
}

/* At a call; 1 if the process is to stop again when it has returned. */
static int
at_call(pid_t pid)
{
	struct __ptrace_syscall_info info;
	uint64_t args[6];
	size_t i;

	if (ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), &info) <= 0)
		return 0;
	for (i = 0; i < NCALLS; i++)
		if ((uint64_t)calls[i].nr == info.seccomp.nr)
			break;
	if (i == NCALLS)
		return 0;
	memcpy(args, info.seccomp.args, sizeof(args));
	if (!is_point(pid, &calls[i], args))
		return 0;
	if (strcmp(fault, "kill") == 0)
		kill_at(pid);
	else if (strcmp(fault, "ENOSPC") == 0)
		answer(pid, ENOSPC);
	else if (strcmp(fault, "EIO") == 0)
		answer(pid, EIO);
	else
		return 1;
	return 0;
}

static void
after_call(pid_t pid)
{
	if (strcmp(fault, "term") == 0)
		kill(pid, SIGTERM);
	else
		kill_at(pid);
}

/* ---- the trace ------------------------------------------------------------ */

/* Stop at the calls of the table, allow the rest. */
static void
install_filter(void)
{
	struct sock_filter code[NCALLS + 3];
	struct sock_fprog prog = { NCALLS + 3, code };
	size_t i;

	code[0] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
	    offsetof(struct seccomp_data, nr));
	for (i = 0; i < NCALLS; i++)
		code[i + 1] = (struct sock_filter)BPF_JUMP(
		    BPF_JMP | BPF_JEQ | BPF_K, (unsigned int)calls[i].nr,
		    (unsigned char)(NCALLS - i), 0);
	code[i + 1] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K,
	    SECCOMP_RET_ALLOW);
	code[i + 2] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K,
	    SECCOMP_RET_TRACE);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog) != 0)
		die("seccomp");
}

static pid_t
start(char **argv)
{
	pid_t pid = fork();
	int status;

	if (pid < 0)
		die("fork");
	if (pid == 0) {
		if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0)
			die("PTRACE_TRACEME");
		raise(SIGSTOP);
		install_filter();
		execvp(argv[0], argv);
		die(argv[0]);
	}
	if (waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status) ||
	    ptrace(PTRACE_SETOPTIONS, pid, NULL, PTRACE_O_TRACESYSGOOD |
	    PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE |
	    PTRACE_O_TRACEEXEC | PTRACE_O_TRACESECCOMP |
	    PTRACE_O_EXITKILL) != 0)
		die("ptrace");
	add_proc(pid);
	if (ptrace(PTRACE_CONT, pid, NULL, NULL) != 0)
		die("PTRACE_CONT");
	return pid;
}

/* What a stop was for, and on. */
static void
go_on(pid_t pid, int status)
{
	int sig = WSTOPSIG(status), event = status >> 16, request = PTRACE_CONT;
	long deliver = 0;

	if (sig == (SIGTRAP | 0x80))
		after_call(pid);
	else if (event == PTRACE_EVENT_SECCOMP)
		request = at_call(pid) ? PTRACE_SYSCALL : PTRACE_CONT;
	else if (event == 0 && sig != SIGSTOP && sig != SIGTRAP)
		deliver = sig;	/* a new process begins with SIGSTOP */
	(void)ptrace(request, pid, NULL, deliver);
}

static int
trace(pid_t first)
{
	int status, result = 125;
	pid_t pid;

	while ((pid = waitpid(-1, &status, __WALL)) > 0 || errno == EINTR) {
		if (pid > 0 && WIFSTOPPED(status)) {
			add_proc(pid);
			go_on(pid, status);
			continue;
		}
		drop_proc(pid);
		if (pid == first)
			result = WIFEXITED(status) ? WEXITSTATUS(status) :
			    128 + WTERMSIG(status);
	}
	return result;
}

int
main(int argc, char **argv)
{
	int result;

#if !defined(__x86_64__) && !defined(__aarch64__)
	return 77;
#endif
	if (argc < 5)
		return 129;
	root = argv[1];
	logfile = fopen(argv[2], "we");
	if (logfile == NULL)
		die(argv[2]);
	fault = argv[3];
	argv += 4;
	if (strcmp(fault, "count") != 0)
		wanted = atol(*argv++);
	result = trace(start(argv));
	if (fclose(logfile) != 0)
		die("log");
	return result;
}
