/*
 * Setting a project up: the files that `git agent init` makes out of
 * templates, and the brief as a record.
 */
#ifndef WORK_BRIEF_H
#define WORK_BRIEF_H

#include "base/err.h"
#include "base/strvec.h"
#include "store/repo.h"

enum brief_fate {
	BRIEF_CREATED,
	BRIEF_UNCHANGED,	/* it was there, just as we would write it */
	BRIEF_KEPT,		/* it was there with other contents: left alone */
};

struct brief_file {
	char *path;		/* from the top of the work tree */
	char *text;
	enum brief_fate fate;
};

struct brief {
	struct brief_file *v;
	size_t n, cap;
};

struct brief_options {
	const char *goal;	/* one line or more, no blanks around it */
	const char *oracle;	/* shell line likewise, or NULL */
	const struct strvec *agents;	/* names; none: claude; repeats
					 * count once */
};

/* ERR_INPUT: one of them is unknown. */
struct err *brief_check_agents(const struct strvec *names);
void	 brief_release(struct brief *);
/* The files for these options, nothing written yet.  ERR_INPUT: a goal or an
 * oracle that the configuration file cannot hold, an unknown agent. */
struct err *brief_plan(struct brief *, struct repo *,
		const struct brief_options *);
/* Look at what is there and, unless `dry_run`, create what is missing. */
struct err *brief_apply(struct brief *, struct repo *, int dry_run);
/*
 * Record the brief: its goal, with CLAUDE.md and .gitagent attached as they
 * are in the work tree.  *written is 0 if the newest brief says the same.
 * ERR_INPUT: one of them is a link that leads out of the work tree.
 */
struct err *brief_record(struct repo *, const char *goal, int *written,
		struct oid *id);

#endif
