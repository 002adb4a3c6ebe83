/*
 * git as a child process that uses the network: its words, and what it says
 * went wrong.  For transfer.c and heads.c.
 */
#ifndef STORE_NETWORK_H
#define STORE_NETWORK_H

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/strvec.h"

/* Called about ten times a second; when it returns non-zero, git is ended. */
struct network_tick {
	int (*call)(void *arg);
	void *arg;
};

#define NETWORK_LIMIT (120 * CLOCK_SECOND)

/*
 * Run git with its untranslated words; stdout and stderr are appended
 * together.  In the background it has no terminal to ask on and a limit in
 * time (µs, NETWORK_LIMIT or what is left of it), and `tick` (or NULL) is
 * called.
 */
struct err *network_git(const struct strvec *argv, const char *remote,
		int background, int64_t limit, const struct network_tick *tick,
		struct buf *output, int *status);
/*
 * What git gave as the reason, malloc'd: its "fatal:" lines with what follows
 * a colon at their end, and the words of ssh and of the other side.  ssh has
 * no mark of its own on all of them: "ada@lab: Permission denied (publickey)."
 */
char	*network_problem(const char *output, int status);
/*
 * A word within one line.  The output has a line for each of perhaps ten
 * thousand refs, so no line is searched beyond its end.
 */
const char *network_in_line(const char *p, const char *stop,
		const char *word);
/* Add words to what is said; `more` joins them to those before. */
void	 network_add_words(struct buf *, const char *p, const char *stop,
		int more);

#endif
