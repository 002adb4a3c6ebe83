#include "store/record.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "base/clock.h"

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
	new->key_len = strlen(key);
	new->key = pool_strndup(&t->text, key, new->key_len);
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
static char *
line_end(char *p, char *end)
{
	char *newline = memchr(p, '\n', (size_t)(end - p));

	return newline == NULL ? end : newline;
}

/*
 * Where the last paragraph begins; NULL if it is also the first, which is
 * the subject and never trailers.
 */
static char *
last_paragraph(char *text, char *end)
{
	char *line, *stop, *newline;

	while (end > text && is_space(end[-1]))
		end--;
	for (stop = end;; stop = newline) {
		newline = memrchr(text, '\n', (size_t)(stop - text));
		if (newline == NULL)
			return NULL;
		line = newline + 1;
		if (is_blank_line(line, stop))
			return is_blank_line(text, line) ? NULL : stop + 1;
	}
}

/* The colon behind the key of a trailer line, and the key's length; or NULL. */
static char *
after_key(char *line, const char *stop, size_t *len)
{
	char *p = line;

	while (p < stop && (isalnum((unsigned char)*p) || *p == '-'))
		p++;
	*len = (size_t)(p - line);
	while (p < stop && (*p == ' ' || *p == '\t'))
		p++;
	return *len > 0 && p < stop && *p == ':' ? p : NULL;
}

static void
trim(char **p, char **end)
{
	while (*p < *end && is_space(**p))
		++*p;
	while (*end > *p && is_space((*end)[-1]))
		--*end;
}

/* The value that was read last goes on, on a further line behind it. */
static void
join(struct trailer *last, char **last_end, char *p, char *stop)
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

/* 0, or -1 if the line is no part of a trailer. */
static int
trailer_line(struct trailers *t, char **last_end, char *p, char *stop)
{
	char *value, *end = stop;
	size_t n;

	if ((*p == ' ' || *p == '\t') && *last_end != NULL) {
		join(&t->v[t->n - 1], last_end, p, stop);
		return 0;
	}
	value = after_key(p, stop, &n);
	if (value == NULL)
		return -1;
	value++;
	trim(&value, &end);
	*end = '\0';
	*last_end = end;
	p[n] = '\0';
	ALLOC_GROW(t->v, t->n, t->cap);
	t->v[t->n].key = p;
	t->v[t->n].key_len = n;
	t->v[t->n++].value = value;
	return 0;
}

size_t
trailers_parse(struct trailers *t, char *message, size_t len)
{
	char *end = message + len, *start = last_paragraph(message, end);
	char *p, *stop, *last_end = NULL;
	size_t n;
	int bad = 0;

	for (p = start; p != NULL && p < end && !bad;
	    p = stop < end ? stop + 1 : end) {
		stop = line_end(p, end);
		if (!is_blank_line(p, stop))
			bad = trailer_line(t, &last_end, p, stop) != 0;
	}
	if (start == NULL || bad) {
		t->n = 0;
		return len;
	}
	/* They are of one line each, but for what some call a line's end. */
	if (memchr(start, '\r', (size_t)(end - start)) != NULL)
		for (n = 0; n < t->n; n++)
			one_line(t->v[n].value);
	return (size_t)(start - message);
}

void
record_release(struct record *rec)
{
	trailers_release(&rec->trailers);
	buf_release(&rec->text);
	free(rec->parents);
	*rec = (struct record)RECORD_INIT;
}

/* Without a value, but for the text and what memory there is. */
static void
forget_values(struct record *rec)
{
	struct record none = RECORD_INIT;

	none.parents = rec->parents;
	none.parent_cap = rec->parent_cap;
	none.trailers.v = rec->trailers.v;
	none.trailers.cap = rec->trailers.cap;
	none.text = rec->text;
	*rec = none;
}

