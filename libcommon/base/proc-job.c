#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/proc.h"
#include "base/proc-spawn.h"

/*
 * The job runs under a keeper, a child of ours that is the reaper of the
 * job's orphans.  So whatever descends from the keeper is the job's and
 * nothing else is, however often it forked or called setsid(2).  The keeper
 * ends it all when its control pipe closes, which also happens when we are
 * killed.  Should the keeper itself be killed, the mark in the environment
 * finds the rest.
 */

#define JOB_GRACE (2 * CLOCK_SECOND)
#define TICK_MS 100

struct report {
	struct spawn_failure failure;
	int status;		/* of waitpid(2) */
};

/* Output on its way: the head is full before the tail gets any. */
struct bounded {
	size_t half;
	struct buf head, tail;
	size_t dropped;
};

static void
bounded_add(struct bounded *b, const char *data, size_t n)
{
	size_t k = b->half > b->head.len ? b->half - b->head.len : 0;

	if (k > n)
		k = n;
	buf_add(&b->head, data, k);
	buf_add(&b->tail, data + k, n - k);
	if (b->tail.len <= 2 * b->half + 65536)
		return;
	k = b->tail.len - b->half;
	memmove(b->tail.p, b->tail.p + k, b->half + 1);
	b->tail.len = b->half;
	b->dropped += k;
}

/* Part of a line would look like a line, and a part of a number like one. */
static void
cut_to_lines(struct bounded *b)
{
	const char *p;
	size_t n;

	for (n = b->head.len; n > 0 && b->head.p[n - 1] != '\n'; n--)
		continue;
	if (n > 0) {
		b->dropped += b->head.len - n;
		buf_truncate(&b->head, n);
	}
	p = memchr(b->tail.p, '\n', b->tail.len);
	if (p != NULL && (n = (size_t)(p - b->tail.p) + 1) < b->tail.len) {
		memmove(b->tail.p, p + 1, b->tail.len - n + 1);
		b->tail.len -= n;
		b->dropped += n;
	}
}

/* Append what stays to `out`, and free the rest. */
static size_t
bounded_finish(struct bounded *b, struct buf *out)
{
	size_t dropped, k;

	if (b->dropped > 0 || b->tail.len > b->half) {
		k = b->tail.len > b->half ? b->tail.len - b->half : 0;
		memmove(b->tail.p, b->tail.p + k, b->tail.len - k);
		buf_truncate(&b->tail, b->tail.len - k);
		b->dropped += k;
		cut_to_lines(b);
	}
	buf_add(out, b->head.p, b->head.len);
	if (b->dropped > 0)
		buf_addf(out, "%s[%zu bytes left out]\n",
		    b->head.len > 0 && b->head.p[b->head.len - 1] != '\n' ?
		    "\n" : "", b->dropped);
	buf_add(out, b->tail.p, b->tail.len);
	dropped = b->dropped;
	buf_release(&b->head);
	buf_release(&b->tail);
	return dropped;
}

size_t
proc_bound(struct buf *text, size_t keep)
{
	struct bounded b = { keep / 2, BUF_INIT, BUF_INIT, 0 };
	struct buf out = BUF_INIT;
	size_t dropped;

	if (text->len <= keep)
		return 0;
	bounded_add(&b, text->p, text->len);
	dropped = bounded_finish(&b, &out);
	buf_release(text);
	*text = out;
	return dropped;
}

static void
on_child(int sig)
{
	(void)sig;
}

