/*
 * Objects that are only out of reach for now: a pack without an index, or that
 * is cut short, of which git uses nothing though much may be whole; a file or
 * a folder of somebody else, an alternate on a disk that is not mounted.
 * What cannot be found is not known to be lost then, and nothing may be
 * mended at its cost.
 */
#ifndef STORE_BARRED_H
#define STORE_BARRED_H

#include "store/repo.h"

/*
 * NULL if every place where objects may be could be read.  Otherwise a clause
 * that says which one could not, malloc'd; *remedy is the command that puts
 * it right, malloc'd, or NULL where that depends.  Ask only where an object
 * is missing: it looks at every pack, and a git that is just adding one has
 * it without an index for a moment.
 */
char	*objects_barred(struct repo *, char **remedy);
/*
 * The same clause for a repository that this one borrows from by itself, and
 * that is not there at all; it may be asked for at any time.
 */
char	*objects_lender_gone(struct repo *);

#endif
