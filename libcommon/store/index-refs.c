#include "store/index-refs.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "store/index-file.h"

/* So many may have moved before the file is made again, or such a part. */
#define MOVED_MAX 64
#define MOVED_PART 16

size_t
index_ref_count(const struct index *ix)
{
	return segment_count(ix->refs, TABLE_REFS);
}

/* Where the newest file says that it moved to, if it does. */
static int
find_move(struct index *ix, size_t at, struct index_move *move)
{
	size_t low = 0, high = segment_count(ix->file[0], TABLE_MOVED), middle;

	while (low < high) {
		middle = low + (high - low) / 2;
		if (!segment_get(ix->file[0], TABLE_MOVED, middle, move,
		    sizeof(*move)))
			return 0;
		if (move->at == at)
			return 1;
		if (move->at < at)
			low = middle + 1;
		else
			high = middle;
	}
	return 0;
}

int
index_ref_at(struct index *ix, size_t at, struct index_ref *ref)
{
	struct index_move move;

	if (at >= index_ref_count(ix) || !segment_get(ix->refs, TABLE_REFS,
	    at, ref, sizeof(*ref)))
		return 0;
	if (find_move(ix, at, &move))
		ref->tip = move.tip;
	return 1;
}

int
index_ref_name(struct index *ix, const struct index_ref *ref, struct buf *b)
{
	buf_clear(b);
	if (ref->n > 4096)
		return 0;
	buf_grow(b, ref->n);
	if (!segment_bytes(ix->refs, TABLE_NAMES, ref->from, b->p, ref->n))
		return 0;
	b->len = ref->n;
	b->p[b->len] = '\0';
	return 1;
}

