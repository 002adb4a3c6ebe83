#include "work/view.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/strvec.h"
#include "base/text.h"
#include "work/digest.h"
#include "work/show.h"

static void
add_clean(struct buf *b, const char *text)
{
	text_clean(b, text, strlen(text), TEXT_LINE);
}

void
view_steer(struct out *o, struct repo *r, const struct steer *s)
{
	char abbrev[OID_HEX_SIZE];
	struct buf b = BUF_INIT;
	int64_t now = clock_now();

	object_abbrev(r, &s->note.id, abbrev);
	out_styled(o, STYLE_ID, "%s", abbrev);
	out_str(o, " ");
	out_styled(o, show_style(steer_state_name(s->state)), "%s",
	    steer_state_name(s->state));
	out_str(o, s->stop ? " [stop] " : " ");
	show_line(o, STYLE_PLAIN, s->note.subject);
	buf_addstr(&b, "\n    ");
	add_clean(&b, s->note.author);
	buf_addstr(&b, ", sent ");
	clock_relative(&b, s->note.clock, now);
	if (s->delivered_at != 0) {
		buf_addstr(&b, ", delivered ");
		clock_relative(&b, s->delivered_at, now);
		buf_addstr(&b, " (");
		clock_local(&b, s->delivered_at);
		buf_addch(&b, ')');
	}
	out_styled(o, STYLE_DIM, "%s\n", b.p);
	if (*s->note.body != '\0')
		show_block(o, s->note.body, 4);
	if (s->answer != NULL) {
		buf_clear(&b);
		buf_addf(&b, "%s by %s, ", steer_state_name(s->state),
		    s->answered_by);
		clock_relative(&b, s->answered_at, now);
		buf_addf(&b, ": %s", s->answer);
		show_block(o, b.p, 4);
	}
	buf_release(&b);
}

static void
view_note(struct out *o, struct repo *r, const struct note *n)
{
	struct buf b = BUF_INIT;
	char abbrev[OID_HEX_SIZE];

	object_abbrev(r, &n->id, abbrev);
	out_str(o, "  ");
	out_styled(o, STYLE_ID, "%s", abbrev);
	out_str(o, " ");
	show_line(o, STYLE_PLAIN, n->subject);
	buf_addstr(&b, " (");
	add_clean(&b, n->author);
	buf_addstr(&b, ", ");
	clock_relative(&b, n->clock, clock_now());
	buf_addch(&b, ')');
	out_styled(o, STYLE_DIM, "%s", b.p);
	out_styled(o, STYLE_BAD, "%s\n",
	    n->ahead ? " by a clock far in the future" : "");
	if (*n->body != '\0') {
		buf_clear(&b);
		if (strcmp(n->kind, "failed") == 0)
			buf_addstr(&b, "because: ");
		buf_addstr(&b, n->body);
		show_block(o, b.p, 6);
	}
	if (n->instead != NULL) {
		buf_clear(&b);
		buf_addf(&b, "instead: %s", n->instead);
		show_block(o, b.p, 6);
	}
	buf_release(&b);
}

void
view_notes(struct out *o, struct repo *r, const char *title,
    const struct notes *list, size_t most)
{
	size_t i;

	if (list->n == 0)
		return;
	out_str(o, "\n");
	out_styled(o, STYLE_HEAD, "%s\n", title);
	for (i = 0; i < list->n && i < most; i++)
		view_note(o, r, &list->v[i]);
	if (i < list->n)
		out_styled(o, STYLE_DIM, "  … and %zu more: git agent log "
		    "%s\n", list->n - i, list->v[0].kind);
}

static void
metric_names(const struct checks *list, size_t end, struct strvec *names)
{
	size_t i, k;

	for (i = 0; i < end; i++)
		for (k = 0; k < list->v[i].metric_count; k++)
			if (!strvec_has(names, list->v[i].metrics[k].name))
				strvec_push(names,
				    list->v[i].metrics[k].name);
}

static const struct metric_value *
find_metric(const struct check *c, const char *name)
{
	size_t k;

	for (k = 0; k < c->metric_count; k++)
		if (strcmp(c->metrics[k].name, name) == 0)
			return &c->metrics[k];
	return NULL;
}

static void
check_row(struct table *t, struct repo *r, const struct check *c,
    const struct strvec *names)
{
	const char *state = oracle_state_name(c->state);
	const struct metric_value *m;
	struct buf b = BUF_INIT;
	char abbrev[OID_HEX_SIZE] = "";
	struct oid id;
	size_t i;

	clock_relative(&b, c->note.clock, clock_now());
	table_cell(t, STYLE_DIM, b.p);
	if (c->commit != NULL && oid_parse(c->commit, &id) == 0)
		object_abbrev(r, &id, abbrev);
	table_cellf(t, STYLE_ID, "%s%s", abbrev, c->dirty ? "+" : "");
	table_cell(t, show_style(state), state);
	for (i = 0; i < names->n; i++) {
		m = find_metric(c, names->v[i]);
		buf_clear(&b);
		if (m != NULL)
			digest_metric(m, &b);
		table_cell(t, m == NULL || m->state == ORACLE_PASS ?
		    STYLE_PLAIN : STYLE_BAD, b.p);
	}
	buf_release(&b);
}

