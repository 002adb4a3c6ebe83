#include "base/strvec.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

void
strvec_init(struct strvec *s)
{
	memset(s, 0, sizeof(*s));
}

void
strvec_release(struct strvec *s)
{
	size_t i;

	for (i = 0; i < s->n; i++)
		free(s->v[i]);
	free(s->v);
	strvec_init(s);
}

/* Takes the string. */
static void
strvec_take(struct strvec *s, char *str)
{
	if (s->n + 1 >= s->cap) {
		s->cap = s->cap == 0 ? 8 : s->cap * 2;
		s->v = xreallocarray(s->v, s->cap, sizeof(*s->v));
	}
	s->v[s->n++] = str;
	s->v[s->n] = NULL;
}

void
strvec_push(struct strvec *s, const char *str)
{
	strvec_take(s, xstrdup(str));
}

void
strvec_pushf(struct strvec *s, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	strvec_take(s, xvasprintf(fmt, ap));
	va_end(ap);
}

void
strvec_pushl(struct strvec *s, ...)
{
	const char *str;
	va_list ap;

	va_start(ap, s);
	while ((str = va_arg(ap, const char *)) != NULL)
		strvec_push(s, str);
	va_end(ap);
}

int
strvec_has(const struct strvec *s, const char *str)
{
	size_t i;

	for (i = 0; i < s->n; i++)
		if (strcmp(s->v[i], str) == 0)
			return 1;
	return 0;
}
