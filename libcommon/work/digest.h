/*
 * The digest: where the work stands, for the agent at the start of a session
 * and for people in a hurry.  Markdown, cleaned, and bounded, since agent
 * clients cut what is longer than 10,000 characters.
 */
#ifndef WORK_DIGEST_H
#define WORK_DIGEST_H

#include "base/buf.h"
#include "store/repo.h"
#include "work/overview.h"

#define DIGEST_MAX 9000		/* bytes */
#define DIGEST_LIMIT 16		/* what overview_read() has to read for it … */
#define DIGEST_CHECKS 5		/* … of notes and of checks */

void	 digest_render(struct repo *, const struct overview *, struct buf *);
/* One check in one line: "FAIL at 1a2b3c4: y1 3.2e-03 (target <= 1e-4) …". */
void	 digest_check(struct repo *, const struct check *, struct buf *);
/* A metric's value as people read it: four significant digits. */
void	 digest_metric(const struct metric_value *, struct buf *);

#endif