static void
target_row(struct table *t, const struct check *c, const struct strvec *names)
{
	const struct metric_value *m;
	size_t i;

	table_cell(t, STYLE_DIM, "target");
	table_cell(t, STYLE_DIM, "");
	table_cell(t, STYLE_DIM, "");
	for (i = 0; i < names->n; i++) {
		m = find_metric(c, names->v[i]);
		if (m != NULL && m->has_target)
			table_cellf(t, STYLE_DIM, "%s %g", m->direction ==
			    LOWER_IS_BETTER ? "<=" : ">=", m->target);
		else
			table_cell(t, STYLE_DIM, "");
	}
}

void
view_checks(struct out *o, struct repo *r, const struct checks *list,
    size_t most)
{
	struct strvec names = STRVEC_INIT;
	struct buf b = BUF_INIT;
	struct table *t;
	size_t i, end = list->n < most ? list->n : most;

	if (end == 0)
		return;
	metric_names(list, end, &names);
	out_str(o, "\n");
	out_styled(o, STYLE_HEAD, "Accuracy at checkpoints\n");
	t = table_new(3 + names.n);
	table_cell(t, STYLE_DIM, "checked");
	table_cell(t, STYLE_DIM, "commit");
	table_cell(t, STYLE_DIM, "state");
	for (i = 0; i < names.n; i++) {
		table_right(t, 3 + i);
		buf_clear(&b);
		add_clean(&b, names.v[i]);
		table_cell(t, STYLE_DIM, b.p);
	}
	for (i = end; i > 0; i--)
		check_row(t, r, &list->v[i - 1], &names);
	target_row(t, &list->v[0], &names);
	table_print(t, o, 2);
	table_free(t);
	if (end < list->n)
		out_styled(o, STYLE_DIM, "  … and %zu earlier: git agent log "
		    "check\n", list->n - end);
	buf_release(&b);
	strvec_release(&names);
}

static void
run_times(struct buf *b, const struct run *run, enum run_state state)
{
	int64_t now = clock_now();

	buf_addstr(b, "started ");
	clock_relative(b, run->started, now);
	if (state == RUN_ENDED || state == RUN_INTERRUPTED) {
		buf_addstr(b, ", ended ");
		clock_relative(b, run->last, now);
		buf_addstr(b, " after ");
		clock_duration(b, run->last - run->started);
	} else {
		buf_addstr(b, ", heard of ");
		clock_relative(b, run->beat > run->last ? run->beat :
		    run->last, now);
	}
}

void
view_run(struct out *o, const struct run *run, enum run_state state)
{
	struct buf b = BUF_INIT;

	out_styled(o, STYLE_HEAD, "Run ");
	out_styled(o, STYLE_ID, "%.26s", run->id);
	out_str(o, " ");
	out_styled(o, show_style(run_state_name(state)), "%s",
	    run_state_name(state));
	out_printf(o, ", iteration %lld\n", (long long)run->iteration);
	if (run->agent != NULL) {
		buf_addstr(&b, "agent: ");
		add_clean(&b, run->agent);
		buf_addstr(&b, "\n  ");
	}
	if (run->author != NULL) {
		buf_addstr(&b, "by ");
		add_clean(&b, run->author);
		buf_addstr(&b, " in ");
		add_clean(&b, run->writer);
		buf_addstr(&b, "; ");
	}
	run_times(&b, run, state);
	out_printf(o, "  %s\n", b.p);
	if (run->outcome_text != NULL) {
		out_str(o, "  ");
		show_line(o, run->outcome != NULL && strcmp(run->outcome,
		    "done") == 0 ? STYLE_GOOD : STYLE_BOLD,
		    run->outcome_text);
		out_str(o, "\n");
	} else if (run->doing != NULL && state == RUN_LIVE) {
		out_str(o, "  ");
		show_line(o, STYLE_PLAIN, run->doing);
		out_str(o, "\n");
	}
	if (run->refusals > 0)
		out_printf(o, "  completion was claimed too early %zu time%s, "
		    "and refused\n", run->refusals,
		    run->refusals == 1 ? "" : "s");
	if (state == RUN_STALE)
		out_styled(o, STYLE_BAD, "  no heartbeat: the run was killed, "
		    "its machine is down, or it cannot reach the remote\n");
	buf_release(&b);
}
