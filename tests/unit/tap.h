/*
 * The Test Anything Protocol for small C programs: ok() and is_…() count,
 * done_testing() prints the plan and is what main() returns.
 */
#ifndef TESTS_TAP_H
#define TESTS_TAP_H

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"

static int tap_count, tap_failed;

static inline int
tap_report(int passed, const char *file, int line, const char *what)
{
	printf("%sok %d - ", passed ? "" : "not ", ++tap_count);
	for (; *what != '\0'; what++)
		putchar(*what == '\n' || *what == '\r' ? ' ' : *what);
	putchar('\n');
	fflush(stdout);
	if (!passed) {
		tap_failed++;
		printf("# failed at %s:%d\n", file, line);
	}
	return passed;
}

static inline int
tap_is_str(const char *got, const char *want, const char *file, int line,
    const char *what)
{
	int same = got == NULL || want == NULL ? got == want :
	    strcmp(got, want) == 0;

	tap_report(same, file, line, what);
	if (!same)
		printf("# got  '%s'\n# want '%s'\n",
		    got == NULL ? "(null)" : got,
		    want == NULL ? "(null)" : want);
	return same;
}

static inline int
tap_is_int(long long got, long long want, const char *file, int line,
    const char *what)
{
	tap_report(got == want, file, line, what);
	if (got != want)
		printf("# got  %lld\n# want %lld\n", got, want);
	return got == want;
}

/* Takes the error, of which `part` must be a part. */
static inline int
tap_is_err(struct err *e, int code, const char *part, const char *file,
    int line, const char *what)
{
	int fits = e != NULL && (int)e->code == code &&
	    strstr(e->msg, part) != NULL;

	tap_report(fits, file, line, what);
	if (!fits)
		printf("# got  %d '%s'\n# want %d '…%s…'\n",
		    e == NULL ? -1 : (int)e->code,
		    e == NULL ? "success" : e->msg, code, part);
	err_free(e);
	return fits;
}

/* Takes the error, which should be none. */
static inline int
tap_no_err(struct err *e, const char *file, int line, const char *what)
{
	int none = e == NULL;

	tap_report(none, file, line, what);
	if (!none)
		printf("# got  '%s'\n", e->msg);
	err_free(e);
	return none;
}

#define ok(cond, what) tap_report((cond) != 0, __FILE__, __LINE__, (what))
#define is_str(got, want, what) \
	tap_is_str((got), (want), __FILE__, __LINE__, (what))
#define is_int(got, want, what) \
	tap_is_int((got), (want), __FILE__, __LINE__, (what))
#define is_err(e, code, part, what) \
	tap_is_err((e), (code), (part), __FILE__, __LINE__, (what))
#define no_err(e, what) tap_no_err((e), __FILE__, __LINE__, (what))

static inline int
done_testing(void)
{
	printf("1..%d\n", tap_count);
	return tap_failed != 0;
}

#endif
