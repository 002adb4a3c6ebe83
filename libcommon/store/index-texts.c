#include "store/index-texts.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/file.h"
#include "store/abbrev.h"
#include "store/index-file.h"
#include "store/loose.h"
#include "store/record.h"

#define KEPT 16			/* records of each kind */
#define KEPT_LINKS 4		/* of each instruction */
#define KEPT_MAX 1024		/* records in all */
#define MET_MAX 256		/* of a kind, before enough are found */
#define TEXTS_MAX (1024 * 1024)	/* of all, but for the last one */

int
index_texts_find(struct segment *s, const struct oid *id, struct buf *text)
{
	size_t low = 0, high = segment_count(s, TEXTS_PLACES), middle;
	struct index_text p;
	int c;

	while (low < high) {
		middle = low + (high - low) / 2;
		if (!segment_get(s, TEXTS_PLACES, middle, &p, sizeof(p)))
			return 0;
		c = oid_cmp(&p.id, id);
		if (c == 0)
			break;
		if (c < 0)
			low = middle + 1;
		else
			high = middle;
	}
	if (low >= high || p.n > INDEX_TEXT_MAX)
		return 0;
	buf_grow(text, p.n);
	if (!segment_bytes(s, TEXTS_BYTES, p.from, text->p + text->len, p.n))
		return 0;
	text->len += p.n;
	text->p[text->len] = '\0';
	return 1;
}

struct wanted {
	struct index *ix;
	struct oidset ids;
	size_t links;		/* of the instruction that is looked at */
};

static void
want(struct wanted *w, const struct oid *id)
{
	if (w->ids.used < KEPT_MAX)
		(void)oidset_add(&w->ids, id);
}

static int
want_link(void *arg, const struct index_link *l)
{
	struct wanted *w = arg;

	want(w, &l->from);
	return ++w->links == KEPT_LINKS;
}

/* What became of an instruction is shown with it. */
static void
want_steer(void *arg, const struct index_entry *e)
{
	struct wanted *w = arg;

	want(w, &e->id);
	w->links = 0;
	index_links(w->ix, &e->id, want_link, w);
}

static void
want_run(void *arg, const struct index_run *run)
{
	struct wanted *w = arg;

	want(w, &run->newest);
	if (run->agent_when != 0)
		want(w, &run->agent_from);
}

/* Of one kind, as they are shown: what is gone is not; NULL: of all. */
static void
want_newest(struct wanted *w, const char *kind)
{
	const char *const kinds[] = { kind, NULL };
	struct index_cursor *c = index_cursor_new(w->ix,
	    kind == NULL ? NULL : kinds);
	struct index_entry e;
	size_t n = 0, met = 0;

	while (n < KEPT && met++ < MET_MAX && index_cursor_next(c, &e)) {
		if (kind != NULL && (index_kind_is_other(&e) ||
		    index_is_gone(w->ix, &e)))
			continue;
		n++;
		want(w, &e.id);
	}
	index_cursor_free(c);
}

static void
want_all(struct wanted *w)
{
	static const char *const shown[] = { "brief", "done", "failed",
		"status", "limit", "next", "milestone", "check", NULL };
	const char *const steers[] = { "steer", NULL };
	struct index_cursor *c = index_cursor_new(w->ix, steers);
	struct index_entry e;
	size_t i;

	for (i = 0; shown[i] != NULL; i++)
		want_newest(w, shown[i]);
	want_newest(w, NULL);
	for (i = 0; i < KEPT && index_cursor_next(c, &e); i++)
		want_steer(w, &e);
	index_cursor_free(c);
	index_open_steers(w->ix, want_steer, w);
	index_runs(w->ix, 0, want_run, w);
}

struct texts {
	struct index_text *places;
	size_t n;
	struct buf bytes;
	struct oidset shown;	/* ids on a page that shows these records */
};

/* From the file that was there, or from its pack; 1: from there. */
static int
add_text(struct texts *t, struct index *ix, const struct oid *id)
{
	struct index_text *p = &t->places[t->n];
	size_t from = t->bytes.len;
	enum object_type type = OBJECT_COMMIT;
	struct err *e = NULL;
	int is_new = !index_texts_find(ix->texts, id, &t->bytes);

	if (is_new && loose_is_here(ix->repo, id))
		return 0;
	if (is_new)
		e = object_read_max(ix->repo, id, RECORD_OBJECT_MAX, 0, &type,
		    &t->bytes);
	if (e != NULL || type != OBJECT_COMMIT ||
	    t->bytes.len - from > INDEX_TEXT_MAX) {
		t->bytes.len = from;
		err_free(e);
		return 0;
	}
	p->id = *id;
	p->from = (uint32_t)from;
	p->n = (uint32_t)(t->bytes.len - from);
	t->n++;
	return is_new;
}

