#include "store/segment.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"

#define BLOCK 4096
#define PAYLOAD (BLOCK - sizeof(uint64_t))
#define SLOTS 256		/* blocks kept in memory: 1 MiB at most */
#define BYTE_ORDER_MARK 0x01020304u
#define VERSION 4

static const char magic[8] = "agentIX";

struct place {
	uint64_t from, n;	/* bytes from the start; items */
	uint64_t size;		/* of one item */
};

struct header {
	char magic[8];
	uint32_t version, order;
	uint64_t id, length;	/* bytes of all, without checksums */
	struct place tables[SEGMENT_TABLES];
};

struct slot {
	size_t block;		/* + 1; 0: empty */
	unsigned char *bytes;
};

struct segment {
	struct header h;
	int fd;			/* -1: in memory */
	struct buf image;
	struct slot slots[SLOTS];
	int damaged;
};

/* Not against an adversary: those who can write here need no collision. */
static uint64_t
checksum(const unsigned char *p, uint64_t id, uint64_t block)
{
	uint64_t sum = id ^ (block + 1) * 0x9e3779b97f4a7c15u, word;
	size_t i;

	for (i = 0; i < PAYLOAD; i += sizeof(word)) {
		memcpy(&word, p + i, sizeof(word));
		sum = (sum ^ word) * 0xff51afd7ed558ccdu;
		sum ^= sum >> 32;
	}
	return sum;
}

/* The first block is read before the id is known. */
static uint64_t
sum_of(const unsigned char *p, uint64_t id, uint64_t block)
{
	return checksum(p, block == 0 ? 0 : id, block);
}

static void
end_block(struct buf *b, uint64_t id)
{
	static const char zeros[BLOCK];
	size_t used = b->len % BLOCK, block = b->len / BLOCK;
	uint64_t sum;

	buf_add(b, zeros, PAYLOAD - used);
	sum = sum_of((unsigned char *)b->p + block * BLOCK, id, block);
	buf_add(b, &sum, sizeof(sum));
}

static void
add(struct buf *b, uint64_t id, const void *data, size_t n)
{
	const char *p = data;
	size_t room;

	for (; n > 0; p += room, n -= room) {
		room = PAYLOAD - b->len % BLOCK;
		if (room > n)
			room = n;
		buf_add(b, p, room);
		if (b->len % BLOCK == PAYLOAD)
			end_block(b, id);
	}
}

void
segment_image(struct buf *b, uint64_t id,
    const struct segment_table tables[SEGMENT_TABLES])
{
	struct header h;
	size_t i;

	memset(&h, 0, sizeof(h));
	memcpy(h.magic, magic, sizeof(magic));
	h.version = VERSION;
	h.order = BYTE_ORDER_MARK;
	h.id = id;
	h.length = sizeof(h);
	for (i = 0; i < SEGMENT_TABLES; i++) {
		h.tables[i].from = h.length;
		h.tables[i].n = tables[i].n;
		h.tables[i].size = tables[i].size;
		h.length += tables[i].n * tables[i].size;
	}
	buf_clear(b);
	buf_grow(b, (h.length / PAYLOAD + 1) * BLOCK);
	add(b, id, &h, sizeof(h));
	for (i = 0; i < SEGMENT_TABLES; i++)
		add(b, id, tables[i].v, tables[i].n * tables[i].size);
	if (b->len % BLOCK != 0)
		end_block(b, id);
}

static int
load(struct segment *s, struct slot *slot, size_t block)
{
	uint64_t sum;
	size_t got = 0;
	ssize_t n;

	if (slot->bytes == NULL)
		slot->bytes = xmalloc(BLOCK);
	slot->block = 0;
	while (got < BLOCK) {
		n = pread(s->fd, slot->bytes + got, BLOCK - got,
		    (off_t)(block * BLOCK + got));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return 0;
		got += (size_t)n;
	}
	memcpy(&sum, slot->bytes + PAYLOAD, sizeof(sum));
	if (sum != sum_of(slot->bytes, s->h.id, block))
		return 0;
	slot->block = block + 1;
	return 1;
}

static const unsigned char *
block_at(struct segment *s, size_t block)
{
	struct slot *slot = &s->slots[block % SLOTS];

	if (s->fd < 0)
		return block < s->image.len / BLOCK ?
		    (unsigned char *)s->image.p + block * BLOCK : NULL;
	if (slot->block != block + 1 && !load(s, slot, block))
		return NULL;
	return slot->bytes;
}

