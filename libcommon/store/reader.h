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
 * The order and the kinds come from the index (store/index.h); each record
 * handed out costs one object, and those passed over cost none.
 */
#ifndef STORE_READER_H
#define STORE_READER_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "store/index.h"
#include "store/record.h"
#include "store/repo.h"

struct reader;

/* `kinds` ends in NULL; NULL: all records. */
struct err *reader_open(struct repo *, const char *const *kinds,
		struct reader **);
/*
 * The next record, borrowed until the next call; NULL at the end.  Order:
 * as index.h has it.
 */
struct err *reader_next(struct reader *, const struct record **);
/* 1 if the clock of the record last handed out is far in the future. */
int	 reader_is_ahead(const struct reader *);
/* 1 if a newer one retracts it or takes its place. */
int	 reader_is_gone(struct reader *);
/* Of all records, whatever was handed out. */
struct index_stats reader_stats(const struct reader *);
void	 reader_close(struct reader *);

/*
 * The one record whose id begins with `prefix` (4 or more hexadecimal
 * digits), parsed into *rec, which the caller releases.  ERR_NOTFOUND,
 * ERR_AMBIGUOUS (the text lists the candidates).
 */
struct err *reader_find(struct repo *, const char *prefix, struct record *rec);

/* The newest heartbeats of a writer, own and fetched, by callback. */
void	 reader_beats(struct repo *, const char *writer,
	    void (*each)(void *, const struct record *), void *);

#endif
