/*
 * Lab notes out of JSON lines, for `git agent log --batch`: on each line one
 * object with the fields that `git agent log --json` prints of a note.
 *
 * Taken are kind (one of entry_kinds), subject, body (or because, or both),
 * instead, at (the commit's 40 digits) and supersedes (a record's id, or its
 * beginning); all other fields, and those that are null, are passed over.
 * Lines of blanks alone are, too.
 */
#ifndef WORK_BATCH_H
#define WORK_BATCH_H

#include <stddef.h>

#include "base/err.h"
#include "store/oid.h"
#include "store/record.h"
#include "store/repo.h"
#include "work/entry.h"

struct batch {
	struct draft *drafts;		/* in the order of the lines */
	struct entry_text *texts;	/* that the drafts point into */
	size_t *lines;			/* the number of each one's line */
	size_t n, cap;
};

#define BATCH_MAX ((size_t)64 << 20)	/* bytes of its text */
#define BATCH_INIT { NULL, NULL, NULL, 0, 0 }

/* ERR_INPUT names the first line that is not usable, and what it wants. */
struct err *batch_read(struct batch *, struct repo *, const char *, size_t);
/* Append all or none; *last is the newest record.  Not for an empty batch. */
struct err *batch_append(struct batch *, struct repo *, struct oid *last);
void	 batch_release(struct batch *);

#endif