static int
read_at(struct segment *s, uint64_t from, void *to, size_t n)
{
	const unsigned char *block;
	char *p = to;
	size_t at, room;

	for (; n > 0; p += room, n -= room, from += room) {
		at = (size_t)(from % PAYLOAD);
		room = PAYLOAD - at < n ? PAYLOAD - at : n;
		block = block_at(s, (size_t)(from / PAYLOAD));
		if (block == NULL)
			return 0;
		memcpy(p, block + at, room);
	}
	return 1;
}

static int
header_ok(const struct header *h, uint64_t file_size)
{
	const struct place *t;
	uint64_t at = sizeof(*h);
	size_t i;

	if (memcmp(h->magic, magic, sizeof(magic)) != 0 ||
	    h->version != VERSION || h->order != BYTE_ORDER_MARK ||
	    h->length < sizeof(*h) || h->length > UINT64_MAX - BLOCK ||
	    (h->length + PAYLOAD - 1) / PAYLOAD != file_size / BLOCK ||
	    file_size % BLOCK != 0)
		return 0;
	for (i = 0; i < SEGMENT_TABLES; i++) {
		t = &h->tables[i];
		if (t->from != at || t->size > 1024 ||
		    (t->size == 0 && t->n != 0) ||
		    (t->size != 0 && t->n > (h->length - at) / t->size))
			return 0;
		at += t->n * t->size;
	}
	return at == h->length;
}

/* Takes the segment. */
static struct err *
begin(struct segment *s, uint64_t file_size, const char *name,
    struct segment **out)
{
	*out = NULL;
	if (!read_at(s, 0, &s->h, sizeof(s->h)) ||
	    !header_ok(&s->h, file_size)) {
		segment_close(s);
		return err_new(ERR_INPUT, "'%s' is damaged, or by another "
		    "version", name);
	}
	*out = s;
	return NULL;
}

struct err *
segment_open(const char *path, struct segment **out)
{
	struct segment *s;
	struct stat st;
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	*out = NULL;
	if (fd < 0)
		return errno == ENOENT ? err_new(ERR_NOTFOUND, "there is no "
		    "'%s'", path) : err_errno("cannot open '%s'", path);
	s = xcalloc(1, sizeof(*s));
	buf_init(&s->image);
	s->fd = fd;
	if (fstat(fd, &st) != 0)
		st.st_size = 0;
	return begin(s, (uint64_t)st.st_size, path, out);
}

struct err *
segment_of_image(struct buf *image, struct segment **out)
{
	struct segment *s = xcalloc(1, sizeof(*s));

	s->fd = -1;
	s->image = *image;
	buf_init(image);
	return begin(s, s->image.len, "(memory)", out);
}

void
segment_close(struct segment *s)
{
	size_t i;

	if (s == NULL)
		return;
	for (i = 0; i < SLOTS; i++)
		free(s->slots[i].bytes);
	if (s->fd >= 0)
		close(s->fd);
	buf_release(&s->image);
	free(s);
}

const struct buf *
segment_image_of(const struct segment *s)
{
	return &s->image;
}

uint64_t
segment_id(const struct segment *s)
{
	return s->h.id;
}

size_t
segment_count(const struct segment *s, int table)
{
	return s == NULL ? 0 : (size_t)s->h.tables[table].n;
}

int
segment_get(struct segment *s, int table, size_t i, void *item, size_t size)
{
	const struct place *t;

	memset(item, 0, size);
	if (s == NULL)
		return 0;
	t = &s->h.tables[table];
	if (i >= t->n || t->size != size ||
	    !read_at(s, t->from + (uint64_t)i * size, item, size)) {
		memset(item, 0, size);
		s->damaged = 1;
		return 0;
	}
	return 1;
}

int
segment_bytes(struct segment *s, int table, size_t from, void *to, size_t n)
{
	const struct place *t;

	memset(to, 0, n);
	if (s == NULL)
		return 0;
	t = &s->h.tables[table];
	if (from > t->n || n > t->n - from || (n > 0 && t->size != 1) ||
	    !read_at(s, t->from + from, to, n)) {
		memset(to, 0, n);
		s->damaged = 1;
		return 0;
	}
	return 1;
}

int
segment_is_damaged(const struct segment *s)
{
	return s != NULL && s->damaged;
}
