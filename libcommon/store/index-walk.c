#include "store/index-walk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "store/index-file.h"
#include "store/record.h"
#include "store/writer.h"

#define RUNS_AT_A_TIME 32

/* A commit whose children are all behind us: no more of it than is needed. */
struct item {
	struct index_entry entry;
	int tip;		/* no child of it was met before */
	size_t parent_count;
	struct oid parents[];
};

struct walk {
	struct index_walk *w;
	struct record rec;	/* that was read last */
	struct oidset seen;
	struct item **heap;	/* newest at the top */
	size_t n, cap;
	int64_t now, last;	/* place of what was taken last */
	/*
	 * Tips, those of them that were taken, and those that have children.
	 * Where a ref is must not change the order: a child has the same say
	 * if its parent is a tip too, but then it may come too late.
	 */
	struct oidset tips, taken, parents;
	int late;
};

static int
before(const struct item *a, const struct item *b)
{
	return index_newer(a->entry.when, &a->entry.id, b->entry.when,
	    &b->entry.id);
}

static void
heap_push(struct walk *k, struct item *it)
{
	size_t i, up;

	ALLOC_GROW(k->heap, k->n, k->cap);
	for (i = k->n++; i > 0; i = up) {
		up = (i - 1) / 2;
		if (!before(it, k->heap[up]))
			break;
		k->heap[i] = k->heap[up];
	}
	k->heap[i] = it;
}

static struct item *
heap_pop(struct walk *k)
{
	struct item *top = k->heap[0], *last = k->heap[--k->n];
	size_t i = 0, down;

	for (; (down = 2 * i + 1) < k->n; i = down) {
		if (down + 1 < k->n &&
		    before(k->heap[down + 1], k->heap[down]))
			down++;
		if (!before(k->heap[down], last))
			break;
		k->heap[i] = k->heap[down];
	}
	if (k->n > 0)
		k->heap[i] = last;
	return top;
}

static void
add_missing(struct index_batch *b, const struct oid *id)
{
	ALLOC_GROW(b->missing, b->n_missing, b->cap_missing);
	b->missing[b->n_missing++] = *id;
}

/*
 * A commit that the index has got a child.  Its place is below its newest
 * child, so it may have to move: down if it had none before, up if another
 * one held it down.
 */
static void
meet(struct walk *k, const struct index_entry *known, const struct item *child)
{
	struct index_walk *w = k->w;

	oidset_add(&w->met, &known->id);
	if (child == NULL)
		return;
	/* What it passes on to those below it is not worth to think about. */
	if (known->kind == KIND_BAD || (child->entry.when <= known->when ?
	    w->old_tips == NULL || oidset_has(w->old_tips, &known->id) :
	    known->bent && child->entry.when - 1 > known->when))
		w->rebuild = 1;
}

static void
meet_again(struct walk *k, const struct oid *id, const struct item *child)
{
	if (child == NULL || !oidset_has(&k->tips, id))
		return;
	if (oidset_add(&k->parents, id) && oidset_has(&k->taken, id))
		k->late = 1;
}

static void
add_link_to(struct index_batch *b, const struct index_entry *from,
    const struct oid *target, enum index_how how)
{
	struct index_link *l;

	ALLOC_GROW(b->links, b->n_links, b->cap_links);
	l = &b->links[b->n_links++];
	memset(l, 0, sizeof(*l));
	l->target = *target;
	l->from = from->id;
	l->when = from->when;
	l->how = how;
}

/* To what the trailer names, if there is one. */
static void
add_link(struct index_batch *b, const struct index_entry *from,
    const struct record *rec, const char *key, enum index_how how)
{
	const char *target = record_trailer(rec, key);
	struct oid id;

	if (target != NULL && oid_parse(target, &id) == 0)
		add_link_to(b, from, &id, how);
}

static void
add_answer(struct index_batch *b, const struct index_entry *from,
    const struct record *rec)
{
	const char *state = record_trailer(rec, "Agent-State");

	if (state != NULL && strcmp(state, "done") == 0)
		add_link(b, from, rec, "Agent-Steer", INDEX_DONE);
	else if (state != NULL && strcmp(state, "declined") == 0)
		add_link(b, from, rec, "Agent-Steer", INDEX_DECLINED);
}

