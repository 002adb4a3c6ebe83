/*
 * Former prefixes: where the records were on the remote before they moved
 * (store/sync-move.h).  A clone that has not heard of the move goes on pushing
 * there, so that each fetch looks there, too.  What is at <prefix>/log/ is
 * fetched to refs/agent-remotes/<remote>/elsewhere/<place>/log/, where <place>
 * is the prefix with '#' for '/', which no prefix has.  Readers find it there;
 * what is not at the present prefix is set aside as well, in former/log/, and
 * is carried from there as what was set aside at the move.
 *
 * <common dir>/agent/prefixes/<remote> has the prefix that was used last in
 * its first line, and behind it those that were used before.
 */
#ifndef STORE_SYNC_FORMER_H
#define STORE_SYNC_FORMER_H

#include "base/strvec.h"
#include "store/sync.h"

/* The prefix that was used last, malloc'd. */
char	*former_last(struct repo *, const char *remote);
/* Append those that were used before, without `prefix`, the present one. */
void	 former_list(struct repo *, const char *remote, const char *prefix,
	    struct strvec *);
/* From now on `prefix` is the one that was used last. */
struct err *former_write(struct repo *, const char *remote,
		const char *prefix);
/* "refs/agent-remotes/<remote>/elsewhere/<place>/log/", malloc'd. */
char	*former_folder(const char *remote, const char *prefix);
/* The end of "elsewhere/<place>/log/<writer>"; NULL: it is no such name. */
const char *former_writer(const char *name);
/*
 * Around a fetch of the former prefixes: append their refspecs, and then take
 * what it brought.  *all is 1 if the one before was not concluded, so that
 * what it brought is still to be taken.
 */
void	 former_begin(struct repo *, const struct sync_report *,
	    struct strvec *specs, int *all);
struct err *former_take(struct repo *, struct sync_report *, int all);
/*
 * What a former prefix has is not what it had: nothing of it is lost, as it
 * was taken before.  Call it behind each transfer_fetch().
 */
void	 former_drop_rewound(struct sync_report *);
/* After `git remote rename`: what is known by the name `old`. */
struct err *former_follow_rename(struct repo *, const char *remote,
		const char *old);

#endif
