#include "store/index.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "store/git.h"
#include "store/index-file.h"
#include "store/index-texts.h"
#include "store/record.h"
#include "store/writer.h"

#define MISSING_ASKED 64

int
index_is_still_missing(struct index *ix, size_t max)
{
	struct oid id;
	size_t f, i;

	for (f = 0; f < 2; f++)
		for (i = 0; i < segment_count(ix->file[f], TABLE_MISSING) &&
		    i < max; i++)
			if (segment_get(ix->file[f], TABLE_MISSING, i, &id,
			    sizeof(id)) && object_exists(ix->repo, &id) &&
			    record_is_here(ix->repo, &id))
				return 0;
	return 1;
}

static struct err *
open_index(struct repo *r, int plain, struct index **out)
{
	struct index *ix = xcalloc(1, sizeof(*ix));
	struct err *e = NULL;

	ix->repo = r;
	ix->plain = plain;
	index_load(ix);
	if (!index_holds(ix) || !index_is_still_missing(ix, MISSING_ASKED))
		e = index_refresh(ix, 0);
	if (e == NULL && index_is_damaged(ix))
		e = index_rebuild(ix);
	if (e == NULL && !plain)
		index_texts_update(ix, ix->changed);
	if (e != NULL) {
		index_close(ix);
		ix = NULL;
	}
	*out = ix;
	return e;
}

struct err *
index_open(struct repo *r, struct index **out)
{
	return open_index(r, 0, out);
}

struct err *
index_open_plain(struct repo *r, struct index **out)
{
	return open_index(r, 1, out);
}

void
index_close(struct index *ix)
{
	if (ix == NULL)
		return;
	index_unload(ix);
	free(ix);
}

int
index_is_damaged(const struct index *ix)
{
	return segment_is_damaged(ix->file[0]) ||
	    segment_is_damaged(ix->file[1]) || segment_is_damaged(ix->refs);
}

struct err *
index_rebuild(struct index *ix)
{
	return index_refresh(ix, 1);
}

struct index_stats
index_stats(struct index *ix)
{
	struct index_stats s = { 0 };
	int64_t clock, now = clock_now();
	size_t f, i;

	s.records = (size_t)ix->meta.records;
	s.malformed = (size_t)ix->meta.malformed;
	s.logs = (size_t)ix->meta.logs;
	for (f = 0; f < 2; f++) {
		s.missing += segment_count(ix->file[f], TABLE_MISSING);
		for (i = 0; i < segment_count(ix->file[f], TABLE_AHEAD); i++)
			s.ahead += segment_get(ix->file[f], TABLE_AHEAD, i,
			    &clock, sizeof(clock)) &&
			    clock > now + CLOCK_AHEAD_MAX;
	}
	return s;
}

static int
entry_by_id(struct segment *s, size_t i, struct index_entry *e)
{
	uint32_t at;

	return segment_get(s, TABLE_BY_ID, i, &at, sizeof(at)) &&
	    segment_get(s, TABLE_ENTRIES, at, e, sizeof(*e));
}

