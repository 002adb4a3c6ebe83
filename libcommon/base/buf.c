#include "base/buf.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

char buf_empty[1];

void
buf_init(struct buf *b)
{
	b->p = buf_empty;
	b->len = 0;
	b->cap = 0;
}

void
buf_release(struct buf *b)
{
	if (b->cap != 0)
		free(b->p);
	buf_init(b);
}

void
buf_clear(struct buf *b)
{
	b->len = 0;
	if (b->cap != 0)
		b->p[0] = '\0';
}

void
buf_grow(struct buf *b, size_t more)
{
	size_t cap = b->cap == 0 ? 64 : b->cap;

	if (b->cap != 0 && b->cap - b->len > more)
		return;
	while (cap - b->len <= more)
		cap *= 2;
	b->p = xreallocarray(b->cap == 0 ? NULL : b->p, cap, 1);
	b->cap = cap;
	b->p[b->len] = '\0';
}

void
buf_add(struct buf *b, const void *data, size_t n)
{
	if (n == 0)
		return;
	buf_grow(b, n);
	memcpy(b->p + b->len, data, n);
	b->len += n;
	b->p[b->len] = '\0';
}

void
buf_addstr(struct buf *b, const char *s)
{
	buf_add(b, s, strlen(s));
}

void
buf_addch(struct buf *b, int c)
{
	char ch = (char)c;

	buf_add(b, &ch, 1);
}

void
buf_vaddf(struct buf *b, const char *fmt, va_list ap)
{
	char *s = xvasprintf(fmt, ap);

	buf_addstr(b, s);
	free(s);
}

void
buf_addf(struct buf *b, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	buf_vaddf(b, fmt, ap);
	va_end(ap);
}

void
buf_truncate(struct buf *b, size_t len)
{
	if (len >= b->len)
		return;
	b->len = len;
	b->p[len] = '\0';
}

void
buf_rtrim(struct buf *b)
{
	size_t n = b->len;

	while (n > 0 && isspace((unsigned char)b->p[n - 1]))
		n--;
	buf_truncate(b, n);
}

char *
buf_steal(struct buf *b)
{
	char *s = b->cap == 0 ? xstrdup("") : b->p;

	buf_init(b);
	return s;
}
