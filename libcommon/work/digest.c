#include "work/digest.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"

#define ITEM_MAX 500		/* bytes of one item's text */

/* Cut on a character's boundary, and say so. */
static void
add_cut(struct buf *b, const char *text, size_t max)
{
	struct buf clean = BUF_INIT;
	size_t n = 0, step;

	text_clean(&clean, text, strlen(text), TEXT_LINE);
	while (n < clean.len) {
		step = text_utf8_length(clean.p + n, clean.len - n);
		if (step == 0 || n + step > max)
			break;
		n += step;
	}
	buf_add(b, clean.p, n);
	if (n < clean.len)
		buf_addstr(b, " […]");
	buf_release(&clean);
}

static void
add_when(struct buf *b, const struct note *n)
{
	buf_addstr(b, " (");
	add_cut(b, n->author, 60);
	buf_addstr(b, ", ");
	clock_relative(b, n->clock, clock_now());
	buf_addstr(b, n->ahead ? ", by a clock far in the future)" : ")");
}

static void
add_item(struct buf *b, const struct note *n)
{
	buf_addstr(b, "- ");
	add_cut(b, n->subject, ITEM_MAX);
	if (*n->body != '\0') {
		buf_addstr(b, strcmp(n->kind, "failed") == 0 ?
		    " — because: " : " — ");
		add_cut(b, n->body, ITEM_MAX);
	}
	if (n->instead != NULL) {
		buf_addstr(b, " — instead: ");
		add_cut(b, n->instead, 200);
	}
	add_when(b, n);
	buf_addch(b, '\n');
}

static void
add_list(struct buf *b, const char *title, const struct notes *list,
    size_t most)
{
	size_t i, n = 0;

	if (list->n == 0)
		return;
	buf_addf(b, "\n## %s\n", title);
	for (i = 0; i < list->n && n < most && b->len < DIGEST_MAX - 800; i++) {
		if (list->v[i].ahead)
			continue;
		add_item(b, &list->v[i]);
		n++;
	}
	if (i < list->total)
		buf_addf(b, "- … and %zu more: git agent log %s\n",
		    list->total - i, list->v[0].kind);
}

void
digest_metric(const struct metric_value *m, struct buf *b)
{
	if (isnan(m->value))
		buf_addstr(b, m->reason == NULL ? "nan" : "missing");
	else
		buf_addf(b, "%.4g", m->value);
}

void
digest_check(struct repo *r, const struct check *c, struct buf *b)
{
	const struct metric_value *m;
	char abbrev[OID_HEX_SIZE];
	struct oid id;
	size_t i;

	buf_addstr(b, oracle_state_name(c->state));
	if (c->commit != NULL && oid_parse(c->commit, &id) == 0) {
		object_abbrev(r, &id, abbrev);
		buf_addf(b, " at %s%s", abbrev,
		    c->dirty ? " with uncommitted changes" : "");
	}
	for (i = 0; i < c->metric_count; i++) {
		m = &c->metrics[i];
		buf_addstr(b, i == 0 ? ": " : ", ");
		add_cut(b, m->name, 60);
		buf_addch(b, ' ');
		digest_metric(m, b);
		if (m->has_target)
			buf_addf(b, " (target %s %g, %s)",
			    m->direction == LOWER_IS_BETTER ? "<=" : ">=",
			    m->target, oracle_state_name(m->state));
		if (m->at != NULL) {
			buf_addstr(b, " at ");
			add_cut(b, m->at, 40);
		}
	}
	if (c->metric_count == 0 || c->state > ORACLE_FAIL) {
		buf_addstr(b, "; ");
		add_cut(b, c->note.subject, ITEM_MAX);
	}
}

static void
add_checks(struct repo *r, struct buf *b, const struct checks *list)
{
	size_t i;

	if (list->n == 0)
		return;
	buf_addstr(b, "\n## Oracle, newest first\n");
	for (i = 0; i < list->n && i < DIGEST_CHECKS; i++) {
		buf_addstr(b, "- ");
		digest_check(r, &list->v[i], b);
		add_when(b, &list->v[i].note);
		buf_addch(b, '\n');
	}
}

static void
add_steers(struct repo *r, struct buf *b, const struct steers *list)
{
	char abbrev[OID_HEX_SIZE];
	size_t i, n = 0;

	for (i = 0; i < list->n && n < 10; i++) {
		if (!steer_is_open(&list->v[i]) || list->v[i].stop)
			continue;
		if (n++ == 0)
			buf_addstr(b, "\n## Instructions without an answer\n");
		object_abbrev(r, &list->v[i].note.id, abbrev);
		buf_addf(b, "- [%s] ", abbrev);
		add_cut(b, list->v[i].note.subject, ITEM_MAX);
		add_when(b, &list->v[i].note);
		buf_addch(b, '\n');
	}
	if (n > 0)
		buf_addstr(b, "Answer each with 'git agent steer --done ID "
		    "\"what you did\"' or '--decline ID \"why not\"'.\n");
}

void
digest_render(struct repo *r, const struct overview *ov, struct buf *b)
{
	const struct note *status = notes_newest(&ov->status);
	size_t n;

	buf_addstr(b, "# Where the work stands (from the records in this "
	    "repository)\n");
	if (status != NULL) {
		buf_addstr(b, "\nStatus: ");
		add_cut(b, status->subject, ITEM_MAX);
		if (*status->body != '\0') {
			buf_addstr(b, " — ");
			add_cut(b, status->body, ITEM_MAX);
		}
		add_when(b, status);
		buf_addch(b, '\n');
	} else {
		buf_addstr(b, "\nNo status was logged yet.\n");
	}
	add_steers(r, b, &ov->steers);
	add_checks(r, b, &ov->checks);
	add_list(b, "Failed approaches (do not repeat them)", &ov->failed, 12);
	add_list(b, "Next steps", &ov->next, 5);
	add_list(b, "Known limitations", &ov->limit, 6);
	add_list(b, "Milestones", &ov->milestone, 5);
	add_list(b, "Done", &ov->done, 6);
	/* Items are checked as they are added; this is the last resort. */
	if (b->len > DIGEST_MAX) {
		n = DIGEST_MAX - 8;
		while (((unsigned char)b->p[n] & 0xC0) == 0x80)
			n--;
		buf_truncate(b, n);
		buf_addstr(b, " […]\n");
	}
}
