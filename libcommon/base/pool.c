#include "base/pool.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

#define CHUNK_MIN 240

struct pool_chunk {
	struct pool_chunk *older;
	char bytes[];
};

void
pool_reserve(struct pool *p, size_t n)
{
	struct pool_chunk *c;

	if (n <= p->left)
		return;
	if (n < CHUNK_MIN)
		n = CHUNK_MIN;
	c = xmalloc(sizeof(*c) + n);
	c->older = p->chunks;
	p->chunks = c;
	p->next = c->bytes;
	p->left = n;
}

char *
pool_alloc(struct pool *p, size_t n)
{
	char *bytes;

	pool_reserve(p, n);
	bytes = p->next;
	p->next += n;
	p->left -= n;
	return bytes;
}

char *
pool_strndup(struct pool *p, const char *s, size_t n)
{
	char *copy = pool_alloc(p, n + 1);

	if (n > 0)
		memcpy(copy, s, n);
	copy[n] = '\0';
	return copy;
}

void
pool_release(struct pool *p)
{
	struct pool_chunk *c, *older;

	for (c = p->chunks; c != NULL; c = older) {
		older = c->older;
		free(c);
	}
	memset(p, 0, sizeof(*p));
}
