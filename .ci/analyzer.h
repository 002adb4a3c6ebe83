/*
 * Included before everything when clang analyses: what makes an error never
 * returns NULL, and so `if (e != NULL)` after it is taken.
 */
#include "base/err.h"

static inline struct err *
err_made(struct err *e)
{
	if (e == 0)
		__builtin_unreachable();
	return e;
}

#define err_new(...) err_made(err_new(__VA_ARGS__))
#define err_errno(...) err_made(err_errno(__VA_ARGS__))
#define err_vnew(...) err_made(err_vnew(__VA_ARGS__))
