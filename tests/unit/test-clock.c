#include "base/clock.h"

#include <stdlib.h>

#include "tap.h"

static void
round_trip(const char *text)
{
	char out[CLOCK_TEXT_SIZE];
	int64_t t = -1;

	is_int(clock_parse(text, &t), 0, text);
	clock_format(t, out);
	is_str(out, text, "… and back");
}

static void
rejects(const char *text)
{
	int64_t t;

	is_int(clock_parse(text, &t), -1, text);
}

static void
duration(const char *text, int64_t seconds)
{
	int64_t t = -1;

	no_err(clock_parse_duration(text, &t), text);
	is_int(t, seconds * CLOCK_SECOND, "… in microseconds");
}

static void
no_duration(const char *text)
{
	int64_t t;

	is_err(clock_parse_duration(text, &t), ERR_INPUT, "expected", text);
}

static void
relative(int64_t seconds, const char *want)
{
	struct buf b = BUF_INIT;

	clock_relative(&b, -seconds * CLOCK_SECOND, 0);
	is_str(b.p, want, want);
	buf_release(&b);
}

static void
length(int64_t us, const char *want)
{
	struct buf b = BUF_INIT;

	clock_duration(&b, us);
	is_str(b.p, want, want);
	buf_release(&b);
}

int
main(void)
{
	round_trip("1970-01-01T00:00:00.000000Z");
	round_trip("2000-02-29T12:30:45.999999Z");
	round_trip("2026-11-22T20:54:31.123456Z");
	round_trip("9999-12-31T23:59:59.999999Z");
	rejects("2026-02-29T00:00:00.000000Z");
	rejects("2026-13-01T00:00:00.000000Z");
	rejects("2026-11-22T24:00:00.000000Z");
	rejects("2026-11-22T20:54:31Z");
	rejects("2026-11-22T20:54:31.123456");
	rejects("2026-11-22T20:54:31.123456Z ");
	rejects("1969-12-31T23:59:59.999999Z");
	rejects("");
	duration("90", 90);
	duration("20m", 1200);
	duration("1h30m", 5400);
	duration("1.5h", 5400);
	duration("7d", 604800);
	duration("2w", 1209600);
	no_duration("");
	no_duration("0");
	no_duration("-5m");
	no_duration("5x");
	no_duration("0x10");
	no_duration("1e9");
	no_duration("m");
	no_duration("99999999999999");
	relative(5, "5 seconds ago");
	relative(1, "1 second ago");
	relative(3 * 3600, "3 hours ago");
	relative(-5 * 86400, "in 5 days");
	length(1200 * CLOCK_SECOND, "20m");
	length(7500 * CLOCK_SECOND, "2h 5m");
	length(45 * CLOCK_SECOND, "45s");
	return done_testing();
}
