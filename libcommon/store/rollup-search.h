/*
 * Whether a roll-up has a log that the remote does not have any more, as far
 * as the remote was asked.  One search serves any number of logs:
 *
 *	s = rollup_search_new(ix, repo, remote, rep);
 *	…
 *	if (rollup_has(s, writer, &tip))
 *		…
 *	rollup_search_free(s);
 *
 * Whoever may push can forge roll-ups, as many as he likes and with any
 * clock; what a search costs grows with them, and what it finds does not
 * depend on them.
 */
#ifndef STORE_ROLLUP_SEARCH_H
#define STORE_ROLLUP_SEARCH_H

#include "store/index.h"
#include "store/repo.h"
#include "store/sync.h"

struct rollup_search;

/*
 * `rep` is the fetch that is being concluded, or NULL: the last one.  All are
 * borrowed.
 */
struct rollup_search *rollup_search_new(struct index *, struct repo *,
		const char *remote, const struct sync_report *rep);
void	 rollup_search_free(struct rollup_search *);
/*
 * 1 if the remote has this tip of a log by a roll-up that another log there
 * leads to.
 */
int	 rollup_is_at(struct rollup_search *, const struct oid *tip);
/* The same also where the writer's log was rolled up at a later tip. */
int	 rollup_has(struct rollup_search *, const char *writer,
	    const struct oid *tip);
/*
 * 1 if the remote has more of this writer's log, rolled up, than leads to
 * `tip`; *beyond is where it was then.  (Its owner asks.)
 */
int	 rollup_beyond(struct rollup_search *, const char *writer,
		const struct oid *tip, struct oid *beyond);

#endif
