/*
 * INI files, read by inih: sections, git's `[section "name"]` form, `key =
 * value`, comments after `;` or `#` at the start of a line (`;` also after a
 * blank inside a line, as in git-config), continuation by indentation not
 * supported.  Order is kept; every value knows its line.  A section's header
 * is an entry of its own, with "" as key and value, so that an empty section
 * is seen too.
 */
#ifndef BASE_CONF_H
#define BASE_CONF_H

#include <stddef.h>

#include "base/err.h"

struct conf_value {
	char *section;	/* "oracle" */
	char *name;	/* the quoted part, or "" */
	char *key;
	char *value;
	int line;
};

struct conf {
	char *path;	/* as named in messages */
	struct conf_value *v;
	size_t n, cap;
};

#define CONF_INIT { NULL, NULL, 0, 0 }

/*
 * Parse text.  A malformed line is ERR_CONFIG: "'.gitagent' line 7: expected
 * …".  Section and key names are compared without regard to case and stored
 * in lower case; quoted names are kept as they are.
 */
struct err *conf_parse(struct conf *, const char *path, const char *text,
		size_t len);
void	 conf_release(struct conf *);
/* The last value given, or NULL. */
const struct conf_value *conf_get(const struct conf *, const char *section,
		const char *name, const char *key);
/* ERR_CONFIG that names file and line: "'.gitagent' line 7: …". */
struct err *conf_error(const struct conf *, const struct conf_value *,
		const char *, ...) PRINTF_LIKE(3, 4);

#endif
