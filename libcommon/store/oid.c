#include "store/oid.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"

void
oid_hex(const struct oid *oid, char out[OID_HEX_SIZE])
{
	static const char digit[] = "0123456789abcdef";
	size_t i;

	for (i = 0; i < sizeof(oid->b); i++) {
		out[2 * i] = digit[oid->b[i] >> 4];
		out[2 * i + 1] = digit[oid->b[i] & 15];
	}
	out[2 * i] = '\0';
}

/* What a digit stands for, and one more, so that 0 is no digit. */
static const unsigned char hex_digit[256] = {
	['0'] = 1, ['1'] = 2, ['2'] = 3, ['3'] = 4, ['4'] = 5, ['5'] = 6,
	['6'] = 7, ['7'] = 8, ['8'] = 9, ['9'] = 10, ['a'] = 11, ['b'] = 12,
	['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16,
};

int
oid_parse(const char *s, struct oid *oid)
{
	unsigned int hi, lo;
	size_t i;

	for (i = 0; i < sizeof(oid->b); i++) {
		hi = hex_digit[(unsigned char)s[2 * i]];
		lo = hi == 0 ? 0 : hex_digit[(unsigned char)s[2 * i + 1]];
		if (lo == 0)
			return -1;
		oid->b[i] = (unsigned char)((hi - 1) << 4 | (lo - 1));
	}
	return s[2 * i] == '\0' ? 0 : -1;
}

int
oid_cmp(const struct oid *a, const struct oid *b)
{
	return memcmp(a->b, b->b, sizeof(a->b));
}

/* Called for each step in a table of a million: in words, not a call. */
int
oid_equal(const struct oid *a, const struct oid *b)
{
	uint64_t x[2], y[2];
	uint32_t u, v;

	memcpy(x, a->b, 16);
	memcpy(y, b->b, 16);
	memcpy(&u, a->b + 16, 4);
	memcpy(&v, b->b + 16, 4);
	return x[0] == y[0] && x[1] == y[1] && u == v;
}

int
oid_is_zero(const struct oid *oid)
{
	static const struct oid zero;

	return oid_equal(oid, &zero);
}

/*
 * A name is the output of a hash function only if there is such an object: a
 * hostile commit may name parents that all begin alike.  So all of it counts,
 * mixed with what nobody can know beforehand.
 */
static size_t
oid_hash(const struct oid *oid)
{
	static uint64_t seed;
	uint64_t part[3] = { 0, 0, 0 }, h;
	struct timespec now;
	size_t i;

	if (seed == 0) {
		clock_gettime(CLOCK_REALTIME, &now);
		seed = (uint64_t)now.tv_nsec << 32 ^ (uint64_t)now.tv_sec ^
		    (uint64_t)getpid() << 20 ^ (uint64_t)(uintptr_t)&now;
		seed |= 1;
	}
	memcpy(part, oid->b, sizeof(oid->b));
	h = seed;
	for (i = 0; i < 3; i++) {
		h = (h ^ part[i]) * UINT64_C(0x9e3779b97f4a7c15);
		h ^= h >> 32;
	}
	return (size_t)(h ^ h >> 29);
}

/* The slot that holds the name, or the free one where it would go. */
static size_t
oidset_find(const struct oidset *set, const struct oid *oid)
{
	size_t i = oid_hash(oid);

	for (i &= set->size - 1; !oid_is_zero(&set->slot[i]);
	    i = (i + 1) & (set->size - 1))
		if (oid_equal(&set->slot[i], oid))
			break;
	return i;
}

static void
oidset_resize(struct oidset *set)
{
	struct oidset bigger = { NULL, set->used, set->size * 2 };
	size_t i;

	if (bigger.size == 0)
		bigger.size = 64;
	bigger.slot = xcalloc(bigger.size, sizeof(*bigger.slot));
	for (i = 0; i < set->size; i++)
		if (!oid_is_zero(&set->slot[i]))
			bigger.slot[oidset_find(&bigger, &set->slot[i])] =
			    set->slot[i];
	free(set->slot);
	*set = bigger;
}

int
oidset_add(struct oidset *set, const struct oid *oid)
{
	size_t i;

	if (set->used * 4 >= set->size * 3)
		oidset_resize(set);
	i = oidset_find(set, oid);
	if (!oid_is_zero(&set->slot[i]))
		return 0;
	set->slot[i] = *oid;
	set->used++;
	return 1;
}

int
oidset_has(const struct oidset *set, const struct oid *oid)
{
	return set->size != 0 &&
	    !oid_is_zero(&set->slot[oidset_find(set, oid)]);
}

void
oidset_release(struct oidset *set)
{
	free(set->slot);
	memset(set, 0, sizeof(*set));
}
