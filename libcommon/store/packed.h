/*
 * The packs of this repository by themselves, and those that there are now:
 * an object database that is open for days has some that are gone, and lacks
 * others.
 */
#ifndef STORE_PACKED_H
#define STORE_PACKED_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "store/oid.h"
#include "store/repo.h"

/*
 * A number for the names and sizes of the packs and their indexes, and for the
 * times of the indexes: another one after a pack has come, gone, or been cut
 * short.  0: they cannot be listed, or objects are borrowed, too, and what
 * becomes of those this does not see.
 */
uint64_t packed_stamp(struct repo *);

struct packed;

/* NULL: they cannot be read. */
struct packed *packed_open(struct repo *);
void	 packed_close(struct packed *);
/* Append a commit of at most `max` bytes; 0: there is none in a pack. */
int	 packed_read_commit(struct packed *, const struct oid *, size_t max,
	    struct buf *);
/*
 * How many digits, ABBREV_LEAST or more, tell it from all others in packs; 0:
 * it is in none.
 */
size_t	 packed_digits(struct packed *, const struct oid *);

#endif
