/*
 * Rolling up: the logs of writers that have ended become parents of one
 * record, kind rollup, in this clone's log; when the remote has that, their
 * own refs are deleted there, each only if it is still where it was read.
 * So refs do not grow with the jobs of years, and no record is lost: who
 * still writes to such a log pushes all of it again.
 *
 * A rollup record names the writers, one Agent-Rolled-Up each, in the order
 * of its last parents.
 */
#ifndef STORE_ROLLUP_H
#define STORE_ROLLUP_H

#include <stdint.h>

#include "base/err.h"
#include "store/index.h"
#include "store/repo.h"
#include "store/sync.h"

struct rollup {
	size_t logs;		/* that have ended */
	size_t recorded;	/* rollup records written */
	size_t deleted, refused;	/* logs on the remote */
	size_t kept;		/* of those, refs that could not go here */
	char *locked;		/* as git's lock is in the way; or NULL */
	char *reason;		/* for one that was not deleted; or NULL */
	struct sync_report sync;	/* of the fetch and the push before */
};

/*
 * Fetch, and roll up each log whose newest record is older than `age` µs,
 * except this clone's own.  With `dry_run` only count them.  Nothing is
 * deleted unless the remote acknowledged the records.
 */
struct err *rollup_run(struct repo *, int64_t age, int dry_run,
		struct rollup *);
void	 rollup_release(struct rollup *);

/*
 * Drop what was fetched of a writer that is rolled up, if it is still so.
 * ERR_LOCKED: git's lock is in the way; *locked gets its words, malloc'd, and
 * where that is on packed-refs, the next call does not wait for it again.
 */
struct err *rollup_forget(struct repo *, const char *remote,
		const char *writer, const struct oid *tip, char **locked);

#endif
