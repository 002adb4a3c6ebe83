#include "store/record.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/alloc.h"
#include "base/clock.h"

/* git's empty tree. */
static const char empty_tree[] = "4b825dc642cb6eb9a060e54bf8d69288fbee4904";

void
trailers_release(struct trailers *t)
{
	free(t->v);
	pool_release(&t->text);
	memset(t, 0, sizeof(*t));
}

void
draft_release(struct draft *d)
{
	trailers_release(&d->trailers);
}

static void
one_line(char *value)
{
	while (*(value += strcspn(value, "\n\r")) != '\0')
		*value = ' ';
}

void
trailers_add(struct trailers *t, const char *key, const char *value)
{
	struct trailer *new;

	ALLOC_GROW(t->v, t->n, t->cap);
	new = &t->v[t->n++];
	new->key = pool_strndup(&t->text, key, strlen(key));
	new->value = pool_strndup(&t->text, value, strlen(value));
	one_line(new->value);
}

void
trailers_addf(struct trailers *t, const char *key, const char *fmt, ...)
{
	va_list ap;
	char *value;

	va_start(ap, fmt);
	value = xvasprintf(fmt, ap);
	va_end(ap);
	trailers_add(t, key, value);
	free(value);
}

/* git's white space, in any locale. */
static int
is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static int
is_blank_line(const char *line, const char *end)
{
	while (line < end && is_space(*line))
		line++;
	return line == end;
}

/* The end of the line at p: its newline, or the end of the text. */
static const char *
line_end(const char *p, const char *end)
{
	const char *newline = memchr(p, '\n', (size_t)(end - p));

	return newline == NULL ? end : newline;
}

/*
 * Where the last paragraph begins; NULL if it is also the first, which is
 * the subject and never trailers.
 */
static const char *
last_paragraph(const char *text, const char *end)
{
	const char *p, *stop, *start = NULL;
	int blank_before = 0, seen_text = 0;

	for (p = text; p < end; p = stop < end ? stop + 1 : end) {
		stop = line_end(p, end);
		if (is_blank_line(p, stop)) {
			blank_before = 1;
			continue;
		}
		if (blank_before && seen_text)
			start = p;
		blank_before = 0;
		seen_text = 1;
	}
	return start;
}

/* Length of the key at the start of a trailer line, or 0. */
static size_t
key_length(const char *line, const char *stop)
{
	const char *p = line;
	size_t n;

	while (p < stop && (isalnum((unsigned char)*p) || *p == '-'))
		p++;
	n = (size_t)(p - line);
	while (p < stop && (*p == ' ' || *p == '\t'))
		p++;
	return p < stop && *p == ':' ? n : 0;
}

static void
trim(const char **p, const char **end)
{
	while (*p < *end && is_space(**p))
		++*p;
	while (*end > *p && is_space((*end)[-1]))
		--*end;
}

/* The value that was read last goes on, on a further line behind it. */
static void
join(struct trailer *last, char **last_end, const char *p, const char *stop)
{
	char *out = *last_end;

	trim(&p, &stop);
	if (p == stop)
		return;
	if (out != last->value)
		*out++ = ' ';
	memmove(out, p, (size_t)(stop - p));
	*last_end = out + (stop - p);
	**last_end = '\0';
}

/*
 * 0, or -1 if the line is no part of a trailer.  It lies in a copy of the
 * paragraph, in which the strings stay and end where they are.
 */
static int
trailer_line(struct trailers *t, char **last_end, char *p, char *stop)
{
	const char *value, *end = stop;
	size_t n;

	if ((*p == ' ' || *p == '\t') && *last_end != NULL) {
		join(&t->v[t->n - 1], last_end, p, stop);
		return 0;
	}
	n = key_length(p, stop);
	if (n == 0)
		return -1;
	value = (const char *)memchr(p, ':', (size_t)(stop - p)) + 1;
	trim(&value, &end);
	*last_end = p + (end - p);
	**last_end = '\0';
	p[n] = '\0';
	ALLOC_GROW(t->v, t->n, t->cap);
	t->v[t->n].key = p;
	t->v[t->n++].value = p + (value - p);
	return 0;
}