/* The first in the order of ids that is not before this one. */
static size_t
first_by_id(struct segment *s, const struct oid *id)
{
	size_t low = 0, high = segment_count(s, TABLE_BY_ID), middle;
	struct index_entry e;

	while (low < high) {
		middle = low + (high - low) / 2;
		if (!entry_by_id(s, middle, &e))
			return segment_count(s, TABLE_BY_ID);
		if (oid_cmp(&e.id, id) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

int
index_find(struct index *ix, const struct oid *id, struct index_entry *e)
{
	size_t f, i;

	for (f = 0; f < 2; f++) {
		i = first_by_id(ix->file[f], id);
		if (i < segment_count(ix->file[f], TABLE_BY_ID) &&
		    entry_by_id(ix->file[f], i, e) && oid_equal(&e->id, id))
			return 1;
	}
	return 0;
}

size_t
index_find_prefix(struct index *ix, const char *hex, struct oid *ids,
    size_t max)
{
	char first[OID_HEX_SIZE] = "0000000000000000000000000000000000000000";
	char text[OID_HEX_SIZE];
	size_t f, i, n = strlen(hex), found = 0;
	struct index_entry e;
	struct oid id;

	memcpy(first, hex, n < sizeof(first) ? n : sizeof(first) - 1);
	if (oid_parse(first, &id) != 0)
		return 0;
	for (f = 0; f < 2; f++)
		for (i = first_by_id(ix->file[f], &id); i < segment_count(
		    ix->file[f], TABLE_BY_ID) &&
		    entry_by_id(ix->file[f], i, &e); i++) {
			oid_hex(&e.id, text);
			if (strncmp(text, hex, n) != 0)
				break;
			if (e.kind == KIND_BAD)
				continue;
			if (found < max)
				ids[found] = e.id;
			found++;
		}
	return found;
}

/* The first link of a file to the target; *l is filled in if there is one. */
static size_t
first_link(struct segment *s, const struct oid *target)
{
	size_t low = 0, high = segment_count(s, TABLE_LINKS), middle;
	struct index_link l;

	while (low < high) {
		middle = low + (high - low) / 2;
		if (!segment_get(s, TABLE_LINKS, middle, &l, sizeof(l)))
			return segment_count(s, TABLE_LINKS);
		if (oid_cmp(&l.target, target) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static int
link_at(struct segment *s, size_t i, const struct oid *target,
    struct index_link *l)
{
	return i < segment_count(s, TABLE_LINKS) &&
	    segment_get(s, TABLE_LINKS, i, l, sizeof(*l)) &&
	    oid_equal(&l->target, target);
}

void
index_links(struct index *ix, const struct oid *target,
    int (*each)(void *, const struct index_link *), void *arg)
{
	struct index_link l[2];
	size_t at[2], f;
	int there[2], stop = 0;

	for (f = 0; f < 2; f++) {
		at[f] = first_link(ix->file[f], target);
		there[f] = link_at(ix->file[f], at[f], target, &l[f]);
	}
	while (!stop && (there[0] || there[1])) {
		f = !there[0] || (there[1] && index_newer(l[1].when,
		    &l[1].from, l[0].when, &l[0].from));
		stop = each(arg, &l[f]);
		there[f] = link_at(ix->file[f], ++at[f], target, &l[f]);
	}
}

int
index_is_gone(struct index *ix, const struct index_entry *e)
{
	struct index_verdict v = { e, 0, 0 };

	index_links(ix, &e->id, index_judge, &v);
	return v.gone;
}

static int
is_roll_up(void *arg, const struct index_link *l)
{
	return *(int *)arg = l->how == INDEX_ROLLED_UP;
}

int
index_is_rolled_up(struct index *ix, const struct oid *id)
{
	int found = 0;

	index_links(ix, id, is_roll_up, &found);
	return found;
}

void
index_kind_name(struct segment *s, const struct index_entry *e,
    char name[KIND_SIZE])
{
	(void)segment_get(s, TABLE_KINDS, e->kind, name, KIND_SIZE);
	name[KIND_SIZE - 1] = '\0';
}

int
index_kind_is_other(const struct index_entry *e)
{
	return e->kind == KIND_OTHER;
}

size_t
index_kind_number(struct segment *s, const char *kind)
{
	char name[KIND_SIZE];
	size_t i;

	for (i = KIND_FIRST; i < segment_count(s, TABLE_KINDS); i++)
		if (segment_get(s, TABLE_KINDS, i, name, sizeof(name)) &&
		    strncmp(name, kind, KIND_SIZE) == 0)
			return i;
	return KIND_BAD;
}

size_t
index_live(struct index *ix, const char *kind)
{
	uint32_t live, sum = 0;
	size_t f, i;

	for (f = 0; f < 2; f++) {
		i = index_kind_number(ix->file[f], kind);
		/* The newest file may take away from the other: modulo 2^32. */
		if (i != KIND_BAD && segment_get(ix->file[f], TABLE_LIVE, i,
		    &live, sizeof(live)))
			sum += live;
	}
	return sum;
}

size_t
index_count(struct index *ix, const char *kind)
{
	uint32_t from, to;
	size_t f, i, sum = 0;

	for (f = 0; f < 2; f++) {
		i = index_kind_number(ix->file[f], kind);
		if (i != KIND_BAD && segment_get(ix->file[f], TABLE_STARTS, i,
		    &from, sizeof(from)) && segment_get(ix->file[f],
		    TABLE_STARTS, i + 1, &to, sizeof(to)))
			sum += to - from;
	}
	return sum;
}

static int
entry_cmp(const void *va, const void *vb)
{
	const struct index_entry *a = va, *b = vb;

	if (oid_equal(&a->id, &b->id))
		return 0;
	return index_newer(a->when, &a->id, b->when, &b->id) ? -1 : 1;
}

void
index_open_steers(struct index *ix,
    void (*each)(void *, const struct index_entry *), void *arg)
{
	struct index_entry *list = NULL;
	size_t n = 0, cap = 0, f, i;
	struct index_verdict v;
	uint32_t at;

	for (f = 0; f < 2; f++)
		for (i = 0; i < segment_count(ix->file[f],
		    TABLE_OPEN_STEERS); i++) {
			ALLOC_GROW(list, n, cap);
			n += segment_get(ix->file[f], TABLE_OPEN_STEERS, i,
			    &at, sizeof(at)) && segment_get(ix->file[f],
			    TABLE_ENTRIES, at, &list[n], sizeof(*list));
		}
	if (n > 0)
		qsort(list, n, sizeof(*list), entry_cmp);
	for (i = 0; i < n; i++) {
		v = (struct index_verdict){ &list[i], 0, 0 };
		index_links(ix, &list[i].id, index_judge, &v);
		if (!v.gone && !v.answered)
			each(arg, &list[i]);
	}
	free(list);
}
