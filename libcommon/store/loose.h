/*
 * Loose objects, read by ourselves.  libgit2 1.5 reads a loose object that a
 * power loss has cut short for ever, and does not say which file is damaged.
 */
#ifndef STORE_LOOSE_H
#define STORE_LOOSE_H

#include "store/git.h"

/* 1 if the folder where it would be is there, or was a moment ago. */
int	 loose_may_exist(struct repo *, const struct oid *);
/* 1 if its file is there, whatever is in it. */
int	 loose_is_here(struct repo *, const struct oid *);
/*
 * Append the object's bytes.  ERR_NOTFOUND: it is not loose; ERR_DAMAGED: the
 * text names the file; ERR_INPUT: it has more than `max` bytes, and was not
 * read.
 */
struct err *loose_read(struct repo *, const struct oid *, size_t max,
		enum object_type *, struct buf *);
/* The same for r->alternates, of which one that has it whole is enough. */
struct err *loose_read_borrowed(struct repo *, const struct oid *, size_t max,
		enum object_type *, struct buf *);
/* The file that it would be in, malloc'd. */
char	*loose_path(struct repo *, const struct oid *);

#endif
