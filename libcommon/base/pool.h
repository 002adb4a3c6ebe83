/*
 * A pool: text that is put together of many small pieces and freed as a
 * whole, such as the fields of a record, where a malloc(3) for each piece
 * would cost more than reading it.  All zero is an empty pool.
 */
#ifndef BASE_POOL_H
#define BASE_POOL_H

#include <stddef.h>

struct pool {
	struct pool_chunk *chunks;	/* newest first */
	char *next;			/* of the newest */
	size_t left;
};

#define POOL_INIT { NULL, NULL, 0 }

/* Let the next `n` bytes in all lie in one chunk. */
void	 pool_reserve(struct pool *, size_t n);
/* Bytes without a value and without alignment; the pool's. */
char	*pool_alloc(struct pool *, size_t n);
/* A copy of n bytes, with a NUL behind them. */
char	*pool_strndup(struct pool *, const char *, size_t n);
void	 pool_release(struct pool *);	/* usable again */

#endif
