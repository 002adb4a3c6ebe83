/*
 * Objects that this process has written and that no ref reaches yet, and a
 * `git gc --prune=now` beside it.  git lists the refs, and then deletes every
 * loose object that they do not lead to, however young it is: also one whose
 * ref is moved between the two.  So while gc runs, what a ref is about to
 * reach is written once more, as a pack with a .keep file that goes away
 * when the ref has moved.
 *
 *	object_write()		calls unreached_add()
 *	unreached_save()	before the ref is moved, and again when it was
 *				both times under its guard (guard.h)
 *	unreached_settle()	at last
 *
 * A `git prune --expire=now` that somebody runs by itself is not noticed.
 */
#ifndef STORE_UNREACHED_H
#define STORE_UNREACHED_H

#include "store/git.h"

/* Remember an object; more than 64 MiB in all are not. */
void	 unreached_add(struct repo *, const git_oid *, const void *, size_t,
	    enum object_type);
/* If `git gc` is running, or has deleted one already: the pack. */
struct err *unreached_save(struct repo *);
/* libgit2 does not find one, though it was there a moment ago: as loose
 * objects once more. */
struct err *unreached_again(struct repo *);
/* No longer keep the pack; if `reached`, forget the objects too. */
void	 unreached_settle(struct repo *, int reached);
/* 1 if a `git gc` is running in this repository, as far as one can see. */
int	 unreached_gc_runs(struct repo *);

/*
 * 1 if what is fetched is to stay one pack, which git keeps until its refs
 * have moved: while gc runs, or might begin.  Not where that has made many.
 */
int	 unreached_wants_packs(struct repo *);

#endif
