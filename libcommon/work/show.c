#include "work/show.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"

enum style
show_style(const char *word)
{
	static const struct {
		const char *word;
		enum style style;
	} table[] = {
		{ "done", STYLE_GOOD }, { "milestone", STYLE_GOOD },
		{ "PASS", STYLE_GOOD }, { "live", STYLE_GOOD },
		{ "delivered", STYLE_GOOD },
		{ "failed", STYLE_BAD }, { "FAIL", STYLE_BAD },
		{ "ERROR", STYLE_BAD }, { "ABORT", STYLE_BAD },
		{ "stale", STYLE_BAD }, { "declined", STYLE_BAD },
		{ "UNTESTABLE", STYLE_BAD },
		{ "limit", STYLE_WARN }, { "queued", STYLE_WARN },
		{ "pushed", STYLE_WARN }, { "interrupted", STYLE_WARN },
		{ "steer", STYLE_HEAD }, { "brief", STYLE_HEAD },
		{ "retracted", STYLE_DIM },
	};
	size_t i;

	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (strcmp(table[i].word, word) == 0)
			return table[i].style;
	return STYLE_PLAIN;
}

void
show_line(struct out *o, enum style style, const char *text)
{
	struct buf b = BUF_INIT;

	text_clean(&b, text, strlen(text), TEXT_LINE);
	out_styled(o, style, "%s", b.p);
	buf_release(&b);
}

/* Lines for people are no longer than this, however wide the terminal. */
static size_t
line_width(const struct out *o)
{
	return o->columns > 100 ? 100 : o->columns < 20 ? 20 :
	    (size_t)o->columns;
}

void
show_block(struct out *o, const char *text, size_t indent)
{
	struct buf clean = BUF_INIT, b = BUF_INIT;
	size_t i;

	for (i = 0; i < indent; i++)
		buf_addch(&b, ' ');
	text_clean(&clean, text, strlen(text), TEXT_BLOCK);
	text_wrap(&b, clean.p, indent, indent, line_width(o));
	buf_addch(&b, '\n');
	out_str(o, b.p);
	buf_release(&clean);
	buf_release(&b);
}

static void
show_named(struct out *o, const char *name, const char *text)
{
	char line[32];

	if (text == NULL || *text == '\0')
		return;
	snprintf(line, sizeof(line), "    %s: ", name);
	out_styled(o, STYLE_DIM, "%s", line);

	struct buf clean = BUF_INIT, b = BUF_INIT;
	size_t used = strlen(line);

	text_clean(&clean, text, strlen(text), TEXT_BLOCK);
	text_wrap(&b, clean.p, used, 4, line_width(o));
	out_printf(o, "%s\n", b.p);
	buf_release(&clean);
	buf_release(&b);
}

static void
show_who(struct out *o, struct repo *r, const struct record *rec, int ahead,
    int gone)
{
	const char *at = record_trailer(rec, "Agent-At");
	struct buf b = BUF_INIT, lines = BUF_INIT;
	char abbrev[OID_HEX_SIZE];
	struct oid id;

	text_clean(&b, rec->author_name, strlen(rec->author_name), TEXT_LINE);
	buf_addstr(&b, ", ");
	clock_relative(&b, rec->clock, clock_now());
	if (at != NULL && oid_parse(at, &id) == 0) {
		object_abbrev(r, &id, abbrev);
		buf_addf(&b, ", on %s", abbrev);
	}
	text_wrap(&lines, b.p, 4, 4, line_width(o));
	out_styled(o, STYLE_DIM, "    %s", lines.p);
	if (ahead)
		out_styled(o, STYLE_BAD, "\n    (a clock far in the future)");
	if (gone)
		out_styled(o, STYLE_WARN, "\n    (no longer holds)");
	out_str(o, "\n");
	buf_release(&lines);
	buf_release(&b);
}

