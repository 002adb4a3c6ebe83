/*
 * What the ways of appending to a log share: writer.c and writer-id.c, which
 * implement it, and append-many.c.  The order is writer_lock(), writer_id_locked(),
 * writer_tip_locked(), objects, ref_swap(), lock_release().
 */
#ifndef STORE_WRITER_LOCKED_H
#define STORE_WRITER_LOCKED_H

#include <stdint.h>

#include "base/lock.h"
#include "store/writer.h"

/* One process of this clone at a time appends. */
struct err *writer_lock(struct repo *, struct lock *);
/* This clone's writer id, malloc'd, minted if there is none. */
struct err *writer_id_locked(struct repo *, char **id);
/*
 * The newest record of the log, put back if its ref was gone; *any is 0 if
 * there is none yet.
 */
struct err *writer_tip_locked(struct repo *, const char *ref, struct oid *tip,
		int *any);
/* The clock of a record at the tip of a log; 0 if it cannot be read. */
int64_t	 writer_tip_clock(struct repo *, const struct oid *tip);
/* The first record was written. */
void	 writer_wrote_locked(struct repo *, const char *id);
/* The clock of the record after `tip`, which may be NULL. */
int64_t	 writer_next_clock(struct repo *, const struct oid *tip);

/* Who writes: the same in every record of a process. */
struct stamp {
	const char *writer;		/* borrowed */
	char *author, *committer;
};

struct err *stamp_init(struct stamp *, struct repo *, const char *writer);
void	 stamp_release(struct stamp *);	/* also after an error */

/* Append the commit's text, not signed.  ERR_INPUT: it is too long. */
struct err *writer_format(const struct draft *, const struct stamp *,
		int64_t clock, const struct oid *parent, struct buf *);

#endif
