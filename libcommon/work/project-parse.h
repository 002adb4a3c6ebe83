/*
 * Inside project: what its files share.  project-parse.c knows the sections
 * and keys, project-values.c the kinds of values.
 */
#ifndef WORK_PROJECT_PARSE_H
#define WORK_PROJECT_PARSE_H

#include "base/conf.h"
#include "work/project.h"

/* The text of project.oracle_text; malloc'd. */
char	*project_canonical_text(const struct project *);

struct parsing {
	struct project *p;
	struct conf conf;
	const struct conf_value *v;	/* at hand */
	void *base;			/* what the keys of its section fill */
};

/*
 * Store the value at hand at `at`, or say which file and line expected what:
 * char * (text, patterns, a revision, a unit), int64_t (a time in µs, a
 * count), the enums of project.h, int, struct strvec of paths, and for a
 * target the whole struct metric_def.
 */
struct err *set_text(struct parsing *, void *at);
struct err *set_prefix(struct parsing *, void *at);
struct err *set_time(struct parsing *, void *at);
struct err *set_count(struct parsing *, void *at);
struct err *set_pattern(struct parsing *, void *at);
struct err *set_metric_pattern(struct parsing *, void *at);
struct err *set_trusted(struct parsing *, void *at);
struct err *set_protect(struct parsing *, void *at);
struct err *set_match(struct parsing *, void *at);
struct err *set_unit(struct parsing *, void *at);
struct err *set_direction(struct parsing *, void *at);
struct err *set_transform(struct parsing *, void *at);
struct err *set_target(struct parsing *, void *at);
struct err *set_output(struct parsing *, void *at);
/* One of the words, as its number in the list; -1 if it is none. */
int	 word_number(const char *word, const char *const *words);

#endif