static void
keeper_signals(sigset_t *while_waiting)
{
	static const int ignored[] = {
		SIGINT, SIGQUIT, SIGHUP, SIGTERM, SIGPIPE, SIGTSTP, SIGTTOU,
		SIGUSR1, SIGUSR2, SIGALRM,
	};
	struct sigaction child = { 0 };
	sigset_t block;
	size_t i;

	/* A terminal or a batch system signals us all; it must outlive us. */
	for (i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
		(void)signal(ignored[i], SIG_IGN);
	child.sa_handler = on_child;
	(void)sigaction(SIGCHLD, &child, NULL);
	sigemptyset(while_waiting);
	sigemptyset(&block);
	/* SIGCHLD arrives in pselect(2) and nowhere else, so none is lost. */
	sigaddset(&block, SIGCHLD);
	(void)sigprocmask(SIG_SETMASK, &block, NULL);
}

static void
send_report(int fd, const struct report *r)
{
	while (write(fd, r, sizeof(*r)) < 0 && errno == EINTR)
		continue;
}

/* Reap the job and its orphans; 1 if the job itself was among them. */
static int
reap(pid_t job, int *status)
{
	int found = 0, s;
	pid_t pid;

	while ((pid = waitpid(-1, &s, WNOHANG)) > 0)
		if (pid == job) {
			*status = s;
			found = 1;
		}
	return found;
}

static void
keep_until_told(pid_t job, int control, int report,
    const sigset_t *while_waiting)
{
	struct report r = { { 0, 0 }, 0 };
	int reported = 0, n;
	fd_set set;

	do {
		if (reap(job, &r.status) && !reported) {
			send_report(report, &r);
			reported = 1;
		}
		FD_ZERO(&set);
		FD_SET(control, &set);
		n = pselect(control + 1, &set, NULL, NULL, NULL,
		    while_waiting);
	} while (n <= 0);
	(void)spawn_end_tree(getpid(), job, JOB_GRACE);
	if (!reported) {
		r.status = SIGKILL;	/* should it not have died */
		(void)reap(job, &r.status);
		send_report(report, &r);
	}
}

static _Noreturn void
run_keeper(const struct proc *p, int errors, int control, int report)
{
	struct report r = { { 0, 0 }, 0 };
	struct proc child = *p;
	sigset_t while_waiting;
	struct err *e;
	pid_t job;

	/*
	 * Away from the terminal: nobody is there to answer a question, and a
	 * job in the background that asks one is stopped until it is.
	 */
	(void)setsid();
	keeper_signals(&while_waiting);
	proc_adopt_orphans();
	/* pselect(2) takes no descriptors above FD_SETSIZE. */
	if (control >= FD_SETSIZE)
		_exit(1);
	e = spawn(&child, errors, &job, &r.failure);
	if (e != NULL) {
		send_report(report, &r);
		_exit(0);
	}
	spawn_close(&child.out);
	spawn_close(&errors);
	keep_until_told(job, control, report, &while_waiting);
	_exit(0);
}

/* Our side of a running job. */
struct job {
	pid_t keeper;
	int control;		/* closed: the keeper ends it */
	int report;
	int output, errors;	/* errors: -1 where it goes elsewhere */
	struct buf reported;
	struct bounded kept;
	const struct proc_watcher *watcher; /* or NULL: the output is kept */
	int64_t start, next_tick;
};

struct pipes {
	int control[2], report[2], output[2], errors[2];
};

static void
close_pipe(int fd[2])
{
	spawn_close(&fd[0]);
	spawn_close(&fd[1]);
}

static struct err *
open_pipes(struct pipes *p, int with_errors)
{
	struct err *e;

	e = spawn_pipe(p->control);
	if (e == NULL)
		e = spawn_pipe(p->report);
	if (e == NULL)
		e = spawn_pipe(p->output);
	if (e == NULL && with_errors)
		e = spawn_pipe(p->errors);
	return e;
}

static struct err *
start_keeper(struct job *j, const struct proc *p)
{
	struct pipes f = { { -1, -1 }, { -1, -1 }, { -1, -1 }, { -1, -1 } };
	struct proc child = *p;
	struct err *e;

	e = open_pipes(&f, j->watcher != NULL && j->watcher->errors != NULL);
	if (e != NULL)
		goto done;
	child.out = f.output[1];
	child.flags |= PROC_NEW_GROUP |
	    (j->watcher == NULL ? PROC_MERGE_STDERR : 0);
	j->keeper = fork();
	if (j->keeper == 0) {
		close(f.control[1]);
		close(f.report[0]);
		close(f.output[0]);
		spawn_close(&f.errors[0]);
		run_keeper(&child, f.errors[1], f.control[0], f.report[1]);
	}
	if (j->keeper < 0) {
		e = err_errno("cannot start a process");
		goto done;
	}
	j->control = f.control[1];
	j->report = f.report[0];
	j->output = f.output[0];
	j->errors = f.errors[0];
	f.control[1] = f.report[0] = f.output[0] = f.errors[0] = -1;
done:
	close_pipe(f.control);
	close_pipe(f.report);
	close_pipe(f.output);
	close_pipe(f.errors);
	return e;
}

static void
take_output(struct job *j)
{
	struct buf b = BUF_INIT;

	(void)spawn_read(&j->output, &b);
	if (j->watcher == NULL)
		bounded_add(&j->kept, b.p, b.len);
	else if (b.len > 0)
		j->watcher->output(j->watcher->arg, b.p, b.len);
	buf_release(&b);
}

static void
take_errors(struct job *j)
{
	struct buf b = BUF_INIT;

	(void)spawn_read(&j->errors, &b);
	if (b.len > 0)
		j->watcher->errors(j->watcher->arg, b.p, b.len);
	buf_release(&b);
}

/* Serve what is ready within so many milliseconds. */
static void
serve(struct job *j, int wait_ms)
{
	struct pollfd f[3] = {
		{ j->output, POLLIN, 0 },
		{ j->errors, POLLIN, 0 },
		{ j->report, POLLIN, 0 },
	};

	if (poll(f, 3, wait_ms) <= 0)
		return;
	if (f[0].revents != 0)
		take_output(j);
	if (f[1].revents != 0)
		take_errors(j);
	if (f[2].revents != 0)
		(void)spawn_read(&j->report, &j->reported);
}

/* A watcher looks into folders; not for every piece of a long output. */
static int
must_stop(struct job *j, const volatile int *stop)
{
	int64_t now = clock_monotonic();

	if (j->watcher == NULL)
		return stop != NULL && *stop != 0;
	if (now < j->next_tick)
		return 0;
	j->next_tick = now + TICK_MS * 1000;
	return j->watcher->tick(j->watcher->arg);
}

/* Until the keeper has gone; it is told to when the job ends or has to. */
static void
watch(struct job *j, const struct proc *p, int64_t timeout,
    const volatile int *stop, struct proc_result *r)
{
	int64_t spent, left;
	int said = 0;

	while (j->report >= 0) {
		spent = clock_monotonic() - j->start;
		left = timeout - spent;
		spawn_say_slow(p, j->start, &said);
		if (j->reported.len >= sizeof(struct report)) {
			if (r->wall == 0)
				r->wall = spent;
			/* Whoever told us to stop may have ended it, too. */
			if (j->control >= 0 && j->watcher == NULL)
				r->interrupted = must_stop(j, stop);
			spawn_close(&j->control);
		} else if (j->control >= 0 && must_stop(j, stop)) {
			r->interrupted = 1;
			spawn_close(&j->control);
		} else if (j->control >= 0 && timeout > 0 && left <= 0) {
			r->timed_out = 1;
			spawn_close(&j->control);
		}
		serve(j, timeout > 0 && left > 0 && left < TICK_MS * 1000 ?
		    (int)(left / 1000) + 1 : TICK_MS);
	}
	if (r->wall == 0)
		r->wall = clock_monotonic() - j->start;
}

/* All writers are dead, unless one is stuck in the kernel. */
static void
drain(struct job *j)
{
	int64_t end = clock_monotonic() + CLOCK_SECOND;

	while ((j->output >= 0 || j->errors >= 0) && clock_monotonic() < end)
		serve(j, TICK_MS);
}

static struct err *
finish(struct job *j, const struct proc *p, const char *mark,
    struct proc_result *r)
{
	struct report report = { { 0, 0 }, SIGKILL };
	int status;

	err_free(proc_wait(j->keeper, &status));
	if (j->reported.len >= sizeof(report))
		memcpy(&report, j->reported.p, sizeof(report));
	else
		(void)proc_kill_marked(mark, JOB_GRACE);
	drain(j);
	if (report.failure.stage != 0)
		return spawn_error(p, &report.failure);
	r->status = proc_exit_status(report.status);
	r->signal = WIFSIGNALED(report.status) ? WTERMSIG(report.status) : 0;
	return NULL;
}

/* A variable of its own, since jobs nest, and each keeps the outer marks. */
static char *
make_mark(void)
{
	static unsigned int count;
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return xasprintf("GIT_AGENT_JOB_%lx_%lx%lx_%x=1", (long)getpid(),
	    (long)t.tv_sec, t.tv_nsec, ++count);
}

static struct err *
run_job(struct job *j, const struct proc *p, int64_t timeout,
    const volatile int *stop, struct proc_result *r)
{
	struct strvec env = STRVEC_INIT;
	struct proc marked = *p;
	char *mark = make_mark();
	struct err *e;
	size_t i;

	memset(r, 0, sizeof(*r));
	for (i = 0; p->env != NULL && i < p->env->n; i++)
		strvec_push(&env, p->env->v[i]);
	strvec_push(&env, mark);
	marked.env = &env;
	j->start = clock_monotonic();
	e = start_keeper(j, &marked);
	if (e == NULL) {
		watch(j, p, timeout, stop, r);
		e = finish(j, &marked, mark, r);
	}
	spawn_close(&j->control);
	spawn_close(&j->report);
	spawn_close(&j->output);
	spawn_close(&j->errors);
	buf_release(&j->reported);
	strvec_release(&env);
	free(mark);
	return e;
}

#define JOB_INIT(keep) { -1, -1, -1, -1, -1, BUF_INIT, \
	{ (keep) / 2, BUF_INIT, BUF_INIT, 0 }, NULL, 0, 0 }

struct err *
proc_run_job(const struct proc *p, int64_t timeout, size_t keep,
    const volatile int *stop, struct buf *output, struct proc_result *r)
{
	struct job j = JOB_INIT(keep);
	struct err *e;

	e = run_job(&j, p, timeout, stop, r);
	r->dropped = bounded_finish(&j.kept, output);
	return e;
}

struct err *
proc_watch_job(const struct proc *p, int64_t timeout,
    const struct proc_watcher *watcher, struct proc_result *r)
{
	struct job j = JOB_INIT(0);

	j.watcher = watcher;
	return run_job(&j, p, timeout, NULL, r);
}
