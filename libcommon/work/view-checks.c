/* The accuracy table of view.h. */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/strvec.h"
#include "base/text.h"
#include "work/checkpoints.h"
#include "work/show.h"
#include "work/view.h"

#define PLACE_WIDTH 16

struct rows {
	const struct check **v;	/* newest first */
	size_t n, more;
	struct strvec names;	/* of the metrics that have a column */
	struct strvec left_out;
	int changed;		/* not all are by the same oracle */
};

static const struct metric_value *
find_metric(const struct check *c, const char *name)
{
	size_t k;

	for (k = 0; k < c->metric_count; k++)
		if (strcmp(c->metrics[k].name, name) == 0)
			return &c->metrics[k];
	return NULL;
}

static int
is_bad(const struct check *c, const char *name)
{
	const struct metric_value *m = find_metric(c, name);

	return m != NULL && m->state != ORACLE_PASS;
}

static void
add_place(struct buf *b, const struct metric_value *m)
{
	struct buf clean = BUF_INIT;

	if (m != NULL && m->at != NULL) {
		text_clean(&clean, m->at, strlen(m->at), TEXT_LINE);
		text_fit(b, clean.p, PLACE_WIDTH);
	}
	buf_release(&clean);
}

static void
add_target(struct buf *b, const struct metric_value *m)
{
	if (m != NULL && m->has_target)
		buf_addf(b, "%s %g", m->direction == LOWER_IS_BETTER ?
		    "<=" : ">=", m->target);
}

static size_t
wider(size_t width, struct buf *b)
{
	size_t w = text_width(b->p);

	buf_clear(b);
	return w > width ? w : width;
}

static size_t
metric_width(const struct rows *rows, const char *name)
{
	const struct metric_value *m;
	struct buf b = BUF_INIT;
	size_t i, width;

	text_clean(&b, name, strlen(name), TEXT_LINE);
	width = wider(0, &b);
	for (i = 0; i < rows->n; i++) {
		m = find_metric(rows->v[i], name);
		if (m != NULL)
			metric_show(&b, m);
		width = wider(width, &b);
	}
	add_target(&b, find_metric(rows->v[0], name));
	width = wider(width, &b);
	add_place(&b, find_metric(rows->v[0], name));
	width = wider(width, &b);
	buf_release(&b);
	return width;
}

/* Those that the newest check did not pass come first, if not all fit. */
static void
choose_metrics(struct rows *rows, const struct strvec *all, size_t room)
{
	size_t i, k, need = 0, *width = xcalloc(all->n, sizeof(*width));
	char *chosen = xcalloc(all->n, 1);

	for (i = 0; i < all->n; i++)
		width[i] = metric_width(rows, all->v[i]) + 2;
	for (k = 0; k < 2; k++)
		for (i = 0; i < all->n; i++) {
			if (chosen[i] ||
			    (k == 0 && !is_bad(rows->v[0], all->v[i])))
				continue;
			if (need > 0 && need + width[i] > room)
				continue;
			need += width[i];
			chosen[i] = 1;
		}
	for (i = 0; i < all->n; i++)
		strvec_push(chosen[i] ? &rows->names : &rows->left_out,
		    all->v[i]);
	free(chosen);
	free(width);
}

static void
take_metrics(struct rows *rows, const struct out *o)
{
	struct strvec all = STRVEC_INIT;
	size_t i, k, room = (size_t)-1, left = 2 + 16 + 2 + 10 + 2 + 6;

	for (i = 0; i < rows->n; i++)
		for (k = 0; k < rows->v[i]->metric_count; k++)
			if (!strvec_has(&all, rows->v[i]->metrics[k].name))
				strvec_push(&all,
				    rows->v[i]->metrics[k].name);
	if (o->terminal)
		room = (size_t)o->columns > left ?
		    (size_t)o->columns - left : 0;
	choose_metrics(rows, &all, room);
	strvec_release(&all);
}

static int
other_oracle(const struct rows *rows, const struct check *c)
{
	const char *a = rows->v[0]->oracle_id, *b = c->oracle_id;

	return a == NULL || b == NULL ? a != b : strcmp(a, b) != 0;
}

