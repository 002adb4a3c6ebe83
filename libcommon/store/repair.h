/*
 * This clone's own log after a power loss: its ref may be an empty file, and
 * the object at its tip cut short.  The records before are as they were.
 */
#ifndef STORE_REPAIR_H
#define STORE_REPAIR_H

#include "base/err.h"
#include "store/repo.h"

/*
 * NULL if the log can be continued, or is not there yet.  ERR_DAMAGED: the
 * text names what is damaged, the newest record of the same writer that is
 * whole, and the command that puts the log there.  Finding that record
 * reads every commit of the repository.
 */
struct err *log_check(struct repo *, const char *ref);
/*
 * The newest whole record that this writer wrote, all zero if there is none;
 * reads every commit of the repository.
 */
struct err *log_newest(struct repo *, const char *writer, struct oid *);
/* For readers: what it says of this clone's log, to repo_note_damage(). */
void	 log_note_damage(struct repo *);

#endif
