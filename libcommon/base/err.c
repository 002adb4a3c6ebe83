#include "base/err.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

static struct err *
err_make(enum err_code code, const char *text)
{
	struct err *e;
	size_t n = strlen(text) + 1;

	e = xmalloc(sizeof(*e) + n);
	e->code = code;
	memcpy(e->msg, text, n);
	return e;
}

struct err *
err_vnew(enum err_code code, const char *fmt, va_list ap)
{
	struct err *e;
	char *text;

	text = xvasprintf(fmt, ap);
	e = err_make(code, text);
	free(text);
	return e;
}

struct err *
err_new(enum err_code code, const char *fmt, ...)
{
	struct err *e;
	va_list ap;

	va_start(ap, fmt);
	e = err_vnew(code, fmt, ap);
	va_end(ap);
	return e;
}

struct err *
err_errno(const char *fmt, ...)
{
	struct err *e;
	char *text, *full;
	va_list ap;
	int saved = errno;

	va_start(ap, fmt);
	text = xvasprintf(fmt, ap);
	va_end(ap);
	full = xasprintf("%s: %s", text, strerror(saved));
	e = err_make(ERR_SYSTEM, full);
	free(full);
	free(text);
	errno = saved;
	return e;
}

struct err *
err_prefix(struct err *cause, const char *fmt, ...)
{
	struct err *e;
	char *text, *full;
	va_list ap;

	if (cause == NULL)
		return NULL;
	va_start(ap, fmt);
	text = xvasprintf(fmt, ap);
	va_end(ap);
	full = xasprintf("%s: %s", text, cause->msg);
	e = err_make(cause->code, full);
	free(full);
	free(text);
	err_free(cause);
	return e;
}

struct err *
err_first(struct err *first, struct err *later)
{
	if (first == NULL)
		return later;
	err_free(later);
	return first;
}

void
err_free(struct err *e)
{
	free(e);
}
