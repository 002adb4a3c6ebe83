/*
 * JSON in and out: jansson.  Values own their members; js_set* and
 * js_append take the value they are given.  Objects keep insertion order.
 */
#ifndef BASE_JS_H
#define BASE_JS_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/err.h"

struct js;		/* one JSON value */

struct js *js_object(void);
struct js *js_array(void);
/* A string; bytes that are not UTF-8 become U+FFFD.  NULL gives null. */
struct js *js_string(const char *);
struct js *js_int(int64_t);
/* A number; nan and inf, which JSON lacks, become strings "nan", "inf". */
struct js *js_real(double);
struct js *js_bool(int);
struct js *js_null(void);

void	js_set(struct js *object, const char *key, struct js *value);
void	js_set_string(struct js *, const char *key, const char *);
void	js_set_int(struct js *, const char *key, int64_t);
void	js_set_bool(struct js *, const char *key, int);
void	js_append(struct js *array, struct js *value);
void	js_free(struct js *);

/* Write it, indented by two, with a newline at the end (on a terminal in
 * ASCII, all else escaped); or in one line. */
void	js_write(const struct js *, FILE *);
char   *js_line(const struct js *);		/* malloc'd, no newline */

/* Parse one value; ERR_INPUT says where it stopped making sense. */
struct err *js_parse(struct js **, const char *text, size_t len);
/* The same for one line of a longer text: it says the column alone. */
struct err *js_parse_line(struct js **, const char *line, size_t len);
int	js_is_object(const struct js *);
int	js_is_null(const struct js *);		/* also where there is none */
/* Members of an object, borrowed; NULL if absent or of another type. */
const struct js *js_get(const struct js *, const char *key);
const char *js_get_string(const struct js *, const char *key);
/* The same with its length: a NUL may be in it. */
const char *js_get_bytes(const struct js *, const char *key, size_t *len);
int	js_get_int(const struct js *, const char *key, int64_t *);	/* 1: set */
int	js_get_real(const struct js *, const char *key, double *);	/* 1: set */
int	js_get_bool(const struct js *, const char *key);	/* absent: 0 */
size_t	js_size(const struct js *array);
const struct js *js_at(const struct js *array, size_t);

#endif
