#include "work/view.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "work/show.h"

static void
add_clean(struct buf *b, const char *text)
{
	text_clean(b, text, strlen(text), TEXT_LINE);
}

/* Lines for people are no longer than this, however wide the terminal. */
static size_t
line_width(const struct out *o)
{
	return o->columns > 100 ? 100 : o->columns < 20 ? 20 :
	    (size_t)o->columns;
}

/* Print, and return the column that the cursor is in then. */
static size_t
flow(struct out *o, enum style style, const char *text, size_t used,
    size_t indent)
{
	struct buf clean = BUF_INIT, b = BUF_INIT;
	const char *last;

	add_clean(&clean, text);
	text_wrap(&b, clean.p, used, indent, line_width(o));
	out_styled(o, style, "%s", b.p);
	last = strrchr(b.p, '\n');
	used = last == NULL ? used + text_width(b.p) : text_width(last + 1);
	buf_release(&clean);
	buf_release(&b);
	return used;
}

/*
 * A line of a list behind `used` columns: the text, then who and when, which
 * stays together where it can.
 */
static void
view_entry(struct out *o, const char *text, const char *about, size_t used,
    size_t indent)
{
	used = flow(o, STYLE_PLAIN, text, used, indent);
	if (used + 1 + text_width(about) > line_width(o)) {
		out_printf(o, "\n%*s", (int)indent, "");
		used = indent;
	} else {
		out_str(o, " ");
		used++;
	}
	(void)flow(o, STYLE_DIM, about, used, indent);
}

void
view_steer(struct out *o, struct repo *r, const struct steer *s)
{
	const char *state = steer_state_name(s->state);
	char abbrev[OID_HEX_SIZE];
	struct buf b = BUF_INIT;
	int64_t now = clock_now();

	object_abbrev(r, &s->note.id, abbrev);
	out_styled(o, STYLE_ID, "%s", abbrev);
	out_str(o, " ");
	out_styled(o, show_style(state), "%s", state);
	out_str(o, s->stop ? " [stop] " : " ");
	(void)flow(o, STYLE_PLAIN, s->note.subject, 2 + strlen(abbrev) + 1 +
	    strlen(state) + (s->stop ? 8 : 1), 4);
	out_str(o, "\n    ");
	buf_addf(&b, "%s, sent ", s->note.author);
	clock_relative(&b, s->note.clock, now);
	if (s->delivered_at != 0) {
		buf_addstr(&b, ", delivered ");
		clock_relative(&b, s->delivered_at, now);
		buf_addstr(&b, " (");
		clock_local(&b, s->delivered_at);
		buf_addch(&b, ')');
	}
	(void)flow(o, STYLE_DIM, b.p, 4, 4);
	out_str(o, "\n");
	if (steer_is_unfollowed(s)) {
		out_str(o, "    ");
		(void)flow(o, STYLE_BAD, "not followed here: by a clock far "
		    "ahead of this machine's", 4, 4);
		out_str(o, "\n");
	}
	if (*s->note.body != '\0')
		show_block(o, s->note.body, 4);
	if (s->answer != NULL) {
		buf_clear(&b);
		buf_addf(&b, "%s by %s, ", state, s->answered_by);
		clock_relative(&b, s->answered_at, now);
		buf_addf(&b, ": %s", s->answer);
		show_block(o, b.p, 4);
	}
	buf_release(&b);
}

void
view_goal(struct out *o, const struct note *brief)
{
	out_styled(o, STYLE_HEAD, "Goal");
	out_str(o, " ");
	(void)flow(o, STYLE_PLAIN, brief->subject, 5, 5);
	out_str(o, "\n");
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
	buf_addf(&b, "(%s, ", n->author);
	clock_relative(&b, n->clock, clock_now());
	buf_addch(&b, ')');
	view_entry(o, n->subject, b.p, 3 + strlen(abbrev), 4);
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
view_status(struct out *o, struct repo *r, const struct notes *list)
{
	const struct note *newest = notes_newest(list);
	size_t i;

	if (newest == NULL)
		return;
	out_str(o, "\n");
	out_styled(o, STYLE_HEAD, "Status\n");
	view_note(o, r, newest);
	/* Their clock cannot be believed, but what they say may matter. */
	for (i = 0; i < list->n && list->v[i].ahead; i++)
		if (&list->v[i] != newest)
			view_note(o, r, &list->v[i]);
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
	if (i < list->total)
		out_styled(o, STYLE_DIM, "  … and %zu more: git agent log "
		    "%s\n", list->total - i, list->v[0].kind);
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

static void
view_run_end(struct out *o, const struct run *run, enum run_state state)
{
	const char *text = run->outcome_text;
	enum style style = STYLE_BOLD;

	if (text == NULL && state == RUN_LIVE) {
		text = run->doing;
		style = STYLE_PLAIN;
	} else if (run->outcome != NULL && strcmp(run->outcome, "done") == 0) {
		style = STYLE_GOOD;
	}
	if (text != NULL) {
		out_str(o, "  ");
		(void)flow(o, style, text, 2, 2);
		out_str(o, "\n");
	}
}

void
view_run(struct out *o, const struct run *run, enum run_state state)
{
	int64_t heard = run->beat > run->last ? run->beat : run->last;
	struct buf b = BUF_INIT;

	out_styled(o, STYLE_HEAD, "Run ");
	out_styled(o, STYLE_ID, "%s", run->id);
	out_str(o, o->columns < 60 ? "\n  " : " ");
	out_styled(o, show_style(run_state_name(state)), "%s",
	    run_state_name(state));
	out_printf(o, ", iteration %lld\n", (long long)run->iteration);
	if (run->agent != NULL) {
		buf_addf(&b, "agent: %s", run->agent);
		out_str(o, "  ");
		(void)flow(o, STYLE_PLAIN, b.p, 2, 4);
		out_str(o, "\n");
	}
	buf_clear(&b);
	if (run->author != NULL)
		buf_addf(&b, "by %s in %s; ", run->author, run->writer);
	run_times(&b, run, state);
	out_str(o, "  ");
	(void)flow(o, STYLE_PLAIN, b.p, 2, 4);
	out_str(o, "\n");
	view_run_end(o, run, state);
	if (run->refusals > 0)
		out_printf(o, "  completion was claimed too early %zu time%s, "
		    "and refused\n", run->refusals,
		    run->refusals == 1 ? "" : "s");
	if (state == RUN_STALE) {
		out_str(o, "  ");
		(void)flow(o, STYLE_BAD, heard > clock_now() ? "its clock is "
		    "far ahead of the one here: whether it lives cannot be "
		    "told" : "no heartbeat: the run was killed, its machine "
		    "is down, or it cannot reach the remote", 2, 2);
		out_str(o, "\n");
	}
	buf_release(&b);
}
