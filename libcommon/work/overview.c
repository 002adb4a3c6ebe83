#include "work/overview.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "store/reader.h"
#include "store/repair.h"
#include "store/sync.h"
#include "store/writer.h"
#include "work/checkpoints.h"
#include "work/entry.h"

#define LINKS_MAX 1000		/* of one instruction that are looked at */
#define RUNS_MAX 64		/* without an end, where not all are asked for */

struct gather {
	struct repo *repo;
	struct index *index;
	struct overview *ov;
	size_t notes, checks;	/* how many are asked for; 0: all */
	struct oidset unpushed, steers;
	int no_remote;
	int64_t now;
	size_t missing;		/* records that the index has and we do not */
};

static char *
dup_or_null(const char *s)
{
	return s == NULL ? NULL : xstrdup(s);
}

static int
is_ahead(const struct gather *g, int64_t clock)
{
	return clock > g->now + CLOCK_AHEAD_MAX;
}

static void
note_fill(const struct gather *g, struct note *n, const struct record *rec)
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
	n->ahead = is_ahead(g, rec->clock);
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

/* Whether the last one may be one line of a table with one before it. */
static int
is_repeated(const struct checks *list, const struct check *c)
{
	size_t i;

	for (i = 0; i + 1 < list->n; i++)
		if (checkpoints_may_agree(&list->v[i], c))
			return 1;
	return 0;
}

/* 1 if it says something that those before it did not. */
static int
add_check(struct gather *g, const struct record *rec)
{
	const char *state = record_trailer(rec, "Agent-State");
	struct checks *list = &g->ov->checks;
	struct metric_value m;
	struct check *c;
	size_t i;

	ALLOC_GROW(list->v, list->n, list->cap);
	c = &list->v[list->n];
	memset(c, 0, sizeof(*c));
	if (state == NULL || oracle_state_parse(state, &c->state) != 0)
		return 0;	/* a verdict that we do not know is none */
	list->n++;
	note_fill(g, &c->note, rec);
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
	return g->checks == 0 || !is_repeated(list, c);
}

static void
add_word(char **list, const char *word)
{
	char *more = *list == NULL ? xstrdup(word) :
	    xasprintf("%s %s", *list, word);

	free(*list);
	*list = more;
}

struct linking {
	struct gather *g;
	struct steer *steer;
	size_t n;
};

/* What one record says of an instruction; the newest comes first. */
static int
link_steer(void *arg, const struct index_link *l)
{
	struct linking *k = arg;
	struct steer *s = k->steer;
	const char *run;
	struct record rec = RECORD_INIT;
	struct err *e;

	if (l->how != INDEX_DELIVERED && l->how != INDEX_DONE &&
	    l->how != INDEX_DECLINED)
		return 0;
	e = index_read(k->g->index, &l->from, &rec);
	k->g->missing += e != NULL;
	if (e == NULL && l->how == INDEX_DELIVERED) {
		/* The first delivery counts. */
		s->delivered_at = rec.clock;
		free(s->delivered_to);
		s->delivered_to = xstrdup(rec.writer);
		run = record_trailer(&rec, "Agent-Run");
		if (run != NULL)
			add_word(&s->delivered_runs, run);
		if (s->state < STEER_DELIVERED)
			s->state = STEER_DELIVERED;
	} else if (e == NULL && s->state < STEER_DONE) {
		/* Of several answers the newest counts. */
		s->state = l->how == INDEX_DONE ? STEER_DONE : STEER_DECLINED;
		s->answered_at = rec.clock;
		s->answered_by = xstrdup(rec.author_name);
		s->answer = xstrdup(rec.subject);
	}
	err_free(e);
	record_release(&rec);
	return ++k->n == LINKS_MAX;
}

