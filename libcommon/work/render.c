#include "work/render.h"

#include <string.h>

#include "base/clock.h"
#include "base/strvec.h"
#include "base/text.h"
#include "work/digest.h"

/*
 * A backslash where the line would be a heading: by itself ("# …"), or for
 * the line above ("===", "---").
 */
static void
add_markup_safe_start(struct buf *b, const char *line)
{
	size_t blanks = strspn(line, " "), n;

	line += blanks;
	n = strspn(line, *line == '=' ? "=" : "-");
	if (*line == '#' || (n > 0 &&
	    strchr("\n", line[n + strspn(line + n, " ")]) != NULL))
		buf_addch(b, '\\');
}

/*
 * Text of a record in Markdown: cleaned, and without what Markdown or HTML
 * would take for sections, pages or pictures of its own.  Lists, emphasis
 * and code stay, since that is how people write notes.
 */
static void
add_text(struct buf *b, const char *text, const char *indent)
{
	struct buf clean = BUF_INIT;
	const char *p;

	text_clean(&clean, text, strlen(text), TEXT_BLOCK);
	add_markup_safe_start(b, clean.p);
	for (p = clean.p; *p != '\0'; p++) {
		if (*p == '<')
			buf_addstr(b, "&lt;");
		else if (*p == '|')
			buf_addstr(b, "\\|");
		else if (*p == '!' && p[1] == '[')
			buf_addstr(b, "\\!");
		else
			buf_addch(b, *p);
		if (*p == '\n') {
			if (p[1] != '\n')
				buf_addstr(b, indent);
			add_markup_safe_start(b, p + 1);
		}
	}
	buf_release(&clean);
}

static void
add_date(struct buf *b, int64_t clock)
{
	char text[CLOCK_TEXT_SIZE];

	clock_format(clock, text);
	buf_add(b, text, 10);
}

static void
add_item(struct buf *b, const struct note *n)
{
	buf_addstr(b, "- ");
	add_date(b, n->clock);
	buf_addstr(b, ": ");
	add_text(b, n->subject, "  ");
	buf_addstr(b, " (");
	add_text(b, n->author, "  ");
	buf_addstr(b, ")\n");
	if (*n->body != '\0') {
		buf_addstr(b, strcmp(n->kind, "failed") == 0 ?
		    "  - Because: " : "\n  ");
		add_text(b, n->body, strcmp(n->kind, "failed") == 0 ?
		    "    " : "  ");
		buf_addch(b, '\n');
	}
	if (n->instead != NULL) {
		buf_addstr(b, "  - Instead: ");
		add_text(b, n->instead, "    ");
		buf_addch(b, '\n');
	}
}

static void
add_list(struct buf *b, const char *title, const struct notes *list)
{
	size_t i;

	buf_addf(b, "\n## %s\n\n", title);
	if (list->n == 0)
		buf_addstr(b, "None recorded.\n");
	for (i = 0; i < list->n; i++)
		add_item(b, &list->v[i]);
}

static void
metric_names(const struct checks *list, size_t first, size_t end,
    struct strvec *names)
{
	size_t i, k;

	for (i = first; i < end; i++)
		for (k = 0; k < list->v[i].metric_count; k++)
			if (!strvec_has(names, list->v[i].metrics[k].name))
				strvec_push(names,
				    list->v[i].metrics[k].name);
}

static void
accuracy_row(struct repo *r, const struct check *c, const struct strvec *names,
    struct buf *b)
{
	char abbrev[OID_HEX_SIZE] = "";
	struct oid id;
	size_t i, k;

	if (c->commit != NULL && oid_parse(c->commit, &id) == 0)
		object_abbrev(r, &id, abbrev);
	buf_addstr(b, "| ");
	add_date(b, c->note.clock);
	buf_addf(b, " | %s%s | %s |", abbrev, c->dirty ? "+changes" : "",
	    oracle_state_name(c->state));
	for (i = 0; i < names->n; i++) {
		buf_addch(b, ' ');
		for (k = 0; k < c->metric_count; k++)
			if (strcmp(c->metrics[k].name, names->v[i]) == 0)
				digest_metric(&c->metrics[k], b);
		buf_addstr(b, " |");
	}
	buf_addch(b, '\n');
}

void
render_accuracy(struct repo *r, const struct checks *list, size_t most,
    struct buf *b)
{
	struct strvec names = STRVEC_INIT;
	size_t i, end = most == 0 || most > list->n ? list->n : most;

	metric_names(list, 0, end, &names);
	buf_addstr(b, "| date | commit | state |");
	for (i = 0; i < names.n; i++) {
		buf_addch(b, ' ');
		add_text(b, names.v[i], "");
		buf_addstr(b, " |");
	}
	buf_addstr(b, "\n|---|---|---|");
	for (i = 0; i < names.n; i++)
		buf_addstr(b, "---:|");
	buf_addch(b, '\n');
	for (i = end; i > 0; i--)
		accuracy_row(r, &list->v[i - 1], &names, b);
	strvec_release(&names);
}

static void
add_targets(const struct checks *list, struct buf *b)
{
	const struct metric_value *m;
	size_t k;

	for (k = 0; list->n > 0 && k < list->v[0].metric_count; k++) {
		m = &list->v[0].metrics[k];
		if (!m->has_target)
			continue;
		buf_addstr(b, "- Target for ");
		add_text(b, m->name, "");
		buf_addf(b, ": %s %g\n", m->direction == LOWER_IS_BETTER ?
		    "at most" : "at least", m->target);
	}
}

void
render_changelog(struct repo *r, const struct overview *ov, struct buf *b)
{
	const struct note *status = notes_newest(&ov->status);

	buf_addstr(b, RENDER_MARK "# Lab notes\n\n## Status\n\n");
	if (status == NULL) {
		buf_addstr(b, "None recorded.\n");
	} else {
		add_text(b, status->subject, "");
		if (*status->body != '\0') {
			buf_addstr(b, "\n\n");
			add_text(b, status->body, "");
		}
		buf_addstr(b, "\n\n(");
		add_text(b, status->author, "");
		buf_addstr(b, ", ");
		add_date(b, status->clock);
		buf_addstr(b, ")\n");
	}
	add_list(b, "Next steps", &ov->next);
	add_list(b, "Milestones", &ov->milestone);
	add_list(b, "Completed", &ov->done);
	add_list(b, "Failed approaches", &ov->failed);
	buf_addstr(b, "\n## Accuracy at checkpoints\n\n");
	if (ov->checks.n == 0)
		buf_addstr(b, "The oracle has not run yet.\n");
	else {
		render_accuracy(r, &ov->checks, 0, b);
		buf_addch(b, '\n');
		add_targets(&ov->checks, b);
	}
	add_list(b, "Known limitations", &ov->limit);
}
