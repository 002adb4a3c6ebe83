#include "base/proc.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "tap.h"

#define SECONDS(n) ((n) * CLOCK_SECOND)

static struct proc_result result;
static struct buf output = BUF_INIT;

static struct err *
job(const char *line, int64_t timeout, size_t keep, const volatile int *stop)
{
	struct strvec argv = STRVEC_INIT;
	struct proc p = PROC_INIT;
	struct err *e;

	strvec_push(&argv, line);
	p.argv = &argv;
	p.flags = PROC_SHELL;
	buf_clear(&output);
	e = proc_run_job(&p, timeout, keep, stop, &output, &result);
	strvec_release(&argv);
	return e;
}

/* The pids that the output lists, one a line: how many still live. */
static int
count_alive(void)
{
	const char *s = output.p;
	int n = 0;
	pid_t pid;

	for (; *s != '\0'; s += strcspn(s, "\n"), s += *s == '\n') {
		pid = (pid_t)atol(s);
		if (pid > 0 && kill(pid, 0) == 0)
			n++;
	}
	return n;
}

/* The same, after waiting for init to reap what is not ours to reap. */
static int
alive(void)
{
	int i, n = 1;

	for (i = 0; i < 100 && (n = count_alive()) > 0; i++)
		(void)usleep(20000);
	return n;
}

static void
test_capture(void)
{
	struct strvec argv = STRVEC_INIT, env = STRVEC_INIT;
	struct buf in = BUF_INIT, out = BUF_INIT, err = BUF_INIT;
	struct proc p = PROC_INIT;
	int status, i;
	char *big;

	strvec_pushl(&argv, "cat", (char *)NULL);
	p.argv = &argv;
	for (i = 0; i < 200000; i++)
		buf_addstr(&in, "0123456789");
	no_err(proc_capture(&p, &in, &out, NULL, &status), "cat");
	big = in.p;
	ok(out.len == in.len && memcmp(out.p, big, in.len) == 0,
	    "two megabytes in and out");
	buf_clear(&out);
	strvec_release(&argv);
	strvec_push(&argv, "exec 0<&-; echo $A$B; echo no >&2; exit 7");
	strvec_pushl(&env, "A=x", "HOME", "B=y=z", (char *)NULL);
	p.flags = PROC_SHELL;
	p.env = &env;
	p.cwd = "/";
	no_err(proc_capture(&p, &in, &out, &err, &status),
	    "input that nobody reads");
	is_int(status, 7, "the exit status");
	is_str(out.p, "xy=z\n", "stdout, and the environment");
	is_str(err.p, "no\n", "stderr");
	strvec_release(&argv);
	strvec_push(&argv, "sleep 5 2>/dev/null & echo now");
	buf_clear(&out);
	no_err(proc_capture(&p, NULL, &out, NULL, &status),
	    "a daemon that holds the pipe");
	is_str(out.p, "now\n", "is not waited for");
	strvec_release(&argv);
	/* As a program that asks at a terminal where nobody is. */
	strvec_push(&argv, "trap '' TERM; kill -STOP $$; sleep 600");
	p.limit = CLOCK_SECOND / 5;
	is_err(proc_capture(&p, NULL, &out, &err, &status), ERR_SYSTEM,
	    "did not end within", "a limit ends what is stopped");
	strvec_release(&argv);
	strvec_release(&env);
	buf_release(&in);
	buf_release(&out);
	buf_release(&err);
}

