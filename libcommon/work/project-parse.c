#include "work/project-parse.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/text.h"

/* One key: `set` stores its value at an offset of the section's base. */
struct key {
	const char *name;
	struct err *(*set)(struct parsing *, void *at);
	size_t offset;
	int repeats;
};

struct section {
	const char *name;
	enum { NAME_NONE, NAME_OPTIONAL, NAME_NEEDED } named;
	struct err *(*begin)(struct parsing *);
	const struct key *keys;
	const char *const *later;	/* keys of later versions */
};

static struct err *
begin_project(struct parsing *s)
{
	s->base = s->p;
	return NULL;
}

static struct err *
begin_loop(struct parsing *s)
{
	s->base = &s->p->loop;
	return NULL;
}

static struct err *
begin_oracle(struct parsing *s)
{
	struct project *p = s->p;

	if (p->has_oracle)
		return conf_error(&s->conf, s->v, "there is an [oracle] "
		    "already; this version supports one");
	p->has_oracle = 1;
	s->base = &p->oracle;
	free(p->oracle.name);
	p->oracle.name = xstrdup(s->v->name);
	return NULL;
}

/* A name stands in records and in `metric NAME VALUE` lines. */
static struct err *
check_name(struct parsing *s)
{
	const char *c;

	for (c = s->v->name; *c != '\0'; c++)
		if ((unsigned char)*c <= ' ' || *c == 0x7f)
			return conf_error(&s->conf, s->v,
			    "the name '%s' must not hold blanks", s->v->name);
	return NULL;
}

static struct err *
begin_metric(struct parsing *s)
{
	struct project *p = s->p;
	struct metric_def *m;
	size_t i;

	for (i = 0; i < p->metric_count; i++)
		if (strcmp(p->metrics[i].name, s->v->name) == 0)
			return conf_error(&s->conf, s->v, "there is a "
			    "[metric \"%s\"] already", s->v->name);
	p->metrics = xreallocarray(p->metrics, p->metric_count + 1,
	    sizeof(*p->metrics));
	m = &p->metrics[p->metric_count++];
	memset(m, 0, sizeof(*m));
	m->name = xstrdup(s->v->name);
	s->base = m;
	return check_name(s);
}

static struct err *
begin_agent(struct parsing *s)
{
	struct project *p = s->p;
	struct agent_def *a;
	size_t i;

	for (i = 0; i < p->agent_count; i++)
		if (strcmp(p->agents[i].name, s->v->name) == 0)
			return conf_error(&s->conf, s->v, "there is an "
			    "[agent \"%s\"] already", s->v->name);
	p->agents = xreallocarray(p->agents, p->agent_count + 1,
	    sizeof(*p->agents));
	a = &p->agents[p->agent_count++];
	memset(a, 0, sizeof(*a));
	a->name = xstrdup(s->v->name);
	s->base = a;
	return check_name(s);
}

static const struct key project_keys[] = {
	{ "goal", set_text, offsetof(struct project, goal), 0 },
	{ NULL, NULL, 0, 0 },
};

static const struct key records_keys[] = {
	{ "prefix", set_prefix, offsetof(struct project, prefix), 0 },
	{ NULL, NULL, 0, 0 },
};

static const struct key oracle_keys[] = {
	{ "build", set_text, offsetof(struct oracle_def, build), 0 },
	{ "command", set_text, offsetof(struct oracle_def, command), 0 },
	{ "timeout", set_time, offsetof(struct oracle_def, timeout), 0 },
	{ "sanity", set_pattern, offsetof(struct oracle_def, sanity), 0 },
	{ "trusted", set_trusted, offsetof(struct oracle_def, trusted), 0 },
	{ "protect", set_protect, offsetof(struct oracle_def, protect), 1 },
	{ NULL, NULL, 0, 0 },
};

static const struct key metric_keys[] = {
	{ "pattern", set_metric_pattern,
	    offsetof(struct metric_def, pattern), 0 },
	{ "match", set_match, offsetof(struct metric_def, rule), 0 },
	{ "unit", set_unit, offsetof(struct metric_def, unit), 0 },
	{ "direction", set_direction,
	    offsetof(struct metric_def, direction), 0 },
	{ "transform", set_transform,
	    offsetof(struct metric_def, transform_abs), 0 },
	{ "target", set_target, 0, 0 },
	{ NULL, NULL, 0, 0 },
};

static const struct key loop_keys[] = {
	{ "max-iterations", set_count,
	    offsetof(struct loop_def, max_iterations), 0 },
	{ "max-time", set_time, offsetof(struct loop_def, max_time), 0 },
	{ "iteration-time", set_time,
	    offsetof(struct loop_def, iteration_time), 0 },
	{ "max-failures", set_count,
	    offsetof(struct loop_def, max_failures), 0 },
	{ "sync", set_time, offsetof(struct loop_def, sync), 0 },
	{ "beat", set_time, offsetof(struct loop_def, beat), 0 },
	{ "stop-grace", set_time, offsetof(struct loop_def, stop_grace), 0 },
	{ "completion-promise", set_text,
	    offsetof(struct loop_def, promise), 0 },
	{ "agent", set_text, offsetof(struct loop_def, agent), 0 },
	{ NULL, NULL, 0, 0 },
};

static const struct key agent_keys[] = {
	{ "command", set_text, offsetof(struct agent_def, command), 0 },
	{ "output", set_output, offsetof(struct agent_def, claude), 0 },
	{ NULL, NULL, 0, 0 },
};

/* Ignored, these would let a weaker test pass than the user wrote. */
static const char *const later_oracle[] = {
	"points", "fast", "self-test", NULL,
};

