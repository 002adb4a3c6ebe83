/*
 * CHANGELOG.md out of the records: the lab notes in the form that a
 * scientist expects of them (status, completed, failed approaches and why,
 * accuracy at checkpoints, known limitations, next steps).
 */
#ifndef WORK_RENDER_H
#define WORK_RENDER_H

#include "base/buf.h"
#include "store/repo.h"
#include "work/overview.h"

/* First line of every file we rendered: such a file may be replaced. */
#define RENDER_MARK "<!-- rendered by 'git agent log --render' from the " \
	"records in this repository; edits are lost -->\n"

void	render_changelog(struct repo *, const struct overview *, struct buf *);
/*
 * Write it to `output`: NULL is CHANGELOG.md in the work tree, which may not
 * be a link out of it, "-" standard output.  Through symbolic links; what is
 * not a regular file, or without `force` not one of ours, is left: ERR_INPUT.
 */
struct err *render_write(struct repo *, const char *output, int force,
		const struct buf *);
/*
 * The accuracy table as Markdown: one row a check, oldest first, one column a
 * metric; the newest `most` checks (0: all).
 */
void	render_accuracy(struct repo *, const struct checks *, size_t most,
	    struct buf *);

#endif