size_t
trailers_parse(struct trailers *t, const char *message, size_t len)
{
	const char *start = last_paragraph(message, message + len);
	char *p, *stop, *end, *last_end = NULL;
	size_t n;
	int bad = 0;

	if (start == NULL)
		return len;
	n = len - (size_t)(start - message);
	p = pool_strndup(&t->text, start, n);
	for (end = p + n; p < end && !bad; p = stop < end ? stop + 1 : end) {
		stop = p + (line_end(p, end) - p);
		if (!is_blank_line(p, stop))
			bad = trailer_line(t, &last_end, p, stop) != 0;
	}
	if (bad) {
		trailers_release(t);
		return len;
	}
	for (n = 0; n < t->n; n++)
		one_line(t->v[n].value);
	return (size_t)(start - message);
}

void
record_release(struct record *rec)
{
	trailers_release(&rec->trailers);
	pool_release(&rec->text);
	memset(rec, 0, sizeof(*rec));
}

const char *
record_trailer(const struct record *rec, const char *key)
{
	size_t i;

	for (i = 0; i < rec->trailers.n; i++)
		if (strcasecmp(rec->trailers.v[i].key, key) == 0)
			return rec->trailers.v[i].value;
	return NULL;
}

size_t
record_rolled_up_from(const struct record *rec)
{
	size_t i, n = 0;

	for (i = 0; i < rec->trailers.n; i++)
		n += strcasecmp(rec->trailers.v[i].key,
		    "Agent-Rolled-Up") == 0;
	return rec->parent_count - (n <= rec->parent_count ? n : 0);
}

static char *
copy(struct record *rec, const char *s)
{
	return pool_strndup(&rec->text, s, strlen(s));
}

static struct err *
malformed(const char *why)
{
	return err_new(ERR_INPUT, "not a record: %s", why);
}

/* The name of an object in a header; git follows one in capitals, too. */
static int
header_name(const char *hex, struct oid *id)
{
	char text[OID_HEX_SIZE], *p;

	memcpy(text, hex, OID_HEX_SIZE - 1);
	text[OID_HEX_SIZE - 1] = '\0';
	if (oid_parse(text, id) == 0)
		return 0;
	for (p = text; *p != '\0'; p++)
		*p = (char)tolower((unsigned char)*p);
	return oid_parse(text, id);
}

static struct err *
add_parent(struct record *rec, const char *hex)
{
	size_t n = rec->parent_count;
	struct oid *more;

	/* Full at each power of two. */
	if ((n & (n - 1)) == 0) {
		more = (struct oid *)pool_alloc(&rec->text,
		    (n == 0 ? 1 : 2 * n) * sizeof(*more));
		if (n > 0)
			memcpy(more, rec->parents, n * sizeof(*more));
		rec->parents = more;
	}
	if (header_name(hex, &rec->parents[n]) != 0)
		return malformed("a parent's name is not one");
	rec->parent_count++;
	return NULL;
}

static char *
trimmed(struct record *rec, const char *p, const char *end)
{
	trim(&p, &end);
	return pool_strndup(&rec->text, p, (size_t)(end - p));
}

/* "Name <mail> 1700000000 +0100" */
static void
parse_author(struct record *rec, const char *p, const char *stop)
{
	const char *open = memchr(p, '<', (size_t)(stop - p));
	const char *shut = open == NULL ? NULL :
	    memchr(open, '>', (size_t)(stop - open));

	if (shut == NULL || rec->author_name != NULL)
		return;
	rec->author_name = trimmed(rec, p, open);
	rec->author_mail = trimmed(rec, open + 1, shut);
	rec->author_time = strtoll(shut + 1, NULL, 10);
}

