/* The text of a record out of the user's editor, as git would start it. */
#ifndef WORK_EDITOR_H
#define WORK_EDITOR_H

#include "base/buf.h"
#include "base/err.h"
#include "store/repo.h"

/*
 * Replace the text, with which the editor begins, by what the user made of
 * it, without the lines that begin with '#'.
 * ERR_INPUT: there is no editor, or it failed; its file then stays.
 */
struct err *editor_text(struct repo *, const char *kind, struct buf *text);

#endif
