#include "work/project.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "work/project-parse.h"

static int
compare_strings(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int
compare_metrics(const void *a, const void *b)
{
	return strcmp((*(const struct metric_def *const *)a)->name,
	    (*(const struct metric_def *const *)b)->name);
}

static void
add_line(struct buf *b, const char *key, const char *value)
{
	if (value != NULL)
		buf_addf(b, "%s = %s\n", key, value);
}

static void
add_metric(struct buf *b, const struct metric_def *m)
{
	static const char *const rules[] = { "one", "first", "last", "worst" };

	buf_addf(b, "[metric \"%s\"]\ndirection = %s\nmatch = %s\n", m->name,
	    m->direction == LOWER_IS_BETTER ? "lower" : "higher",
	    rules[m->rule]);
	add_line(b, "pattern", m->pattern);
	if (m->has_target)
		buf_addf(b, "target = %.17g\n", m->target);
	if (m->transform_abs)
		add_line(b, "transform", "abs");
	add_line(b, "unit", m->unit);
}

char *
project_canonical_text(const struct project *p)
{
	const struct oracle_def *o = &p->oracle;
	const struct metric_def **sorted;
	struct buf b = BUF_INIT;
	char **paths;
	size_t i;

	if (!p->has_oracle)
		return xstrdup("");
	buf_addf(&b, "[oracle \"%s\"]\n", o->name);
	add_line(&b, "build", o->build);
	add_line(&b, "command", o->command);
	paths = xcalloc(o->protect.n, sizeof(*paths));
	for (i = 0; i < o->protect.n; i++)
		paths[i] = o->protect.v[i];
	qsort(paths, o->protect.n, sizeof(*paths), compare_strings);
	for (i = 0; i < o->protect.n; i++)
		add_line(&b, "protect", paths[i]);
	free(paths);
	add_line(&b, "sanity", o->sanity);
	buf_addf(&b, "timeout = %lld\n", (long long)o->timeout);
	add_line(&b, "trusted", o->trusted);
	sorted = xcalloc(p->metric_count, sizeof(*sorted));
	for (i = 0; i < p->metric_count; i++)
		sorted[i] = &p->metrics[i];
	qsort(sorted, p->metric_count, sizeof(*sorted), compare_metrics);
	for (i = 0; i < p->metric_count; i++)
		add_metric(&b, sorted[i]);
	free(sorted);
	return buf_steal(&b);
}

void
project_init(struct project *p)
{
	const int64_t minute = 60 * CLOCK_SECOND, hour = 60 * minute;

	memset(p, 0, sizeof(*p));
	p->oracle.name = xstrdup("");
	p->oracle.timeout = 20 * minute;
	p->loop.max_iterations = 100;
	p->loop.max_time = 7 * 24 * hour;
	p->loop.iteration_time = 12 * hour;
	p->loop.max_failures = 5;
	p->loop.sync = 20 * CLOCK_SECOND;
	p->loop.beat = minute;
	p->loop.stop_grace = minute;
	p->loop.promise = xstrdup("DONE");
	p->loop.agent = xstrdup("claude");
	p->oracle_text = xstrdup("");
}

void
project_release(struct project *p)
{
	size_t i;

	for (i = 0; i < p->metric_count; i++) {
		free(p->metrics[i].name);
		free(p->metrics[i].pattern);
		free(p->metrics[i].unit);
	}
	for (i = 0; i < p->agent_count; i++) {
		free(p->agents[i].name);
		free(p->agents[i].command);
	}
	free(p->metrics);
	free(p->agents);
	free(p->oracle.name);
	free(p->oracle.build);
	free(p->oracle.command);
	free(p->oracle.sanity);
	free(p->oracle.trusted);
	strvec_release(&p->oracle.protect);
	free(p->loop.promise);
	free(p->loop.agent);
	free(p->goal);
	free(p->prefix);
	free(p->oracle_text);
	memset(p, 0, sizeof(*p));
}

struct err *
project_read(struct project *p, const char *workdir)
{
	char *path = xasprintf("%s/%s", workdir, PROJECT_FILE);
	struct buf text = BUF_INIT;
	struct err *e;

	e = file_read_max(path, PROJECT_FILE, PROJECT_FILE_MAX, &text);
	if (e != NULL && e->code == ERR_INPUT)
		e->code = ERR_CONFIG;
	if (e != NULL && e->code == ERR_NOTFOUND) {
		err_free(e);
		e = err_new(ERR_NOTFOUND, "there is no '%s' at the top of the "
		    "work tree; run 'git agent init'", PROJECT_FILE);
	}
	if (e == NULL)
		e = project_parse(p, PROJECT_FILE, text.p, text.len);
	buf_release(&text);
	free(path);
	return e;
}

struct err *
project_read_commit(struct project *p, struct repo *r,
    const struct oid *commit, const char *name)
{
	struct buf text = BUF_INIT;
	struct err *e;

	e = repo_commit_file(r, commit, PROJECT_FILE, name, PROJECT_FILE_MAX,
	    &text);
	if (e != NULL && e->code == ERR_INPUT)
		e->code = ERR_CONFIG;
	if (e == NULL)
		e = project_parse(p, name, text.p, text.len);
	buf_release(&text);
	return e;
}
