#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/match.h"
#include "base/text.h"
#include "work/number.h"
#include "work/oracle.h"

/* Metrics that the output names and the configuration does not. */
#define UNDECLARED_MAX 1000
/* A longer word is none that a person would give to a metric or a place. */
#define WORD_MAX 200

/* One place in the output that gives a metric's value. */
struct sighting {
	double value;
	char *unit, *at;	/* or NULL */
	char *reason;		/* why it does not count, or NULL */
	char *name;		/* of a self-described line, or NULL */
	size_t line;		/* the lines' order, for sorting */
};

struct sightings {
	struct sighting *v;
	size_t n, cap;
};

static struct sighting *
add_sighting(struct sightings *s)
{
	ALLOC_GROW(s->v, s->n, s->cap);
	memset(&s->v[s->n], 0, sizeof(s->v[s->n]));
	s->v[s->n].value = NAN;
	s->v[s->n].line = s->n;
	return &s->v[s->n++];
}

static void
release_sightings(struct sightings *s)
{
	size_t i;

	for (i = 0; i < s->n; i++) {
		free(s->v[i].unit);
		free(s->v[i].at);
		free(s->v[i].reason);
		free(s->v[i].name);
	}
	free(s->v);
	memset(s, 0, sizeof(*s));
}

static void
set_number(struct sighting *s, const char *text)
{
	if (text == NULL)
		s->reason = xstrdup("its pattern matched without a value");
	else if (number_parse(text, &s->value) != 0)
		s->reason = xasprintf("'%.60s' is not a number", text);
}

/* The next word of a line, malloc'd, or NULL at its end. */
static char *
next_word(const char **s, const char *end)
{
	const char *begin;

	while (*s < end && (**s == ' ' || **s == '\t'))
		(*s)++;
	begin = *s;
	while (*s < end && **s != ' ' && **s != '\t')
		(*s)++;
	return *s == begin ? NULL : xstrndup(begin, (size_t)(*s - begin));
}

/* `metric NAME VALUE [UNIT] [at=X]`, as far as it is one. */
static void
parse_line(struct sightings *all, const char *s, const char *end)
{
	struct sighting *found;
	char *name, *value, *word;

	if (end - s < 7 || memcmp(s, "metric", 6) != 0 ||
	    (s[6] != ' ' && s[6] != '\t'))
		return;
	s += 6;
	name = next_word(&s, end);
	if (name == NULL || strlen(name) > WORD_MAX) {
		free(name);
		return;
	}
	found = add_sighting(all);
	found->name = name;
	value = next_word(&s, end);
	if (value == NULL)
		found->reason = xstrdup("its line has no value");
	else
		set_number(found, value);
	free(value);
	while ((word = next_word(&s, end)) != NULL) {
		if (found->at == NULL && strncmp(word, "at=", 3) == 0)
			found->at = xstrdup(word + 3);
		else if (found->unit == NULL && found->at == NULL)
			found->unit = xstrdup(word);
		else if (found->reason == NULL)
			found->reason = xasprintf("its line goes on with "
			    "'%.60s'; expected metric NAME VALUE [UNIT] "
			    "[at=X]", word);
		free(word);
	}
}

static int
compare_sightings(const void *a, const void *b)
{
	const struct sighting *x = a, *y = b;
	int order = strcmp(x->name, y->name);

	if (order != 0)
		return order;
	return x->line < y->line ? -1 : 1;
}

/* All self-described lines, by name and then as they came. */
static void
find_lines(struct sightings *all, const char *text, size_t len)
{
	const char *end = text + len, *eol, *stop;

	for (; text < end; text = eol + 1) {
		eol = memchr(text, '\n', (size_t)(end - text));
		if (eol == NULL)
			eol = end;
		stop = eol > text && eol[-1] == '\r' ? eol - 1 : eol;
		parse_line(all, text, stop);
	}
	if (all->n > 1)
		qsort(all->v, all->n, sizeof(*all->v), compare_sightings);
}

static struct err *
find_matches(struct sightings *all, const struct metric_def *def,
    const char *text, size_t len)
{
	struct match *m = NULL;
	struct sighting *found;
	struct err *e, *limit = NULL;
	size_t at = 0;
	char *value;
	int rc;

	e = match_compile(&m, def->pattern, MATCH_MULTILINE);
	if (e != NULL)
		return e;
	while ((rc = match_next(m, text, len, &at, &limit)) > 0) {
		found = add_sighting(all);
		value = match_group(m, "value");
		set_number(found, value);
		free(value);
		found->at = match_group(m, "at");
		found->unit = match_group(m, "unit");
	}
	if (rc < 0) {
		/* What the pattern missed might have been the worst. */
		release_sightings(all);
		add_sighting(all)->reason = xstrdup(limit->msg);
		err_free(limit);
	}
	match_free(m);
	return NULL;
}

