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

#define ABBREV_LEAST 7

/*
 * How many digits, so many or more, tell it from all others in packs.  What is
 * in none is too little to matter: ten thousand such objects make one of 27,000
 * ids of 7 digits ambiguous, and git lists both to whom asks.
 */
struct abbrev {
	struct oid id;
	unsigned char digits;
};

/*
 * Have object_abbrev() use these, in the order of ids, in place of those that
 * it had; takes them.  It does where core.abbrev asks for no fewer digits.
 */
void	 abbrevs_use(struct repo *, struct abbrev *, size_t n);

#endif
