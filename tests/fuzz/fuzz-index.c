/*
 * The files of an index, damaged behind their checksums: every question
 * that one can ask of it ends, and stays within what the files have.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "store/index-batch.h"
#include "store/index-file.h"
#include "store/index.h"
#include "store/repo.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

#define RECORDS 300		/* of the older file; the newer has a tenth */
#define CALLS_MAX (1000 * 1000)

static size_t calls;

static struct oid
name(size_t i)
{
	struct oid id;
	size_t k;

	for (k = 0; k < sizeof(id.b); k++)
		id.b[k] = (unsigned char)((i + 1) * 2654435761u >> k % 24);
	return id;
}

static void
add_record(struct index_batch *b, size_t i)
{
	static const char *const kinds[] = { "done", "steer", "run", "next" };
	struct index_entry e = { (int64_t)i * 1000 + 1, name(i),
	    index_batch_kind(b, kinds[i % 4]), 0 };
	struct index_link l = { name(i / 2), name(i), e.when,
	    i % 5 + INDEX_DELIVERED };
	struct index_run r = { "", e.when, e.when, name(i), name(i), e.when,
	    (int64_t)i, e.when, 0, i % 3 == 0 };

	ALLOC_GROW(b->entries, b->n_entries, b->cap_entries);
	b->entries[b->n_entries++] = e;
	ALLOC_GROW(b->links, b->n_links, b->cap_links);
	b->links[b->n_links++] = l;
	memset(r.id, 0, sizeof(r.id));
	r.id[0] = (char)('a' + i % 26);
	ALLOC_GROW(b->runs, b->n_runs, b->cap_runs);
	b->runs[b->n_runs++] = r;
	if (i % 50 == 0) {
		ALLOC_GROW(b->missing, b->n_missing, b->cap_missing);
		b->missing[b->n_missing++] = name(i + 100000);
		ALLOC_GROW(b->ahead, b->n_ahead, b->cap_ahead);
		b->ahead[b->n_ahead++] = INT64_MAX / 2;
	}
}

/* The refs as they are now: one has moved since. */
static struct reflist
list_refs(size_t tip)
{
	static char first[] = "refs/agent-remotes/origin/log/w-a-000001";
	static char second[] = "refs/agent/log/w-b-000002";
	static struct ref refs[2];
	struct reflist list = { .v = refs, .n = 2, .cap = 2 };

	refs[0] = (struct ref){ .name = first, .id = name(1) };
	refs[1] = (struct ref){ .name = second, .id = name(tip), .loose = 1 };
	return list;
}

static void
make_image(size_t from, size_t to, int newest, struct buf *image)
{
	struct index_move moved[] = { { name(3), 1 } };
	uint32_t loose[] = { 1 };
	struct index_moves refs = { .moved = moved, .n_moved = (size_t)newest,
	    .loose = loose, .n_loose = (size_t)newest };
	struct index_head head = { .refs = &refs, .state = "1 2 3 4 x\n" };
	struct index_batch b = INDEX_BATCH_INIT;
	size_t i;

	(void)index_batch_kind(&b, "");
	for (i = from; i < to; i++)
		add_record(&b, i);
	index_batch_settle(&b);
	head.meta.base = (uint64_t)newest;
	head.meta.refs = 1;
	head.meta.records = to - from;
	index_batch_image(&b, (uint64_t)newest + 1, &head, NULL, image);
	index_batch_release(&b);
}

/* 1: there is more to be had of it. */
static int
call(void)
{
	if (++calls > CALLS_MAX)
		abort();
	return 1;
}

static int
on_link(void *arg, const struct index_link *l)
{
	(void)arg;
	(void)l;
	return !call();
}

static void
on_run(void *arg, const struct index_run *run)
{
	(void)arg;
	if (memchr(run->id, '\0', sizeof(run->id)) == NULL)
		abort();
	(void)call();
}

static void
on_steer(void *arg, const struct index_entry *e)
{
	(void)arg;
	(void)e;
	(void)call();
}

static void
ask_by_name(struct index *ix, const struct oid *id)
{
	struct index_entry e;
	struct oid ids[4], tip;

	if (index_find(ix, id, &e))
		(void)index_is_gone(ix, &e);
	index_links(ix, id, on_link, NULL);
	(void)index_find_prefix(ix, "a1b2", ids, 4);
	(void)index_find_prefix(ix, "0000", ids, 4);
	(void)index_find_prefix(ix, "f", ids, 4);
	(void)index_ref(ix, "refs/agent/log/w-b-000002", &tip);
	(void)index_is_tip(ix, "refs/agent/log/", id);
	(void)index_is_tip(ix, "refs/agent-remotes/", id);
}

