/*
 * Whether any ref below refs/agent/log/ or refs/agent-remotes/ has changed,
 * without reading them: git changes a ref by creating <ref>.lock beside it,
 * which changes its folder's time, or by replacing packed-refs.
 */
#ifndef STORE_REFSTATE_H
#define STORE_REFSTATE_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "store/repo.h"

/* The youngest time of what was asked, in ns since 1970. */
struct refstate_age {
	int64_t packed;		/* of packed-refs and shallow alone */
	int64_t all;		/* INT64_MAX: too many folders to ask about */
};

/*
 * Append what the file system says now, a line for each folder and for
 * packed-refs.
 */
void	 refstate_take(struct repo *, struct buf *, struct refstate_age *);
/* How much of it, from its beginning, is of packed-refs and shallow. */
size_t	 refstate_packed(const char *state);
/* 1 if the file system still says just that; a part of it does as well. */
int	 refstate_holds(struct repo *, const char *state);

#endif
