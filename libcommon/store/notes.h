/*
 * Notes: the results of `git agent check` again, attached to the measured
 * commits for `git log --notes='agent*'`.  Display only: the records are the
 * truth, and the notes can be made again from them.
 */
#ifndef STORE_NOTES_H
#define STORE_NOTES_H

#include <stddef.h>

#include "base/err.h"
#include "store/repo.h"

/*
 * Put `text` as this clone's note on a commit, in place of an earlier one.
 * The ref is refs/notes/agent/<writer>, its tree fanned out by the first two
 * hexadecimal digits (libgit2's own notes are flat and slow down as they
 * grow).
 */
struct err *notes_set(struct repo *, const struct oid *commit,
		const char *text, size_t len);

/*
 * Take over another writer's notes, from the tip of their ref; where both
 * have one on a commit, theirs goes below ours.
 */
struct err *notes_merge(struct repo *, const struct oid *tip);

/*
 * 0 if it is no commit: where a ref of notes leads to such a thing, `git log
 * --notes='agent*'` stops.  1 also if it cannot be read here.
 */
int	 notes_ok(struct repo *, const struct oid *tip);

#endif
