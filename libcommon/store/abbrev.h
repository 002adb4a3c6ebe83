/*
 * Abbreviations that were found before: object_abbrev() (store/repo.h) looks
 * for others that begin the same, which in a large pack is most of what a
 * page of ids costs.
 */
#ifndef STORE_ABBREV_H
#define STORE_ABBREV_H

#include <stddef.h>
#include <stdint.h>

#include "store/oid.h"
#include "store/repo.h"

struct abbrev {
	struct oid id;
	unsigned char digits;
};

/* What they depend on. */
struct abbrev_basis {
	/*
	 * The packs that there are.  What came since and is in none is too
	 * little to matter: of ten thousand such objects one in 27,000 takes
	 * the place of a given id of 7 digits, and git lists both to whom asks.
	 */
	uint64_t packs;		/* as objects_packs_stamp() */
	uint64_t least;		/* digits, by core.abbrev */
};

struct abbrev_basis abbrev_basis(struct repo *);
/* How many digits tell it from all others, see above; 0: it is not here. */
size_t	 abbrev_digits(struct repo *, const struct oid *);
/* Have both use these, in the order of ids; takes them. */
void	 abbrevs_use(struct repo *, struct abbrev *, size_t n);

#endif
