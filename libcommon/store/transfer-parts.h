/* What transfer.c, transfer-push.c and transfer-apart.c share. */
#ifndef STORE_TRANSFER_PARTS_H
#define STORE_TRANSFER_PARTS_H

#include "store/transfer.h"

/* Add a line to the report; takes name and reason. */
void	 transfer_add_ref(struct sync_report *, char *name, int pushed,
	    enum sync_fate, char *reason);
/* The text in the last parentheses of a line, malloc'd, or NULL. */
char	*transfer_reason(const char *line, const char *stop);
/* Read git's output line by line. */
void	 transfer_each_line(struct sync_report *,
	    void (*line)(struct sync_report *, const char *, const char *),
	    const char *output);
/* Set ->reached, ->killed, ->problem; the lines from `before` on are its. */
void	 transfer_conclude(struct sync_report *, const struct buf *output,
	    int status, size_t before);
/*
 * All that one transfer takes has its limit in time together, in the
 * background; it begins here, and transfer_git() keeps it.
 */
void	 transfer_begin(struct sync_report *);
void	 transfer_end(struct sync_report *);
struct err *transfer_git(struct sync_report *, const struct strvec *argv,
		int background, struct buf *output, int *status);
/* "log/<writer>" of what a fetch moves here, malloc'd, or NULL. */
char	*transfer_fetched_name(const char *ref, const char *remote);
/* One `git fetch`, and one `git push`, whatever comes of it. */
struct err *transfer_fetch_once(struct repo *, const struct strvec *specs,
		int background, struct sync_report *, struct buf *output);
struct err *transfer_push_once(struct repo *, const struct strvec *options,
		const struct strvec *specs, int background,
		struct sync_report *, struct buf *output);

/*
 * transfer-apart.c: git fetches and pushes all or nothing, so that one log
 * with an object that is missing there, or that git objects to, keeps back
 * all others.  1 if a fetch that failed with these words may be such a one: the
 * remote has answered, and nothing is wrong with this clone.
 */
int	 apart_may_fetch(const char *output);
/*
 * Then fetch what has news in halves, until what cannot be fetched stands
 * alone: SYNC_REFUSED.  What is noted, and has not moved, is not tried but for
 * one of them, see transfer-apart.c.  ->reached is 0 only if there was no answer,
 * not where so many failed that the rest was left.  Sets ->present, and, if the fetch is ->whole, writes
 * what sync_unfetched() returns.
 */
struct err *apart_fetch(struct repo *, const struct strvec *specs,
		int background, struct sync_report *);
/*
 * Push in halves, if the host could not unpack what was sent, of which the
 * report has the lines from `before` on: they are replaced.
 */
struct err *apart_push(struct repo *, const struct strvec *specs,
		int background, struct sync_report *, size_t before,
		const char *output);
/* What git, or the host, said of the object that it objects to; malloc'd. */
char	*apart_detail(const char *output);

#endif
