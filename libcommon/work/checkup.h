/* `git agent sync --check` and `--repair`, as they are told to people. */
#ifndef WORK_CHECKUP_H
#define WORK_CHECKUP_H

#include "base/err.h"
#include "store/repo.h"

struct checkup {
	int repair, dry_run;	/* mend it; only say what would be done */
	int offline, background, json, quiet;
};

/* *status: 1 something is found (or left), 3 not all could be seen. */
struct err *checkup_run(struct repo *, const struct checkup *, int *status);
/* Of a repository that repo_open() refuses for its settings; takes why. */
struct err *checkup_settings(struct err *why, const struct checkup *,
		int *status);

#endif