/* Their own, and those of the commits that they are shown with. */
static void
add_shown(struct texts *t)
{
	static const char *const named[] = { "Agent-Commit", "Agent-At" };
	struct record rec = RECORD_INIT;
	const char *value;
	struct oid id;
	size_t i, k;

	for (i = 0; i < t->n; i++) {
		(void)oidset_add(&t->shown, &t->places[i].id);
		buf_clear(&rec.text);
		buf_add(&rec.text, t->bytes.p + t->places[i].from,
		    t->places[i].n);
		err_free(record_parse_trailers(&rec, &t->places[i].id));
		for (k = 0; k < sizeof(named) / sizeof(named[0]); k++) {
			value = record_trailer(&rec, named[k]);
			if (value != NULL && oid_parse(value, &id) == 0)
				(void)oidset_add(&t->shown, &id);
		}
	}
	record_release(&rec);
}

static int
place_cmp(const void *a, const void *b)
{
	return oid_cmp(&((const struct index_text *)a)->id,
	    &((const struct index_text *)b)->id);
}

static int
abbrev_cmp(const void *a, const void *b)
{
	return oid_cmp(&((const struct abbrev *)a)->id,
	    &((const struct abbrev *)b)->id);
}

/* Append those of what is here. */
static void
add_abbrevs(struct repo *r, const struct oidset *shown, struct buf *abbrevs)
{
	struct abbrev a;
	size_t i;

	for (i = 0; i < shown->used; i++) {
		a.id = shown->id[i];
		a.digits = (unsigned char)abbrev_digits(r, &a.id);
		if (a.digits != 0)
			buf_add(abbrevs, &a, sizeof(a));
	}
	if (abbrevs->len > 0)
		qsort(abbrevs->p, abbrevs->len / sizeof(a), sizeof(a),
		    abbrev_cmp);
}

static void
write_texts(struct repo *r, struct texts *t, const struct abbrev_basis *basis)
{
	struct segment_table tables[SEGMENT_TABLES] = { { 0 } };
	char *path = repo_shared_path(r, INDEX_TEXTS_FILE);
	struct buf image = BUF_INIT, abbrevs = BUF_INIT;

	add_shown(t);
	add_abbrevs(r, &t->shown, &abbrevs);
	qsort(t->places, t->n, sizeof(*t->places), place_cmp);
	tables[TEXTS_PLACES] = (struct segment_table){ t->places,
	    sizeof(*t->places), t->n };
	tables[TEXTS_BYTES] = (struct segment_table){ t->bytes.p, 1,
	    t->bytes.len };
	tables[TEXTS_ABBREVS] = (struct segment_table){ abbrevs.p, 1,
	    abbrevs.len };
	tables[TEXTS_BASIS] = (struct segment_table){ basis, sizeof(*basis),
	    1 };
	segment_image(&image, (uint64_t)clock_now(), tables);
	err_free(file_write_cache(path, image.p, image.len));
	buf_release(&abbrevs);
	buf_release(&image);
	free(path);
}

static void
load_abbrevs(struct index *ix)
{
	size_t i, n = segment_count(ix->texts, TEXTS_ABBREVS) /
	    sizeof(struct abbrev);
	struct abbrev *v = n == 0 ? NULL : xcalloc(n, sizeof(*v));

	if (!segment_bytes(ix->texts, TEXTS_ABBREVS, 0, v, n * sizeof(*v)))
		n = 0;
	for (i = 0; i < n; i++)
		if (v[i].digits == 0 || v[i].digits >= OID_HEX_SIZE)
			n = 0;
	abbrevs_use(ix->repo, v, n);
}

/* Open the file, if it is good. */
static void
load(struct index *ix)
{
	struct abbrev_basis now, then;
	char *path;

	if (ix->texts_known)
		return;
	ix->texts_known = 1;
	path = repo_shared_path(ix->repo, INDEX_TEXTS_FILE);
	err_free(segment_open(path, &ix->texts));
	free(path);
	now = abbrev_basis(ix->repo);
	if (now.packs == 0 || !segment_get(ix->texts, TEXTS_BASIS, 0, &then,
	    sizeof(then)) || then.packs != now.packs ||
	    then.least != now.least) {
		segment_close(ix->texts);
		ix->texts = NULL;
	}
	load_abbrevs(ix);
}

void
index_texts_update(struct index *ix, int changed)
{
	struct abbrev_basis basis = abbrev_basis(ix->repo);
	struct wanted w = { ix, OIDSET_INIT, 0 };
	struct texts t = { NULL, 0, BUF_INIT, OIDSET_INIT };
	size_t i, news = 0;

	load(ix);
	if (basis.packs == 0 || (!changed && ix->texts != NULL))
		return;
	want_all(&w);
	t.places = xcalloc(w.ids.used + 1, sizeof(*t.places));
	for (i = 0; i < w.ids.used && t.bytes.len < TEXTS_MAX; i++)
		news += (size_t)add_text(&t, ix, &w.ids.id[i]);
	if (news > 0)
		write_texts(ix->repo, &t, &basis);
	oidset_release(&t.shown);
	oidset_release(&w.ids);
	buf_release(&t.bytes);
	free(t.places);
}

struct err *
index_read(struct index *ix, const struct oid *id, struct record *rec)
{
	struct err *e;

	load(ix);
	buf_clear(&rec->text);
	if (index_texts_find(ix->texts, id, &rec->text)) {
		e = record_parse(rec, id);
		if (e == NULL)
			return NULL;
		err_free(e);
	}
	return record_read_next(ix->repo, id, 0, rec);
}
