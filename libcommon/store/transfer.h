/*
 * git as a child process, for the network: `git fetch` and `git push`, and
 * what they say about each ref.  For store/sync.c.
 */
#ifndef STORE_TRANSFER_H
#define STORE_TRANSFER_H

#include "base/strvec.h"
#include "store/sync.h"

/*
 * Fetch the refspecs from rep->remote.  Sets rep->reached, ->problem,
 * ->rewound and one entry of ->refs for each ref that changed.  What git
 * cannot fetch keeps nothing else from coming; see transfer-parts.h.
 */
struct err *transfer_fetch(struct repo *, const struct strvec *specs,
		int background, struct sync_report *rep);
/*
 * Push the refspecs, whose right sides end in "/<writer>".  Sets the same,
 * ->refused in place of ->rewound, and ->words.  Here, too, one that the
 * host cannot unpack keeps back no other.
 */
struct err *transfer_push(struct repo *, const struct strvec *specs,
		int background, struct sync_report *rep);
/* Report "log/<writer>" as one that git cannot fetch; takes both. */
void	 transfer_refuse(struct sync_report *, char *name, char *reason);
/* Report "log/<writer>" as one that is not pushed; takes the reason. */
void	 transfer_withhold(struct sync_report *, const char *name,
	    char *reason);
/*
 * Delete refs (":<ref>"), each where its lease (git-push(1),
 * --force-with-lease) still holds; ->fate is SYNC_ROLLED_UP where it did.
 */
struct err *transfer_delete(struct repo *, const struct strvec *leases,
		const struct strvec *specs, int background,
		struct sync_report *rep);
/*
 * Append what `git ls-remote` says of the refs that fit a pattern, among
 * other words: "<hex>\t<ref>" a line.  Sets rep->reached and ->problem, and
 * changes nothing.
 */
struct err *transfer_list(const struct strvec *patterns, int background,
		struct buf *output, struct sync_report *rep);

#endif
