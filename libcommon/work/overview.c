#include "work/overview.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "store/sync.h"
#include "work/entry.h"

/* A record that says what became of an instruction. */
struct link {
	char *target;		/* full id, as text */
	char *state;		/* delivered, done, declined */
	struct note note;
	size_t order;		/* in which it was read */
};

struct gather {
	struct overview *ov;
	struct link *links;
	size_t n, cap;
	struct oidset unpushed;
	int no_remote;
	struct oidset gone;	/* superseded or retracted */
};

static char *
dup_or_null(const char *s)
{
	return s == NULL ? NULL : xstrdup(s);
}

static void
note_fill(struct note *n, const struct record *rec, int ahead)
{
	n->id = rec->id;
	n->kind = xstrdup(rec->kind);
	n->subject = xstrdup(rec->subject);
	n->body = xstrdup(rec->body);
	n->author = xstrdup(rec->author_name);
	n->mail = xstrdup(rec->author_mail);
	n->writer = xstrdup(rec->writer);
	n->instead = dup_or_null(record_trailer(rec, "Agent-Instead"));
	n->at = dup_or_null(record_trailer(rec, "Agent-At"));
	n->run = dup_or_null(record_trailer(rec, "Agent-Run"));
	n->clock = rec->clock;
	n->ahead = ahead;
}

const struct note *
notes_newest(const struct notes *list)
{
	size_t i;

	for (i = 0; i < list->n; i++)
		if (!list->v[i].ahead)
			return &list->v[i];
	return list->n > 0 ? &list->v[0] : NULL;
}

static void
add_check(struct checks *list, const struct record *rec, int ahead)
{
	const char *state = record_trailer(rec, "Agent-State");
	struct metric_value m;
	struct check *c;
	size_t i;

	ALLOC_GROW(list->v, list->n, list->cap);
	c = &list->v[list->n];
	memset(c, 0, sizeof(*c));
	if (state == NULL || oracle_state_parse(state, &c->state) != 0)
		return;		/* a verdict that we do not know is none */
	list->n++;
	note_fill(&c->note, rec, ahead);
	c->commit = dup_or_null(record_trailer(rec, "Agent-Commit"));
	c->tree = dup_or_null(record_trailer(rec, "Agent-Tree"));
	c->oracle_id = dup_or_null(record_trailer(rec, "Agent-Oracle-Id"));
	c->dirty = record_trailer(rec, "Agent-Dirty") != NULL;
	for (i = 0; i < rec->trailers.n; i++) {
		if (strcasecmp(rec->trailers.v[i].key, "Agent-Metric") != 0 ||
		    metric_parse(&m, rec->trailers.v[i].value) != 0)
			continue;
		c->metrics = xreallocarray(c->metrics, c->metric_count + 1,
		    sizeof(*c->metrics));
		c->metrics[c->metric_count++] = m;
	}
}

static void
add_steer(struct gather *g, const struct record *rec, int ahead)
{
	struct steers *list = &g->ov->steers;
	const char *action = record_trailer(rec, "Agent-Action");
	struct steer *s;

	ALLOC_GROW(list->v, list->n, list->cap);
	s = &list->v[list->n++];
	memset(s, 0, sizeof(*s));
	note_fill(&s->note, rec, ahead);
	s->stop = action != NULL && strcmp(action, "stop") == 0;
	/* Without a remote it has nowhere to go but to an agent here. */
	s->state = g->no_remote || oidset_has(&g->unpushed, &rec->id) ?
	    STEER_QUEUED : STEER_PUSHED;
}

static void
add_link(struct gather *g, const struct record *rec, const char *target,
    const char *state, int ahead)
{
	struct link *l;

	ALLOC_GROW(g->links, g->n, g->cap);
	l = &g->links[g->n++];
	memset(l, 0, sizeof(*l));
	l->order = g->n;
	l->target = xstrdup(target);
	l->state = xstrdup(state);
	note_fill(&l->note, rec, ahead);
}

static struct run *
find_run(struct runs *list, const char *id, const char *writer)
{
	struct run *run;
	size_t i;

	for (i = 0; i < list->n; i++)
		if (strcmp(list->v[i].id, id) == 0)
			return &list->v[i];
	ALLOC_GROW(list->v, list->n, list->cap);
	run = &list->v[list->n++];
	memset(run, 0, sizeof(*run));
	run->id = xstrdup(id);
	run->writer = xstrdup(writer);
	return run;
}

