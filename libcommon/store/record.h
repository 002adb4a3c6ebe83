/*
 * A record: one commit whose message says something for people and, in its
 * last paragraph, trailers for programs.  gitagent-records(5) is the format.
 *
 * Parsing is strict and our own; what does not fit is ERR_INPUT with the
 * reason, and readers skip and count it.  All text of a record is untrusted:
 * it is kept as it came, and cleaned where it is shown (base/text.h).
 */
#ifndef STORE_RECORD_H
#define STORE_RECORD_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/pool.h"
#include "store/oid.h"
#include "store/repo.h"

#define RECORD_TEXT_MAX (1024 * 1024)	/* bytes of a message, at most */
#define RECORD_OBJECT_MAX (64 * 1024 * 1024)	/* of a commit that is read */

struct trailer {
	char *key;		/* "Agent-Kind" */
	char *value;		/* one line; folded ones are joined by a blank */
	size_t key_len;
};

struct trailers {
	struct trailer *v;
	size_t n, cap;
	struct pool text;	/* of those that were added; empty if parsed */
};

#define TRAILERS_INIT { NULL, 0, 0, POOL_INIT }

struct record {
	struct oid id, tree;
	struct oid *parents;
	size_t parent_count, parent_cap;
	const char *author_name, *author_mail;
	int64_t author_time;	/* seconds since 1970; display only */
	const char *kind;	/* Agent-Kind */
	const char *subject;	/* first line, without "kind: " */
	const char *body;	/* between subject and trailers; may be "" */
	const char *writer;	/* Agent-Writer, or "" */
	int64_t clock;		/* Agent-Clock, µs; 0 if not a record */
	struct trailers trailers;	/* all of them, in order */
	struct buf text;	/* the commit object, cut into the strings */
};

#define RECORD_INIT { .text = BUF_INIT }

/* What a new record says; the writer adds parents, author and clock. */
struct draft {
	const char *kind;
	const char *subject;	/* one line, not empty */
	const char *body;	/* or NULL */
	struct trailers trailers;	/* without Kind, Writer, Clock */
	struct oid tree;	/* all zero: the empty tree */
	const struct oid *also;	/* parents besides the writer's own log; */
	size_t also_count;	/* borrowed */
};

/*
 * Read and parse an object that is to be a record, of anybody's making.
 * ERR_INPUT: it is none; larger than RECORD_OBJECT_MAX, it was not read at
 * all.  Else as object_read().  The caller releases it in any case.
 */
struct err *record_read(struct repo *, const struct oid *, struct record *);
/*
 * The same for each of many: see object_read_max() on `ask`, which what the
 * index has needs not, since its size was seen when it was entered.  The
 * record is RECORD_INIT at first; what it held before is gone, but for the
 * memory, which is used again.
 */
struct err *record_read_next(struct repo *, const struct oid *, int ask,
		struct record *);
/*
 * The same without what only people read: author, writer, subject and body
 * are not set.  Whether it is a record does not depend on them.
 */
struct err *record_read_trailers(struct repo *, const struct oid *, int ask,
		struct record *);
/*
 * 1 if the object can be read, whatever is in it; what is damaged is as good
 * as missing.
 */
int	 record_is_here(struct repo *, const struct oid *);
/* 1 if it is a record and can be read. */
int	 record_is_one(struct repo *, const struct oid *);
void	 record_release(struct record *);
/*
 * Parse the commit object in rec->text, of which the strings become parts.
 * The parents are filled in even where the message is not a record's, so that
 * a reader can walk on.
 */
struct err *record_parse(struct record *rec, const struct oid *id);
/* Of it, what record_read_trailers() reads. */
struct err *record_parse_trailers(struct record *rec, const struct oid *id);
/* The value of the first such trailer, or NULL; keys without case. */
const char *record_trailer(const struct record *, const char *key);
/*
 * Of a roll-up: the first of its last parents, one for each Agent-Rolled-Up;
 * parent_count if there are none, or fewer than it names.
 */
size_t	 record_rolled_up_from(const struct record *);

void	 draft_release(struct draft *);	/* the trailers alone are owned */
void	 trailers_release(struct trailers *);
/* Line breaks in the value become blanks. */
void	 trailers_add(struct trailers *, const char *key, const char *value);
void	 trailers_addf(struct trailers *, const char *key, const char *, ...)
	    PRINTF_LIKE(3, 4);
/*
 * The trailers of a message, by git's rules (git-interpret-trailers(1) with
 * --no-divider) narrowed to what records have: the last paragraph, if it is
 * not the first, and if each line is "Key: value" or a continuation.
 * Returns the offset at which that paragraph begins, or len if there is none.
 * To an empty list, which has no memory but that of `v`.  Keys and values
 * are parts of the message, which is cut up for it and has to stay.
 */
size_t	 trailers_parse(struct trailers *, char *message, size_t len);

/*
 * The commit object of a draft.  `author` and `committer` are "Name <mail>";
 * `when` is the clock in microseconds.
 */
void	 record_format(struct buf *, const struct draft *, const char *writer,
	    int64_t when, const struct oid *parents, size_t parent_count,
	    const char *author, const char *committer);

#endif
