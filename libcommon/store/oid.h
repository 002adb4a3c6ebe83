/* The name of a git object: 20 bytes of SHA-1. */
#ifndef STORE_OID_H
#define STORE_OID_H

#include <stddef.h>
#include <stdint.h>

#define OID_HEX_SIZE 41		/* 40 hexadecimal digits and a NUL */

struct oid {
	unsigned char b[20];
};

void	oid_hex(const struct oid *, char out[OID_HEX_SIZE]);
/* Exactly 40 lower-case hexadecimal digits.  0, or -1. */
int	oid_parse(const char *, struct oid *);
/* The same, of 40 bytes behind which may be anything. */
int	oid_from_hex(const char *, struct oid *);
int	oid_cmp(const struct oid *, const struct oid *);
int	oid_equal(const struct oid *, const struct oid *);
int	oid_is_zero(const struct oid *);

/* A set of object names, up to 4 billion of them. */
struct oidset {
	struct oid *id;		/* in the order in which they were added */
	size_t used, cap;
	struct oidset_slot {
		uint32_t hash, place;	/* place of the name plus one; 0: free */
	} *slot;		/* open addressing */
	size_t size;		/* 0 or a power of two */
};

#define OIDSET_INIT { NULL, 0, 0, NULL, 0 }

int	oidset_add(struct oidset *, const struct oid *); /* 1: was not there */
int	oidset_has(const struct oidset *, const struct oid *);
void	oidset_release(struct oidset *);

#endif