static void
add_steer(struct gather *g, const struct index_entry *entry,
    const struct record *rec)
{
	struct steers *list = &g->ov->steers;
	const char *action = record_trailer(rec, "Agent-Action");
	struct linking k = { g, NULL, 0 };
	struct steer *s;

	oidset_add(&g->steers, &rec->id);
	ALLOC_GROW(list->v, list->n, list->cap);
	s = &list->v[list->n++];
	memset(s, 0, sizeof(*s));
	note_fill(g, &s->note, rec);
	s->stop = action != NULL && strcmp(action, "stop") == 0;
	/* Without a remote it has nowhere to go but to an agent here. */
	s->state = g->no_remote || oidset_has(&g->unpushed, &rec->id) ?
	    STEER_QUEUED : STEER_PUSHED;
	k.steer = s;
	index_links(g->index, &rec->id, link_steer, &k);
	if (s->state < STEER_DONE && index_is_gone(g->index, entry))
		s->state = STEER_RETRACTED;
}

static void
add_plain(struct gather *g, struct notes *list, const struct record *rec)
{
	ALLOC_GROW(list->v, list->n, list->cap);
	memset(&list->v[list->n], 0, sizeof(*list->v));
	note_fill(g, &list->v[list->n++], rec);
}

/*
 * One record of a kind; NULL in `list`: a check or an instruction.  1 if it
 * is one of those that were asked for.
 */
static int
take(struct gather *g, const char *kind, struct notes *list,
    const struct index_entry *entry)
{
	int steer = strcmp(kind, "steer") == 0, taken;
	struct record rec = RECORD_INIT;
	struct err *e;

	/* What became of an instruction is told, also that it is gone. */
	if (!steer && index_is_gone(g->index, entry))
		return 0;
	e = index_read(g->index, &entry->id, &rec);
	g->missing += e != NULL;
	taken = e == NULL && strcmp(rec.kind, kind) == 0;
	if (taken && steer)
		add_steer(g, entry, &rec);
	else if (taken && list == NULL)
		taken = add_check(g, &rec);
	else if (taken)
		add_plain(g, list, &rec);
	/* What is far in the future must not push the rest out of sight. */
	taken = taken && !is_ahead(g, rec.clock);
	err_free(e);
	record_release(&rec);
	return taken;
}

static void
gather_kind(struct gather *g, const char *kind, struct notes *list,
    size_t limit)
{
	const char *const kinds[] = { kind, NULL };
	struct index_cursor *c = index_cursor_new(g->index, kinds);
	struct index_entry entry;
	size_t n = 0, seen = 0;

	while ((limit == 0 || (n < limit && seen / 10 < limit + 10)) &&
	    index_cursor_next(c, &entry)) {
		seen += !index_is_gone(g->index, &entry);
		n += (size_t)take(g, kind, list, &entry);
	}
	index_cursor_free(c);
}

static void
take_open_steer(void *arg, const struct index_entry *entry)
{
	struct gather *g = arg;

	if (!oidset_has(&g->steers, &entry->id))
		(void)take(g, "steer", NULL, entry);
}

static void
gather_lists(struct gather *g)
{
	struct overview *ov = g->ov;
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

	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		gather_kind(g, table[i].kind, table[i].list, g->notes);
		table[i].list->total = index_live(g->index, table[i].kind);
	}
	gather_kind(g, "check", NULL, g->checks);
	ov->checks.total = g->checks == 0 ? ov->checks.n :
	    index_live(g->index, "check");
	gather_kind(g, "steer", NULL, g->notes);
	if (g->notes != 0)
		index_open_steers(g->index, take_open_steer, g);
	ov->steers.total = index_count(g->index, "steer");
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
	struct run *run = arg;
	const char *id = record_trailer(rec, "Agent-Run");
	const char *interval = record_trailer(rec, "Agent-Interval"), *number;
	int64_t at;

	if (id == NULL || strcmp(run->id, id) != 0 || run->beat >= rec->clock)
		return;
	run->beat = rec->clock;
	run->beat_interval = beat_interval(interval);
	free(run->doing);
	run->doing = xstrdup(rec->subject);
	number = record_trailer(rec, "Agent-Iteration");
	at = number == NULL || strlen(number) >= 10 ? 0 :
	    strtoll(number, NULL, 10);
	if (at > run->iteration)
		run->iteration = at;
}

