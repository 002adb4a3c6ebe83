/* Walking the index; see index.h. */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "store/index-file.h"

/* Entries of one file: all, or those of one kind. */
struct stream {
	struct segment *file;
	int postings;		/* `at` counts postings, not entries */
	size_t at, end;
	struct index_entry next;	/* valid while at < end */
};

struct index_cursor {
	struct stream *v;
	size_t n, cap;
};

static int
get(const struct stream *s, size_t i, struct index_entry *e)
{
	uint32_t at = (uint32_t)i;

	if (s->postings && !segment_get(s->file, TABLE_POSTINGS, i, &at,
	    sizeof(at)))
		return 0;
	return segment_get(s->file, TABLE_ENTRIES, at, e, sizeof(*e));
}

/* Look at the entry at s->at, or at the next one that is a record. */
static void
look(struct stream *s)
{
	while (s->at < s->end) {
		if (!get(s, s->at, &s->next)) {
			s->at = s->end;
			break;
		}
		if (s->next.kind != KIND_BAD)
			break;
		s->at++;
	}
}

static void
add(struct index_cursor *c, struct segment *file, int postings, size_t from,
    size_t to)
{
	struct stream *s;

	ALLOC_GROW(c->v, c->n, c->cap);
	s = &c->v[c->n++];
	memset(s, 0, sizeof(*s));
	s->file = file;
	s->postings = postings;
	s->at = from;
	s->end = to;
	look(s);
}

static void
add_kind(struct index_cursor *c, struct segment *file, size_t kind)
{
	uint32_t from, to;

	if (kind != KIND_BAD &&
	    segment_get(file, TABLE_STARTS, kind, &from, sizeof(from)) &&
	    segment_get(file, TABLE_STARTS, kind + 1, &to, sizeof(to)) &&
	    from < to)
		add(c, file, 1, from, to);
}

struct index_cursor *
index_cursor_new(struct index *ix, const char *const *kinds)
{
	struct index_cursor *c = xcalloc(1, sizeof(*c));
	size_t f, i;

	for (f = 0; f < 2; f++) {
		if (ix->file[f] == NULL)
			continue;
		if (kinds == NULL) {
			add(c, ix->file[f], 0, 0, segment_count(ix->file[f],
			    TABLE_ENTRIES));
			continue;
		}
		add_kind(c, ix->file[f], KIND_OTHER);
		for (i = 0; kinds[i] != NULL; i++)
			add_kind(c, ix->file[f], index_kind_number(
			    ix->file[f], kinds[i]));
	}
	return c;
}

int
index_cursor_next(struct index_cursor *c, struct index_entry *e)
{
	struct stream *best = NULL, *s;
	size_t i;

	for (i = 0; i < c->n; i++) {
		s = &c->v[i];
		if (s->at < s->end && (best == NULL || index_newer(
		    s->next.when, &s->next.id, best->next.when,
		    &best->next.id)))
			best = s;
	}
	if (best == NULL)
		return 0;
	*e = best->next;
	best->at++;
	look(best);
	return 1;
}

void
index_cursor_seek(struct index_cursor *c, const struct index_entry *behind)
{
	size_t i, low, high, middle;
	struct index_entry e;

	for (i = 0; i < c->n; i++) {
		low = c->v[i].at;
		high = c->v[i].end;
		while (low < high) {
			middle = low + (high - low) / 2;
			if (!get(&c->v[i], middle, &e))
				break;
			if (index_newer(behind->when, &behind->id, e.when,
			    &e.id))
				high = middle;
			else
				low = middle + 1;
		}
		c->v[i].at = low;
		look(&c->v[i]);
	}
}

void
index_cursor_free(struct index_cursor *c)
{
	if (c == NULL)
		return;
	free(c->v);
	free(c);
}
