/* Names of objects: their text, and sets of them. */
#include <stdint.h>
#include <string.h>

#include "store/oid.h"
#include "tap.h"

#define NAMES 100000
#define HEX "0123456789abcdef0123456789abcdef01234567"

static void
text(void)
{
	struct oid id;
	char hex[OID_HEX_SIZE], bad[OID_HEX_SIZE];
	size_t i, n = 0;

	is_int(oid_parse(HEX, &id), 0, "40 digits");
	oid_hex(&id, hex);
	is_str(hex, HEX, "… and back");
	is_int(oid_from_hex(HEX " and more", &id), 0, "40 digits with more");
	is_int(oid_parse(HEX "0", &id), -1, "41 digits");
	is_int(oid_parse(HEX "\n", &id), -1, "a line");
	is_int(oid_parse(&HEX[1], &id), -1, "39 digits");
	is_int(oid_parse("", &id), -1, "nothing");
	for (i = 0; i < OID_HEX_SIZE - 1; i++) {
		memcpy(bad, HEX, sizeof(bad));
		bad[i] = "gAFzZ/:@` "[i % 10];
		n += oid_parse(bad, &id) == -1 && oid_from_hex(bad, &id) == -1;
	}
	is_int((long long)n, OID_HEX_SIZE - 1, "no digit in any place");
}

/* All begin alike, as a hostile commit's parents may. */
static struct oid
name(uint32_t i)
{
	struct oid id = { { 0 } };

	memcpy(&id.b[16], &i, sizeof(i));
	return id;
}

static void
sets(void)
{
	struct oidset set = OIDSET_INIT;
	size_t new = 0, again = 0, has = 0, hasnt = 0, order = 0;
	struct oid id;
	uint32_t i;

	id = name(0);
	is_int(oidset_has(&set, &id), 0, "an empty set has nothing");
	for (i = 0; i < NAMES; i++) {
		id = name(i);
		new += oidset_add(&set, &id) == 1;
		again += oidset_add(&set, &id) == 0;
	}
	is_int((long long)new, NAMES, "each is new once, zero too");
	is_int((long long)again, NAMES, "… and not again");
	for (i = 0; i < NAMES; i++) {
		id = name(i);
		has += oidset_has(&set, &id) == 1;
		order += oid_equal(&set.id[i], &id);
		id = name(NAMES + i);
		hasnt += oidset_has(&set, &id) == 0;
	}
	is_int((long long)set.used, NAMES, "they are counted");
	is_int((long long)has, NAMES, "each is there");
	is_int((long long)order, NAMES, "in the order in which they came");
	is_int((long long)hasnt, NAMES, "no other one is");
	oidset_release(&set);
	is_int(oidset_has(&set, &id), 0, "released");
	oidset_release(&set);
}

int
main(void)
{
	text();
	sets();
	return done_testing();
}
