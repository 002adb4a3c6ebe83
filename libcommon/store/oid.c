#include "store/oid.h"

#include <stdlib.h>
#include <string.h>

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

static int
hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

int
oid_parse(const char *s, struct oid *oid)
{
	size_t i;
	int hi, lo;

	for (i = 0; i < sizeof(oid->b); i++) {
		hi = hex_value(s[2 * i]);
		lo = hi < 0 ? -1 : hex_value(s[2 * i + 1]);
		if (lo < 0)
			return -1;
		oid->b[i] = (unsigned char)(hi << 4 | lo);
	}
	return s[2 * i] == '\0' ? 0 : -1;
}

int
oid_cmp(const struct oid *a, const struct oid *b)
{
	return memcmp(a->b, b->b, sizeof(a->b));
}

int
oid_equal(const struct oid *a, const struct oid *b)
{
	return oid_cmp(a, b) == 0;
}

int
oid_is_zero(const struct oid *oid)
{
	static const struct oid zero;

	return oid_equal(oid, &zero);
}

/* The slot that holds the name, or the free one where it would go. */
static size_t
oidset_find(const struct oidset *set, const struct oid *oid)
{
	size_t i;

	/* A hash function's output is hash enough. */
	memcpy(&i, oid->b, sizeof(i));
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
