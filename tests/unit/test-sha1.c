/*
 * The published examples of FIPS 180-4 (csrc.nist.gov, "SHA1.pdf"; the
 * million letters are those of FIPS 180-2, appendix A.3).
 */
#include "base/sha1.h"

#include "tap.h"

static const char *
hex(const unsigned char digest[SHA1_SIZE])
{
	static char out[2 * SHA1_SIZE + 1];
	int i;

	for (i = 0; i < SHA1_SIZE; i++)
		snprintf(out + 2 * i, 3, "%02x", digest[i]);
	return out;
}

/* The text `times` over, `step` bytes at a time. */
static void
digest_of(const char *text, long times, size_t step, const char *want,
    const char *what)
{
	unsigned char digest[SHA1_SIZE];
	size_t i, n = strlen(text);
	struct sha1 s;

	sha1_init(&s);
	for (; times > 0; times--)
		for (i = 0; i < n; i += step)
			sha1_add(&s, text + i, n - i < step ? n - i : step);
	sha1_finish(&s, digest);
	is_str(hex(digest), want, what);
}

/* Lengths on both sides of each border of the padding, however cut. */
static void
any_cut(void)
{
	char text[200];
	unsigned char whole[SHA1_SIZE], cut[SHA1_SIZE];
	struct sha1 s;
	size_t n, at;
	int same = 1;

	memset(text, 'x', sizeof(text));
	for (n = 0; n <= sizeof(text); n++) {
		sha1_init(&s);
		sha1_add(&s, text, n);
		sha1_finish(&s, whole);
		for (at = 0; at <= n; at++) {
			sha1_init(&s);
			sha1_add(&s, text, at);
			sha1_add(&s, text + at, n - at);
			sha1_finish(&s, cut);
			same &= memcmp(whole, cut, SHA1_SIZE) == 0;
		}
	}
	ok(same, "the same in one piece or in two");
}

int
main(void)
{
	static const char two_blocks[] = "abcdbcdecdefdefgefghfghighijhijk"
	    "ijkljklmklmnlmnomnopnopq";
	static const char four[] = "abcdefghbcdefghicdefghijdefghijkefghijkl"
	    "fghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrs"
	    "mnopqrstnopqrstu";

	digest_of("", 1, 1, "da39a3ee5e6b4b0d3255bfef95601890afd80709",
	    "nothing");
	digest_of("abc", 1, 3, "a9993e364706816aba3e25717850c26c9cd0d89d",
	    "one block");
	digest_of(two_blocks, 1, 56,
	    "84983e441c3bd26ebaae4aa1f95129e5e54670f1", "two blocks");
	digest_of(two_blocks, 1, 1,
	    "84983e441c3bd26ebaae4aa1f95129e5e54670f1", "byte by byte");
	digest_of(four, 1, 112,
	    "a49b2446a02c645bf419f995b67091253a04a259", "112 bytes");
	digest_of("a", 1000000, 1,
	    "34aa973cd4c4daa4f61eeb2bdbad27316534016f", "a million letters");
	any_cut();
	return done_testing();
}
