/*
 * Beside the index: what the records say that are asked for most, the newest
 * of each kind, and how far their ids can be abbreviated.  A page of them
 * would else look up each in a pack, which costs the more the larger that
 * is.  The file, <common dir>/agent/texts, is derived too, and may lack any
 * record: that is read where it is.  It has none that is not in a pack, and
 * is good as long as there are the same packs, so that who reads by it does
 * not take for here what is gone.
 */
#ifndef STORE_INDEX_TEXTS_H
#define STORE_INDEX_TEXTS_H

#include "base/buf.h"
#include "store/index.h"
#include "store/oid.h"
#include "store/segment.h"

#define INDEX_TEXTS_FILE "texts"
#define INDEX_TEXT_MAX 8192	/* bytes of one; few are longer */

/* The tables of the file. */
enum {
	TEXTS_PLACES,		/* struct index_text, by id */
	TEXTS_BYTES,		/* the commit objects */
	TEXTS_ABBREVS,		/* bytes: struct abbrev, by id */
	TEXTS_BASIS,		/* one struct abbrev_basis: good for these */
};

struct index_text {
	struct oid id;
	uint32_t from, n;	/* its commit object in TEXTS_BYTES */
};

/*
 * Write the file if it is not there, or if it lacks what it should have now
 * that the index has `changed`.  Who calls has the lock of the index.
 */
void	 index_texts_update(struct index *, int changed);
/* Append the commit object: 1, or 0 if the file (NULL: none) lacks it. */
int	 index_texts_find(struct segment *, const struct oid *, struct buf *);

#endif