static struct err *
parse_headers(struct record *rec, const char *data, const char *end,
    const char **message)
{
	const char *p = data, *stop;
	struct err *e = NULL;

	while (e == NULL && p < end && *p != '\n') {
		stop = line_end(p, end);
		if (strncmp(p, "tree ", 5) == 0 && stop - p == 45) {
			if (header_name(p + 5, &rec->tree) != 0)
				e = malformed("its tree's name is not one");
		} else if (strncmp(p, "parent ", 7) == 0 && stop - p == 47) {
			e = add_parent(rec, p + 7);
		} else if (strncmp(p, "author ", 7) == 0) {
			parse_author(rec, p + 7, stop);
		}
		p = stop < end ? stop + 1 : end;
	}
	*message = p < end ? p + 1 : end;
	if (rec->author_name == NULL)
		rec->author_name = copy(rec, "(unknown)");
	if (rec->author_mail == NULL)
		rec->author_mail = copy(rec, "");
	return e;
}

/* Two kinds or two clocks in one record are a forgery or a mistake. */
static struct err *
need_once(const struct record *rec, const char *key, const char **value)
{
	size_t i, count = 0;

	*value = NULL;
	for (i = 0; i < rec->trailers.n; i++)
		if (strcasecmp(rec->trailers.v[i].key, key) == 0 &&
		    count++ == 0)
			*value = rec->trailers.v[i].value;
	if (count == 1 && **value != '\0')
		return NULL;
	return err_new(ERR_INPUT, "not a record: it has %s %s",
	    count == 0 ? "no" : count == 1 ? "an empty" : "more than one", key);
}

static int
is_word(const char *s)
{
	size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-");

	return n > 0 && n <= 32 && s[n] == '\0';
}

static void
split_text(struct record *rec, const char *text, const char *end)
{
	const char *stop = line_end(text, end);
	size_t n = strlen(rec->kind);

	/* The subject repeats the kind for those who read with plain git. */
	if ((size_t)(stop - text) > n + 1 && text[n] == ':' &&
	    strncmp(text, rec->kind, n) == 0)
		rec->subject = trimmed(rec, text + n + 1, stop);
	else
		rec->subject = trimmed(rec, text, stop);
	while (stop < end && *stop == '\n')
		stop++;
	while (end > stop && isspace((unsigned char)end[-1]))
		end--;
	rec->body = pool_strndup(&rec->text, stop, (size_t)(end - stop));
}

struct err *
record_parse(struct record *rec, const struct oid *id, const char *data,
    size_t len)
{
	const char *message, *kind, *clock, *writer;
	struct err *e;
	size_t n;

	memset(rec, 0, sizeof(*rec));
	rec->id = *id;
	/* All strings are parts of it; the name may be "(unknown)". */
	pool_reserve(&rec->text, len < RECORD_TEXT_MAX ? len + 16 : 0);
	e = parse_headers(rec, data, data + len, &message);
	if (e != NULL)
		return e;
	len -= (size_t)(message - data);
	if (len > RECORD_TEXT_MAX)
		return malformed("its message is above the limit of 1 MiB");
	if (memchr(message, '\0', len) != NULL)
		return malformed("its message has a NUL byte in it");
	n = trailers_parse(&rec->trailers, message, len);
	e = need_once(rec, "Agent-Kind", &kind);
	if (e == NULL)
		e = need_once(rec, "Agent-Clock", &clock);
	if (e != NULL)
		return e;
	if (!is_word(kind))
		return malformed("its Agent-Kind is not a word");
	if (clock_parse(clock, &rec->clock) != 0)
		return malformed("its Agent-Clock is not a time");
	rec->kind = copy(rec, kind);
	writer = record_trailer(rec, "Agent-Writer");
	rec->writer = copy(rec, writer == NULL ? "" : writer);
	split_text(rec, message, message + n);
	return NULL;
}

struct err *
record_read_next(struct repo *r, const struct oid *id, int ask,
    struct record *rec)
{
	struct buf data = BUF_INIT;
	enum object_type type;
	struct err *e;

	memset(rec, 0, sizeof(*rec));
	e = object_read_max(r, id, RECORD_OBJECT_MAX, ask, &type, &data);
	if (e == NULL && type != OBJECT_COMMIT)
		e = malformed("not a commit");
	if (e == NULL)
		e = record_parse(rec, id, data.p, data.len);
	buf_release(&data);
	return e;
}

struct err *
record_read(struct repo *r, const struct oid *id, struct record *rec)
{
	return record_read_next(r, id, 1, rec);
}

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
		stop = line_end(p, end);
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
