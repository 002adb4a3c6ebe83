/* Which records `git agent log` shows. */
#ifndef WORK_FILTER_H
#define WORK_FILTER_H

#include "base/err.h"
#include "store/record.h"

/* As on the command line; what is NULL or 0 does not filter. */
struct filter_args {
	const char *grep;	/* PCRE2, in subject, body and Agent-Instead */
	int ignore_case;	/* of grep */
	const char *author;	/* PCRE2, in "Name <mail>", any case */
	const char *since, *until;	/* dates as git understands them */
	int all;		/* every kind, also those for programs */
};

struct filter;

/* `kind` NULL: all that people read.  The arguments must outlive it. */
struct err *filter_make(struct filter **, const struct filter_args *,
		const char *kind);
/* For reader_open(), before the rest is asked of each record. */
const char *const *filter_kinds(const struct filter *);
/* 1 or 0; 0 with *e set where a pattern ran into a limit. */
int	 filter_passes(struct filter *, const struct record *, struct err **e);
void	 filter_free(struct filter *);

#endif