static void
fill_run(struct gather *g, const struct index_run *from, struct run *run)
{
	const char *outcome;
	struct record rec = RECORD_INIT;
	struct err *e = index_read(g->index, &from->newest, &rec);

	g->missing += e != NULL;
	if (e == NULL) {
		run->writer = xstrdup(rec.writer);
		run->author = xstrdup(rec.author_name);
		run->last = rec.clock;
		outcome = record_trailer(&rec, "Agent-Outcome");
		if (from->ended) {
			run->outcome = xstrdup(outcome == NULL ? "" : outcome);
			run->outcome_text = xstrdup(rec.subject);
		}
	}
	err_free(e);
	record_release(&rec);
	if (from->agent_when == 0)
		return;
	e = index_read(g->index, &from->agent_from, &rec);
	if (e == NULL)
		run->agent = dup_or_null(record_trailer(&rec, "Agent-Agent"));
	err_free(e);
	record_release(&rec);
}

static void
take_run(void *arg, const struct index_run *from)
{
	struct gather *g = arg;
	struct runs *list = &g->ov->runs;
	struct run *run;

	if (!run_id_ok(from->id))
		return;
	list->total++;
	if (g->notes != 0 && list->n >= RUNS_MAX)
		return;
	ALLOC_GROW(list->v, list->n, list->cap);
	run = &list->v[list->n++];
	memset(run, 0, sizeof(*run));
	run->id = xstrdup(from->id);
	run->started = from->started;
	run->last = from->last;
	run->iteration = from->iteration;
	run->refusals = from->refusals;
	fill_run(g, from, run);
	if (run->writer == NULL)
		run->writer = xstrdup("");
	/* What has ended has nothing to say. */
	if (run->outcome == NULL)
		reader_beats(g->repo, run->writer, take_beat, run);
}

static void
find_newest(struct gather *g)
{
	struct index_cursor *c = index_cursor_new(g->index, NULL);
	struct index_entry entry;

	while (g->ov->newest == 0 && index_cursor_next(c, &entry))
		if (!is_ahead(g, entry.when))
			g->ov->newest = entry.when;
	index_cursor_free(c);
	if (g->ov->newest != 0)
		writer_saw(g->repo, g->ov->newest);
}

static void
gather_all(struct gather *g)
{
	struct overview *ov = g->ov;

	ov->unpushed = g->unpushed.used;
	g->missing = 0;
	find_newest(g);
	gather_lists(g);
	index_runs(g->index, g->notes == 0, take_run, g);
	ov->stats = index_stats(g->index);
	ov->stats.missing += g->missing;
}

struct err *
overview_read(struct repo *r, size_t notes, size_t checks,
    struct overview *ov)
{
	struct gather g = { .repo = r, .ov = ov, .notes = notes,
	    .checks = checks, .now = clock_now() };
	struct err *e;
	int tries = 0;

	memset(ov, 0, sizeof(*ov));
	e = sync_unpushed(r, &g.unpushed);
	g.no_remote = repo_remote(r) == NULL;
	log_note_damage(r);
	if (e == NULL)
		e = index_open(r, &g.index);
	while (e == NULL) {
		gather_all(&g);
		if (!index_is_damaged(g.index) || ++tries == 3)
			break;
		/* What a damaged index told is worth nothing. */
		overview_release(ov);
		oidset_release(&g.steers);
		memset(ov, 0, sizeof(*ov));
		e = index_rebuild(g.index);
	}
	index_close(g.index);
	oidset_release(&g.unpushed);
	oidset_release(&g.steers);
	return e;
}
