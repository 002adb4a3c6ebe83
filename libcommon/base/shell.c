#include "base/shell.h"

#include <stdarg.h>
#include <string.h>

static int
is_safe(const char *s)
{
	static const char safe[] = "abcdefghijklmnopqrstuvwxyz"
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+,-./:=@_^";

	return *s != '\0' && s[strspn(s, safe)] == '\0';
}

void
shell_add_word(struct buf *b, const char *s)
{
	if (is_safe(s)) {
		buf_addstr(b, s);
		return;
	}
	buf_addch(b, '\'');
	for (; *s != '\0'; s++)
		if (*s == '\'')
			buf_addstr(b, "'\\''");
		else
			buf_addch(b, *s);
	buf_addch(b, '\'');
}

char *
shell_format(const char *fmt, ...)
{
	struct buf b = BUF_INIT;
	va_list ap;

	va_start(ap, fmt);
	for (; *fmt != '\0'; fmt++)
		if (fmt[0] == '%' && fmt[1] == 's') {
			shell_add_word(&b, va_arg(ap, const char *));
			fmt++;
		} else {
			buf_addch(&b, *fmt);
		}
	va_end(ap);
	return buf_steal(&b);
}
