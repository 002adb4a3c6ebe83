/*
 * This clone's own log after a power loss: its ref may be an empty file or
 * gone, and the object at its tip cut short.  The records before are as they
 * were.
 */
#ifndef STORE_REPAIR_H
#define STORE_REPAIR_H

#include "base/err.h"
#include "store/repo.h"

/*
 * NULL if the log can be continued, or was never begun.  ERR_DAMAGED: its ref
 * or its newest record is, or cannot be read now; ERR_NOTFOUND: its ref is
 * gone, though this clone has written to it; ERR_INPUT: it was moved to what
 * is no record.  The text says what to do.
 */
struct err *log_check(struct repo *, const char *ref);
/* The same without putting back first what store/lost.h has. */
struct err *log_look(struct repo *, const char *ref);
/*
 * After that ERR_NOTFOUND: put the ref back at the newest record of it that
 * is here.  *any is 0 if there is none.  ERR_DAMAGED: not all that is here
 * can be read now.
 */
struct err *log_restore(struct repo *, const char *ref, struct oid *tip,
		int *any);
/*
 * The last record of the log of this name that is here and whole, all zero if
 * there is none; and, unless it is NULL, appended to `ends`: that one, and
 * then the ends of what else its writer wrote here that no fetched ref leads
 * to, each with the name of the log.  By what continues what, as clocks are
 * set back and anybody can write a record in another's name.  Reads every
 * commit of the repository (log-search.c).
 */
struct err *log_search(struct repo *, const char *ref, struct oid *newest,
		struct reflist *ends);
/*
 * Let refs lead to all of them: the first is the log, if that is not there,
 * and the others are named like it (store/lost.h).  Whoever is killed here
 * leaves it to the next command.
 */
struct err *log_put_back(struct repo *, const struct reflist *ends);
/* For readers: what it says of this clone's log, to repo_note_damage(). */
void	 log_note_damage(struct repo *);

#endif
