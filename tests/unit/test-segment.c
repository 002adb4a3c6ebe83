/* A file of tables: what goes in comes out, or is called damaged. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/file.h"
#include "store/segment.h"
#include "tap.h"

#define BLOCK 4096
#define ITEMS 3000

struct item {
	uint32_t a, b, c;
};

static struct item items[ITEMS];
static char text[10000];
static char *path;

/* Items that lie across the ends of blocks, bytes, and an empty table. */
static void
make(struct buf *image, uint64_t id)
{
	struct segment_table t[SEGMENT_TABLES] = { { 0 } };
	size_t i;

	for (i = 0; i < ITEMS; i++)
		items[i] = (struct item){ (uint32_t)i, (uint32_t)(i * 7), 1 };
	for (i = 0; i < sizeof(text); i++)
		text[i] = (char)('a' + i % 26);
	t[0] = (struct segment_table){ items, sizeof(items[0]), ITEMS };
	t[3] = (struct segment_table){ text, 1, sizeof(text) };
	t[15] = (struct segment_table){ items, sizeof(items[0]), 1 };
	segment_image(image, id, t);
}

static int
is_whole(struct segment *s)
{
	char *bytes = xmalloc(sizeof(text));
	struct item item;
	size_t i;
	int ok = 1;

	for (i = 0; i < ITEMS; i++)
		ok &= segment_get(s, 0, i, &item, sizeof(item)) &&
		    memcmp(&item, &items[i], sizeof(item)) == 0;
	/* From the end: blocks that share a place in memory take turns. */
	for (i = ITEMS; i-- > 0; )
		ok &= segment_get(s, 0, i, &item, sizeof(item)) &&
		    memcmp(&item, &items[i], sizeof(item)) == 0;
	ok &= segment_bytes(s, 3, 0, bytes, sizeof(text)) &&
	    memcmp(bytes, text, sizeof(text)) == 0;
	ok &= segment_bytes(s, 3, 4090, bytes, 10) &&
	    memcmp(bytes, text + 4090, 10) == 0;
	ok &= segment_get(s, 15, 0, &item, sizeof(item)) && item.a == 0;
	free(bytes);
	return ok && !segment_is_damaged(s);
}

static void
test_round_trip(void)
{
	struct buf image = BUF_INIT;
	struct segment *s = NULL;

	make(&image, 42);
	is_int((long long)(image.len % BLOCK), 0, "whole blocks");
	no_err(file_write_cache(path, image.p, image.len), "written");
	no_err(segment_open(path, &s), "opened");
	ok(s != NULL && is_whole(s), "a file has what went in");
	is_int((long long)segment_id(s), 42, "its id");
	is_int((long long)segment_count(s, 0), ITEMS, "so many items");
	is_int((long long)segment_count(s, 1), 0, "none in an empty table");
	is_int((long long)segment_image_of(s)->len, 0, "nothing in memory");
	segment_close(s);
	no_err(segment_of_image(&image, &s), "the same in memory");
	is_int((long long)image.len, 0, "it took the image");
	ok(is_whole(s), "memory has what went in");
	segment_close(s);
	segment_close(NULL);
	is_int((long long)segment_count(NULL, 0), 0, "none has none");
	buf_release(&image);
}

/* What is beyond the end is damage: a caller goes by segment_count(). */
static void
test_bounds(void)
{
	struct buf image = BUF_INIT;
	struct segment *s = NULL;
	struct item item = { 1, 1, 1 };
	char bytes[8];

	make(&image, 1);
	no_err(segment_of_image(&image, &s), "in memory");
	ok(!segment_get(s, 0, ITEMS, &item, sizeof(item)), "behind the last");
	ok(item.a == 0 && item.b == 0 && item.c == 0, "all zero then");
	ok(segment_is_damaged(s), "… and damaged");
	ok(!segment_get(s, 0, SIZE_MAX, &item, sizeof(item)), "far behind");
	ok(!segment_get(s, 0, 0, bytes, sizeof(bytes)), "of another size");
	ok(!segment_get(s, 1, 0, &item, sizeof(item)), "in an empty table");
	ok(!segment_bytes(s, 3, sizeof(text) - 7, bytes, 8), "bytes beyond");
	ok(!segment_bytes(s, 3, SIZE_MAX, bytes, 8), "bytes far beyond");
	ok(!segment_bytes(s, 0, 0, bytes, 8), "bytes of no bytes");
	ok(segment_bytes(s, 3, sizeof(text), bytes, 0), "no bytes at the end");
	ok(!segment_get(NULL, 0, 0, &item, sizeof(item)), "of none");
	ok(!segment_is_damaged(NULL), "none is not damaged");
	segment_close(s);
	buf_release(&image);
}

/* 1 if it shows, in opening or in reading it all, and nothing is wrong. */
static int
is_noticed(const struct buf *image)
{
	struct segment *s = NULL;
	struct err *e;
	int noticed;

	err_free(file_write_cache(path, image->p, image->len));
	e = segment_open(path, &s);
	noticed = e != NULL && e->code == ERR_INPUT && s == NULL;
	if (e == NULL)
		noticed = !is_whole(s) && segment_is_damaged(s);
	err_free(e);
	segment_close(s);
	return noticed;
}

static void
test_damage(void)
{
	struct buf image = BUF_INIT, other = BUF_INIT;
	size_t i, blocks, missed = 0;
	struct segment *s = NULL;

	make(&image, 7);
	make(&other, 8);
	blocks = image.len / BLOCK;
	/* Not those behind the end of the tables, which nobody reads. */
	for (i = 0; i < image.len - BLOCK; i += 31) {
		image.p[i] ^= (char)(1 << i % 8);
		missed += !is_noticed(&image);
		image.p[i] ^= (char)(1 << i % 8);
	}
	is_int((long long)missed, 0, "no flipped bit goes unnoticed");
	for (i = 0; i < blocks; i++) {
		memcpy(image.p + i * BLOCK, other.p + i * BLOCK, BLOCK);
		missed += !is_noticed(&image);
		make(&image, 7);
	}
	is_int((long long)missed, 0, "nor a block of another file");
	memcpy(image.p + BLOCK, image.p + (size_t)2 * BLOCK, BLOCK);
	ok(is_noticed(&image), "nor one in another place");
	make(&image, 7);
	for (i = 0; i < image.len; i += 97) {
		other.len = 0;
		buf_add(&other, image.p, i);
		missed += !is_noticed(&other);
	}
	is_int((long long)missed, 0, "nor one that was cut short");
	other.len = 0;
	buf_add(&other, image.p, image.len);
	buf_add(&other, image.p, BLOCK);
	ok(is_noticed(&other), "nor one that goes on");
	(void)unlink(path);
	is_err(segment_open(path, &s), ERR_NOTFOUND, path, "no file");
	buf_release(&image);
	buf_release(&other);
}

int
main(void)
{
	const char *dir = getenv("TMPDIR");

	path = xasprintf("%s/test-segment.%ld", dir == NULL ? "/tmp" : dir,
	    (long)getpid());
	test_round_trip();
	test_bounds();
	test_damage();
	(void)unlink(path);
	free(path);
	return done_testing();
}
