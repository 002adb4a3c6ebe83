#include "store/network.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/proc.h"

#define OUTPUT_MAX (256 * 1024 * 1024)	/* 10,000 writers: 5 MiB */

struct watched {
	const struct network_tick *tick;
	struct buf *output;
};

static void
on_output(void *arg, const char *data, size_t n)
{
	struct watched *w = arg;

	if (w->output->len < OUTPUT_MAX)
		buf_add(w->output, data, n);
}

static int
on_tick(void *arg)
{
	const struct network_tick *tick = ((struct watched *)arg)->tick;

	return tick->call(tick->arg);
}

/* Without a terminal to ask on, and with a limit in time. */
static struct err *
run_job(struct proc *p, int64_t limit, const struct network_tick *tick,
    struct buf *output, int *status)
{
	struct watched w = { tick, output };
	const struct proc_watcher watcher = { on_output, NULL, on_tick, &w };
	struct proc_result result;
	struct err *e;

	p->flags = PROC_MERGE_STDERR;
	if (tick != NULL)
		e = proc_watch_job(p, limit, &watcher, &result);
	else
		e = proc_run_job(p, limit, OUTPUT_MAX, NULL,
		    output, &result);
	*status = result.status;
	if (e == NULL && result.timed_out)
		buf_addstr(output, "\nfatal: no answer in time\n");
	return e;
}

struct err *
network_git(const struct strvec *argv, const char *remote, int background,
    int64_t limit, const struct network_tick *tick, struct buf *output,
    int *status)
{
	struct strvec env = STRVEC_INIT;
	struct proc p = PROC_INIT;
	struct err *e;
	char *slow = xasprintf("waiting for '%s' …", remote);

	strvec_pushl(&env, "LC_ALL=C", "LANGUAGE", (char *)NULL);
	if (background)
		strvec_pushl(&env, "GIT_TERMINAL_PROMPT=0", "GIT_ASKPASS=true",
		    "SSH_ASKPASS_REQUIRE=never", (char *)NULL);
	p.argv = argv;
	p.env = &env;
	p.slow = slow;
	if (background && limit <= 0) {
		buf_addstr(output, "\nfatal: no answer in time\n");
		*status = 1;
		e = NULL;
	} else if (background) {
		e = run_job(&p, limit, tick, output, status);
	} else {
		p.flags = PROC_MERGE_STDERR;
		e = proc_capture(&p, NULL, output, NULL, status);
	}
	strvec_release(&env);
	free(slow);
	return e;
}

const char *
network_in_line(const char *p, const char *stop, const char *word)
{
	return memmem(p, (size_t)(stop - p), word, strlen(word));
}

void
network_add_words(struct buf *b, const char *p, const char *stop, int more)
{
	buf_addf(b, "%s%.*s", b->len == 0 ? "" : more ? " " : "; ",
	    (int)(stop - p), p);
	buf_rtrim(b);
}

char *
network_problem(const char *output, int status)
{
	static const char unread[] = "Could not read from remote";
	struct buf b = BUF_INIT;
	const char *p, *stop, *fatal, *skipped = NULL, *skipped_stop = NULL;
	const char *error = NULL, *error_stop = NULL;
	int goes_on = 0;

	for (p = output; *p != '\0'; p = *stop == '\0' ? stop : stop + 1) {
		stop = p + strcspn(p, "\n");
		/* It may stand behind "Connecting to … ". */
		fatal = network_in_line(p, stop, "fatal: ");
		if (fatal != NULL) {
			p = fatal + 7;
			if (skipped != NULL &&
			    strncmp(p, unread, strlen(unread)) == 0)
				network_add_words(&b, skipped, skipped_stop, 0);
		} else if (!goes_on && strncmp(p, "ssh: ", 5) != 0 &&
		    strncmp(p, "remote: ", 8) != 0) {
			skipped = stop > p ? p : NULL;
			skipped_stop = stop;
			if (strncmp(p, "error: ", 7) == 0) {
				error = p + 7;
				error_stop = stop;
			}
			continue;
		}
		skipped = NULL;
		network_add_words(&b, p, stop, goes_on);
		goes_on = stop > p && stop[-1] == ':';
	}
	/* A push to a bundle says no more than that it failed. */
	if (b.len == 0 && error != NULL)
		network_add_words(&b, error, error_stop, 0);
	if (b.len == 0)
		buf_addf(&b, "git ended with status %d", status);
	return buf_steal(&b);
}