static void
fit_to_definition(struct sighting *s, const struct metric_def *def)
{
	if (def->transform_abs)
		s->value = fabs(s->value);
	if (s->reason == NULL && isnan(s->value))
		s->reason = xstrdup("it is not a number (nan)");
	else if (s->reason == NULL && !isfinite(s->value))
		s->reason = xstrdup("it is infinite");
	if (s->reason == NULL && def->unit != NULL && s->unit != NULL &&
	    strcmp(def->unit, s->unit) != 0)
		s->reason = xasprintf("its unit is '%.60s', and '%s' is "
		    "declared", s->unit, def->unit);
}

static int
is_worse(const struct metric_def *def, const struct sighting *a,
    const struct sighting *b)
{
	if (a->reason != NULL || b->reason != NULL)
		return b->reason == NULL;
	return def->direction == LOWER_IS_BETTER ?
	    a->value > b->value : a->value < b->value;
}

static const struct sighting *
pick(const struct metric_def *def, const struct sighting *v, size_t n)
{
	const struct sighting *best = v;
	size_t i;

	if (def->rule == MATCH_LAST)
		return &v[n - 1];
	for (i = 1; def->rule == MATCH_WORST && i < n; i++)
		if (is_worse(def, &v[i], best))
			best = &v[i];
	return best;
}

/* From the output into records, notes and terminals. */
static char *
clean_copy(const char *s)
{
	struct buf b = BUF_INIT;

	if (s == NULL)
		return NULL;
	text_clean(&b, s, strlen(s), TEXT_LINE);
	return buf_steal(&b);
}

/* The same as one word, which is what a record has room for. */
static char *
clean_word(const char *s)
{
	char *clean = clean_copy(s), *p;
	struct buf b = BUF_INIT;

	if (clean == NULL)
		return NULL;
	for (p = clean; *p != '\0'; p++)
		if (*p == ' ')
			*p = '_';
	text_fit(&b, clean, WORD_MAX);
	free(clean);
	return buf_steal(&b);
}

static void
judge_value(const struct metric_def *def, struct metric_value *m)
{
	int met;

	if (m->reason != NULL) {
		m->state = ORACLE_ERROR;
		return;
	}
	met = def->direction == LOWER_IS_BETTER ?
	    m->value <= def->target : m->value >= def->target;
	m->state = met || !def->has_target ? ORACLE_PASS : ORACLE_FAIL;
}

/* Add the metric to the result, from what was seen of it. */
static void
judge_metric(struct oracle_result *r, const struct metric_def *def,
    struct sighting *v, size_t n)
{
	const struct sighting *s;
	struct metric_value *m;
	size_t i;

	r->metrics = xreallocarray(r->metrics, r->metric_count + 1,
	    sizeof(*r->metrics));
	m = &r->metrics[r->metric_count++];
	memset(m, 0, sizeof(*m));
	m->name = clean_word(def->name);
	m->value = NAN;
	m->has_target = def->has_target;
	m->target = def->target;
	m->direction = def->direction;
	for (i = 0; i < n; i++)
		fit_to_definition(&v[i], def);
	if (n == 0) {
		m->unit = clean_word(def->unit);
		m->reason = xstrdup("it is missing from the output");
	} else {
		s = pick(def, v, n);
		m->value = s->value;
		m->at = clean_word(s->at);
		m->unit = clean_word(s->unit != NULL ? s->unit : def->unit);
		m->reason = clean_copy(s->reason);
	}
	if (n > 1 && def->rule == MATCH_ONE) {
		free(m->reason);
		m->reason = xasprintf("the output has it %zu times; "
		    "expected one, or match = first, last or worst", n);
	}
	judge_value(def, m);
}

/* How many sightings from v on have the name of the first. */
static size_t
same_names(const struct sighting *v, size_t n)
{
	size_t i = 1;

	while (i < n && strcmp(v[i].name, v[0].name) == 0)
		i++;
	return i;
}

static struct err *
judge_declared(const struct project *p, struct sightings *lines,
    const char *text, size_t len, struct oracle_result *r)
{
	const struct metric_def *def;
	struct sightings found = { 0 };
	struct err *e = NULL;
	size_t i, k;

	for (k = 0; e == NULL && k < p->metric_count; k++) {
		def = &p->metrics[k];
		if (def->pattern != NULL) {
			e = find_matches(&found, def, text, len);
			if (e == NULL)
				judge_metric(r, def, found.v, found.n);
			release_sightings(&found);
			continue;
		}
		for (i = 0; i < lines->n; i++)
			if (strcmp(lines->v[i].name, def->name) == 0)
				break;
		if (i == lines->n)
			judge_metric(r, def, NULL, 0);
		else
			judge_metric(r, def, &lines->v[i],
			    same_names(&lines->v[i], lines->n - i));
	}
	return e;
}