/* Nearly all keys begin alike and few are equally long. */
static int
is_key(const struct trailer *t, const char *key, size_t len)
{
	return t->key_len == len && strcasecmp(t->key, key) == 0;
}

const char *
record_trailer(const struct record *rec, const char *key)
{
	size_t i, len = strlen(key);

	for (i = 0; i < rec->trailers.n; i++)
		if (is_key(&rec->trailers.v[i], key, len))
			return rec->trailers.v[i].value;
	return NULL;
}

size_t
record_rolled_up_from(const struct record *rec)
{
	static const char key[] = "Agent-Rolled-Up";
	size_t i, n = 0;

	for (i = 0; i < rec->trailers.n; i++)
		n += (size_t)is_key(&rec->trailers.v[i], key, sizeof(key) - 1);
	return rec->parent_count - (n <= rec->parent_count ? n : 0);
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
	char text[OID_HEX_SIZE - 1];
	size_t i;

	if (oid_from_hex(hex, id) == 0)
		return 0;
	for (i = 0; i < sizeof(text); i++)
		text[i] = (char)tolower((unsigned char)hex[i]);
	return oid_from_hex(text, id);
}

static struct err *
add_parent(struct record *rec, const char *hex)
{
	ALLOC_GROW(rec->parents, rec->parent_count, rec->parent_cap);
	if (header_name(hex, &rec->parents[rec->parent_count]) != 0)
		return malformed("a parent's name is not one");
	rec->parent_count++;
	return NULL;
}

/* The string between the two, without white space around it. */
static const char *
cut(char *p, char *end)
{
	trim(&p, &end);
	*end = '\0';
	return p;
}

/* "Name <mail> 1700000000 +0100" */
static void
parse_author(struct record *rec, char *p, char *stop)
{
	char *open = memchr(p, '<', (size_t)(stop - p));
	char *shut = open == NULL ? NULL :
	    memchr(open, '>', (size_t)(stop - open));

	if (shut == NULL || rec->author_mail != NULL)
		return;
	rec->author_name = cut(p, open);
	rec->author_mail = cut(open + 1, shut);
	rec->author_time = strtoll(shut + 1, NULL, 10);
}

static struct err *
parse_headers(struct record *rec, char *p, char *end, char **message,
    int whole)
{
	struct err *e = NULL;
	char *stop;

	while (e == NULL && p < end && *p != '\n') {
		stop = line_end(p, end);
		if (stop - p == 45 && memcmp(p, "tree ", 5) == 0) {
			if (header_name(p + 5, &rec->tree) != 0)
				e = malformed("its tree's name is not one");
		} else if (stop - p == 47 && memcmp(p, "parent ", 7) == 0) {
			e = add_parent(rec, p + 7);
		} else if (whole && stop - p > 7 &&
		    memcmp(p, "author ", 7) == 0) {
			parse_author(rec, p + 7, stop);
		}
		p = stop < end ? stop + 1 : end;
	}
	*message = p < end ? p + 1 : end;
	if (rec->author_mail == NULL) {
		rec->author_name = "(unknown)";
		rec->author_mail = "";
	}
	return e;
}

/* Two kinds or two clocks in one record are a forgery or a mistake. */
static struct err *
need_once(const struct record *rec, const char *key, const char **value)
{
	size_t i, count = 0, len = strlen(key);

	*value = NULL;
	for (i = 0; i < rec->trailers.n; i++)
		if (is_key(&rec->trailers.v[i], key, len) && count++ == 0)
			*value = rec->trailers.v[i].value;
	if (count == 1 && **value != '\0')
		return NULL;
	return err_new(ERR_INPUT, "not a record: it has %s %s",
	    count == 0 ? "no" : count == 1 ? "an empty" : "more than one", key);
}

static int
is_word(const char *s)
{
	size_t n = 0;

	while ((s[n] >= 'a' && s[n] <= 'z') || (s[n] >= '0' && s[n] <= '9') ||
	    s[n] == '-')
		n++;
	return n > 0 && n <= 32 && s[n] == '\0';
}

