/*
 * Lab notes: what the agent and the people write with `git agent log`, and
 * what every record of the toolkit has in common.
 */
#ifndef WORK_ENTRY_H
#define WORK_ENTRY_H

#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "store/record.h"
#include "store/repo.h"

/* done, failed, status, limit, next, milestone; NULL-terminated. */
extern const char *const entry_kinds[];
int	 entry_kind_ok(const char *);

/*
 * The text of a record, out of what a person gave: the first line is the
 * subject, the rest the body.  Owns its strings.
 */
struct entry_text {
	char *subject, *body;
	size_t replaced;	/* bytes that were not UTF-8, now U+FFFD */
};

/*
 * The words of a command line, joined by blanks; "-" alone is standard
 * input to its end.  Appended.  ERR_INPUT: that is more than a record holds.
 */
struct err *entry_words(int argc, char **argv, struct buf *);
/* ERR_INPUT if there is no text, or a NUL byte in it. */
struct err *entry_text_split(struct entry_text *, const char *, size_t);
void	 entry_text_release(struct entry_text *);

/*
 * Append a record: the draft's trailers, and those that say where it was
 * written (Agent-At: the commit of HEAD; Agent-Run: inside a loop).
 */
struct err *entry_append(struct repo *, struct draft *, struct oid *id);
/* The same for many, all or none: see writer_append_many(). */
struct err *entry_append_many(struct repo *, struct draft *, size_t n,
		struct oid *ids, size_t *bad);

/* A new run id: a ULID (26 characters, sorts by time of creation). */
struct err *run_id_new(char out[27]);
int	 run_id_ok(const char *);
/* When a run id was made, µs since 1970 (to the millisecond). */
int64_t	 run_id_time(const char *);

#endif
