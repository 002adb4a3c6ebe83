/*
 * The common git directory without its info/: everything in it by symbolic
 * links, but not the attributes, excludes and grafts that are this clone's
 * alone and that git has no option to ignore.
 */
#ifndef WORK_COMMON_VIEW_H
#define WORK_COMMON_VIEW_H

#include "base/err.h"
#include "store/repo.h"

/*
 * Make the folder `dir`, which must not exist; for GIT_COMMON_DIR.  What git
 * writes through it gets into the real one.
 */
struct err *common_view_make(struct repo *, const char *dir);

#endif
