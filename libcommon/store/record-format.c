/* The part of record.h that writes one. */
#include "store/record.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"

/* git's empty tree. */
static const char empty_tree[] = "4b825dc642cb6eb9a060e54bf8d69288fbee4904";

static void
format_signature(struct buf *b, const char *role, const char *ident,
    int64_t when)
{
	time_t s = (time_t)(when / CLOCK_SECOND);
	struct tm tm;
	long minutes = 0;

	if (localtime_r(&s, &tm) != NULL)
		minutes = tm.tm_gmtoff / 60;
	buf_addf(b, "%s %s %lld %c%02ld%02ld\n", role, ident, (long long)s,
	    minutes < 0 ? '-' : '+', labs(minutes) / 60, labs(minutes) % 60);
}

/* Lines without blanks at their ends, no blank lines at either end. */
static void
format_body(struct buf *b, const char *body)
{
	const char *end, *p, *stop;

	while (isspace((unsigned char)*body))
		body++;
	end = body + strlen(body);
	while (end > body && isspace((unsigned char)end[-1]))
		end--;
	if (body == end)
		return;
	buf_addch(b, '\n');
	for (p = body; p < end; p = stop < end ? stop + 1 : end) {
		stop = memchr(p, '\n', (size_t)(end - p));
		if (stop == NULL)
			stop = end;
		buf_add(b, p, (size_t)(stop - p));
		if (b->p[b->len - 1] == '\r')
			buf_truncate(b, b->len - 1);
		buf_addch(b, '\n');
	}
}

void
record_format(struct buf *b, const struct draft *d, const char *writer,
    int64_t when, const struct oid *parents, size_t parent_count,
    const char *author, const char *committer)
{
	char hex[OID_HEX_SIZE], clock[CLOCK_TEXT_SIZE];
	const char *p;
	size_t i;

	oid_hex(&d->tree, hex);
	buf_addf(b, "tree %s\n", oid_is_zero(&d->tree) ? empty_tree : hex);
	for (i = 0; i < parent_count; i++) {
		oid_hex(&parents[i], hex);
		buf_addf(b, "parent %s\n", hex);
	}
	format_signature(b, "author", author, when);
	format_signature(b, "committer", committer, when);
	buf_addf(b, "\n%s: ", d->kind);
	for (p = d->subject; *p != '\0'; p++)
		buf_addch(b, *p == '\n' || *p == '\r' ? ' ' : *p);
	buf_addch(b, '\n');
	if (d->body != NULL)
		format_body(b, d->body);
	clock_format(when, clock);
	buf_addf(b, "\nAgent-Kind: %s\n", d->kind);
	for (i = 0; i < d->trailers.n; i++)
		buf_addf(b, "%s: %s\n", d->trailers.v[i].key,
		    d->trailers.v[i].value);
	buf_addf(b, "Agent-Writer: %s\nAgent-Clock: %s\n", writer, clock);
}