/* Newest first: what is already filled in is newer than this record. */
static void
add_run(struct runs *list, const struct record *rec)
{
	const char *id = record_trailer(rec, "Agent-Run");
	const char *event = record_trailer(rec, "Agent-Event");
	const char *number = record_trailer(rec, "Agent-Iteration");
	const char *outcome = record_trailer(rec, "Agent-Outcome");
	struct run *run;
	int newest;

	if (id == NULL || event == NULL || !run_id_ok(id))
		return;
	run = find_run(list, id, rec->writer);
	newest = run->last == 0;
	if (newest)
		run->last = rec->clock;
	if (run->author == NULL)
		run->author = xstrdup(rec->author_name);
	run->started = rec->clock;
	if (number != NULL && run->iteration == 0)
		run->iteration = strtoll(number, NULL, 10);
	if (run->agent == NULL)
		run->agent = dup_or_null(record_trailer(rec, "Agent-Agent"));
	if (outcome != NULL && strcmp(outcome, "refused") == 0)
		run->refusals++;
	/* A resumed run has records after its interruption. */
	if (strcmp(event, "end") == 0 && newest) {
		run->outcome = xstrdup(outcome == NULL ? "" : outcome);
		run->outcome_text = xstrdup(rec->subject);
	}
}

static void
add_plain(struct notes *list, const struct record *rec, int ahead)
{
	ALLOC_GROW(list->v, list->n, list->cap);
	memset(&list->v[list->n], 0, sizeof(*list->v));
	note_fill(&list->v[list->n++], rec, ahead);
}

static struct notes *
list_of(struct overview *ov, const char *kind)
{
	const struct {
		const char *kind;
		struct notes *list;
	} table[] = {
		{ "brief", &ov->brief }, { "done", &ov->done },
		{ "failed", &ov->failed }, { "status", &ov->status },
		{ "limit", &ov->limit }, { "next", &ov->next },
		{ "milestone", &ov->milestone },
	};
	size_t i;

	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (strcmp(table[i].kind, kind) == 0)
			return table[i].list;
	return NULL;
}

/* The record with this id, as text, no longer counts. */
static void
supersede(struct gather *g, const char *target)
{
	struct oid id;

	if (oid_parse(target, &id) == 0)
		oidset_add(&g->gone, &id);
}

static void
add_record(struct gather *g, const struct record *rec, int ahead)
{
	const char *kind = rec->kind;
	const char *steer = record_trailer(rec, "Agent-Steer");
	const char *state = record_trailer(rec, "Agent-State");
	const char *retracts = record_trailer(rec, "Agent-Retracts");
	const char *older = record_trailer(rec, "Agent-Supersedes");
	struct notes *list = list_of(g->ov, kind);
	int gone;

	/* Links come before what they name: effects are newer than causes. */
	if (older != NULL)
		supersede(g, older);
	if (strcmp(kind, "retract") == 0 && retracts != NULL)
		supersede(g, retracts);
	if (strcmp(kind, "delivered") == 0 && steer != NULL)
		add_link(g, rec, steer, "delivered", ahead);
	if (strcmp(kind, "answered") == 0 && steer != NULL && state != NULL)
		add_link(g, rec, steer, state, ahead);
	gone = oidset_has(&g->gone, &rec->id);
	if (strcmp(kind, "run") == 0)
		add_run(&g->ov->runs, rec);
	else if (strcmp(kind, "check") == 0 && !gone)
		add_check(&g->ov->checks, rec, ahead);
	else if (strcmp(kind, "steer") == 0)
		add_steer(g, rec, ahead);
	else if (list != NULL && !gone)
		add_plain(list, rec, ahead);
}

static void
add_word(char **list, const char *word)
{
	char *more = *list == NULL ? xstrdup(word) :
	    xasprintf("%s %s", *list, word);

	free(*list);
	*list = more;
}

