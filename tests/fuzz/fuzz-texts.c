/*
 * The file of the newest records, damaged behind its checksums: what is found
 * in it stays within what it has.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "store/index-texts.h"
#include "store/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

#define RECORDS 20

static struct oid
name(size_t i)
{
	struct oid id;

	memset(&id, (int)(i * 7 + 1), sizeof(id));
	return id;
}

static void
make_image(struct buf *image)
{
	struct segment_table tables[SEGMENT_TABLES] = { { 0 } };
	struct index_text places[RECORDS];
	struct buf bytes = BUF_INIT;
	size_t i;

	for (i = 0; i < RECORDS; i++) {
		places[i].id = name(i);
		places[i].from = (uint32_t)bytes.len;
		buf_addf(&bytes, "tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\n"
		    "author A <a@b> 1 +0000\ncommitter A <a@b> 1 +0000\n\n"
		    "done: record %zu\n\nAgent-Kind: done\n"
		    "Agent-Clock: 2026-01-01T00:00:00.%06zuZ\n", i, i);
		places[i].n = (uint32_t)(bytes.len - places[i].from);
	}
	tables[TEXTS_PLACES] = (struct segment_table){ places,
	    sizeof(places[0]), RECORDS };
	tables[TEXTS_BYTES] = (struct segment_table){ bytes.p, 1, bytes.len };
	segment_image(image, 1, tables);
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

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct buf whole;
	struct record rec = RECORD_INIT;
	struct buf image = BUF_INIT;
	struct segment *s = NULL;
	struct oid id;
	size_t i, found = 0;

	if (whole.len == 0)
		make_image(&whole);
	buf_add(&image, whole.p, whole.len);
	damage(&image, data, size);
	err_free(segment_of_image(&image, &s));
	for (i = 0; i < RECORDS; i++) {
		id = name(i);
		buf_clear(&rec.text);
		if (!index_texts_find(s, &id, &rec.text))
			continue;
		if (rec.text.len > INDEX_TEXT_MAX)
			abort();
		err_free(record_parse(&rec, &id));
		found++;
	}
	if (size == 0 && found != RECORDS)
		abort();
	segment_close(s);
	record_release(&rec);
	buf_release(&image);
	return 0;
}
