/*
 * A file of tables that is written once and read in places: what the index
 * of the records (store/index.h) is kept in.  It is made of blocks of 4096
 * bytes, each with a checksum of its own at its end, so that a file that was
 * cut, overwritten or mixed up with another is noticed where it is read,
 * without reading all of it.  The bytes are the machine's own: a file of
 * another machine, or of another version, is just as bad as a damaged one,
 * and is made again.
 */
#ifndef STORE_SEGMENT_H
#define STORE_SEGMENT_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

#define SEGMENT_TABLES 18

/* One table: n items of `size` bytes. */
struct segment_table {
	const void *v;
	size_t size, n;
};

struct segment;

/* The file with these tables; the id tells it from all others. */
void	 segment_image(struct buf *, uint64_t id,
	    const struct segment_table [SEGMENT_TABLES]);

/* ERR_NOTFOUND: there is no file; ERR_INPUT: it is not (wholly) ours. */
struct err *segment_open(const char *path, struct segment **);
/* The same in memory; takes the image and leaves an empty one. */
struct err *segment_of_image(struct buf *image, struct segment **);
/* Its bytes, if it is one in memory. */
const struct buf *segment_image_of(const struct segment *);
void	 segment_close(struct segment *);

uint64_t segment_id(const struct segment *);
size_t	 segment_count(const struct segment *, int table);
/*
 * Copy item i.  0: there is no such item, or the file is damaged, which
 * segment_is_damaged() tells from then on; *item is all zero then.
 */
int	 segment_get(struct segment *, int table, size_t i, void *item,
	    size_t size);
/* Copy n bytes from a table of bytes (item size 1), likewise. */
int	 segment_bytes(struct segment *, int table, size_t from, void *, size_t n);
int	 segment_is_damaged(const struct segment *);

#endif