static void
test_start(void)
{
	struct strvec argv = STRVEC_INIT;
	struct proc p = PROC_INIT;
	pid_t pid;
	int status;

	strvec_push(&argv, "no-such-program-here");
	p.argv = &argv;
	is_err(proc_start(&p, &pid), ERR_NOTFOUND, "no-such-program-here",
	    "a program that is not there");
	ok(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD,
	    "leaves no zombie");
	strvec_release(&argv);
	strvec_push(&argv, "true");
	p.cwd = "/no/such/folder";
	is_err(proc_start(&p, &pid), ERR_SYSTEM, "/no/such/folder",
	    "a folder that is not there");
	strvec_release(&argv);
	strvec_push(&argv, "kill -TERM $$");
	p.cwd = NULL;
	p.flags = PROC_SHELL | PROC_NEW_GROUP | PROC_DIE_WITH_PARENT;
	(void)signal(SIGTERM, SIG_IGN);
	no_err(proc_start(&p, &pid), "starts");
	no_err(proc_wait(pid, &status), "ends");
	(void)signal(SIGTERM, SIG_DFL);
	is_int(proc_exit_status(status), 128 + SIGTERM,
	    "signals are at their defaults");
	strvec_release(&argv);
}

static void
test_job(void)
{
	volatile int stop = 1;

	no_err(job("echo out; echo err >&2; exit 3", SECONDS(20), 1000,
	    NULL), "a job");
	is_int(result.status, 3, "its status");
	is_str(output.p, "out\nerr\n", "both streams in order");
	ok(result.wall < SECONDS(5) && !result.timed_out, "in time");
	no_err(job("kill -SEGV $$", SECONDS(20), 1000, NULL), "a crash");
	is_int(result.signal, SIGSEGV, "its signal");
	no_err(job("sleep 60", CLOCK_SECOND / 5, 1000, NULL), "too long");
	ok(result.timed_out && result.wall < SECONDS(2), "is ended");
	no_err(job("trap '' TERM; sleep 60; sleep 60", CLOCK_SECOND / 5, 1000,
	    NULL), "deaf to TERM");
	is_int(result.signal, SIGKILL, "is killed");
	no_err(job("sleep 60", SECONDS(20), 1000, &stop), "stopped");
	ok(result.interrupted && !result.timed_out, "is told so");
	is_str(output.p, "", "nothing");
}

static void
test_bounds(void)
{
	struct buf b = BUF_INIT;

	no_err(job("seq 1 100000", SECONDS(20), 100, NULL), "much output");
	ok(strncmp(output.p, "1\n2\n", 4) == 0, "its head");
	ok(strstr(output.p, "\n99999\n100000\n") != NULL, "its tail");
	ok(strstr(output.p, " bytes left out]\n") != NULL, "what is between");
	ok(output.len < 200 && result.dropped > 500000, "is dropped");
	buf_addstr(&b, "aaaa\nbbbb\ncccc\ndddd\n");
	is_int((long long)proc_bound(&b, 20), 0, "what fits");
	is_str(b.p, "aaaa\nbbbb\ncccc\ndddd\n", "is as it was");
	is_int((long long)proc_bound(&b, 14), 10, "whole lines only");
	is_str(b.p, "aaaa\n[10 bytes left out]\ndddd\n", "stay");
	buf_release(&b);
}

#ifdef __linux__
static void
test_escapes(void)
{
	int64_t start = clock_monotonic();

	no_err(job("sleep 60 & echo $!; exit 0", SECONDS(20), 1000, NULL),
	    "a child left behind");
	is_int(alive(), 0, "is ended");
	no_err(job("(setsid sh -c 'echo $$; sleep 60' & ); sleep .2",
	    SECONDS(20), 1000, NULL), "a daemon");
	ok(output.len > 0, "that ran");
	is_int(alive(), 0, "is ended");
	no_err(job("(setsid env -i /bin/sh -c 'trap \"\" TERM; echo $$; "
	    "sleep 60; sleep 60' & ); sleep 60", CLOCK_SECOND / 2, 1000,
	    NULL), "a deaf one without environment");
	ok(output.len > 0, "that ran");
	is_int(alive(), 0, "is ended");
	no_err(job("(setsid sh -c 'echo $$; sleep 60' & ); sleep .2; "
	    "kill -KILL $PPID; sleep 60", SECONDS(20), 1000, NULL),
	    "a job that kills its keeper");
	ok(output.len > 0, "that ran");
	is_int(alive(), 0, "is ended");
	is_int(result.status, 137, "and has failed");
	ok(clock_monotonic() - start < SECONDS(15), "all in time");
}

