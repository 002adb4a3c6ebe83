#include "work/measure.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/cmd.h"
#include "base/lock.h"
#include "base/text.h"
#include "store/notes.h"
#include "work/entry.h"
#include "work/overview.h"
#include "work/workspace.h"


void
measurement_release(struct measurement *m)
{
	free(m->oracle_id);
	project_release(&m->project);
	oracle_result_release(&m->result);
	memset(m, 0, sizeof(*m));
}

struct err *
oracle_identity(struct repo *r, const struct project *p,
    const struct oid *tree, char **id)
{
	struct buf b = BUF_INIT;
	struct oid entry, digest;
	struct err *e = NULL;
	char hex[OID_HEX_SIZE];
	const char *path;
	size_t i;

	buf_addstr(&b, p->oracle_text);
	for (i = 0; e == NULL && i < p->oracle.protect.n; i++) {
		path = p->oracle.protect.v[i];
		e = repo_tree_entry(r, tree, path, &entry);
		if (e != NULL && e->code == ERR_NOTFOUND) {
			err_free(e);
			e = err_new(ERR_CONFIG, "the protected path '%s' is "
			    "not there, or git ignores it", path);
		}
		if (e == NULL) {
			oid_hex(&entry, hex);
			buf_addf(&b, "path %s %s\n", path, hex);
		}
	}
	if (e == NULL)
		e = object_hash(OBJECT_BLOB, b.p, b.len, &digest);
	if (e == NULL) {
		oid_hex(&digest, hex);
		*id = xstrdup(hex);
	}
	buf_release(&b);
	return e;
}

static struct err *
no_oracle(const char *where)
{
	return err_new(ERR_CONFIG, "'%s' has no [oracle] section; add one "
	    "with 'command = …', see gitagent(5)", where);
}

static struct err *
measure_in_place(struct repo *r, const volatile int *stop,
    struct measurement *m)
{
	struct err *e;

	e = repo_head(r, &m->commit);
	if (e == NULL)
		e = project_read(&m->project, repo_workdir(r));
	if (e != NULL && e->code == ERR_NOTFOUND)
		e->code = ERR_CONFIG;
	if (e == NULL && !m->project.has_oracle)
		e = no_oracle(PROJECT_FILE);
	if (e == NULL)
		e = workspace_tree(r, &m->tree, &m->dirty);
	if (e == NULL)
		e = oracle_identity(r, &m->project, &m->tree, &m->oracle_id);
	if (e == NULL)
		e = oracle_run(&m->project, repo_workdir(r), stop, &m->result);
	return e;
}

static struct err *
read_definition(struct repo *r, const struct oid *commit, const char *rev,
    struct project *p)
{
	char *name = xasprintf("%s:%s", rev, PROJECT_FILE);
	struct err *e;

	e = project_read_commit(p, r, commit, name);
	if (e != NULL && e->code == ERR_NOTFOUND) {
		err_free(e);
		e = err_new(ERR_CONFIG, "'%s' does not exist; commit the "
		    "file that 'git agent init' made", name);
	}
	if (e == NULL && !p->has_oracle)
		e = no_oracle(name);
	free(name);
	return e;
}

/* The commit that defines the oracle, and what it says. */
static struct err *
find_definition(struct repo *r, const char *oracle_from, struct oid *source,
    struct project *p)
{
	const char *rev = oracle_from == NULL ? "HEAD" : oracle_from;
	char *trusted = NULL;
	struct err *e;

	e = repo_resolve(r, rev, source);
	if (e == NULL)
		e = read_definition(r, source, rev, p);
	/* Whoever names a commit means that one. */
	if (e != NULL || oracle_from != NULL || p->oracle.trusted == NULL)
		return e;
	trusted = xstrdup(p->oracle.trusted);
	e = repo_resolve(r, trusted, source);
	if (e != NULL) {
		e = err_prefix(e, "[oracle] trusted");
		e->code = ERR_CONFIG;
	}
	if (e == NULL) {
		project_release(p);
		project_init(p);
		e = read_definition(r, source, trusted, p);
	}
	free(trusted);
	return e;
}

