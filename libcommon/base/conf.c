#include "base/conf.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <ini.h>

#include "base/alloc.h"
#include "base/buf.h"

/* inih keeps 49 bytes of a key (MAX_NAME in ini.c) and cuts the rest. */
#define KEY_MAX 49

struct reading {
	struct conf *conf;
	struct buf section, name;	/* of the section we are in */
	int in_section;
	const char *text;	/* the line at hand, leading blanks dropped */
	size_t len;		/* without its end of line */
	int line;
	int handed;		/* inih has had the line */
	int cut;		/* … but not all of it */
	struct err *err;
};

static struct err *
line_error(const struct reading *r, const char *expected)
{
	return err_new(ERR_CONFIG, "'%s' line %d: %s", r->conf->path, r->line,
	    expected);
}

static int
is_blank(int c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static char *
lower_case(const char *s)
{
	char *p, *copy = xstrdup(s);

	for (p = copy; *p != '\0'; p++)
		*p = (char)tolower((unsigned char)*p);
	return copy;
}

static void
add_value(struct reading *r, const char *key, char *value)
{
	struct conf *c = r->conf;
	struct conf_value *v;

	ALLOC_GROW(c->v, c->n, c->cap);
	v = &c->v[c->n++];
	v->section = lower_case(r->section.p);
	v->name = xstrdup(r->name.p);
	v->key = lower_case(key);
	v->value = value;
	v->line = r->line;
}

/*
 * inih's buffer holds 200 bytes in most builds, and no build tells.  It gets
 * of a longer line what fits, which is the key, and the value is taken here
 * by inih's own rule: from the first of `=:` to a `;` behind a blank.
 */
static char *
whole_value(const struct reading *r)
{
	const char *s = r->text, *end = s + r->len, *p;

	while (s < end && *s != '=' && *s != ':')
		s++;
	for (p = ++s; p < end; p++)
		if (*p == ';' && is_blank((unsigned char)p[-1]))
			break;
	end = p;
	while (s < end && is_blank((unsigned char)*s))
		s++;
	while (end > s && is_blank((unsigned char)end[-1]))
		end--;
	return xstrndup(s, (size_t)(end - s));
}

static char *
hand_line(char *to, int size, void *arg)
{
	struct reading *r = arg;
	size_t n = r->len, room = (size_t)size - 2;

	if (r->handed)
		return NULL;
	r->handed = 1;
	r->cut = n > room;
	if (r->cut)
		n = room;
	memcpy(to, r->text, n);
	memcpy(to + n, "\n", 2);
	return to;
}

static int
take_pair(void *arg, const char *section, const char *key, const char *value)
{
	struct reading *r = arg;

	(void)section;
	if (strlen(key) >= KEY_MAX)
		r->err = line_error(r, "the key is too long");
	else if (*key == '\0')
		r->err = line_error(r, "expected a key before the '='");
	else
		add_value(r, key,
		    r->cut ? whole_value(r) : xstrdup(value));
	return 1;
}

static struct err *
parse_pair(struct reading *r)
{
	if (!r->in_section)
		return line_error(r, "expected a section such as [oracle] "
		    "before the first key");
	r->handed = 0;
	if (ini_parse_stream(hand_line, r, take_pair, r) != 0 &&
	    r->err == NULL)
		return line_error(r,
		    "expected '[section]' or 'key = value'");
	return r->err;
}

static const char *
skip_blanks(const char *s, const char *end)
{
	while (s < end && is_blank((unsigned char)*s))
		s++;
	return s;
}

/* The quoted part with git's two escapes; NULL if the end quote is missing. */
static const char *
quoted_name(const char *s, const char *end, struct buf *name)
{
	for (s++; s < end && *s != '"'; s++) {
		if (*s == '\\' && ++s == end)
			return NULL;
		buf_addch(name, *s);
	}
	return s < end ? s + 1 : NULL;
}

/*
 * Not by inih: it cuts a section at 49 bytes, ends it at a `]` inside the
 * quotes and ignores what follows it, all without a word.
 */
static struct err *
parse_section(struct reading *r)
{
	const char *end = r->text + r->len, *s = r->text + 1;

	buf_clear(&r->section);
	buf_clear(&r->name);
	s = skip_blanks(s, end);
	while (s < end && (isalnum((unsigned char)*s) || strchr("-._", *s)))
		buf_addch(&r->section, *s++);
	if (r->section.len == 0)
		return line_error(r, "expected a section's name behind '['");
	s = skip_blanks(s, end);
	if (s < end && *s == '"')
		s = quoted_name(s, end, &r->name);
	if (s != NULL)
		s = skip_blanks(s, end);
	if (s == NULL || s == end || *s != ']')
		return line_error(r,
		    "expected '[section]' or '[section \"name\"]'");
	s = skip_blanks(s + 1, end);
	if (s < end && *s != ';' && *s != '#')
		return line_error(r, "expected nothing behind the ']'");
	r->in_section = 1;
	add_value(r, "", xstrdup(""));
	return NULL;
}

static struct err *
parse_line(struct reading *r, const char *s, const char *end)
{
	r->line++;
	if (memchr(s, '\0', (size_t)(end - s)) != NULL)
		return line_error(r, "there is a NUL byte in it");
	s = skip_blanks(s, end);
	while (end > s && is_blank((unsigned char)end[-1]))
		end--;
	r->text = s;
	r->len = (size_t)(end - s);
	if (s == end || *s == ';' || *s == '#')
		return NULL;
	return *s == '[' ? parse_section(r) : parse_pair(r);
}

struct err *
conf_parse(struct conf *c, const char *path, const char *text, size_t len)
{
	struct reading r = { .conf = c, .section = BUF_INIT,
	    .name = BUF_INIT };
	const char *end = text + len, *eol;
	struct err *e = NULL;

	free(c->path);
	c->path = xstrdup(path);
	if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
		text += 3;
	while (e == NULL && text < end) {
		eol = memchr(text, '\n', (size_t)(end - text));
		if (eol == NULL)
			eol = end;
		e = parse_line(&r, text, eol);
		text = eol == end ? end : eol + 1;
	}
	buf_release(&r.section);
	buf_release(&r.name);
	return e;
}

void
conf_release(struct conf *c)
{
	size_t i;

	for (i = 0; i < c->n; i++) {
		free(c->v[i].section);
		free(c->v[i].name);
		free(c->v[i].key);
		free(c->v[i].value);
	}
	free(c->v);
	free(c->path);
	memset(c, 0, sizeof(*c));
}

const struct conf_value *
conf_get(const struct conf *c, const char *section, const char *name,
    const char *key)
{
	size_t i = c->n;

	while (i-- > 0)
		if (strcasecmp(c->v[i].section, section) == 0 &&
		    strcmp(c->v[i].name, name) == 0 &&
		    strcasecmp(c->v[i].key, key) == 0)
			return &c->v[i];
	return NULL;
}

struct err *
conf_error(const struct conf *c, const struct conf_value *v, const char *fmt,
    ...)
{
	struct err *e;
	va_list ap;

	va_start(ap, fmt);
	e = err_vnew(ERR_CONFIG, fmt, ap);
	va_end(ap);
	return err_prefix(e, "'%s' line %d", c->path, v->line);
}