static int
is_declared(const struct project *p, const char *name)
{
	size_t i;

	for (i = 0; i < p->metric_count; i++)
		if (strcmp(p->metrics[i].name, name) == 0)
			return 1;
	return 0;
}

/*
 * Lines of undeclared metrics that are not quite such lines are prose:
 * "metric tensor is positive".
 */
static size_t
drop_prose(struct sighting *v, size_t n)
{
	struct sighting saved;
	size_t i, kept = 0;

	for (i = 0; i < n; i++)
		if (v[i].reason == NULL) {
			saved = v[kept];
			v[kept++] = v[i];
			v[i] = saved;
		}
	return kept;
}

/* The state that they alone call for; *reason is of an ERROR. */
static enum oracle_state
judge_undeclared(const struct project *p, struct sightings *lines,
    struct oracle_result *r, char **reason)
{
	struct metric_def def = { .rule = MATCH_ONE };
	size_t i, n, kept, count = 0;

	for (i = 0; i < lines->n; i += n) {
		n = same_names(lines->v + i, lines->n - i);
		if (is_declared(p, lines->v[i].name))
			continue;
		kept = drop_prose(lines->v + i, n);
		if (kept == 0)
			continue;
		if (++count > UNDECLARED_MAX) {
			*reason = xasprintf("the output names more than %d "
			    "metrics", UNDECLARED_MAX);
			return ORACLE_ERROR;
		}
		def.name = lines->v[i].name;
		judge_metric(r, &def, lines->v + i, kept);
	}
	return ORACLE_PASS;
}

/* Of the output as a whole; *reason is of an ERROR. */
static struct err *
check_sanity(const struct project *p, const char *text, size_t len,
    char **reason)
{
	struct match *m = NULL;
	struct err *e, *limit = NULL;
	size_t at = 0;
	int rc;

	if (p->oracle.sanity == NULL)
		return NULL;
	e = match_compile(&m, p->oracle.sanity, MATCH_MULTILINE);
	if (e != NULL)
		return e;
	rc = match_next(m, text, len, &at, &limit);
	if (rc < 0)
		*reason = xstrdup(limit->msg);
	else if (rc == 0)
		*reason = xasprintf("the output does not match sanity = %s",
		    p->oracle.sanity);
	err_free(limit);
	match_free(m);
	return NULL;
}

static void
worsen(struct oracle_result *r, enum oracle_state state, char *reason)
{
	if (state <= r->state) {
		free(reason);
		return;
	}
	r->state = state;
	free(r->reason);
	r->reason = reason;
}

static void
judge_exit(const struct project *p, int status, struct oracle_result *r)
{
	r->exit_status = status;
	if (status == 127 || status == 126)
		worsen(r, ORACLE_ABORT, xasprintf("'%s' cannot be run: %s "
		    "(exit status %d)", p->oracle.command, status == 127 ?
		    "command not found" : "not executable", status));
	else if (status > 128 && status < 128 + NSIG)
		worsen(r, ORACLE_ERROR, xasprintf("the command was ended by "
		    "signal %d (%s)", status - 128, strsignal(status - 128)));
	else if (status != 0)
		worsen(r, ORACLE_ERROR, xasprintf(
		    "the command exited with status %d", status));
}

struct err *
oracle_judge(const struct project *p, const char *text, size_t len,
    int exit_status, struct oracle_result *r)
{
	struct sightings lines = { 0 };
	char *undeclared = NULL, *insane = NULL;
	enum oracle_state state;
	struct err *e;
	size_t i;

	find_lines(&lines, text, len);
	e = judge_declared(p, &lines, text, len, r);
	if (e != NULL)
		goto done;
	state = judge_undeclared(p, &lines, r, &undeclared);
	e = check_sanity(p, text, len, &insane);
	if (e != NULL) {
		free(undeclared);
		goto done;
	}
	judge_exit(p, exit_status, r);
	if (insane != NULL)
		worsen(r, ORACLE_ERROR, insane);
	worsen(r, state, undeclared);
	for (i = 0; i < r->metric_count; i++)
		worsen(r, r->metrics[i].state, r->metrics[i].reason == NULL ?
		    NULL : xasprintf("metric '%s': %s", r->metrics[i].name,
		    r->metrics[i].reason));
done:
	release_sightings(&lines);
	return e;
}
