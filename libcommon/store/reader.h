/*
 * Reading: the union of all writers' logs, own and fetched, newest first.
 *
 *	struct reader *rd;
 *	const struct record *rec;
 *
 *	e = reader_open(repo, &rd);
 *	while (e == NULL && (e = reader_next(rd, &rec)) == NULL && rec != NULL)
 *		…
 *	reader_close(rd);
 *
 * Lazy: the first record costs one object per log, each further one costs
 * one object, so that the newest ten are cheap in any history.
 */
#ifndef STORE_READER_H
#define STORE_READER_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "store/record.h"
#include "store/repo.h"

struct reader;

struct reader_stats {
	size_t records;		/* handed out so far */
	size_t malformed;	/* commits in logs that are not records */
	size_t missing;		/* objects that are not here (damage, shallow) */
	size_t ahead;		/* records whose clock is not believed */
	size_t logs;		/* writers whose logs were read */
};

struct err *reader_open(struct repo *, struct reader **);
/*
 * The next record, borrowed until the next call; NULL at the end.  Order:
 * Agent-Clock, ties by commit id; a parent always after its child.
 */
struct err *reader_next(struct reader *, const struct record **);
/* 1 if the clock of the record last handed out is far in the future. */
int	 reader_is_ahead(const struct reader *);
struct reader_stats reader_stats(const struct reader *);
void	 reader_close(struct reader *);

/*
 * The one record whose id begins with `prefix` (4 or more hexadecimal
 * digits), parsed into *rec, which the caller releases.  ERR_NOTFOUND,
 * ERR_AMBIGUOUS (the text lists the candidates).
 */
struct err *reader_find(struct repo *, const char *prefix, struct record *rec);

/* The newest heartbeat of each writer, own and fetched, by callback. */
struct err *reader_beats(struct repo *,
		void (*each)(void *, const struct record *), void *);

#endif
