#include "base/js.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/text.h"

/* jansson fails only for want of memory here; its values are ours by name. */
static struct js *
wrap(json_t *v)
{
	if (v == NULL)
		(void)xmalloc((size_t)-1);
	return (struct js *)(void *)v;
}

static json_t *
unwrap(const struct js *v)
{
	return (json_t *)(void *)(uintptr_t)(const void *)v;
}

struct js *
js_object(void)
{
	return wrap(json_object());
}

struct js *
js_array(void)
{
	return wrap(json_array());
}

struct js *
js_string(const char *s)
{
	struct buf b = BUF_INIT;
	struct js *v;

	if (s == NULL)
		return js_null();
	text_add_utf8(&b, s, strlen(s));
	v = wrap(json_stringn(b.p, b.len));
	buf_release(&b);
	return v;
}

struct js *
js_int(int64_t n)
{
	return wrap(json_integer(n));
}

struct js *
js_real(double d)
{
	if (isnan(d))
		return js_string("nan");
	if (isinf(d))
		return js_string(d > 0 ? "inf" : "-inf");
	return wrap(json_real(d));
}

struct js *
js_bool(int on)
{
	return wrap(json_boolean(on));
}

struct js *
js_null(void)
{
	return wrap(json_null());
}

void
js_set(struct js *object, const char *key, struct js *value)
{
	struct buf b = BUF_INIT;

	/* Keys may come from records too. */
	text_add_utf8(&b, key, strlen(key));
	if (json_object_set_new(unwrap(object), b.p, unwrap(value)) != 0)
		abort();	/* not an object */
	buf_release(&b);
}

void
js_set_string(struct js *object, const char *key, const char *s)
{
	js_set(object, key, js_string(s));
}

void
js_set_int(struct js *object, const char *key, int64_t n)
{
	js_set(object, key, js_int(n));
}

void
js_set_bool(struct js *object, const char *key, int on)
{
	js_set(object, key, js_bool(on));
}

void
js_append(struct js *array, struct js *value)
{
	if (json_array_append_new(unwrap(array), unwrap(value)) != 0)
		abort();	/* not an array */
}

void
js_free(struct js *v)
{
	if (v != NULL)
		json_decref(unwrap(v));
}

/* 17 digits, so that a number read back is the same number. */
#define DUMP_FLAGS (JSON_ENCODE_ANY | JSON_REAL_PRECISION(17))

/* jansson takes DEL for a printing character; it stands only in strings. */
static int
write_for_terminal(const char *text, size_t n, void *f)
{
	for (; n > 0; text++, n--)
		if (*text == 0x7f)
			fputs("\\u007F", f);
		else
			fputc(*text, f);
	return 0;
}

void
js_write(const struct js *v, FILE *f)
{
	const size_t flags = DUMP_FLAGS | JSON_INDENT(2);

	/*
	 * A terminal may obey control characters beyond ASCII, too.  A failed
	 * write is seen in the stream's error flag.
	 */
	if (isatty(fileno(f)))
		(void)json_dump_callback(unwrap(v), write_for_terminal, f,
		    flags | JSON_ENSURE_ASCII);
	else
		(void)json_dumpf(unwrap(v), f, flags);
	fputc('\n', f);
}

char *
js_line(const struct js *v)
{
	char *text = json_dumps(unwrap(v), DUMP_FLAGS | JSON_COMPACT);

	return text != NULL ? text : xstrdup("null");
}

static struct js *
parse(const char *text, size_t len, json_error_t *where)
{
	json_t *v;

	v = json_loadb(text, len, JSON_DECODE_ANY | JSON_ALLOW_NUL, where);
	return v == NULL ? NULL : wrap(v);
}

struct err *
js_parse(struct js **out, const char *text, size_t len)
{
	json_error_t where;

	*out = parse(text, len, &where);
	if (*out == NULL)
		return err_new(ERR_INPUT, "not JSON at line %d column %d: %s",
		    where.line, where.column, where.text);
	return NULL;
}

struct err *
js_parse_line(struct js **out, const char *line, size_t len)
{
	json_error_t where;

	*out = parse(line, len, &where);
	if (*out == NULL)
		return err_new(ERR_INPUT, "not JSON at column %d: %s",
		    where.column, where.text);
	return NULL;
}

int
js_is_object(const struct js *v)
{
	return json_is_object(unwrap(v));
}

int
js_is_null(const struct js *v)
{
	return v == NULL || json_is_null(unwrap(v));
}

const struct js *
js_get(const struct js *object, const char *key)
{
	return (const struct js *)(const void *)
	    json_object_get(unwrap(object), key);
}

const char *
js_get_string(const struct js *object, const char *key)
{
	return json_string_value(unwrap(js_get(object, key)));
}

const char *
js_get_bytes(const struct js *object, const char *key, size_t *len)
{
	json_t *v = unwrap(js_get(object, key));

	*len = json_string_length(v);
	return json_string_value(v);
}

int
js_get_int(const struct js *object, const char *key, int64_t *n)
{
	json_t *v = unwrap(js_get(object, key));

	if (!json_is_integer(v))
		return 0;
	*n = json_integer_value(v);
	return 1;
}

/* "nan" and "inf" are read back as what js_real() made them from. */
static int
real_from_string(const char *s, double *d)
{
	if (s == NULL)
		return 0;
	if (strcmp(s, "nan") == 0)
		*d = NAN;
	else if (strcmp(s, "inf") == 0)
		*d = INFINITY;
	else if (strcmp(s, "-inf") == 0)
		*d = -INFINITY;
	else
		return 0;
	return 1;
}

int
js_get_real(const struct js *object, const char *key, double *d)
{
	json_t *v = unwrap(js_get(object, key));

	if (!json_is_number(v))
		return real_from_string(json_string_value(v), d);
	*d = json_number_value(v);
	return 1;
}

int
js_get_bool(const struct js *object, const char *key)
{
	return json_is_true(unwrap(js_get(object, key)));
}

size_t
js_size(const struct js *array)
{
	return json_array_size(unwrap(array));
}

const struct js *
js_at(const struct js *array, size_t i)
{
	return (const struct js *)(const void *)
	    json_array_get(unwrap(array), i);
}
