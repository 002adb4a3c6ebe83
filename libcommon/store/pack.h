/*
 * Many objects written at once, as one pack (gitformat-pack(5)): an order of
 * magnitude less work than a file for each, and one wait for the disk.
 *
 *	struct pack *p;
 *
 *	e = pack_begin(r, count, &p);
 *	for (i = 0; e == NULL && i < count; i++)
 *		e = pack_add(p, OBJECT_COMMIT, text, len);
 *	if (e == NULL)
 *		e = pack_finish(p);
 *	(move the ref)
 *	pack_end(p);
 *
 * Until a ref names them, a `git gc --prune=now` of another process deletes
 * new objects.  So from before the pack appears until pack_end() a file
 * pack-<name>.keep stands beside it, which git respects.  One that a killed
 * process has left costs disk space alone, and the next pack_begin() takes it
 * away; so the caller holds the writer's lock from pack_begin() to pack_end().
 */
#ifndef STORE_PACK_H
#define STORE_PACK_H

#include <stdint.h>

#include "store/repo.h"

struct pack;

/* For just `count` objects.  *out is NULL on an error. */
struct err *pack_begin(struct repo *, uint32_t count, struct pack **out);
struct err *pack_add(struct pack *, enum object_type, const void *, size_t);
/* The objects can be read from here on; on the disk if agent.fsync. */
struct err *pack_finish(struct pack *);
/* Takes .keep away, and all of it if there was no pack_finish().  NULL: ok. */
void	 pack_end(struct pack *);

/*
 * 1 for the name of a file in objects/pack that libgit2 has not finished,
 * pack_git2_* and its *.lock, which `git gc` does not know.  Of a killed
 * process, pack_begin() removes it after an hour if no git is at work here,
 * and after a day in any case.
 */
int	 pack_is_part(const char *name);

#endif
