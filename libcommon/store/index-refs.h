/*
 * Inside the index: the refs of the logs.  Their names, and where they were
 * once, are in a file of their own, agent/index-refs-<id>.  It stays as long
 * as the logs have those names, and the newest file says which of them moved
 * since and where to: who adds a record need not write ten thousand refs.
 */
#ifndef STORE_INDEX_REFS_H
#define STORE_INDEX_REFS_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "store/index.h"
#include "store/oid.h"
#include "store/repo.h"

struct index_ref {
	struct oid tip;
	uint32_t from, n;	/* its name, in TABLE_NAMES */
};

/* A ref by its place in the file with the names, and where it is. */
struct index_move {
	struct oid tip;
	uint32_t at;
};

/* What the index does not have yet. */
struct index_step {
	struct oid was, tip;
	uint32_t at;
};

/* Where the refs are now, in terms of the file with their names. */
struct index_moves {
	struct index_move *moved;	/* all that moved, by place */
	struct index_step *steps;	/* since the newest file, by place */
	uint32_t *loose;	/* places of those in files of their own */
	size_t n_moved, cap_moved, n_steps, cap_steps, n_loose, cap_loose;
};

#define INDEX_MOVES_INIT { 0 }

size_t	 index_ref_count(const struct index *);
/* The ref of a place, with its tip by the newest file: 1, or 0. */
int	 index_ref_at(struct index *, size_t at, struct index_ref *);
/* The name of such a ref, in place of what *name holds. */
int	 index_ref_name(struct index *, const struct index_ref *,
	    struct buf *name);

/*
 * Fill empty moves.  0: the logs have other names, so many have moved that
 * the file is better made again, or it is damaged.
 *
 * By all logs, sorted; or just by those in files of their own, if all others
 * are where they were packed when the newest file was made.
 */
int	 index_moves_of(struct index *, const struct reflist *all,
	    struct index_moves *);
int	 index_moves_by_loose(struct index *, const struct reflist *loose,
	    struct index_moves *);
void	 index_moves_release(struct index_moves *);

/* A new file with these refs, and what there is to say of them besides. */
void	 index_refs_image(const struct reflist *, uint64_t id,
	    struct buf *image, struct index_moves *);

#endif
