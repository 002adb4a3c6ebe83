/*
 * SHA-1 as in FIPS 180-4 (Secure Hash Standard, 2015), section 6.1: the check
 * sum at the end of a git pack, for which libgit2 has no function.  Not for
 * anything that an attacker may gain by; objects are named by object_hash()
 * of store/repo.h, which sees through the known collisions.
 *
 *	struct sha1 h;
 *
 *	sha1_init(&h);
 *	sha1_add(&h, text, len);	as often as wanted
 *	sha1_finish(&h, digest);
 */
#ifndef BASE_SHA1_H
#define BASE_SHA1_H

#include <stddef.h>
#include <stdint.h>

#define SHA1_SIZE 20		/* bytes of a digest */

struct sha1 {
	uint32_t h[5];
	uint64_t len;			/* bytes added */
	unsigned char block[64];	/* len % 64 of them wait */
};

void	sha1_init(struct sha1 *);
void	sha1_add(struct sha1 *, const void *, size_t);
/* Afterwards only sha1_init() may follow. */
void	sha1_finish(struct sha1 *, unsigned char digest[SHA1_SIZE]);

#endif
