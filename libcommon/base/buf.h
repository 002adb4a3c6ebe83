/*
 * A growing byte string.  It is always NUL-terminated behind its last byte,
 * so that `p` serves as a C string; `p` is never NULL after buf_init().
 * The bytes may contain NUL: `len` counts.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stdarg.h>
#include <stddef.h>

#include "base/err.h"

struct buf {
	char *p;
	size_t len;	/* bytes in use, without the NUL */
	size_t cap;	/* bytes allocated; 0: p is a shared empty string */
};

extern char buf_empty[];
#define BUF_INIT { buf_empty, 0, 0 }

void	 buf_init(struct buf *);
void	 buf_release(struct buf *);	/* free the contents; usable again */
void	 buf_clear(struct buf *);	/* length 0; keeps the memory */
void	 buf_grow(struct buf *, size_t more);	/* room for more bytes */
void	 buf_add(struct buf *, const void *, size_t);
void	 buf_addstr(struct buf *, const char *);
void	 buf_addch(struct buf *, int);
void	 buf_addf(struct buf *, const char *, ...) PRINTF_LIKE(2, 3);
void	 buf_vaddf(struct buf *, const char *, va_list);
void	 buf_truncate(struct buf *, size_t len);	/* len <= b->len */
void	 buf_rtrim(struct buf *);	/* drop white space at the end */
/* The string, now owned by the caller (free(3)); the buf is empty again. */
char	*buf_steal(struct buf *);

#endif
