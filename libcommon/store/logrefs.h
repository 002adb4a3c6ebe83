/* Which refs are logs and heartbeats: this clone's own and fetched ones. */
#ifndef STORE_LOGREFS_H
#define STORE_LOGREFS_H

#include <stddef.h>

#include "base/err.h"
#include "store/repo.h"

/*
 * Append all logs, sorted by name; *unnamed counts refs where logs should be
 * whose name no writer has.
 */
struct err *logrefs_logs(struct repo *, struct reflist *, size_t *unnamed);
/* The same of those in files of their own; ->left_out has unnamed ones, too. */
struct err *logrefs_loose(struct repo *, struct reflist *, size_t *unnamed);
struct err *logrefs_beats(struct repo *, struct reflist *);
/* Append what *unnamed counts. */
struct err *logrefs_unnamed(struct repo *, struct reflist *);
/* How many writers: a log that is here and fetched as well is one. */
size_t	 logrefs_writers(const struct reflist *);
/*
 * "lab", malloc'd, of refs/agent-remotes/lab/log/<writer>, and *name is
 * "log/<writer>" in it, where <writer> may be a name that none may have.
 * NULL: it is no such ref, or one that was set aside (kept/, former/, elsewhere/).
 */
char	*logrefs_remote(const char *ref, const char **name);
/* Whose log this fetched ref is, set aside or not: its end; NULL: none. */
const char *logrefs_writer(const char *ref);
/*
 * A remote "lab/beat" could not be told from the heartbeats of "lab": NULL,
 * or a sentence about its name, malloc'd.  Nothing is fetched from such a one.
 */
char	*logrefs_bad_remote(const char *name);

#endif
