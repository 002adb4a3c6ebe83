/*
 * Beside the index: what the records say that are asked for most, the newest
 * of each kind, and how far the ids on a page of them can be abbreviated.
 * Else each record and each id is looked up in a pack, which costs the more
 * the larger that is.  The file, <common dir>/agent/texts, is derived, too.
 * It has what is in packs only, and is good as long as these are the same by
 * packed_stamp(), so that nothing is taken for here whose pack is gone; and
 * each text is that which has this name.  What it lacks is read where it is.
 */
#ifndef STORE_INDEX_TEXTS_H
#define STORE_INDEX_TEXTS_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "store/abbrev.h"
#include "store/index.h"
#include "store/oid.h"
#include "store/segment.h"

#define INDEX_TEXTS_FILE "texts"
#define INDEX_TEXT_MAX 8192	/* bytes of one; few are longer */

/* The tables of the file. */
enum {
	TEXTS_PLACES,		/* struct index_text, by id */
	TEXTS_BYTES,		/* the commit objects */
	TEXTS_ABBREVS,		/* struct abbrev, by id */
	TEXTS_STAMP,		/* uint64_t: packed_stamp() */
};

struct index_text {
	struct oid id;
	uint32_t from, n;	/* in TEXTS_BYTES; n 0: not kept */
};

/*
 * For who opens the index: write the file if it is not good, or if the index
 * has `changed` and it lacks what it should have now.
 */
void	 index_texts_update(struct index *, int changed);
/* Append the commit object: 1, or 0 if the file (NULL: none) lacks it. */
int	 index_texts_find(struct segment *, const struct oid *, struct buf *);
/* The abbreviations, malloc'd; *n 0: there are none. */
struct abbrev *index_texts_abbrevs(struct segment *, size_t *n);

#endif