static void
add_links(struct index_batch *b, const struct index_entry *from,
    const struct record *rec)
{
	size_t i;

	add_link(b, from, rec, "Agent-Supersedes", INDEX_SUPERSEDES);
	if (strcmp(rec->kind, "retract") == 0)
		add_link(b, from, rec, "Agent-Retracts", INDEX_RETRACTS);
	else if (strcmp(rec->kind, "rollup") == 0)
		for (i = record_rolled_up_from(rec); i < rec->parent_count;
		    i++)
			add_link_to(b, from, &rec->parents[i],
			    INDEX_ROLLED_UP);
	else if (strcmp(rec->kind, "delivered") == 0)
		add_link(b, from, rec, "Agent-Steer", INDEX_DELIVERED);
	else if (strcmp(rec->kind, "answered") == 0)
		add_answer(b, from, rec);
}

/* A run has thousands of records, and few runs go on at a time. */
static void
merge_run(struct index_batch *b, const struct index_run *run)
{
	size_t i;

	for (i = b->n_runs; i > 0 && i + RUNS_AT_A_TIME > b->n_runs; i--)
		if (strcmp(b->runs[i - 1].id, run->id) == 0) {
			index_run_merge(&b->runs[i - 1], run);
			return;
		}
	ALLOC_GROW(b->runs, b->n_runs, b->cap_runs);
	b->runs[b->n_runs++] = *run;
}

static void
add_run(struct index_batch *b, const struct index_entry *from,
    const struct record *rec)
{
	const char *id = record_trailer(rec, "Agent-Run");
	const char *event = record_trailer(rec, "Agent-Event");
	const char *number = record_trailer(rec, "Agent-Iteration");
	const char *outcome = record_trailer(rec, "Agent-Outcome");
	struct index_run one, *run = &one;

	if (id == NULL || event == NULL || *id == '\0' ||
	    strlen(id) >= INDEX_RUN_ID_SIZE)
		return;
	memset(run, 0, sizeof(*run));
	snprintf(run->id, sizeof(run->id), "%s", id);
	run->started = rec->clock;
	run->last = from->when;
	run->newest = rec->id;
	run->ended = strcmp(event, "end") == 0;
	run->refusals = outcome != NULL && strcmp(outcome, "refused") == 0;
	if (number != NULL && strlen(number) < 10) {
		run->iteration = strtoll(number, NULL, 10);
		run->iteration_when = from->when;
	}
	if (record_trailer(rec, "Agent-Agent") != NULL) {
		run->agent_from = rec->id;
		run->agent_when = from->when;
	}
	merge_run(b, run);
}

/* Where the commit that was just read stands, and what it says. */
static void
place(struct walk *k, struct index_entry *e, int is_record,
    const struct item *child)
{
	int64_t most = child == NULL ? INT64_MAX : child->entry.when - 1;
	struct index_batch *b = k->w->batch;
	const struct record *rec = &k->rec;

	memset(e, 0, sizeof(*e));
	e->id = rec->id;
	e->when = most;
	if (is_record && rec->clock < most)
		e->when = rec->clock;
	e->bent = !is_record || e->when != rec->clock;
	e->kind = KIND_BAD;
	if (!is_record)
		return;
	e->kind = index_batch_kind(b, rec->kind);
	if (rec->clock > k->now + CLOCK_AHEAD_MAX) {
		ALLOC_GROW(b->ahead, b->n_ahead, b->cap_ahead);
		b->ahead[b->n_ahead++] = rec->clock;
	}
	add_links(b, e, rec);
	if (strcmp(rec->kind, "run") == 0)
		add_run(b, e, rec);
}

static void
queue(struct walk *k, int is_record, const struct item *child)
{
	size_t size = k->rec.parent_count * sizeof(*k->rec.parents);
	struct item *it = xmalloc(sizeof(*it) + size);

	place(k, &it->entry, is_record, child);
	it->tip = child == NULL;
	it->parent_count = k->rec.parent_count;
	if (size > 0)
		memcpy(it->parents, k->rec.parents, size);
	heap_push(k, it);
}

