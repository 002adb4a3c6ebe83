/*
 * Regular expressions: PCRE2, with limits on time and memory so that no
 * pattern and no text can hang a command.
 */
#ifndef BASE_MATCH_H
#define BASE_MATCH_H

#include <stddef.h>

#include "base/err.h"

struct match;

enum {
	MATCH_CASELESS = 1,
	MATCH_MULTILINE = 2,	/* ^ and $ at every line */
};

/*
 * Compile; UTF-8 text that is not valid is matched as far as it is.  A
 * malformed pattern is ERR_INPUT with PCRE2's words and the offset.
 */
struct err *match_compile(struct match **, const char *pattern, int flags);
void	 match_free(struct match *);
/*
 * Search text[*at … len); 1 found, 0 not, and -1 with an error in *e when a
 * limit was hit.  On 1, *at is moved behind the match (always forward).
 */
int	 match_next(struct match *, const char *text, size_t len, size_t *at,
	    struct err **e);
/*
 * Of the last match found: the text of a named group, malloc'd, or NULL if
 * the pattern has no such group or it took no part in the match.
 */
char	*match_group(const struct match *, const char *name);
int	 match_has_group(const struct match *, const char *name);

#endif
