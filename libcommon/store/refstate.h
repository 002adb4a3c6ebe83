/*
 * Whether any ref below refs/agent/log/ or refs/agent-remotes/ has changed,
 * without reading them: git changes a ref by creating <ref>.lock beside it,
 * which changes its folder's time, or by replacing packed-refs.
 */
#ifndef STORE_REFSTATE_H
#define STORE_REFSTATE_H

#include <stdint.h>

#include "base/buf.h"
#include "store/repo.h"

/*
 * Append what the file system says now, a line for each folder and for
 * packed-refs; *newest is the youngest of their times (ns since 1970), or
 * INT64_MAX where there are more folders than it is worth to ask about.
 */
void	 refstate_take(struct repo *, struct buf *, int64_t *newest);
/* 1 if the file system still says just that. */
int	 refstate_holds(struct repo *, const char *state);

#endif
