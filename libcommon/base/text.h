/*
 * Text for people: UTF-8, columns of a terminal, and the cleaning that every
 * byte from a repository goes through before a terminal or a page sees it.
 */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stddef.h>

#include "base/buf.h"

/* Length of the valid UTF-8 sequence at s (n bytes left), or 0 if invalid. */
size_t	text_utf8_length(const char *s, size_t n);
int	text_is_utf8(const char *s, size_t n);
/* Append s, each invalid byte replaced by U+FFFD; returns how many were. */
size_t	text_add_utf8(struct buf *, const char *s, size_t n);

enum text_clean {
	TEXT_LINE,	/* one line: newline and tab become a space */
	TEXT_BLOCK,	/* newlines and tabs stay */
};
/*
 * Append s made harmless for a terminal: C0 and DEL become ^X, C1 controls,
 * bidirectional controls, line separators, zero-width and other invisible
 * format characters become U+FFFD, as does invalid UTF-8; a carriage return
 * before a newline is dropped.  All else stays.
 */
void	text_clean(struct buf *, const char *s, size_t n, enum text_clean);

/* Columns that clean text takes on a terminal. */
size_t	text_width(const char *);
/*
 * Append s, cut to at most `columns`; what was cut ends in an ellipsis
 * (one column).  Never splits a character.
 */
void	text_fit(struct buf *, const char *s, size_t columns);
/* The same, padded with blanks to exactly `columns` (right: at its left). */
void	text_pad(struct buf *, const char *s, size_t columns, int right);
/*
 * Append clean text broken at blanks, and beside wide characters, into lines
 * of at most `columns`, each line after the first begun with `indent` blanks
 * (which count); the caller has put `used` columns on the first line.
 * Newlines in s stay; lines of it that begin with blanks are kept as they
 * are.  No newline at the end.
 */
void	text_wrap(struct buf *, const char *s, size_t used, size_t indent,
	    size_t columns);

/* Edits (insert, delete, replace, swap neighbours) between two words. */
int	text_distance(const char *, const char *);
/*
 * The name in a NULL-terminated list that is so near to `word` that it was
 * probably meant, or NULL.
 */
const char *text_suggest(const char *word, const char *const *names);

#endif