/* Another check may take its time; we need not outwait a signal for it. */
static struct err *
take_turn(struct lock *lock, const char *path, const volatile int *stop)
{
	struct err *e;

	for (;;) {
		e = lock_take(lock, path, 500);
		if (e == NULL || e->code != ERR_LOCKED)
			return e;
		err_free(e);
		if (stop != NULL && *stop != 0)
			return err_new(ERR_SYSTEM, "interrupted");
	}
}

static struct err *
measure_revision(struct repo *r, const char *rev, const char *oracle_from,
    const volatile int *stop, struct measurement *m)
{
	char *dir = repo_shared_path(r, "measure");
	char *path = repo_shared_path(r, "measure.lock");
	struct lock lock = LOCK_INIT;
	struct oid source, source_tree;
	struct err *e;

	e = repo_resolve(r, rev, &m->commit);
	if (e == NULL)
		e = repo_commit_tree(r, &m->commit, &m->tree);
	if (e == NULL)
		e = find_definition(r, oracle_from, &source, &m->project);
	if (e == NULL)
		e = repo_commit_tree(r, &source, &source_tree);
	if (e == NULL)
		e = oracle_identity(r, &m->project, &source_tree,
		    &m->oracle_id);
	if (e == NULL)
		e = repo_make_state(r);
	if (e == NULL)
		e = take_turn(&lock, path, stop);
	if (e == NULL)
		e = workspace_checkout(r, dir, &m->commit, &source,
		    &m->project.oracle.protect);
	if (e == NULL)
		e = oracle_run(&m->project, dir, stop, &m->result);
	lock_release(&lock);
	free(path);
	free(dir);
	return e;
}

struct err *
measure(struct repo *r, const char *rev, const char *oracle_from,
    const volatile int *stop, struct measurement *m)
{
	struct err *e;

	memset(m, 0, sizeof(*m));
	project_init(&m->project);
	oracle_result_init(&m->result);
	if (rev == NULL && oracle_from != NULL)
		rev = "HEAD";
	e = rev == NULL ? repo_need_workdir(r) : NULL;
	if (e == NULL && rev == NULL)
		e = measure_in_place(r, stop, m);
	else if (e == NULL)
		e = measure_revision(r, rev, oracle_from, stop, m);
	return e;
}

/* A sentence of the configuration's or the output's words, on one line. */
static void
add_reason(struct buf *b, const char *before, const char *reason)
{
	buf_addstr(b, before);
	text_clean(b, reason, strlen(reason), TEXT_LINE);
}

char *
measure_summary(const struct measurement *m)
{
	const struct oracle_result *res = &m->result;
	struct buf b = BUF_INIT;
	size_t i;

	buf_addstr(&b, oracle_state_name(res->state));
	for (i = 0; i < res->metric_count; i++) {
		buf_addf(&b, "%s %s ", i == 0 ? ":" : ",",
		    res->metrics[i].name);
		metric_show(&b, &res->metrics[i]);
	}
	if (res->reason != NULL)
		add_reason(&b, "; ", res->reason);
	return buf_steal(&b);
}

void
measure_table(const struct oracle_result *res, struct buf *b)
{
	const struct metric_value *v;
	size_t i;

	for (i = 0; i < res->metric_count; i++) {
		v = &res->metrics[i];
		buf_addf(b, "%-10s  %-5s  ", oracle_state_name(v->state),
		    v->name);
		metric_show(b, v);
		if (v->unit != NULL)
			buf_addf(b, " %s", v->unit);
		if (v->has_target)
			buf_addf(b, "  (target %s %g)", v->direction ==
			    LOWER_IS_BETTER ? "<=" : ">=", v->target);
		if (v->at != NULL)
			buf_addf(b, "  at %s", v->at);
		buf_addch(b, '\n');
	}
	if (res->reason != NULL) {
		add_reason(b, "", res->reason);
		buf_addch(b, '\n');
	}
}