/* The job's keeper outlives us for as long as it takes to end the job. */
static void
test_own_death(void)
{
	char path[] = "/tmp/test-proc.XXXXXX", line[128];
	int fd = mkstemp(path), i;
	pid_t child;

	snprintf(line, sizeof(line), "setsid sleep 60 & echo $! >%s; sleep 60",
	    path);
	(void)fflush(stdout);
	child = fork();
	if (child == 0) {
		err_free(job(line, SECONDS(60), 1000, NULL));
		_exit(0);
	}
	buf_clear(&output);
	buf_grow(&output, 32);
	for (i = 0; i < 200 && output.len == 0; i++) {
		(void)usleep(20000);
		output.len = (size_t)pread(fd, output.p, 31, 0);
		output.p[output.len] = '\0';
	}
	is_int(count_alive(), 1, "a job of another process");
	(void)kill(child, SIGKILL);
	(void)waitpid(child, NULL, 0);
	is_int(alive(), 0, "is ended when that is killed");
	close(fd);
	(void)unlink(path);
}

static void
test_kill_tree(void)
{
	struct strvec argv = STRVEC_INIT, env = STRVEC_INIT;
	struct proc p = PROC_INIT;
	pid_t pid, group;
	char mark[64];
	int status;

	proc_adopt_orphans();
	strvec_push(&argv, "sleep 60 & setsid sleep 60 & "
	    "(setsid sleep 60 &); sleep .1; kill -STOP $$");
	/* Of this process alone: others may run the same test. */
	snprintf(mark, sizeof(mark), "GIT_AGENT_TEST_MARK=%ld-",
	    (long)getpid());
	strvec_push(&env, mark);
	p.argv = &argv;
	p.env = &env;
	p.flags = PROC_SHELL | PROC_NEW_GROUP;
	no_err(proc_start(&p, &pid), "a tree");
	while (waitpid(pid, &status, WUNTRACED) < 0)
		continue;
	is_int(proc_kill_tree(pid, SECONDS(2)), 3, "root and two children");
	no_err(proc_wait(pid, &status), "the root is left to be waited for");
	is_int(proc_exit_status(status), 128 + SIGTERM, "though stopped");
	is_int(proc_kill_tree(getpid(), SECONDS(2)), 1, "the orphan is ours");
	ok(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD, "no zombies");
	strvec_release(&argv);
	strvec_push(&argv, "sleep 60 & sleep 60");
	no_err(proc_start(&p, &pid), "another");
	group = pid;
	(void)usleep(100000);
	mark[strlen(mark) - 1] = '\0';
	is_int(proc_kill_marked(mark, SECONDS(1)), 0,
	    "part of a mark is none");
	is_int(proc_kill_marked(env.v[0], SECONDS(2)), 3, "by mark");
	ok(kill(-group, 0) != 0 && errno == ESRCH, "all of it");
	strvec_release(&argv);
	strvec_push(&argv, "(trap '' TERM; exec sleep 60) & sleep 60");
	no_err(proc_start(&p, &pid), "one that hears no TERM");
	(void)usleep(200000);
	ok(proc_kill_tree(pid, SECONDS(1) / 10) >= 2, "its parent does");
	(void)proc_wait(pid, &status);
	ok(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD,
	    "is killed all the same");
	strvec_release(&argv);
	strvec_release(&env);
}
#endif

int
main(void)
{
	test_start();
	test_capture();
	test_job();
	test_bounds();
#ifdef __linux__
	test_escapes();
	test_own_death();
	test_kill_tree();
#endif
	buf_release(&output);
	return done_testing();
}
