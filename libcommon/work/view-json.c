/* The JSON part of view.h. */
#include "work/view.h"

#include "base/clock.h"
#include "work/measure.h"

void
view_set_time(struct js *j, const char *key, int64_t clock)
{
	char text[CLOCK_TEXT_SIZE];

	if (clock == 0) {
		js_set(j, key, js_null());
		return;
	}
	clock_format(clock, text);
	js_set_string(j, key, text);
}

struct js *
view_note_json(struct repo *r, const struct note *n)
{
	struct js *j = js_object();
	char hex[OID_HEX_SIZE];

	oid_hex(&n->id, hex);
	js_set_string(j, "id", hex);
	object_abbrev(r, &n->id, hex);
	js_set_string(j, "abbrev", hex);
	js_set_string(j, "kind", n->kind);
	js_set_string(j, "subject", n->subject);
	js_set_string(j, "body", n->body);
	js_set_string(j, "instead", n->instead);
	js_set_string(j, "author", n->author);
	js_set_string(j, "email", n->mail);
	js_set_string(j, "writer", n->writer);
	view_set_time(j, "clock", n->clock);
	js_set_bool(j, "clock_ahead", n->ahead);
	js_set_string(j, "at", n->at);
	js_set_string(j, "run", n->run);
	return j;
}

struct js *
view_notes_json(struct repo *r, const struct notes *list, size_t most)
{
	struct js *j = js_array();
	size_t i;

	for (i = 0; i < list->n && i < most; i++)
		js_append(j, view_note_json(r, &list->v[i]));
	return j;
}

struct js *
view_steer_json(struct repo *r, const struct steer *s)
{
	struct js *j = js_object();
	char hex[OID_HEX_SIZE];

	oid_hex(&s->note.id, hex);
	js_set_string(j, "id", hex);
	object_abbrev(r, &s->note.id, hex);
	js_set_string(j, "abbrev", hex);
	js_set_string(j, "state", steer_state_name(s->state));
	js_set_bool(j, "stop", s->stop);
	js_set_string(j, "subject", s->note.subject);
	js_set_string(j, "body", s->note.body);
	js_set_string(j, "author", s->note.author);
	js_set_string(j, "email", s->note.mail);
	view_set_time(j, "sent", s->note.clock);
	js_set_bool(j, "clock_ahead", s->note.ahead);
	view_set_time(j, "delivered", s->delivered_at);
	js_set_string(j, "delivered_to", s->delivered_to);
	view_set_time(j, "answered", s->answered_at);
	js_set_string(j, "answered_by", s->answered_by);
	js_set_string(j, "answer", s->answer);
	return j;
}

struct js *
view_check_json(const struct check *c)
{
	struct js *j = js_object();
	char hex[OID_HEX_SIZE];

	oid_hex(&c->note.id, hex);
	js_set_string(j, "id", hex);
	js_set_string(j, "state", oracle_state_name(c->state));
	js_set_string(j, "summary", c->note.subject);
	js_set_string(j, "commit", c->commit);
	js_set_string(j, "tree", c->tree);
	js_set_bool(j, "dirty", c->dirty);
	js_set_string(j, "committed_as", c->committed);
	js_set_string(j, "oracle_id", c->oracle_id);
	js_set_string(j, "author", c->note.author);
	view_set_time(j, "clock", c->note.clock);
	js_set_bool(j, "clock_ahead", c->note.ahead);
	js_set_string(j, "run", c->note.run);
	js_set(j, "metrics", measure_values_json(c->metrics,
	    c->metric_count));
	return j;
}

struct js *
view_run_json(const struct run *run, enum run_state state)
{
	struct js *j = js_object();

	js_set_string(j, "id", run->id);
	js_set_string(j, "state", run_state_name(state));
	js_set_string(j, "outcome", run->outcome);
	js_set_string(j, "outcome_text", run->outcome_text);
	js_set_int(j, "iteration", run->iteration);
	js_set_int(j, "refusals", (int64_t)run->refusals);
	js_set_string(j, "agent", run->agent);
	js_set_string(j, "author", run->author);
	js_set_string(j, "writer", run->writer);
	view_set_time(j, "started", run->started);
	view_set_time(j, "last", run->last);
	view_set_time(j, "beat", run->beat);
	js_set_string(j, "doing", run->doing);
	return j;
}