static void
split_text(struct record *rec, char *text, char *end)
{
	char *stop = line_end(text, end), *body = stop;
	size_t n = strlen(rec->kind);

	while (body < end && *body == '\n')
		body++;
	while (end > body && isspace((unsigned char)end[-1]))
		end--;
	rec->body = "";
	if (body < end) {
		*end = '\0';
		rec->body = body;
	}
	/* The subject repeats the kind for those who read with plain git. */
	if ((size_t)(stop - text) > n + 1 && text[n] == ':' &&
	    strncmp(text, rec->kind, n) == 0)
		text += n + 1;
	rec->subject = cut(text, stop);
}

/* Of the message, whose headers have been read. */
static struct err *
parse_message(struct record *rec, char *message, size_t len, int whole)
{
	const char *clock;
	struct err *e;
	size_t n;

	if (len > RECORD_TEXT_MAX)
		return malformed("its message is above the limit of 1 MiB");
	if (memchr(message, '\0', len) != NULL)
		return malformed("its message has a NUL byte in it");
	n = trailers_parse(&rec->trailers, message, len);
	e = need_once(rec, "Agent-Kind", &rec->kind);
	if (e == NULL)
		e = need_once(rec, "Agent-Clock", &clock);
	if (e != NULL)
		return e;
	if (!is_word(rec->kind))
		return malformed("its Agent-Kind is not a word");
	if (clock_parse(clock, &rec->clock) != 0)
		return malformed("its Agent-Clock is not a time");
	if (!whole)
		return NULL;
	rec->writer = record_trailer(rec, "Agent-Writer");
	if (rec->writer == NULL)
		rec->writer = "";
	split_text(rec, message, message + n);
	return NULL;
}

static struct err *
parse(struct record *rec, const struct oid *id, int whole)
{
	char *end = rec->text.p + rec->text.len, *message;
	struct err *e;

	forget_values(rec);
	rec->id = *id;
	e = parse_headers(rec, rec->text.p, end, &message, whole);
	if (e == NULL)
		e = parse_message(rec, message, (size_t)(end - message),
		    whole);
	return e;
}

struct err *
record_parse(struct record *rec, const struct oid *id)
{
	return parse(rec, id, 1);
}

struct err *
record_parse_trailers(struct record *rec, const struct oid *id)
{
	return parse(rec, id, 0);
}

static struct err *
read_next(struct repo *r, const struct oid *id, int ask, int whole,
    struct record *rec)
{
	enum object_type type;
	struct err *e;

	buf_clear(&rec->text);
	forget_values(rec);
	e = object_read_max(r, id, RECORD_OBJECT_MAX, ask, &type, &rec->text);
	if (e == NULL && type != OBJECT_COMMIT)
		e = malformed("not a commit");
	if (e == NULL)
		e = parse(rec, id, whole);
	return e;
}

struct err *
record_read_next(struct repo *r, const struct oid *id, int ask,
    struct record *rec)
{
	return read_next(r, id, ask, 1, rec);
}

struct err *
record_read_trailers(struct repo *r, const struct oid *id, int ask,
    struct record *rec)
{
	return read_next(r, id, ask, 0, rec);
}

struct err *
record_read(struct repo *r, const struct oid *id, struct record *rec)
{
	*rec = (struct record)RECORD_INIT;
	return record_read_next(r, id, 1, rec);
}

int
record_is_one(struct repo *r, const struct oid *id)
{
	struct record rec;
	struct err *e = record_read(r, id, &rec);
	int is = e == NULL;

	err_free(e);
	record_release(&rec);
	return is;
}

int
record_is_here(struct repo *r, const struct oid *id)
{
	struct record rec;
	struct err *e = record_read(r, id, &rec);
	int here = e == NULL || e->code == ERR_INPUT;

	err_free(e);
	record_release(&rec);
	return here;
}
