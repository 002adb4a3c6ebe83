/* A pool gives what was asked for, and keeps it until it is released. */
#include <stdint.h>
#include <string.h>

#include "base/pool.h"
#include "tap.h"

#define PIECES 2000

int
main(void)
{
	struct pool p = POOL_INIT;
	char *piece[PIECES], *all;
	size_t i, k, bad = 0;

	for (i = 0; i < PIECES; i++) {
		piece[i] = pool_alloc(&p, i % 700);
		memset(piece[i], (int)(i % 251), i % 700);
	}
	for (i = 0; i < PIECES; i++)
		for (k = 0; k < i % 700; k++)
			bad += (unsigned char)piece[i][k] != i % 251;
	is_int((long long)bad, 0, "pieces do not overlap");
	pool_release(&p);
	pool_reserve(&p, 10000);
	all = pool_alloc(&p, 1);
	for (i = 0; i < 999; i++)
		(void)pool_alloc(&p, 10);
	ok(pool_alloc(&p, 9) == all + 9991, "a reserve is one chunk");
	is_str(pool_strndup(&p, "text and more", 4), "text", "a string");
	is_str(pool_strndup(&p, "", 0), "", "an empty one");
	pool_release(&p);
	ok(p.chunks == NULL && p.left == 0, "released");
	pool_release(&p);
	return done_testing();
}
