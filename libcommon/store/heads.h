/*
 * Whether the remote has a commit in one of its branches: asked of the remote
 * itself, where pushes to it go.  What refs/remotes/ holds was true once, holds
 * not all branches in every clone, and is anybody's to write.
 */
#ifndef STORE_HEADS_H
#define STORE_HEADS_H

#include "base/err.h"
#include "store/network.h"
#include "store/repo.h"

enum heads_answer { HEADS_WITHOUT, HEADS_WITH, HEADS_UNREACHED };

/*
 * Ask in the background, each of the addresses that pushes go to; HEADS_WITH:
 * all of them have it.  Of a branch whose tip is not here and that `git
 * fetch` would bring, or that the current branch goes to, the objects are
 * fetched; no ref moves.  HEADS_UNREACHED: the remote did not answer, for the
 * reason *problem (malloc'd, else NULL), or `tick` has ended it.
 */
struct err *heads_ask(struct repo *, const char *remote, const struct oid *,
		const struct network_tick *, enum heads_answer *,
		char **problem);

#endif
