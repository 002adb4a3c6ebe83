#include "base/pool.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

#define CHUNK_MIN 240
#define CHUNK_MAX 65536

struct pool_chunk {
	struct pool_chunk *older;
	size_t size;
	char bytes[];
};

/* Each as large as all before, within reason. */
static size_t
next_size(const struct pool *p)
{
	size_t n = p->chunks == NULL ? CHUNK_MIN : 2 * p->chunks->size;

	return n < CHUNK_MAX ? n : CHUNK_MAX;
}

void
pool_reserve(struct pool *p, size_t n)
{
	struct pool_chunk *c;

	if (p->chunks != NULL && n <= p->left)
		return;
	if (n < next_size(p))
		n = next_size(p);
	c = xmalloc(sizeof(*c) + n);
	c->size = n;
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
