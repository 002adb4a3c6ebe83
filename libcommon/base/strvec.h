/*
 * A growing vector of strings, always NULL-terminated: `v` serves as argv.
 * It owns its strings.
 */
#ifndef BASE_STRVEC_H
#define BASE_STRVEC_H

#include <stddef.h>

#include "base/err.h"

struct strvec {
	char **v;	/* NULL until the first push */
	size_t n;
	size_t cap;
};

#define STRVEC_INIT { NULL, 0, 0 }

void	strvec_init(struct strvec *);
void	strvec_release(struct strvec *);
void	strvec_push(struct strvec *, const char *);	/* copies */
void	strvec_pushf(struct strvec *, const char *, ...) PRINTF_LIKE(2, 3);
/* Several at once; the last argument is (char *)NULL. */
void	strvec_pushl(struct strvec *, ...);
int	strvec_has(const struct strvec *, const char *);

#endif
