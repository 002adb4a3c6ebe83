/*
 * The inbox: instructions on their way into an agent's context, as files, so
 * that the hook, which is called after every tool call, needs nothing but a
 * look into a folder.  It is per work tree, below <git dir>/agent/:
 *
 *	inbox/<name>		rendered text, to be claimed by rename(2)
 *	claimed/<name>		a hook call is handing it over
 *	delivered/<name>	handed over; to be acknowledged by a record
 *
 * <name> is "<clock>-<id>": the record's clock in microseconds, 20 digits,
 * and its full id; with ".stop" behind it for a request to stop.  Exactly one
 * of any number of parallel hook calls wins the rename.
 */
#ifndef WORK_INBOX_H
#define WORK_INBOX_H

#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "store/repo.h"
#include "work/overview.h"

struct inbox_report {
	size_t waiting;		/* instructions in the inbox now */
	size_t acknowledged;	/* `delivered` records written */
};

/*
 * Bring the inbox in line with the records, for the agent of `run` (NULL: an
 * agent without a loop): acknowledge what was handed over, put in what is
 * due, oldest first, take back what was retracted or answered, and write the
 * digest file beside it (<git dir>/agent/digest).  A request to stop is also
 * left for the supervisor (runstate_request_stop()).
 */
struct err *inbox_update(struct repo *, const char *run,
		struct inbox_report *);
/*
 * Append the ids of the instructions that inbox_update() last left out, since
 * their clocks are too far ahead of this machine's.
 */
void	 inbox_unfollowed(struct repo *, struct strvec *ids);
/*
 * While no agent runs: append the text of all that no hook has confirmed, so
 * that it can go into the next prompt, and remember their names.
 */
struct err *inbox_unconfirmed(struct repo *, struct buf *text,
		struct strvec *names);
/* The prompt with these was handed over: they count as delivered. */
struct err *inbox_confirm(struct repo *, const struct strvec *names);
/* Answer the requests to stop that this run has obeyed. */
struct err *inbox_answer_stops(struct repo *, const char *run);
/* 1 if something was handed over that is not acknowledged yet. */
int	 inbox_has_delivered(struct repo *);
/* An instruction as the agent reads it: attributed, as a fact. */
void	 inbox_render(struct repo *, const struct steer *, struct buf *);

#endif
