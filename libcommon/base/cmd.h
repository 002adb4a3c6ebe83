/*
 * A command is a const descriptor at the top of its own file; cmd_main()
 * turns it into a program: -h (usage), --help (the man page), --version,
 * --git-completion-helper, the option table, errors and exit status.
 */
#ifndef BASE_CMD_H
#define BASE_CMD_H

#include <stddef.h>

#include "base/err.h"
#include "base/opt.h"

/* Exit statuses that all commands share; others are in each man page. */
enum {
	EXIT_YES = 0,
	EXIT_NO = 1,		/* a documented "no" */
	EXIT_FATAL = 128,
	EXIT_USAGE = 129,
};

struct cmd {
	const char *name;	/* "git-agent-log" */
	const char *summary;	/* one line, lower case, no full stop */
	/* Synopsis lines without the name, NULL-terminated. */
	const char *const *usage;
	const struct opt *opts;
	size_t values_size;	/* of the struct that the table fills */
	/* Words that may stand first (log kinds, verbs), NULL-terminated, for
	 * the completions; NULL if there are none. */
	const char *const *words;
	/* Set defaults before parsing; may be NULL. */
	void (*defaults)(void *values);
	/*
	 * The work.  argv holds the operands.  *status is EXIT_YES on entry.
	 * An error is printed as "fatal: …" (ERR_USAGE: "error: …" and the
	 * usage) and wins over *status.
	 */
	struct err *(*run)(void *values, int argc, char **argv, int *status);
};

/*
 * The folder of the running executable, malloc'd, or NULL: by /proc where
 * there is one, else by the name that it was called with and PATH.
 */
char	*cmd_folder(void);
int	cmd_main(const struct cmd *, int argc, char **argv);
/* Open a manual page, as --help does: 0, or -1 if there is none. */
int	cmd_manual(const char *page);
/* "warning: …" on stderr, cleaned for a terminal. */
void	cmd_warn(const char *, ...) PRINTF_LIKE(1, 2);
/* A plain line on stderr, cleaned: what happened, for a person. */
void	cmd_note(const char *, ...) PRINTF_LIKE(1, 2);

#endif