/* Read one commit of a log and queue it. */
static void
visit(struct walk *k, const struct oid *id, const struct item *child)
{
	struct index_entry known;
	struct err *e;

	if (!oidset_add(&k->seen, id)) {
		meet_again(k, id, child);
		return;
	}
	if (k->w->index != NULL && index_find(k->w->index, id, &known)) {
		meet(k, &known, child);
		return;
	}
	if (child == NULL)
		oidset_add(&k->tips, id);
	/* What is new is asked for its size, and a ref may be anything. */
	e = record_read_trailers(k->w->repo, id, child == NULL ||
	    k->w->index != NULL, &k->rec);
	k->rec.id = *id;
	if (e == NULL || e->code == ERR_INPUT) {
		queue(k, e == NULL, child);
	} else {
		/* Damaged or missing: counted, never fatal. */
		if (e->code == ERR_DAMAGED)
			repo_note_damage(k->w->repo, e->msg);
		add_missing(k->w->batch, id);
	}
	err_free(e);
}

static void
take(struct walk *k, struct item *it)
{
	struct index_batch *b = k->w->batch;
	size_t i;

	if (it->tip && oidset_has(&k->parents, &it->entry.id))
		k->late |= it->entry.when == k->last;
	else if (it->tip)
		oidset_add(&k->taken, &it->entry.id);
	k->last = it->entry.when;
	for (i = 0; i < it->parent_count; i++)
		visit(k, &it->parents[i], it);
	ALLOC_GROW(b->entries, b->n_entries, b->cap_entries);
	b->entries[b->n_entries++] = it->entry;
}

/* Who looked has just seen that these are not here. */
static void
skip_missing(struct walk *k)
{
	struct index *ix = k->w->index;
	struct oid id;
	size_t f, i;

	for (f = 0; ix != NULL && f < 2; f++)
		for (i = 0; i < segment_count(ix->file[f], TABLE_MISSING) &&
		    segment_get(ix->file[f], TABLE_MISSING, i, &id,
		    sizeof(id)); i++)
			oidset_add(&k->seen, &id);
}

static void
walk(struct walk *k, const struct oid *tips, size_t n,
    const struct oidset *but)
{
	struct item *it;
	size_t i;

	for (i = 0; i < n; i++)
		if (!oidset_has(but, &tips[i]))
			visit(k, &tips[i], NULL);
	while (k->n > 0) {
		it = heap_pop(k);
		take(k, it);
		free(it);
	}
	free(k->heap);
	record_release(&k->rec);
	oidset_release(&k->seen);
	oidset_release(&k->tips);
	oidset_release(&k->taken);
}

void
index_walk(struct index_walk *w, const struct oid *tips, size_t n)
{
	static const struct oidset none = OIDSET_INIT;
	struct walk k = { .w = w, .rec = RECORD_INIT, .now = clock_now() };
	struct walk again = k;

	(void)index_batch_kind(w->batch, "");
	skip_missing(&k);
	walk(&k, tips, n, &none);
	if (k.late && w->index != NULL) {
		w->rebuild = 1;
	} else if (k.late) {
		/* Those tips are met on the way from their children. */
		index_batch_release(w->batch);
		(void)index_batch_kind(w->batch, "");
		walk(&again, tips, n, &k.parents);
		oidset_release(&again.parents);
	}
	oidset_release(&k.parents);
}

/*
 * Walk back in the index from `from`: 1 if `to` is met on the way.  As long
 * as what these gained since, and no longer than to read it all anew.
 */
int
index_leads_to(struct index *ix, const struct oid *from, size_t count,
    const struct oid *to)
{
	struct oidset seen = OIDSET_INIT;
	struct oid *stack = NULL;
	struct index_entry end, e;
	size_t n = 0, cap = 0, i;
	int found = 0;

	if (!index_find(ix, to, &end))
		return 0;
	for (i = 0; i < count; i++) {
		ALLOC_GROW(stack, n, cap);
		stack[n++] = from[i];
	}
	while (n > 0 && !found) {
		struct record rec = RECORD_INIT;
		struct oid id = stack[--n];

		found = oid_equal(&id, to);
		if (!found && index_find(ix, &id, &e) && e.when > end.when)
			err_free(record_read(ix->repo, &id, &rec));
		for (i = 0; i < rec.parent_count; i++) {
			if (!oidset_add(&seen, &rec.parents[i]))
				continue;
			ALLOC_GROW(stack, n, cap);
			stack[n++] = rec.parents[i];
		}
		record_release(&rec);
	}
	free(stack);
	oidset_release(&seen);
	return found;
}
