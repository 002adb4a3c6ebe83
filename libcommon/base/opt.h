/*
 * One option table per command drives parsing, usage, the completions and
 * the test that the man page agrees with it.  The values land in a struct
 * that the command declares, at the offset that the table names:
 *
 *	struct args { int json; const char *grep; int64_t wait; struct strvec to; };
 *	static const struct opt opts[] = {
 *		OPT_FLAG(0, "json", struct args, json, "print JSON"),
 *		OPT_STRING(0, "grep", "PATTERN", struct args, grep, "…"),
 *		OPT_END
 *	};
 *
 * Syntax as git's: options and operands mix; `--` ends the options; `-n 3`,
 * `-n3`, `--max=3`, `--max 3`; a unique beginning of a long name will do;
 * flags of one letter cluster; `--no-NAME` clears a flag.  A missing or
 * malformed argument is an ERR_USAGE that names the option.
 */
#ifndef BASE_OPT_H
#define BASE_OPT_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/strvec.h"

enum opt_type {
	OPT_TYPE_FLAG,		/* int: set to 1 */
	OPT_TYPE_STRING,	/* const char *: points into argv */
	OPT_TYPE_INT,		/* int64_t: a whole number, 0 or more */
	OPT_TYPE_DURATION,	/* int64_t: microseconds; see clock.h */
	OPT_TYPE_LIST,		/* struct strvec: may be given again */
};

struct opt {
	char letter;		/* 0: none */
	const char *name;	/* long name without dashes; NULL ends a table */
	const char *arg;	/* metavariable for help; NULL for a flag */
	enum opt_type type;
	size_t offset;
	const char *help;	/* one line, lower case, no full stop */
};

#define OPT_FLAG(l, n, s, m, h) \
	{ l, n, NULL, OPT_TYPE_FLAG, offsetof(s, m), h }
#define OPT_STRING(l, n, a, s, m, h) \
	{ l, n, a, OPT_TYPE_STRING, offsetof(s, m), h }
#define OPT_INT(l, n, a, s, m, h) \
	{ l, n, a, OPT_TYPE_INT, offsetof(s, m), h }
#define OPT_DURATION(l, n, a, s, m, h) \
	{ l, n, a, OPT_TYPE_DURATION, offsetof(s, m), h }
#define OPT_LIST(l, n, a, s, m, h) \
	{ l, n, a, OPT_TYPE_LIST, offsetof(s, m), h }
#define OPT_END { 0, NULL, NULL, OPT_TYPE_FLAG, 0, NULL }

/*
 * Parse argv[1…]; operands are gathered at argv[0…] in their order, *operands
 * counts them, argv[*operands] is NULL.  Values not given stay as they were.
 */
struct err *opt_parse(const struct opt *, void *values, char **argv,
		int *operands);
/* The option part of the usage text, aligned. */
void	 opt_help(const struct opt *, struct buf *);
/*
 * One line per option for the completions:
 * "--grep=\tPATTERN\tonly records that match" (the `=` where it takes one),
 * short ones as "-n=\tN\t…" on lines of their own.
 */
void	 opt_list(const struct opt *, struct buf *);
/* Free what opt_parse() put into lists. */
void	 opt_release(const struct opt *, void *values);

#endif
