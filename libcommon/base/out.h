/*
 * Where results go: standard output, through the user's pager where git
 * would use one, in colour where git would.  Chatter goes to stderr.
 */
#ifndef BASE_OUT_H
#define BASE_OUT_H

#include <stdio.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"

/* What a piece of text is, not how it looks. */
enum style {
	STYLE_PLAIN,
	STYLE_BOLD,
	STYLE_DIM,
	STYLE_ID,	/* a record's id: git's yellow */
	STYLE_GOOD,	/* PASS, done, delivered: green */
	STYLE_BAD,	/* FAIL, ERROR, failed: red */
	STYLE_WARN,	/* queued, stale: yellow */
	STYLE_HEAD,	/* a heading: bold cyan */
};

struct out {
	FILE *f;
	int columns;	/* of the terminal; COLUMNS, else the tty's, else 80 */
	int colour;	/* 1: write escape sequences */
	int terminal;	/* 1: a person reads it (directly or by the pager) */
	pid_t pager;	/* 0: none */
	void (*on_interrupt)(int); /* what SIGINT did before the pager ran */
};

/*
 * Begin writing results.  With `paged`, and only if standard output is a
 * terminal, the output runs through git's pager (`git var GIT_PAGER`, LESS
 * and LV set as git sets them).  `colour_setting` is git's color.ui value or
 * NULL: "always", "never", "false", else automatic; NO_COLOR (non-empty)
 * wins over automatic, and so does TERM=dumb.
 */
struct err *out_open(struct out *, int paged, const char *colour_setting);
/*
 * Flush, close and wait for the pager.  A write error (ENOSPC) is an error;
 * a reader that went away (EPIPE) is not.
 */
struct err *out_close(struct out *);
/* What out_close() says of write errors, for any stream; it stays open. */
struct err *out_flush(FILE *);

void	 out_str(struct out *, const char *);
void	 out_printf(struct out *, const char *, ...) PRINTF_LIKE(2, 3);
/* Text in a style; escape sequences only where out->colour. */
void	 out_styled(struct out *, enum style, const char *, ...)
	    PRINTF_LIKE(3, 4);
/* The sequences themselves, for text built in a buf; "" without colour. */
const char *out_begin(const struct out *, enum style);
const char *out_end(const struct out *, enum style);

/*
 * A table: cells are cleaned text in styles; columns as wide as their widest
 * cell; when the whole is wider than the terminal, the column marked as
 * flexible is cut.  Without a terminal nothing is cut.
 */
struct table;
struct table *table_new(size_t columns);
void	 table_right(struct table *, size_t column);	/* align right */
void	 table_flexible(struct table *, size_t column);
/* The next cell, left to right, row by row; the text is copied. */
void	 table_cell(struct table *, enum style, const char *);
void	 table_cellf(struct table *, enum style, const char *, ...)
	    PRINTF_LIKE(3, 4);
/* Write it with `indent` blanks before and two between the columns. */
void	 table_print(struct table *, struct out *, size_t indent);
void	 table_free(struct table *);

#endif
