/*
 * Records on their way, as commands tell it to people: the one wording of
 * "pushed", "not pushed because …" and "could not see everything".
 */
#ifndef WORK_DELIVERY_H
#define WORK_DELIVERY_H

#include "base/err.h"
#include "store/reader.h"
#include "store/repo.h"
#include "store/sync.h"

/* Exit status of a reader that answered, but could not see everything. */
#define EXIT_PARTIAL 3

/*
 * Push this clone's records now, and say on stderr if the record `id` did
 * not get there (unless `quiet`).  *arrived: 1 the remote has it, 0 it has
 * not; what other processes write meanwhile does not count.  No error: what
 * goes wrong now takes the record back no more, so that it is a warning.
 */
void	 delivery_push(struct repo *, const struct oid *id, int quiet,
		int *arrived);

/*
 * Say which refs were refused and why, with the host's own words; where the
 * host would not have refs of ours, also what can be done about that.
 */
void	 delivery_warn_refused(const struct sync_report *);

/*
 * 1, and said on stderr, if there are several remotes and none is chosen to
 * have the records.
 */
int	 delivery_warn_unclear(struct repo *);

enum delivery_fetch {
	DELIVERY_ALWAYS,	/* ask the remote */
	DELIVERY_FIRST,		/* only if this clone never did */
	DELIVERY_OFFLINE,	/* never */
};

/*
 * Before reading: fetch as asked for.  What could not be seen is said on
 * stderr and makes *partial 1.
 */
void	 delivery_fetch(struct repo *, enum delivery_fetch, int *partial);
/* After reading: warn of what was skipped; sets *partial likewise. */
void	 delivery_warn(struct repo *, const struct index_stats *,
		int *partial);

#endif