/* The first ref, in the order of names, that is not before this name. */
static size_t
first_ref(struct index *ix, const char *name)
{
	size_t n = index_ref_count(ix), low = 0, high = n, middle;
	struct buf b = BUF_INIT;
	struct index_ref ref;

	while (low < high) {
		middle = low + (high - low) / 2;
		if (!segment_get(ix->refs, TABLE_REFS, middle, &ref,
		    sizeof(ref)) || !index_ref_name(ix, &ref, &b)) {
			low = n;
			break;
		}
		if (strcmp(b.p, name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	buf_release(&b);
	return low;
}

static int
is_at(struct index *ix, size_t at, const char *name, struct index_ref *ref)
{
	struct buf b = BUF_INIT;
	int is = index_ref_at(ix, at, ref) && index_ref_name(ix, ref, &b) &&
	    strcmp(b.p, name) == 0;

	buf_release(&b);
	return is;
}

/*
 * Its place, which may be *at already, and what is there: 1, or 0 if there is
 * none of this name.
 */
static int
find_ref(struct index *ix, const char *name, size_t *at, struct index_ref *ref)
{
	if (is_at(ix, *at, name, ref))
		return 1;
	*at = first_ref(ix, name);
	return is_at(ix, *at, name, ref);
}

int
index_ref(struct index *ix, const char *name, struct oid *tip)
{
	struct index_ref ref;
	size_t at = 0;

	if (!find_ref(ix, name, &at, &ref))
		return 0;
	*tip = ref.tip;
	return 1;
}

int
index_is_tip(struct index *ix, const char *prefix, const struct oid *tip)
{
	struct buf b = BUF_INIT;
	struct index_ref ref;
	size_t i = first_ref(ix, prefix);
	int found = 0;

	for (; !found && index_ref_at(ix, i, &ref); i++) {
		if (!oid_equal(&ref.tip, tip))
			continue;
		if (!index_ref_name(ix, &ref, &b) ||
		    strncmp(b.p, prefix, strlen(prefix)) != 0)
			break;
		found = 1;
	}
	buf_release(&b);
	return found;
}

void
index_refs(struct index *ix, struct reflist *refs)
{
	struct buf name = BUF_INIT;
	struct index_ref ref;
	size_t i;

	for (i = 0; index_ref_at(ix, i, &ref); i++)
		if (index_ref_name(ix, &ref, &name))
			reflist_add(refs, name.p, &ref.tip);
	if (index_is_damaged(ix))
		reflist_release(refs);
	buf_release(&name);
}

uint64_t
index_names(const struct index *ix)
{
	return ix->unsaved ? 0 : ix->meta.refs;
}

uint64_t
index_age(const struct index *ix)
{
	return ix->meta.age;
}

void
index_moved(struct index *ix,
    void (*each)(void *, const char *, const struct oid *), void *arg)
{
	struct buf name = BUF_INIT;
	struct index_move move;
	struct index_ref ref;
	size_t i;

	for (i = 0; i < segment_count(ix->file[0], TABLE_MOVED) &&
	    segment_get(ix->file[0], TABLE_MOVED, i, &move, sizeof(move)); i++)
		if (index_ref_at(ix, move.at, &ref) &&
		    index_ref_name(ix, &ref, &name))
			each(arg, name.p, &move.tip);
	buf_release(&name);
}

void
index_seen(struct repo *r, struct reflist *refs)
{
	struct index ix = { .repo = r };

	index_load(&ix);
	index_refs(&ix, refs);
	index_unload(&ix);
}

/* ---- where they are now -------------------------------------------------- */

void
index_moves_release(struct index_moves *m)
{
	free(m->moved);
	free(m->steps);
	free(m->loose);
	memset(m, 0, sizeof(*m));
}

static int
are_few(const struct index *ix, size_t n)
{
	return n <= MOVED_MAX || n <= index_ref_count(ix) / MOVED_PART;
}

static void
add_loose(struct index_moves *m, size_t at)
{
	ALLOC_GROW(m->loose, m->n_loose, m->cap_loose);
	m->loose[m->n_loose++] = (uint32_t)at;
}

static void
add_move(struct index_moves *m, size_t at, const struct oid *tip)
{
	ALLOC_GROW(m->moved, m->n_moved, m->cap_moved);
	m->moved[m->n_moved].tip = *tip;
	m->moved[m->n_moved++].at = (uint32_t)at;
}

static void
add_step(struct index_moves *m, size_t at, const struct oid *was,
    const struct oid *tip)
{
	ALLOC_GROW(m->steps, m->n_steps, m->cap_steps);
	m->steps[m->n_steps].was = *was;
	m->steps[m->n_steps].tip = *tip;
	m->steps[m->n_steps++].at = (uint32_t)at;
}

int
index_moves_of(struct index *ix, const struct reflist *all,
    struct index_moves *m)
{
	size_t i, n = index_ref_count(ix), k = 0;
	int ok = ix->refs != NULL && n == all->n;
	struct buf name = BUF_INIT;
	struct index_move old;
	struct index_ref ref;
	int moved;

	for (i = 0; i < n && ok; i++) {
		const struct ref *now = &all->v[i];

		ok = segment_get(ix->refs, TABLE_REFS, i, &ref, sizeof(ref)) &&
		    index_ref_name(ix, &ref, &name) &&
		    strcmp(name.p, now->name) == 0;
		if (now->loose)
			add_loose(m, i);
		moved = !oid_equal(&ref.tip, &now->id);
		/* What has come back has been elsewhere meanwhile. */
		if (k < segment_count(ix->file[0], TABLE_MOVED) &&
		    segment_get(ix->file[0], TABLE_MOVED, k, &old,
		    sizeof(old)) && old.at == i) {
			ref.tip = old.tip;
			moved = 1;
			k++;
		}
		if (moved)
			add_move(m, i, &now->id);
		if (!oid_equal(&ref.tip, &now->id))
			add_step(m, i, &ref.tip, &now->id);
	}
	buf_release(&name);
	return ok && are_few(ix, m->n_moved) && !index_is_damaged(ix);
}

/* What had moved before, with these steps. */
static void
merge_steps(struct index *ix, struct index_moves *m)
{
	struct index_move old;
	size_t i, k = 0;

	for (i = 0; segment_count(ix->file[0], TABLE_MOVED) > i &&
	    segment_get(ix->file[0], TABLE_MOVED, i, &old, sizeof(old)); i++) {
		for (; k < m->n_steps && m->steps[k].at < old.at; k++)
			add_move(m, m->steps[k].at, &m->steps[k].tip);
		if (k == m->n_steps || m->steps[k].at != old.at)
			add_move(m, old.at, &old.tip);
	}
	for (; k < m->n_steps; k++)
		add_move(m, m->steps[k].at, &m->steps[k].tip);
}

/* 0: one is not loose any more, and what is packed by its name counts again. */
static int
has_all_loose(struct index *ix, const struct index_moves *m)
{
	size_t i, k = 0;
	uint32_t at;

	for (i = 0; i < segment_count(ix->file[0], TABLE_LOOSE); i++, k++) {
		if (!segment_get(ix->file[0], TABLE_LOOSE, i, &at,
		    sizeof(at)))
			return 0;
		while (k < m->n_loose && m->loose[k] < at)
			k++;
		if (k == m->n_loose || m->loose[k] != at)
			return 0;
	}
	return 1;
}

int
index_moves_by_loose(struct index *ix, const struct reflist *loose,
    struct index_moves *m)
{
	struct index_ref ref;
	size_t i, at = 0;

	if (ix->refs == NULL)
		return 0;
	/* Where all are so, they follow each other. */
	for (i = 0; i < loose->n; i++, at++) {
		if (!find_ref(ix, loose->v[i].name, &at, &ref))
			return 0;
		add_loose(m, at);
		if (!oid_equal(&ref.tip, &loose->v[i].id))
			add_step(m, at, &ref.tip, &loose->v[i].id);
	}
	if (!has_all_loose(ix, m))
		return 0;
	merge_steps(ix, m);
	return are_few(ix, m->n_moved) && !index_is_damaged(ix);
}

void
index_refs_image(const struct reflist *list, uint64_t id, struct buf *image,
    struct index_moves *m)
{
	struct segment_table t[SEGMENT_TABLES] = { { 0 } };
	struct index_ref *refs = xcalloc(list->n + 1, sizeof(*refs));
	struct buf names = BUF_INIT;
	size_t i;

	index_moves_release(m);
	for (i = 0; i < list->n; i++) {
		if (list->v[i].loose)
			add_loose(m, i);
		refs[i].tip = list->v[i].id;
		refs[i].from = (uint32_t)names.len;
		refs[i].n = (uint32_t)strlen(list->v[i].name);
		buf_addstr(&names, list->v[i].name);
	}
	t[TABLE_REFS] = (struct segment_table){ refs, sizeof(*refs), list->n };
	t[TABLE_NAMES] = (struct segment_table){ names.p, 1, names.len };
	segment_image(image, id, t);
	free(refs);
	buf_release(&names);
}
