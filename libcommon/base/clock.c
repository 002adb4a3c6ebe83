#include "base/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static int64_t
clock_read(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (int64_t)ts.tv_sec * CLOCK_SECOND + ts.tv_nsec / 1000;
}

int64_t
clock_now(void)
{
	int64_t now = clock_read(CLOCK_REALTIME);

	/* A machine without a battery begins in 1970, to the west before. */
	return now < 0 ? 0 : now;
}

int64_t
clock_monotonic(void)
{
	return clock_read(CLOCK_MONOTONIC);
}

/* Days since 1970-01-01 of a civil date, and back: the well-known integer
 * algorithm on years that begin in March (Howard Hinnant, "chrono-Compatible
 * Low-Level Date Algorithms", 2013). */
static int64_t
days_from_civil(int64_t y, int m, int d)
{
	int64_t era, yoe, doy;

	y -= m <= 2;
	era = y / 400;
	yoe = y - era * 400;
	doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
	return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

static void
civil_from_days(int64_t z, int *year, int *month, int *day)
{
	int64_t era, doe, yoe, doy, mp;

	z += 719468;
	era = z / 146097;
	doe = z - era * 146097;
	yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	mp = (5 * doy + 2) / 153;
	*day = (int)(doy - (153 * mp + 2) / 5 + 1);
	*month = (int)(mp < 10 ? mp + 3 : mp - 9);
	*year = (int)(yoe + era * 400 + (*month <= 2));
}

void
clock_format(int64_t us, char out[CLOCK_TEXT_SIZE])
{
	int64_t s, frac;
	int y, mo, d;

	if (us < 0)
		us = 0;
	s = us / CLOCK_SECOND;
	frac = us % CLOCK_SECOND;
	civil_from_days(s / 86400, &y, &mo, &d);
	if (y > 9999)
		y = 9999;
	snprintf(out, CLOCK_TEXT_SIZE, "%04u-%02u-%02uT%02u:%02u:%02u.%06uZ",
	    (unsigned)y % 10000, (unsigned)mo % 100, (unsigned)d % 100,
	    (unsigned)(s / 3600 % 24), (unsigned)(s / 60 % 60),
	    (unsigned)(s % 60), (unsigned)frac % 1000000);
}

/* Of so many digits; below 0 if there is another character among them. */
static int
number(const char *s, int digits)
{
	int v = 0, i;

	for (i = 0; i < digits; i++) {
		if (s[i] < '0' || s[i] > '9')
			return -1;
		v = v * 10 + (s[i] - '0');
	}
	return v;
}

/* Called for each record of a million: without sscanf. */
int
clock_parse(const char *s, int64_t *us)
{
	int year, mon, day, hour, min, sec, frac, y, m, d;

	if (strlen(s) != CLOCK_TEXT_SIZE - 1 || s[4] != '-' || s[7] != '-' ||
	    s[10] != 'T' || s[13] != ':' || s[16] != ':' || s[19] != '.' ||
	    s[26] != 'Z')
		return -1;
	year = number(s, 4);
	mon = number(s + 5, 2);
	day = number(s + 8, 2);
	hour = number(s + 11, 2);
	min = number(s + 14, 2);
	sec = number(s + 17, 2);
	frac = number(s + 20, 6);
	if (year < 1970 || mon < 1 || mon > 12 || day < 1 || day > 31 ||
	    hour < 0 || hour > 23 || min < 0 || min > 59 || sec < 0 ||
	    sec > 59 || frac < 0)
		return -1;
	*us = (((days_from_civil(year, mon, day) * 24 + hour) * 60 + min) *
	    60 + sec) * CLOCK_SECOND + frac;
	/* 31 April and its like do not survive the round trip. */
	if (day <= 28)
		return 0;
	civil_from_days(*us / CLOCK_SECOND / 86400, &y, &m, &d);
	return y == year && m == mon && d == day ? 0 : -1;
}

void
clock_local(struct buf *b, int64_t us)
{
	time_t t = (time_t)(us / CLOCK_SECOND);
	struct tm tm;
	char text[32];

	if (localtime_r(&t, &tm) == NULL ||
	    strftime(text, sizeof(text), "%Y-%m-%d %H:%M", &tm) == 0)
		buf_addstr(b, "(no date)");
	else
		buf_addstr(b, text);
}

void
clock_relative(struct buf *b, int64_t when, int64_t now)
{
	static const struct {
		int64_t limit, unit;	/* seconds */
		const char *name;
	} steps[] = {
		{ 90, 1, "second" },
		{ 90 * 60, 60, "minute" },
		{ 36 * 3600, 3600, "hour" },
		{ 14 * 86400, 86400, "day" },
		{ 70 * 86400, 7 * 86400, "week" },
		{ 730 * 86400, 30 * 86400 + 43800, "month" },
		{ INT64_MAX, 365 * 86400 + 20926, "year" },
	};
	int64_t s, n;
	size_t i = 0;
	int future = when > now;

	s = (future ? when - now : now - when) / CLOCK_SECOND;
	while (s >= steps[i].limit)
		i++;
	n = (s + steps[i].unit / 2) / steps[i].unit;
	buf_addf(b, "%s%lld %s%s%s", future ? "in " : "", (long long)n,
	    steps[i].name, n == 1 ? "" : "s", future ? "" : " ago");
}

void
clock_duration(struct buf *b, int64_t us)
{
	static const struct {
		int64_t unit;
		char name;
	} units[] = { { 86400, 'd' }, { 3600, 'h' }, { 60, 'm' }, { 1, 's' } };
	int64_t s = us < 0 ? 0 : us / CLOCK_SECOND;
	size_t i;

	if (us >= 0 && us < 10 * CLOCK_SECOND) {
		buf_addf(b, "%.1fs", (double)us / (double)CLOCK_SECOND);
		return;
	}
	for (i = 0; s < units[i].unit; i++)
		continue;
	buf_addf(b, "%lld%c", (long long)(s / units[i].unit), units[i].name);
	s %= units[i].unit;
	if (i < 3 && s / units[i + 1].unit != 0)
		buf_addf(b, " %lld%c", (long long)(s / units[i + 1].unit),
		    units[i + 1].name);
}

static double
unit_seconds(char c)
{
	switch (c) {
	case 's': return 1;
	case 'm': return 60;
	case 'h': return 3600;
	case 'd': return 86400;
	case 'w': return 7 * 86400;
	default: return 0;
	}
}

struct err *
clock_parse_duration(const char *text, int64_t *us)
{
	const char *s = text;
	double sum = 0, v, unit;
	char *end;

	do {
		if (*s < '0' || *s > '9')
			goto bad;
		v = strtod(s, &end);
		/* strtod takes "0x10" and "1e9" too; people do not mean it. */
		if (strspn(s, "0123456789.") != (size_t)(end - s))
			goto bad;
		unit = *end == '\0' ? 1 : unit_seconds(*end);
		if (unit == 0 || (*end == '\0' && s != text))
			goto bad;
		sum += v * unit;
		s = *end == '\0' ? end : end + 1;
	} while (*s != '\0');
	if (sum * 1e6 < 1 || sum > 1e10)
		goto bad;
	*us = (int64_t)(sum * 1e6);
	return NULL;
bad:
	return err_new(ERR_INPUT, "'%s' is not a duration; "
	    "expected for example 90s, 20m, 1h30m or 7d", text);
}