static void
on_moved(void *arg, const char *ref, const struct oid *tip)
{
	(void)arg;
	(void)tip;
	if (strlen(ref) > 65536)
		abort();
	(void)call();
}

static void
ask_for_refs(struct index *ix)
{
	struct reflist now = list_refs(4), all = REFLIST_INIT;
	struct reflist loose = { .v = now.v + 1, .n = 1, .cap = 1 };
	struct index_moves m = INDEX_MOVES_INIT;

	(void)index_moves_of(ix, &now, &m);
	index_moves_release(&m);
	(void)index_moves_by_loose(ix, &loose, &m);
	index_moves_release(&m);
	index_moved(ix, on_moved, NULL);
	index_refs(ix, &all);
	reflist_release(&all);
}

static void
walk(struct index *ix, const char *const *kinds)
{
	struct index_cursor *c = index_cursor_new(ix, kinds);
	struct index_entry e, middle;
	size_t n = 0;

	memset(&middle, 0, sizeof(middle));
	while (index_cursor_next(c, &e) && call()) {
		(void)index_is_gone(ix, &e);
		if (++n == 20)
			middle = e;
	}
	index_cursor_free(c);
	c = index_cursor_new(ix, kinds);
	index_cursor_seek(c, &middle);
	while (index_cursor_next(c, &e))
		(void)call();
	index_cursor_free(c);
}

static void
ask_all(struct index *ix)
{
	static const char *const some[] = { "steer", "next", "none", NULL };
	struct index_stats stats = index_stats(ix);
	size_t i;

	if (stats.missing > 65536 || stats.ahead > 65536)
		abort();
	for (i = 0; i < RECORDS; i += 7) {
		struct oid id = name(i);

		ask_by_name(ix, &id);
	}
	(void)index_live(ix, "done");
	(void)index_count(ix, "steer");
	index_runs(ix, 0, on_run, NULL);
	index_runs(ix, 1, on_run, NULL);
	index_open_steers(ix, on_steer, NULL);
	walk(ix, NULL);
	walk(ix, some);
	ask_for_refs(ix);
	(void)index_is_damaged(ix);
}

/* What is read of it is written again, as when records are added. */
static void
grow(struct index *ix)
{
	struct index_batch b = INDEX_BATCH_INIT;
	struct index_moves none = INDEX_MOVES_INIT;
	struct index_head head = { .refs = &none, .state = "" };
	struct buf image = BUF_INIT;
	size_t f;

	for (f = 0; f < 2; f++)
		index_batch_load(&b, ix->file[f]);
	index_batch_settle(&b);
	index_batch_image(&b, 3, &head, ix, &image);
	index_batch_release(&b);
	buf_release(&image);
}

/* Four bytes of input: where (14 bits), in which (the top two), and what. */
static void
damage(struct buf files[3], const uint8_t *p, size_t size)
{
	struct buf *b;
	size_t at;

	for (; size >= 4; p += 4, size -= 4) {
		b = &files[(p[1] >> 6) % 3];
		at = (size_t)(p[0] | (p[1] & 0x3f) << 8) * 2;
		if (at + 1 < b->len) {
			b->p[at] = (char)p[2];
			b->p[at + 1] = (char)p[3];
		}
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct buf whole[3];
	struct buf files[3] = { BUF_INIT, BUF_INIT, BUF_INIT };
	struct index ix = { .repo = NULL };
	struct index_moves m = INDEX_MOVES_INIT;
	struct reflist once = list_refs(2);
	size_t i;

	if (whole[0].len == 0) {
		make_image(RECORDS, RECORDS + RECORDS / 10, 1, &whole[0]);
		make_image(0, RECORDS, 0, &whole[1]);
		index_refs_image(&once, 1, &whole[2], &m);
		index_moves_release(&m);
	}
	calls = 0;
	for (i = 0; i < 3; i++)
		buf_add(&files[i], whole[i].p, whole[i].len);
	damage(files, data, size);
	err_free(segment_of_image(&files[0], &ix.file[0]));
	err_free(segment_of_image(&files[1], &ix.file[1]));
	err_free(segment_of_image(&files[2], &ix.refs));
	if (ix.file[0] != NULL)
		(void)segment_get(ix.file[0], TABLE_META, 0, &ix.meta,
		    sizeof(ix.meta));
	ask_all(&ix);
	grow(&ix);
	segment_close(ix.file[0]);
	segment_close(ix.file[1]);
	segment_close(ix.refs);
	for (i = 0; i < 3; i++)
		buf_release(&files[i]);
	return 0;
}