static void
link_steer(struct steer *s, const struct link *l)
{
	if (strcmp(l->state, "delivered") == 0) {
		/* The first delivery counts, and links come newest first. */
		s->delivered_at = l->note.clock;
		free(s->delivered_to);
		s->delivered_to = xstrdup(l->note.writer);
		if (l->note.run != NULL)
			add_word(&s->delivered_runs, l->note.run);
		if (s->state < STEER_DELIVERED)
			s->state = STEER_DELIVERED;
		return;
	}
	/* Of several answers the newest counts. */
	if (s->state >= STEER_DONE)
		return;
	if (strcmp(l->state, "done") == 0)
		s->state = STEER_DONE;
	else if (strcmp(l->state, "declined") == 0)
		s->state = STEER_DECLINED;
	else
		return;
	s->answered_at = l->note.clock;
	s->answered_by = xstrdup(l->note.author);
	s->answer = xstrdup(l->note.subject);
}

/* By target; those of one target stay newest first. */
static int
link_cmp(const void *va, const void *vb)
{
	const struct link *a = va, *b = vb;
	int c = strcmp(a->target, b->target);

	if (c != 0)
		return c;
	return a->order < b->order ? -1 : a->order > b->order;
}

/* The first link whose target is not before `hex`. */
static size_t
first_link(const struct gather *g, const char *hex)
{
	size_t low = 0, high = g->n, middle;

	while (low < high) {
		middle = low + (high - low) / 2;
		if (strcmp(g->links[middle].target, hex) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void
link_steers(struct gather *g)
{
	struct steers *list = &g->ov->steers;
	struct steer *s;
	char hex[OID_HEX_SIZE];
	size_t i, k;

	if (g->n > 0)
		qsort(g->links, g->n, sizeof(*g->links), link_cmp);
	for (i = 0; i < list->n; i++) {
		s = &list->v[i];
		oid_hex(&s->note.id, hex);
		for (k = first_link(g, hex); k < g->n &&
		    strcmp(g->links[k].target, hex) == 0; k++)
			link_steer(s, &g->links[k]);
		if (oidset_has(&g->gone, &s->note.id) &&
		    s->state < STEER_DONE)
			s->state = STEER_RETRACTED;
	}
}

/* A day at most: a forged one must not keep a dead run alive for ever. */
static int64_t
beat_interval(const char *text)
{
	long long s = text == NULL ? 0 : strtoll(text, NULL, 10);

	return s <= 0 ? 0 : s > 86400 ? 86400 * CLOCK_SECOND :
	    s * CLOCK_SECOND;
}

static void
take_beat(void *arg, const struct record *rec)
{
	struct overview *ov = arg;
	const char *id = record_trailer(rec, "Agent-Run");
	const char *interval = record_trailer(rec, "Agent-Interval"), *number;
	struct run *run;
	int64_t at;
	size_t i;

	for (i = 0; id != NULL && i < ov->runs.n; i++) {
		run = &ov->runs.v[i];
		if (strcmp(run->id, id) != 0 || run->beat >= rec->clock)
			continue;
		run->beat = rec->clock;
		run->beat_interval = beat_interval(interval);
		free(run->doing);
		run->doing = xstrdup(rec->subject);
		number = record_trailer(rec, "Agent-Iteration");
		at = number == NULL ? 0 : strtoll(number, NULL, 10);
		if (at > run->iteration)
			run->iteration = at;
	}
}

static struct err *
gather_records(struct repo *r, struct gather *g)
{
	const struct record *rec;
	struct reader *rd = NULL;
	struct err *e;

	e = reader_open(r, &rd);
	while (e == NULL) {
		e = reader_next(rd, &rec);
		if (e != NULL || rec == NULL)
			break;
		if (g->ov->newest == 0 && !reader_is_ahead(rd))
			g->ov->newest = rec->clock;
		add_record(g, rec, reader_is_ahead(rd));
	}
	if (rd != NULL)
		g->ov->stats = reader_stats(rd);
	reader_close(rd);
	return e;
}

struct err *
overview_read(struct repo *r, struct overview *ov)
{
	struct gather g = { .ov = ov };
	struct err *e;
	size_t i;

	memset(ov, 0, sizeof(*ov));
	e = sync_unpushed(r, &g.unpushed);
	ov->unpushed = g.unpushed.used;
	g.no_remote = repo_remote(r) == NULL;
	if (e == NULL)
		e = gather_records(r, &g);
	if (e == NULL)
		e = reader_beats(r, take_beat, ov);
	link_steers(&g);
	for (i = 0; i < g.n; i++) {
		free(g.links[i].target);
		free(g.links[i].state);
		note_release(&g.links[i].note);
	}
	free(g.links);
	oidset_release(&g.unpushed);
	oidset_release(&g.gone);
	return e;
}
