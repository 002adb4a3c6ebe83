/* Inside the index: what the commits of the logs say, read from the tips. */
#ifndef STORE_INDEX_WALK_H
#define STORE_INDEX_WALK_H

#include <stddef.h>

#include "store/index-batch.h"
#include "store/repo.h"

struct index_walk {
	struct repo *repo;
	/* The index that is added to, or NULL. */
	struct index *index;
	const struct oidset *old_tips;	/* of its refs; NULL: not known */
	/* What is found, newest first. */
	struct index_batch *batch;
	/* The commits that the index has already and where the walk ended. */
	struct oidset met;
	/* The order of what the index has changes: it has to be made anew. */
	int rebuild;
};

/* From these commits down to what the index has, or to the beginning. */
void	 index_walk(struct index_walk *, const struct oid *tips, size_t n);

#endif
