/*
 * A writer: one clone, all of its linked worktrees together, that appends
 * records to a log ref of its own, refs/agent/log/<writer>.
 *
 * Its id (ada-laptop-7f3c9d02b8) is made at the first write and kept in the
 * file <common dir>/agent/writer, together with the inode numbers of that file
 * and its folders and, once there is a log, "log".  A copied clone (cp -r,
 * rsync) has other inodes: it gets a new id, and its new log begins at the tip
 * of the old one, so that what was not pushed before the copy still arrives,
 * once.
 */
#ifndef STORE_WRITER_H
#define STORE_WRITER_H

#include "base/err.h"
#include "store/record.h"
#include "store/repo.h"

#define LOG_PREFIX "refs/agent/log/"
#define BEAT_PREFIX "refs/agent/beat/"
#define NOTES_PREFIX "refs/notes/agent/"

/* Further than this ahead of the wall clock, a record's clock is not
 * believed: it is shown and flagged, and ours does not follow it (µs). */
#define CLOCK_AHEAD_MAX (10 * 60 * CLOCK_SECOND)

/*
 * This clone's writer id, malloc'd.  Without one *id is NULL, unless `make`:
 * then it is minted.
 */
struct err *writer_id(struct repo *, int make, char **id);
/*
 * The same without `make`, but a copied clone takes its new id now, so that
 * what the copy brought along can be pushed.
 */
struct err *writer_settle(struct repo *, char **id);
/*
 * The ref of this clone's log, malloc'd, or of the log that it was copied
 * with and has not continued yet; NULL if it never wrote.
 */
struct err *writer_log(struct repo *, char **ref);
/*
 * 1 if this clone has written to the log of its id, so that there must be
 * one: the file says so from the first record on.
 */
int	 writer_has_written(struct repo *);
/* Its log is gone, and no record of it is here: it begins anew. */
struct err *writer_forget_log(struct repo *);
/* Take a new id whose log continues the present one, as after a copy. */
struct err *writer_renew(struct repo *, char **id);

/*
 * Append a record to this clone's log, signed if the user wants that
 * (store/sign.h): on success it is on disk and *id is its name.  Any number
 * of processes may append at once.  A log whose ref is gone is put back at
 * its newest record that is here (store/repair.h), and goes on from there.
 */
struct err *writer_append(struct repo *, const struct draft *, struct oid *id);
/*
 * Append `n` records in their order, all or, on an error or if the process
 * is killed, none; ids[i] is the name of drafts[i] (append-many.c).  Others
 * wait for as long as it takes, so with signatures that may be their limit.
 * *bad is the draft that an error is about, or n.  Their trees are written
 * already, and referred to by something.
 */
struct err *writer_append_many(struct repo *, const struct draft *drafts,
		size_t n, struct oid *ids, size_t *bad);
/* Replace this clone's heartbeat (a record without parents, not signed). */
struct err *writer_beat(struct repo *, const struct draft *);

/*
 * The hybrid logical clock: remember that a record with this clock was seen,
 * so that what is written from now on sorts after it.
 */
void	 writer_saw(struct repo *, int64_t clock);

#endif
