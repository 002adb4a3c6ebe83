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

/* What a digit stands for, and 16 more, so that 0 is no digit. */
static const unsigned char hex_digit[256] = {
	['0'] = 16, ['1'] = 17, ['2'] = 18, ['3'] = 19, ['4'] = 20,
	['5'] = 21, ['6'] = 22, ['7'] = 23, ['8'] = 24, ['9'] = 25,
	['a'] = 26, ['b'] = 27, ['c'] = 28, ['d'] = 29, ['e'] = 30,
	['f'] = 31,
};

int
oid_from_hex(const char *hex, struct oid *oid)
{
	unsigned int hi, lo, all = 16;
	size_t i;

	for (i = 0; i < sizeof(oid->b); i++) {
		hi = hex_digit[(unsigned char)hex[2 * i]];
		lo = hex_digit[(unsigned char)hex[2 * i + 1]];
		all &= hi & lo;
		oid->b[i] = (unsigned char)(hi << 4 | (lo & 15));
	}
	return all != 0 ? 0 : -1;
}

int
oid_parse(const char *s, struct oid *oid)
{
	return strnlen(s, OID_HEX_SIZE) == OID_HEX_SIZE - 1 ?
	    oid_from_hex(s, oid) : -1;
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
static uint32_t
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
	return (uint32_t)(h ^ h >> 29);
}

/*
 * The slot that holds the name, or the free one where it would go.  Names are
 * apart from the slots, of which eight fit a line of the processor's cache:
 * most that are looked for are not there, and most of what is not there is
 * told by a slot alone.
 */
static struct oidset_slot *
oidset_find(const struct oidset *set, const struct oid *oid, uint32_t hash)
{
	size_t i, mask = set->size - 1;

	for (i = hash & mask; set->slot[i].place != 0; i = (i + 1) & mask)
		if (set->slot[i].hash == hash &&
		    oid_equal(&set->id[set->slot[i].place - 1], oid))
			break;
	return &set->slot[i];
}

static void
oidset_resize(struct oidset *set)
{
	size_t size = set->size == 0 ? 64 : set->size * 2, i, to;
	struct oidset_slot *slot = xcalloc(size, sizeof(*slot));

	for (i = 0; i < set->size; i++) {
		if (set->slot[i].place == 0)
			continue;
		to = set->slot[i].hash & (size - 1);
		while (slot[to].place != 0)
			to = (to + 1) & (size - 1);
		slot[to] = set->slot[i];
	}
	free(set->slot);
	set->slot = slot;
	set->size = size;
}

int
oidset_add(struct oidset *set, const struct oid *oid)
{
	uint32_t hash = oid_hash(oid);
	struct oidset_slot *slot;

	if (set->used * 4 >= set->size * 3)
		oidset_resize(set);
	slot = oidset_find(set, oid, hash);
	if (slot->place != 0)
		return 0;
	ALLOC_GROW(set->id, set->used, set->cap);
	set->id[set->used++] = *oid;
	slot->hash = hash;
	slot->place = (uint32_t)set->used;
	return 1;
}

int
oidset_has(const struct oidset *set, const struct oid *oid)
{
	return set->size != 0 &&
	    oidset_find(set, oid, oid_hash(oid))->place != 0;
}

void
oidset_release(struct oidset *set)
{
	free(set->id);
	free(set->slot);
	memset(set, 0, sizeof(*set));
}
