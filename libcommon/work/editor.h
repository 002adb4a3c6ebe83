/* The text of a record out of the user's editor, as git would start it. */
#ifndef WORK_EDITOR_H
#define WORK_EDITOR_H

#include "base/buf.h"
#include "base/err.h"
#include "store/repo.h"

/*
 * Append what the user wrote, without the lines that begin with '#'.
 * ERR_INPUT: there is no editor, or it failed; its file then stays.
 */
struct err *editor_text(struct repo *, const char *kind, struct buf *text);

#endif
