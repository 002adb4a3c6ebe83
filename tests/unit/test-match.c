#include "base/match.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "tap.h"

static int
count(const char *pattern, int flags, const char *text, size_t len)
{
	struct match *m;
	struct err *e = NULL;
	size_t at = 0;
	int n = 0, rc;

	e = match_compile(&m, pattern, flags);
	if (e != NULL) {
		printf("# %s\n", e->msg);
		err_free(e);
		return -2;
	}
	while ((rc = match_next(m, text, len, &at, &e)) > 0)
		n++;
	match_free(m);
	if (rc < 0) {
		printf("# %s\n", e->msg);
		err_free(e);
		return -1;
	}
	return n;
}

#define COUNT(p, f, t) count(p, f, t, sizeof(t) - 1)

static void
test_groups(void)
{
	static const char text[] = "x=1.5\nx=2.5 at=7\n";
	struct match *m;
	struct err *e = NULL;
	size_t at = 0;
	char *s;

	no_err(match_compile(&m, "^x=(?<value>[\\d.]+)(?: at=(?<at>\\d+))?$",
	    MATCH_MULTILINE), "compiles");
	ok(match_has_group(m, "value") && !match_has_group(m, "unit"),
	    "knows its groups");
	is_int(match_next(m, text, sizeof(text) - 1, &at, &e), 1, "first");
	s = match_group(m, "value");
	is_str(s, "1.5", "its value");
	free(s);
	s = match_group(m, "at");
	is_str(s, NULL, "a group that took no part");
	is_int(match_next(m, text, sizeof(text) - 1, &at, &e), 1, "second");
	s = match_group(m, "at");
	is_str(s, "7", "a group that did");
	free(s);
	s = match_group(m, "nope");
	is_str(s, NULL, "no such group");
	is_int(match_next(m, text, sizeof(text) - 1, &at, &e), 0, "no third");
	match_free(m);
}

int
main(void)
{
	char *many = xmalloc(50001);
	struct match *m;

	test_groups();
	is_int(COUNT("a", 0, "banana"), 3, "matches");
	is_int(COUNT("A", MATCH_CASELESS, "banana"), 3, "without case");
	is_int(COUNT("x*", 0, "axé"), 4, "empty matches move forward");
	is_int(COUNT("$", MATCH_MULTILINE, "a\nb\n"), 3, "ends of lines");
	is_int(COUNT("b$", MATCH_MULTILINE, "a\r\nb\r\n"), 1, "CR LF");
	is_int(COUNT("^b", 0, "a\nb"), 0, "one line without MULTILINE");
	is_int(COUNT("ok", 0, "\xff\xfeok\xff ok\xc3"), 2, "invalid UTF-8");
	is_int(COUNT("^.$", 0, "é"), 1, "a character is not a byte");
	is_int(COUNT("b", 0, "a\0b"), 1, "behind a NUL");
	is_int(COUNT("", 0, ""), 1, "nothing in nothing");
	is_err(match_compile(&m, "a(b", 0), ERR_INPUT, "'a(b'", "malformed");
	is_err(match_compile(&m, "\\C", 0), ERR_INPUT, "not valid",
	    "single bytes are refused");
	memset(many, 'a', 50000);
	many[50000] = '\0';
	is_int(count("^(a+)+$", 0, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab",
	    39), -1, "exponential time is an error");
	is_int(count("^(?:(.)|b)*$", 0, many, 50000), 1, "long is fine");
	free(many);
	return done_testing();
}