/* The raw output as an attachment of the record. */
static struct err *
attach_output(struct repo *r, const struct buf *output, struct oid *tree)
{
	struct tree t = TREE_INIT;
	struct oid blob;
	struct err *e;

	e = object_write(r, OBJECT_BLOB, output->p, output->len, &blob);
	if (e == NULL) {
		tree_set(&t, "output.txt", 0100644, &blob);
		e = tree_write(r, &t, tree);
	}
	tree_release(&t);
	return e;
}

static void
add_trailers(struct trailers *t, const struct measurement *m)
{
	char hex[OID_HEX_SIZE], *metric;
	size_t i;

	trailers_add(t, "Agent-State", oracle_state_name(m->result.state));
	oid_hex(&m->commit, hex);
	trailers_add(t, "Agent-Commit", hex);
	oid_hex(&m->tree, hex);
	trailers_add(t, "Agent-Tree", hex);
	if (m->dirty)
		trailers_add(t, "Agent-Dirty", "yes");
	trailers_add(t, "Agent-Oracle-Id", m->oracle_id);
	trailers_addf(t, "Agent-Wall", "%.3f",
	    (double)m->result.wall / (double)CLOCK_SECOND);
	for (i = 0; i < m->result.metric_count; i++) {
		metric = metric_format(&m->result.metrics[i]);
		trailers_add(t, "Agent-Metric", metric);
		free(metric);
	}
}

/* Only for `git log`: the record is written and stands without it. */
static void
add_note(struct repo *r, const struct measurement *m)
{
	struct buf text = BUF_INIT;
	struct err *e;

	buf_addf(&text, "git agent check: %s\n",
	    oracle_state_name(m->result.state));
	measure_table(&m->result, &text);
	e = notes_set(r, &m->commit, text.p, text.len);
	if (e != NULL)
		cmd_warn("recorded, but without a note for 'git log': %s",
		    e->msg);
	err_free(e);
	buf_release(&text);
}

struct err *
measure_record(struct repo *r, const struct measurement *m, struct oid *id)
{
	struct draft d = { .kind = "check" };
	struct buf table = BUF_INIT;
	char *subject = measure_summary(m);
	struct err *e;

	measure_table(&m->result, &table);
	d.subject = subject;
	d.body = table.p;
	add_trailers(&d.trailers, m);
	e = attach_output(r, &m->result.output, &d.tree);
	if (e == NULL)
		e = entry_append(r, &d, id);
	if (e == NULL && !m->dirty)
		add_note(r, m);
	draft_release(&d);
	buf_release(&table);
	free(subject);
	return e;
}

static struct js *
value_json(const struct metric_value *v)
{
	struct js *j = js_object();

	js_set_string(j, "name", v->name);
	js_set(j, "value", js_real(v->value));
	js_set_string(j, "unit", v->unit);
	js_set_string(j, "at", v->at);
	js_set(j, "target", v->has_target ? js_real(v->target) : js_null());
	js_set_string(j, "direction", v->direction == LOWER_IS_BETTER ?
	    "lower" : "higher");
	js_set_string(j, "state", oracle_state_name(v->state));
	js_set_string(j, "reason", v->reason);
	return j;
}

struct js *
measure_values_json(const struct metric_value *v, size_t n)
{
	struct js *list = js_array();
	size_t i;

	for (i = 0; i < n; i++)
		js_append(list, value_json(&v[i]));
	return list;
}

struct js *
measure_json(const struct measurement *m)
{
	struct js *j = js_object();
	char hex[OID_HEX_SIZE];

	js_set_string(j, "state", oracle_state_name(m->result.state));
	js_set_string(j, "reason", m->result.reason);
	oid_hex(&m->commit, hex);
	js_set_string(j, "commit", hex);
	oid_hex(&m->tree, hex);
	js_set_string(j, "tree", hex);
	js_set_bool(j, "dirty", m->dirty);
	js_set_string(j, "oracle_id", m->oracle_id);
	js_set(j, "wall_seconds", js_real((double)m->result.wall /
	    (double)CLOCK_SECOND));
	js_set(j, "metrics", measure_values_json(m->result.metrics,
	    m->result.metric_count));
	return j;
}