static void
check_row(struct table *t, struct repo *r, const struct check *c,
    struct rows *rows)
{
	const char *state = oracle_state_name(c->state);
	const struct metric_value *m;
	struct buf b = BUF_INIT;
	char abbrev[OID_HEX_SIZE] = "";
	const char *commit;
	struct oid id;
	size_t i;
	int dirty, other = other_oracle(rows, c);

	rows->changed |= other;
	clock_relative(&b, c->note.clock, clock_now());
	table_cell(t, c->note.ahead ? STYLE_BAD : STYLE_DIM, b.p);
	commit = checkpoint_commit(c, &dirty);
	if (commit != NULL && oid_parse(commit, &id) == 0)
		object_abbrev(r, &id, abbrev);
	table_cellf(t, STYLE_ID, "%s%s", abbrev, dirty ? "+" : "");
	table_cellf(t, show_style(state), "%s%s", state, other ? "*" : "");
	for (i = 0; i < rows->names.n; i++) {
		m = find_metric(c, rows->names.v[i]);
		buf_clear(&b);
		if (m != NULL)
			metric_show(&b, m);
		table_cell(t, m == NULL || m->state == ORACLE_PASS ?
		    STYLE_PLAIN : STYLE_BAD, b.p);
	}
	buf_release(&b);
}

/* Below the values: what they should be, and where the newest were found. */
static void
last_row(struct table *t, const struct rows *rows, const char *title,
    void (*add)(struct buf *, const struct metric_value *))
{
	struct buf cells = BUF_INIT, b = BUF_INIT;
	size_t i;

	for (i = 0; i < rows->names.n; i++)
		add(&cells, find_metric(rows->v[0], rows->names.v[i]));
	if (cells.len > 0) {
		table_cell(t, STYLE_DIM, title);
		table_cell(t, STYLE_DIM, "");
		table_cell(t, STYLE_DIM, "");
		for (i = 0; i < rows->names.n; i++) {
			buf_clear(&b);
			add(&b, find_metric(rows->v[0], rows->names.v[i]));
			table_cell(t, STYLE_DIM, b.p);
		}
	}
	buf_release(&cells);
	buf_release(&b);
}

static void
print_table(struct out *o, struct repo *r, struct rows *rows)
{
	struct table *t = table_new(3 + rows->names.n);
	size_t i;

	table_flexible(t, 0);
	table_cell(t, STYLE_DIM, "checked");
	table_cell(t, STYLE_DIM, "commit");
	table_cell(t, STYLE_DIM, "state");
	for (i = 0; i < rows->names.n; i++) {
		table_right(t, 3 + i);
		table_cell(t, STYLE_DIM, rows->names.v[i]);
	}
	for (i = rows->n; i > 0; i--)
		check_row(t, r, rows->v[i - 1], rows);
	last_row(t, rows, "target", add_target);
	last_row(t, rows, "at", add_place);
	table_print(t, o, 2);
	table_free(t);
}

static void
print_remarks(struct out *o, const struct rows *rows)
{
	struct buf b = BUF_INIT;
	size_t i;

	if (rows->left_out.n > 0) {
		buf_addstr(&b, "metrics that do not fit here: ");
		for (i = 0; i < rows->left_out.n; i++)
			buf_addf(&b, "%s%s", i == 0 ? "" : ", ",
			    rows->left_out.v[i]);
		show_block(o, b.p, 2);
	}
	if (rows->changed)
		out_styled(o, STYLE_DIM, "  * by another oracle: not "
		    "comparable with the newest\n");
	if (rows->more > 0)
		out_styled(o, STYLE_DIM, "  … and %zu earlier: git agent log "
		    "check\n", rows->more);
	buf_release(&b);
}

void
view_checks(struct out *o, struct repo *r, const struct checks *list,
    size_t most)
{
	struct rows rows = { NULL, 0, 0, STRVEC_INIT, STRVEC_INIT, 0 };

	if (list->n == 0 || most == 0)
		return;
	rows.v = xcalloc(most < list->n ? most : list->n, sizeof(*rows.v));
	rows.n = checkpoints_select(list, rows.v,
	    most < list->n ? most : list->n, &rows.more);
	take_metrics(&rows, o);
	out_str(o, "\n");
	out_styled(o, STYLE_HEAD, "Accuracy at checkpoints\n");
	print_table(o, r, &rows);
	print_remarks(o, &rows);
	strvec_release(&rows.names);
	strvec_release(&rows.left_out);
	free(rows.v);
}
