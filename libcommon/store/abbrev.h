/*
 * Abbreviations that were found before: object_abbrev() (store/repo.h) looks
 * for others that begin the same, which in a large pack is most of what a
 * page of ids costs.
 */
#ifndef STORE_ABBREV_H
#define STORE_ABBREV_H

#include <stddef.h>

#include "store/oid.h"
#include "store/repo.h"

/*
 * How many digits tell it from all others in packs.  What is in none is too
 * little to matter: of ten thousand such objects one in 27,000 takes the place
 * of a given id of 7 digits, and git lists both to whom asks.
 */
struct abbrev {
	struct oid id;
	unsigned char digits;
};

/* How many there are at least, by core.abbrev. */
size_t	 abbrev_least(struct repo *);
/*
 * Have object_abbrev() use these, in the order of ids, in place of those that
 * it had; takes them.
 */
void	 abbrevs_use(struct repo *, struct abbrev *, size_t n);

#endif
