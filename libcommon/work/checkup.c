#include "work/checkup.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/cmd.h"
#include "base/js.h"
#include "base/out.h"
#include "base/text.h"
#include "store/doctor.h"
#include "work/delivery.h"
#include "work/project.h"

static void
print_clean(struct out *o, const char *text)
{
	struct buf b = BUF_INIT;

	text_clean(&b, text, strlen(text), TEXT_LINE);
	out_str(o, b.p);
	buf_release(&b);
}

static void
begin_line(struct out *o, const char *label, enum style style,
    const struct finding *f)
{
	out_styled(o, STYLE_DIM, "%s", label);
	out_styled(o, style, "%s", doctor_word(f->code));
	out_str(o, ": '");
	print_clean(o, f->subject);
	out_str(o, "'");
}

static void
print_finding(struct out *o, const char *label, const struct finding *f)
{
	begin_line(o, label, STYLE_BAD, f);
	out_str(o, ": ");
	print_clean(o, f->meaning);
	if ((f->code == DOCTOR_UNPARSEABLE || f->code == DOCTOR_BAD_NAME) &&
	    f->count > 1)
		out_printf(o, " (%zu like it)", f->count);
	if (f->command != NULL) {
		out_str(o, "; run: ");
		print_clean(o, f->command);
	}
	out_str(o, "\n");
}

/* What --repair does about it. */
static void
print_plan(struct out *o, const struct finding *f)
{
	int yours = f->command != NULL || f->code == DOCTOR_BAD_NAME ||
	    f->code == DOCTOR_DAMAGED_OBJECT;

	begin_line(o, "repair: ", STYLE_WARN, f);
	out_str(o, ": ");
	print_clean(o, f->repair != NULL ? f->repair : yours ?
	    "left to you" : "nothing to be done");
	out_str(o, "\n");
}

static struct js *
finding_json(const struct finding *f)
{
	struct js *j = js_object();

	js_set_string(j, "code", doctor_word(f->code));
	js_set_string(j, "subject", f->subject);
	js_set_int(j, "count", (int64_t)f->count);
	js_set_string(j, "meaning", f->meaning);
	js_set_string(j, "command", f->command);
	js_set_string(j, "repair", f->repair);
	return j;
}

static struct js *
findings_json(const struct diagnosis *d)
{
	struct js *list = js_array();
	size_t i;

	for (i = 0; i < d->n; i++)
		js_append(list, finding_json(&d->v[i]));
	return list;
}

static void
print_json(struct out *o, const struct diagnosis *d, const struct strvec *done,
    const struct diagnosis *left)
{
	struct js *j = js_object(), *list = js_array();
	size_t i;

	js_set_string(j, "remote", d->remote);
	js_set_string(j, "prefix", d->prefix);
	js_set_bool(j, "asked", d->asked);
	js_set_bool(j, "reached", d->reached);
	js_set_string(j, "problem", d->problem);
	js_set(j, "findings", findings_json(d));
	for (i = 0; i < done->n; i++)
		js_append(list, js_string(done->v[i]));
	js_set(j, "done", list);
	js_set(j, "left", left == NULL ? js_null() : findings_json(left));
	js_write(j, o->f);
	js_free(j);
}

static void
print_findings(struct out *o, const char *label, const struct diagnosis *d)
{
	size_t i;

	for (i = 0; i < d->n; i++)
		print_finding(o, label, &d->v[i]);
}

/* `left` NULL: it could not be looked for. */
static void
print_end(struct out *o, const struct checkup *c, const struct strvec *done,
    const struct diagnosis *left)
{
	size_t i;

	for (i = 0; i < done->n && !c->quiet; i++) {
		out_styled(o, STYLE_GOOD, "done");
		out_str(o, ": ");
		print_clean(o, done->v[i]);
		out_str(o, "\n");
	}
	if (left == NULL)
		return;
	print_findings(o, "left: ", left);
	if (left->n == 0 && !c->quiet)
		out_str(o, "nothing is left\n");
}

/* 1 if something is not known for want of an answer. */
static int
is_partial(const struct diagnosis *d, const struct checkup *c,
    struct repo *r)
{
	if (d->remote == NULL)
		return 0;
	if (d->asked && !d->reached) {
		cmd_warn("'%s': %s; what it has is not known", d->remote,
		    d->problem == NULL ? "no answer" : d->problem);
		return 1;
	}
	if (!c->offline)
		return 0;
	if (!c->quiet)
		cmd_note("'%s' was not asked (--offline)", d->remote);
	return !sync_is_connected(r);
}