static const char *const later_metric[] = {
	"tolerance", "aggregate", "ratchet", "floor", "milestone", "source",
	NULL,
};

static const struct section sections[] = {
	{ "project", NAME_NONE, begin_project, project_keys, NULL },
	{ "oracle", NAME_OPTIONAL, begin_oracle, oracle_keys, later_oracle },
	{ "metric", NAME_NEEDED, begin_metric, metric_keys, later_metric },
	{ "loop", NAME_NONE, begin_loop, loop_keys, NULL },
	{ "agent", NAME_NEEDED, begin_agent, agent_keys, NULL },
	{ "records", NAME_NONE, begin_project, records_keys, NULL },
};
#define SECTIONS (sizeof(sections) / sizeof(sections[0]))

static struct err *
unknown_section(struct parsing *s)
{
	const char *names[SECTIONS + 1] = { NULL }, *near;
	size_t i;

	for (i = 0; i < SECTIONS; i++)
		names[i] = sections[i].name;
	near = text_suggest(s->v->section, names);
	if (near != NULL)
		return conf_error(&s->conf, s->v, "unknown section [%s]; did "
		    "you mean [%s]?", s->v->section, near);
	return conf_error(&s->conf, s->v, "unknown section [%s]; expected "
	    "[project], [oracle], [metric \"NAME\"], [loop], "
	    "[agent \"NAME\"] or [records]", s->v->section);
}

static struct err *
unknown_key(struct parsing *s, const struct section *section)
{
	struct buf list = BUF_INIT;
	const char *names[16], *near;
	struct err *e;
	size_t n;

	for (n = 0; section->keys[n].name != NULL; n++) {
		names[n] = section->keys[n].name;
		buf_addf(&list, "%s%s", n == 0 ? "" : ", ", names[n]);
	}
	names[n] = NULL;
	near = text_suggest(s->v->key, names);
	if (near != NULL)
		e = conf_error(&s->conf, s->v, "unknown key '%s' in [%s]; "
		    "did you mean '%s'?", s->v->key, section->name, near);
	else
		e = conf_error(&s->conf, s->v, "unknown key '%s' in [%s]; "
		    "expected one of %s", s->v->key, section->name, list.p);
	buf_release(&list);
	return e;
}

static struct err *
begin_section(struct parsing *s, const struct section *section)
{
	const char *name = s->v->name;

	if (section->named == NAME_NEEDED && *name == '\0')
		return conf_error(&s->conf, s->v, "expected [%s \"NAME\"]",
		    section->name);
	if (section->named == NAME_NONE && *name != '\0')
		return conf_error(&s->conf, s->v,
		    "expected [%s] without a name", section->name);
	return section->begin(s);
}

/* An earlier value of the same key, or NULL. */
static const struct conf_value *
earlier(const struct parsing *s)
{
	const struct conf_value *v;

	for (v = s->conf.v; v < s->v; v++)
		if (strcmp(v->section, s->v->section) == 0 &&
		    strcmp(v->name, s->v->name) == 0 &&
		    strcmp(v->key, s->v->key) == 0)
			return v;
	return NULL;
}

static struct err *
apply_key(struct parsing *s, const struct section *section)
{
	const struct conf_value *before;
	const struct key *key;

	for (key = section->keys; key->name != NULL; key++)
		if (strcmp(key->name, s->v->key) == 0)
			break;
	if (key->name == NULL && section->later != NULL &&
	    word_number(s->v->key, section->later) >= 0)
		return conf_error(&s->conf, s->v,
		    "'%s' in [%s] is not supported by this version",
		    s->v->key, section->name);
	if (key->name == NULL)
		return unknown_key(s, section);
	before = key->repeats ? NULL : earlier(s);
	if (before != NULL)
		return conf_error(&s->conf, s->v,
		    "'%s' is given already in line %d", key->name,
		    before->line);
	return key->set(s, (char *)s->base + key->offset);
}

static struct err *
apply_value(struct parsing *s)
{
	const struct section *section = sections;

	while (section < sections + SECTIONS &&
	    strcmp(section->name, s->v->section) != 0)
		section++;
	if (section == sections + SECTIONS)
		return unknown_section(s);
	if (*s->v->key == '\0')
		return begin_section(s, section);
	return apply_key(s, section);
}

/* What the sections lack as a whole; the error names their headers. */
static struct err *
check_whole(struct parsing *s)
{
	const struct conf *c = &s->conf;
	const struct conf_value *v;
	size_t i;

	for (i = 0; i < c->n; i++) {
		v = &c->v[i];
		if (*v->key != '\0')
			continue;
		if ((strcmp(v->section, "oracle") == 0 ||
		    strcmp(v->section, "agent") == 0) &&
		    conf_get(c, v->section, v->name, "command") == NULL)
			return conf_error(c, v, "[%s] lacks 'command = …'",
			    v->section);
		if (strcmp(v->section, "metric") == 0 && !s->p->has_oracle)
			return conf_error(c, v, "[metric \"%s\"] needs an "
			    "[oracle] that measures it", v->name);
	}
	return NULL;
}

struct err *
project_parse(struct project *p, const char *path, const char *text,
    size_t len)
{
	struct parsing s = { p, CONF_INIT, NULL, NULL };
	struct err *e;
	size_t i;

	e = conf_parse(&s.conf, path, text, len);
	for (i = 0; e == NULL && i < s.conf.n; i++) {
		s.v = &s.conf.v[i];
		e = apply_value(&s);
	}
	if (e == NULL)
		e = check_whole(&s);
	if (e == NULL) {
		free(p->oracle_text);
		p->oracle_text = project_canonical_text(p);
	}
	conf_release(&s.conf);
	return e;
}

