/* Between the files of a roll-up: what is recorded first, and then deleted. */
#ifndef STORE_ROLLUP_PARTS_H
#define STORE_ROLLUP_PARTS_H

#include "store/rollup.h"

/* A log that has ended. */
struct ended {
	char *writer;
	struct oid tip;		/* what is rolled up of it */
	int has_notes;		/* and those are ours now */
	struct oid notes;
	int has_beat;
	struct oid beat;
	int deleted;		/* the remote has it no more */
};

struct ended_list {
	struct ended *v;
	size_t n, cap;
};

/*
 * Delete at the remote some of the logs from *from on, which it then moves on,
 * and what was fetched of them here.  The logs first: a writer that wakes up
 * keeps its heartbeat and notes.
 */
struct err *rollup_delete(struct repo *, struct ended_list *, size_t *from,
		struct rollup *);

#endif
