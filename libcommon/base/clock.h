/*
 * Wall-clock time as microseconds since 1970-01-01T00:00:00Z, its one text
 * form, and durations.  Text form: RFC 3339 in UTC with exactly six decimals,
 * "2026-11-22T20:54:31.123456Z", so that text order is time order.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

#define CLOCK_SECOND INT64_C(1000000)
#define CLOCK_COARSE (2 * CLOCK_SECOND)	/* what file systems round times to */
#define CLOCK_TEXT_SIZE 28	/* bytes of the text form, with its NUL */

int64_t	 clock_now(void);		/* wall clock, never below 0 */
int64_t	 clock_monotonic(void);		/* never steps; µs from an unknown start */
void	 clock_format(int64_t, char out[CLOCK_TEXT_SIZE]);
/* Strict: exactly the text form above, years 1970 to 9999.  0, or -1. */
int	 clock_parse(const char *, int64_t *);
/* "2026-11-22 20:54" in the local time zone. */
void	 clock_local(struct buf *, int64_t);
/* "12 seconds ago", "3 hours ago", "in 5 days" for the future: git's words. */
void	 clock_relative(struct buf *, int64_t when, int64_t now);
/* "2h 5m", "45s": for a length of time in microseconds; two units at most. */
void	 clock_duration(struct buf *, int64_t);
/*
 * A duration as people write it: digits with an optional fraction and a unit
 * (s, m, h, d, w; none is seconds), repeated: "90", "1.5h", "1h30m".
 * Result in microseconds, above 0.  ERR_INPUT says what was expected.
 */
struct err *clock_parse_duration(const char *, int64_t *);

#endif
