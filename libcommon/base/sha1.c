#include "base/sha1.h"

#include <string.h>

static uint32_t
rotate(uint32_t x, int n)
{
	return x << n | x >> (32 - n);
}

/* Section 6.1.2, with the sixteen words of section 6.1.3 in place of 80. */
static uint32_t
schedule(uint32_t w[16], int t)
{
	if (t >= 16)
		w[t & 15] = rotate(w[(t + 13) & 15] ^ w[(t + 8) & 15] ^
		    w[(t + 2) & 15] ^ w[t & 15], 1);
	return w[t & 15];
}

/* One t of the loop: the function f of section 4.1.1, K of 4.2.1. */
#define STEP(f, k) do {							\
	uint32_t tmp = rotate(a, 5) + (f) + e + (k) + schedule(w, t);	\
									\
	e = d;								\
	d = c;								\
	c = rotate(b, 30);						\
	b = a;								\
	a = tmp;							\
} while (0)

static void
compress(uint32_t h[5], const unsigned char *p)
{
	uint32_t a = h[0], b = h[1], c = h[2], d = h[3], e = h[4], w[16];
	int t;

	for (t = 0; t < 16; t++, p += 4)
		w[t] = (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
		    (uint32_t)p[2] << 8 | p[3];
	for (t = 0; t < 20; t++)
		STEP((b & c) ^ (~b & d), 0x5a827999);
	for (; t < 40; t++)
		STEP(b ^ c ^ d, 0x6ed9eba1);
	for (; t < 60; t++)
		STEP((b & c) ^ (b & d) ^ (c & d), 0x8f1bbcdc);
	for (; t < 80; t++)
		STEP(b ^ c ^ d, 0xca62c1d6);
	h[0] += a;
	h[1] += b;
	h[2] += c;
	h[3] += d;
	h[4] += e;
}

void
sha1_init(struct sha1 *s)
{
	static const uint32_t start[5] = {
		0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0
	};

	memcpy(s->h, start, sizeof(s->h));
	s->len = 0;
}

void
sha1_add(struct sha1 *s, const void *data, size_t n)
{
	const unsigned char *p = data;
	size_t have = s->len % 64, more = 64 - have;

	if (n == 0)
		return;
	s->len += n;
	if (have > 0 && n >= more) {
		memcpy(s->block + have, p, more);
		compress(s->h, s->block);
		p += more;
		n -= more;
		have = 0;
	}
	for (; have == 0 && n >= 64; p += 64, n -= 64)
		compress(s->h, p);
	memcpy(s->block + have, p, n);
}

void
sha1_finish(struct sha1 *s, unsigned char digest[SHA1_SIZE])
{
	static const unsigned char padding[64] = { 0x80 };
	uint64_t bits = s->len * 8;
	unsigned char length[8];
	size_t i;

	for (i = 0; i < 8; i++)
		length[i] = (unsigned char)(bits >> (56 - 8 * i));
	sha1_add(s, padding, 1 + (119 - s->len % 64) % 64);
	sha1_add(s, length, 8);
	for (i = 0; i < SHA1_SIZE; i++)
		digest[i] = (unsigned char)(s->h[i / 4] >> (24 - 8 * (i % 4)));
}