void
show_record(struct out *o, struct repo *r, const struct record *rec, int ahead,
    int gone)
{
	char abbrev[OID_HEX_SIZE];
	int failed = strcmp(rec->kind, "failed") == 0;
	struct buf clean = BUF_INIT, b = BUF_INIT;
	size_t used;

	object_abbrev(r, &rec->id, abbrev);
	used = strlen(abbrev) + strlen(rec->kind) + 3;
	text_clean(&clean, rec->subject, strlen(rec->subject), TEXT_LINE);
	text_wrap(&b, clean.p, used, 4, line_width(o));
	out_styled(o, STYLE_ID, "%s", abbrev);
	out_str(o, " ");
	out_styled(o, show_style(rec->kind), "%s", rec->kind);
	out_printf(o, ": %s\n", b.p);
	show_who(o, r, rec, ahead, gone);
	if (failed)
		show_named(o, "because", rec->body);
	else if (*rec->body != '\0')
		show_block(o, rec->body, 4);
	show_named(o, "instead", record_trailer(rec, "Agent-Instead"));
	buf_release(&clean);
	buf_release(&b);
}

void
show_record_fully(struct out *o, struct repo *r, const struct record *rec,
    int ahead)
{
	char hex[OID_HEX_SIZE];
	struct buf b = BUF_INIT;
	size_t i;

	(void)r;
	oid_hex(&rec->id, hex);
	out_styled(o, STYLE_ID, "record %s\n", hex);
	out_str(o, "Author: ");
	buf_addf(&b, "%s <%s>", rec->author_name, rec->author_mail);
	show_line(o, STYLE_PLAIN, b.p);
	buf_clear(&b);
	clock_local(&b, rec->clock);
	buf_addstr(&b, " (");
	clock_relative(&b, rec->clock, clock_now());
	buf_addch(&b, ')');
	out_printf(o, "\nDate:   %s", b.p);
	if (ahead)
		out_styled(o, STYLE_BAD, " by a clock far in the future");
	out_str(o, "\n\n");
	show_block(o, rec->subject, 4);
	if (*rec->body != '\0') {
		out_str(o, "\n");
		show_block(o, rec->body, 4);
	}
	out_str(o, "\n");
	for (i = 0; i < rec->trailers.n; i++) {
		out_str(o, "    ");
		show_line(o, STYLE_DIM, rec->trailers.v[i].key);
		out_styled(o, STYLE_DIM, ": ");
		show_line(o, STYLE_PLAIN, rec->trailers.v[i].value);
		out_str(o, "\n");
	}
	buf_release(&b);
}

struct js *
show_record_json(struct repo *r, const struct record *rec, int ahead)
{
	struct js *j = js_object(), *all = js_array(), *pair;
	char hex[OID_HEX_SIZE], clock[CLOCK_TEXT_SIZE];
	size_t i;

	oid_hex(&rec->id, hex);
	clock_format(rec->clock, clock);
	js_set_string(j, "id", hex);
	object_abbrev(r, &rec->id, hex);
	js_set_string(j, "abbrev", hex);
	js_set_string(j, "kind", rec->kind);
	js_set_string(j, "subject", rec->subject);
	js_set_string(j, "body", rec->body);
	js_set_string(j, "instead", record_trailer(rec, "Agent-Instead"));
	js_set_string(j, "author", rec->author_name);
	js_set_string(j, "email", rec->author_mail);
	js_set_string(j, "writer", rec->writer);
	js_set_string(j, "clock", clock);
	js_set_bool(j, "clock_ahead", ahead);
	js_set_string(j, "at", record_trailer(rec, "Agent-At"));
	js_set_string(j, "run", record_trailer(rec, "Agent-Run"));
	for (i = 0; i < rec->trailers.n; i++) {
		pair = js_object();
		js_set_string(pair, "key", rec->trailers.v[i].key);
		js_set_string(pair, "value", rec->trailers.v[i].value);
		js_append(all, pair);
	}
	js_set(j, "trailers", all);
	return j;
}
