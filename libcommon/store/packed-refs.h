/*
 * The packed-refs file: one ref a line, "<40 hex digits> <name>", in the
 * order of names; behind a tag "^<40 hex digits>", what it leads to; lines
 * that begin with '#' are about the file (gitrepository-layout(5), and the
 * comment at the top of git's refs/packed-backend.c).
 *
 * Read here because libgit2 makes an object of each line before it answers
 * the first question, and asks for two more to list them: 15 ms at ten
 * thousand refs, where this takes one.  Writing stays libgit2's.
 */
#ifndef STORE_PACKED_REFS_H
#define STORE_PACKED_REFS_H

#include <sys/stat.h>

#include "base/buf.h"
#include "base/err.h"
#include "store/oid.h"

struct packed_ref {
	const char *name;	/* in the text */
	struct oid id;
};

struct packed_refs {
	struct packed_ref *v;	/* by name */
	size_t n, cap;
	struct buf text;
	struct stat seen;	/* of the file that was read; st_ino 0: none */
	int damaged;
};

#define PACKED_REFS_INIT { NULL, 0, 0, BUF_INIT, { 0 }, 0 }

/*
 * Read the file if it is another one than before; none is an empty one.
 * ERR_DAMAGED, with no more than that word: a line is none.
 */
struct err *packed_refs_load(struct packed_refs *, const char *path);
/*
 * One ref, without reading the rest: 1 and its value, 0 if it is not there,
 * -1 if that takes all of the file, as it is small, or not in order, or is
 * damaged at that place.
 */
int	 packed_refs_search(const char *path, const char *name, struct oid *);
/* The first whose name is not before this one; n if there is none. */
size_t	 packed_refs_find(const struct packed_refs *, const char *name);
void	 packed_refs_release(struct packed_refs *);

#endif
