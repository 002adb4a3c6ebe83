#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/match.h"
#include "work/number.h"
#include "work/project-parse.h"

static struct err *
expected(struct parsing *s, const char *what)
{
	return conf_error(&s->conf, s->v, "%s = '%s': expected %s",
	    s->v->key, s->v->value, what);
}

struct err *
set_text(struct parsing *s, void *at)
{
	char **to = at;

	if (*s->v->value == '\0')
		return expected(s, "a value behind the '='");
	free(*to);
	*to = xstrdup(s->v->value);
	return NULL;
}

struct err *
set_prefix(struct parsing *s, void *at)
{
	if (!repo_prefix_ok(s->v->value))
		return expected(s, REPO_PREFIX_WANTED);
	return set_text(s, at);
}

struct err *
set_time(struct parsing *s, void *at)
{
	struct err *e = clock_parse_duration(s->v->value, at);

	if (e == NULL)
		return NULL;
	err_free(e);
	return expected(s, "a duration such as 90s, 20m, 1h30m or 7d");
}

struct err *
set_count(struct parsing *s, void *at)
{
	const char *text = s->v->value;
	long long n;

	errno = 0;
	n = strtoll(text, NULL, 10);
	if (*text == '\0' || strspn(text, "0123456789") != strlen(text) ||
	    errno != 0 || n < 1)
		return expected(s, "a whole number, 1 or more");
	*(int64_t *)at = n;
	return NULL;
}

static struct err *
try_pattern(struct parsing *s, const char *pattern, struct match **m)
{
	struct err *e = match_compile(m, pattern, MATCH_MULTILINE);

	if (e == NULL)
		return NULL;
	e = err_prefix(e, "'%s' line %d: %s", s->conf.path, s->v->line,
	    s->v->key);
	e->code = ERR_CONFIG;
	return e;
}

struct err *
set_pattern(struct parsing *s, void *at)
{
	struct match *m = NULL;
	char **to = at;
	struct err *e;

	e = set_text(s, at);
	/* As written first, so that an error's offset fits what is there. */
	if (e == NULL)
		e = try_pattern(s, s->v->value, &m);
	match_free(m);
	m = NULL;
	if (e != NULL)
		return e;
	free(*to);
	*to = number_expand(s->v->value);
	e = try_pattern(s, *to, &m);
	match_free(m);
	return e;
}

struct err *
set_metric_pattern(struct parsing *s, void *at)
{
	struct match *m = NULL;
	struct err *e;

	e = set_pattern(s, at);
	if (e == NULL)
		e = try_pattern(s, *(char **)at, &m);
	if (e == NULL && !match_has_group(m, "value"))
		e = expected(s, "a pattern with a group (?<value>{num})");
	match_free(m);
	return e;
}

struct err *
set_trusted(struct parsing *s, void *at)
{
	if (*s->v->value == '-' || strpbrk(s->v->value, " \t") != NULL)
		return expected(s, "a revision such as origin/main");
	return set_text(s, at);
}

/*
 * A path as git has it in a tree: no ".", no slash twice or at the end.
 * NULL if it leaves the tree, or is all of it.
 */
static char *
tree_path(const char *path, size_t len)
{
	const char *p = path, *end = path + len;
	struct buf b = BUF_INIT;
	size_t n;

	if (len > 0 && *path == '/')
		p = end;
	for (; p < end; p += n + (p + n < end)) {
		for (n = 0; p + n < end && p[n] != '/'; n++)
			continue;
		if (n == 0 || (n == 1 && *p == '.'))
			continue;
		if (n == 2 && memcmp(p, "..", 2) == 0) {
			buf_clear(&b);
			break;
		}
		if (b.len > 0)
			buf_addch(&b, '/');
		buf_add(&b, p, n);
	}
	if (b.len > 0)
		return buf_steal(&b);
	buf_release(&b);
	return NULL;
}

struct err *
set_protect(struct parsing *s, void *at)
{
	struct strvec *paths = at;
	const char *rest = s->v->value;
	struct err *e = NULL;
	char *path;
	size_t n;

	if (*rest == '\0')
		return expected(s, "paths behind the '='");
	while (e == NULL && *rest != '\0') {
		n = strcspn(rest, " \t");
		path = tree_path(rest, n);
		if (path == NULL)
			e = expected(s, "paths inside the work tree, "
			    "relative to its top");
		else if (!strvec_has(paths, path))
			strvec_push(paths, path);
		free(path);
		rest += n;
		rest += strspn(rest, " \t");
	}
	return e;
}

int
word_number(const char *word, const char *const *words)
{
	int i;

	for (i = 0; words[i] != NULL; i++)
		if (strcmp(words[i], word) == 0)
			return i;
	return -1;
}

struct err *
set_match(struct parsing *s, void *at)
{
	static const char *const words[] = {
		"one", "first", "last", "worst", NULL,	/* enum match_rule */
	};
	int n = word_number(s->v->value, words);

	if (n < 0)
		return expected(s, "one, first, last or worst");
	*(enum match_rule *)at = (enum match_rule)n;
	return NULL;
}

struct err *
set_unit(struct parsing *s, void *at)
{
	if (strpbrk(s->v->value, " \t") != NULL)
		return expected(s, "a unit without blanks");
	return set_text(s, at);
}

struct err *
set_direction(struct parsing *s, void *at)
{
	static const char *const words[] = { "lower", "higher", NULL };
	int n = word_number(s->v->value, words);

	if (n < 0)
		return expected(s, "lower or higher");
	*(enum direction *)at = (enum direction)n;
	return NULL;
}

struct err *
set_transform(struct parsing *s, void *at)
{
	if (strcmp(s->v->value, "abs") != 0)
		return expected(s, "abs");
	*(int *)at = 1;
	return NULL;
}

struct err *
set_target(struct parsing *s, void *at)
{
	struct metric_def *m = at;

	if (number_parse(s->v->value, &m->target) != 0 ||
	    !isfinite(m->target))
		return expected(s, "a number such as 1e-3");
	m->has_target = 1;
	return NULL;
}

struct err *
set_output(struct parsing *s, void *at)
{
	static const char *const words[] = { "text", "claude", NULL };
	int n = word_number(s->v->value, words);

	if (n < 0)
		return expected(s, "text or claude");
	*(int *)at = n;
	return NULL;
}
