/*
 * FNV-1a with 64 bits, http://www.isthe.com/chongo/tech/comp/fnv/: to tell
 * texts apart that nobody has chosen to be alike.
 *
 *	hash = fnv_add(fnv_add(FNV_START, a, n), b, m);
 */
#ifndef BASE_FNV_H
#define BASE_FNV_H

#include <stddef.h>
#include <stdint.h>

#define FNV_START UINT64_C(0xcbf29ce484222325)

static inline uint64_t
fnv_add(uint64_t hash, const void *data, size_t n)
{
	const unsigned char *p = data;

	while (n-- > 0)
		hash = (hash ^ *p++) * UINT64_C(0x100000001b3);
	return hash;
}

#endif
