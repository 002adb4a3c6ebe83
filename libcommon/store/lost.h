/*
 * Tips of this clone's own logs that could not be read when the log had to go
 * on without them: <common dir>/agent/lost-logs, "<oid> <ref>" a line, and
 * " damaged" behind it where the object was here and not whole.  It is not a
 * ref because git neither fetches nor collects garbage while any ref leads to
 * an object that is not here.  As soon as it is, the log is put back.
 */
#ifndef STORE_LOST_H
#define STORE_LOST_H

#include "base/err.h"
#include "base/strvec.h"
#include "store/repo.h"

/* Remember a tip, on disk, before its ref is moved. */
struct err *lost_keep(struct repo *, const char *ref, const struct oid *tip,
		int damaged);
/*
 * A log of this clone's had `id`: if its ref leads there no more, or is gone,
 * the ref moves forward, or, where it has gone on, what it had is made a log
 * beside it, and repo_note_damage() is told; *back is 1 then.
 */
struct err *lost_revive(struct repo *, const char *ref, const struct oid *id,
		int *back);
/*
 * 1 if the whole history of `from` can be read and is without `id`: what is
 * missing, or too large to be read, may hide it.
 */
int	 log_surely_lacks(struct repo *, const struct oid *from,
		const struct oid *id);
/* 1 if a tip of this ref is remembered. */
int	 lost_has(struct repo *, const char *ref);
/*
 * Append those that are remembered, by their refs; with `missing` only those
 * that may yet come back, as nobody has seen them damaged.
 */
void	 lost_list(struct repo *, int missing, struct reflist *);
/*
 * Put back what is here again: the ref moves forward, or is made again as
 * <ref>-<xxxxxxx> where it has gone on meanwhile.  A sentence for each goes
 * to `done`, which may be NULL.  Costs one system call where nothing is lost.
 */
void	 lost_settle(struct repo *, struct strvec *done);

#endif
