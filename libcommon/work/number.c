#include "work/number.h"

#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#ifdef __APPLE__
#include <xlocale.h>
#endif

#include "base/alloc.h"
#include "base/buf.h"

/*
 * Never a part of a longer number: not begun inside one, even where a greedy
 * `.*` stands before it, and not ended inside one, such as "1.5.2", the
 * hexadecimal "0x1p-9" or Fortran's "1.5-101", which has no room for the E.
 */
#define NUMBER_PATTERN \
	"(?:(?<![\\d.])(?<![\\d.][eEdD])(?<![\\d.][eEdD][-+])[-+]?+" \
	"(?>(?:\\d++(?:\\.\\d*+)?|\\.\\d++)(?:[eEdD][-+]?\\d++)?+" \
	"(?![-+]?\\.?\\d|[xX][0-9a-fA-F])" \
	"|(?i:nan|inf(?:inity)?)(?![A-Za-z0-9_])))"

static int
parse_word(const char *s, double *v)
{
	double sign = 1;

	if (*s == '-')
		sign = -1;
	if (*s == '-' || *s == '+')
		s++;
	if (strcasecmp(s, "nan") == 0)
		*v = NAN;
	else if (strcasecmp(s, "inf") == 0 || strcasecmp(s, "infinity") == 0)
		*v = sign * INFINITY;
	else
		return -1;
	return 0;
}

/* strtod(3) would ask the user's locale which decimal point it wants. */
static double
parse_in_c(const char *s, char **end)
{
	locale_t c = newlocale(LC_NUMERIC_MASK, "C", (locale_t)0), old;
	double v;

	if (c == (locale_t)0) {
		*end = (char *)(size_t)s;
		return NAN;
	}
	old = uselocale(c);
	v = strtod(s, end);
	(void)uselocale(old);
	freelocale(c);
	return v;
}

int
number_parse(const char *text, double *v)
{
	char *copy, *p, *end;
	int rc = -1;

	if (parse_word(text, v) == 0)
		return 0;
	/* strtod takes hexadecimal and leading blanks, which are not meant. */
	if (*text == '\0' ||
	    strspn(text, "0123456789+-.eEdD") != strlen(text))
		return -1;
	copy = xstrdup(text);
	for (p = copy; *p != '\0'; p++)
		if (*p == 'd' || *p == 'D')
			*p = 'e';
	*v = parse_in_c(copy, &end);
	if (end != copy && *end == '\0')
		rc = 0;
	free(copy);
	return rc;
}

char *
number_expand(const char *pattern)
{
	struct buf b = BUF_INIT;
	const char *hole;

	while ((hole = strstr(pattern, "{num}")) != NULL) {
		buf_add(&b, pattern, (size_t)(hole - pattern));
		buf_addstr(&b, NUMBER_PATTERN);
		pattern = hole + 5;
	}
	buf_addstr(&b, pattern);
	return buf_steal(&b);
}
