/*
 * The file of the newest records, damaged behind its checksums: a text that is
 * found in it is that of the object of this name, and abbreviations are ones.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "store/git.h"
#include "store/index-texts.h"
#include "store/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

#define RECORDS 20

static struct oid names[RECORDS];
static struct buf whole;

static int
place_cmp(const void *a, const void *b)
{
	return oid_cmp(&((const struct index_text *)a)->id,
	    &((const struct index_text *)b)->id);
}

static void
make_image(void)
{
	struct segment_table tables[SEGMENT_TABLES] = { { 0 } };
	struct index_text places[RECORDS];
	struct abbrev abbrevs[RECORDS];
	struct buf bytes = BUF_INIT;
	size_t i, from;

	for (i = 0; i < RECORDS; i++) {
		from = bytes.len;
		buf_addf(&bytes, "tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\n"
		    "author A <a@b> 1 +0000\ncommitter A <a@b> 1 +0000\n\n"
		    "done: record %zu\n\nAgent-Kind: done\n"
		    "Agent-Clock: 2026-01-01T00:00:00.%06zuZ\n", i, i);
		places[i].from = (uint32_t)from;
		places[i].n = (uint32_t)(bytes.len - from);
		err_free(object_hash(OBJECT_COMMIT, bytes.p + from,
		    places[i].n, &places[i].id));
	}
	qsort(places, RECORDS, sizeof(places[0]), place_cmp);
	for (i = 0; i < RECORDS; i++) {
		names[i] = abbrevs[i].id = places[i].id;
		abbrevs[i].digits = 7;
	}
	tables[TEXTS_PLACES] = (struct segment_table){ places,
	    sizeof(places[0]), RECORDS };
	tables[TEXTS_BYTES] = (struct segment_table){ bytes.p, 1, bytes.len };
	tables[TEXTS_ABBREVS] = (struct segment_table){ abbrevs,
	    sizeof(abbrevs[0]), RECORDS };
	segment_image(&whole, 1, tables);
	buf_release(&bytes);
}

/* Three bytes of input: where, of 64 KiB, and what. */
static void
damage(struct buf *b, const uint8_t *p, size_t size)
{
	size_t at;

	for (; size >= 3; p += 3, size -= 3) {
		at = (size_t)(p[0] | p[1] << 8);
		if (at < b->len)
			b->p[at] = (char)p[2];
	}
}

static size_t
read_texts(struct segment *s)
{
	struct record rec = RECORD_INIT;
	struct oid is;
	size_t i, found = 0;

	for (i = 0; i < RECORDS; i++) {
		buf_clear(&rec.text);
		if (!index_texts_find(s, &names[i], &rec.text))
			continue;
		err_free(object_hash(OBJECT_COMMIT, rec.text.p, rec.text.len,
		    &is));
		if (!oid_equal(&is, &names[i]))
			abort();
		err_free(record_parse(&rec, &names[i]));
		found++;
	}
	record_release(&rec);
	return found;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf image = BUF_INIT;
	struct segment *s = NULL;
	struct abbrev *abbrevs;
	size_t i, n, found;

	if (whole.len == 0) {
		if (libgit2_start() < 0)
			abort();
		make_image();
	}
	buf_add(&image, whole.p, whole.len);
	damage(&image, data, size);
	err_free(segment_of_image(&image, &s));
	found = read_texts(s);
	abbrevs = index_texts_abbrevs(s, &n);
	for (i = 0; i < n; i++)
		if (abbrevs[i].digits == 0 || abbrevs[i].digits > 40)
			abort();
	if (size == 0 && (found != RECORDS || n != RECORDS))
		abort();
	free(abbrevs);
	segment_close(s);
	buf_release(&image);
	return 0;
}