static int
status_of(struct repo *r, const struct checkup *c, const struct diagnosis *d)
{
	int partial = is_partial(d, c, r);

	return d->n > 0 ? EXIT_NO : partial ? EXIT_PARTIAL : EXIT_YES;
}

/* What the oracle and the loop read. */
static void
project_settings(struct repo *r, struct diagnosis *d)
{
	struct project p;
	struct err *e;

	if (repo_workdir(r) == NULL)
		return;
	project_init(&p);
	e = project_read(&p, repo_workdir(r));
	if (e != NULL && e->code == ERR_CONFIG && d->prefix != NULL)
		diagnosis_add(d, DOCTOR_BAD_SETTING, PROJECT_FILE,
		    xstrdup(e->msg), NULL, NULL);
	err_free(e);
	project_release(&p);
}

static struct err *
examine(struct repo *r, const struct checkup *c, struct diagnosis *d)
{
	struct err *e;

	e = doctor_examine(r, (c->offline ? DOCTOR_OFFLINE : 0) |
	    (c->background ? DOCTOR_BACKGROUND : 0), d);
	if (e == NULL)
		project_settings(r, d);
	return e;
}

/*
 * First all that would be done, and only then is anything touched; as JSON,
 * all of it is one object at the end.  What was done is told also where an
 * error has stopped it.
 */
static struct err *
repair(struct repo *r, const struct checkup *c, struct out *o,
    const struct diagnosis *d, int *status)
{
	struct diagnosis left = DIAGNOSIS_INIT;
	struct strvec done = STRVEC_INIT;
	struct err *e;
	size_t i;

	for (i = 0; i < d->n && !c->json; i++)
		print_plan(o, &d->v[i]);
	fflush(o->f);
	e = doctor_repair(r, (c->offline ? DOCTOR_OFFLINE : 0) |
	    (c->background ? DOCTOR_BACKGROUND : 0), d, &done);
	if (e == NULL)
		e = examine(r, c, &left);
	if (c->json)
		print_json(o, d, &done, e == NULL ? &left : NULL);
	else
		print_end(o, c, &done, e == NULL ? &left : NULL);
	*status = status_of(r, c, &left);
	diagnosis_release(&left);
	strvec_release(&done);
	return e;
}

static void
print_check(struct out *o, const struct checkup *c, const struct diagnosis *d)
{
	struct strvec none = STRVEC_INIT;
	size_t i;

	if (c->json)
		print_json(o, d, &none, NULL);
	else
		print_findings(o, "", d);
	for (i = 0; i < d->n && c->repair && !c->json; i++)
		print_plan(o, &d->v[i]);
	if (d->n == 0 && !c->json && !c->quiet)
		out_str(o, "nothing found\n");
}

struct err *
checkup_run(struct repo *r, const struct checkup *c, int *status)
{
	struct diagnosis d = DIAGNOSIS_INIT;
	struct out o;
	struct err *e;

	e = examine(r, c, &d);
	if (e != NULL)
		goto done;
	e = out_open(&o, 0, repo_config(r, "color.ui"));
	if (e != NULL)
		goto done;
	if (c->repair && !c->dry_run && d.n > 0) {
		if (!c->json)
			print_findings(&o, "", &d);
		e = repair(r, c, &o, &d, status);
	} else {
		print_check(&o, c, &d);
		*status = status_of(r, c, &d);
	}
	e = err_first(e, out_close(&o));
done:
	diagnosis_release(&d);
	return e;
}

struct err *
checkup_settings(struct err *why, const struct checkup *c, int *status)
{
	struct diagnosis d = DIAGNOSIS_INIT;
	struct out o;
	struct err *e = out_open(&o, 0, NULL);

	diagnosis_add(&d, DOCTOR_BAD_SETTING, "git config",
	    xstrdup(why->msg), NULL, NULL);
	if (e == NULL) {
		print_check(&o, c, &d);
		e = out_close(&o);
	}
	*status = EXIT_NO;
	diagnosis_release(&d);
	err_free(why);
	return e;
}
