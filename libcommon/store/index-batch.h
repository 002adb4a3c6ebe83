/*
 * Inside the index: what it says, in memory, on its way from the commits of
 * the logs into a file (index-walk.c gathers it, index-batch.c merges it and
 * makes the file's tables, index.c reads those).
 */
#ifndef STORE_INDEX_BATCH_H
#define STORE_INDEX_BATCH_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "store/index-refs.h"
#include "store/index.h"
#include "store/oid.h"
#include "store/segment.h"

/* The tables of a file. */
enum {
	TABLE_META,		/* one struct index_meta */
	TABLE_ENTRIES,		/* struct index_entry, newest first */
	TABLE_BY_ID,		/* uint32_t: entries in the order of ids */
	TABLE_KINDS,		/* char[KIND_SIZE] */
	TABLE_POSTINGS,		/* uint32_t: entries of a kind after another */
	TABLE_STARTS,		/* uint32_t: where a kind's postings begin */
	TABLE_LINKS,		/* struct index_link, by target, newest first */
	TABLE_RUNS,		/* struct index_run, by id */
	TABLE_OPEN_RUNS,	/* uint32_t: runs without an end, newest first */
	TABLE_OPEN_STEERS,	/* uint32_t: entries without an answer */
	TABLE_MISSING,		/* struct oid */
	TABLE_AHEAD,		/* int64_t: clocks that were far in the future */
	TABLE_REFS,		/* struct index_ref, by name; see index-refs.h */
	TABLE_NAMES,		/* bytes: their names */
	TABLE_MOVED,		/* struct index_move, by place */
	TABLE_STATE,		/* bytes: by refstate_take() */
	TABLE_LIVE,		/* uint32_t: records of each kind not gone */
	TABLE_LOOSE,		/* uint32_t: places of refs in files of their own */
};

#define KIND_SIZE 40
#define KINDS_MAX 256		/* the rest are KIND_OTHER */
enum { KIND_BAD = 0, KIND_OTHER = 1, KIND_FIRST = 2 };

struct index_meta {
	uint64_t base;		/* id of the file that this one adds to, or 0 */
	uint64_t refs;		/* id of the file with the refs */
	uint64_t age;		/* how often it was written with those */
	uint64_t records, malformed, logs;
	uint64_t unnamed;	/* refs that no writer has; also malformed */
	uint64_t proven;	/* the state was old when the refs were read */
	uint64_t settled;	/* that of packed-refs was; see can_settle() */
};

/* Arrays that grow by doubling. */
struct index_batch {
	struct index_entry *entries;	/* newest first */
	struct index_link *links;
	struct index_run *runs;
	struct oid *missing;
	int64_t *ahead;
	char (*kinds)[KIND_SIZE];
	size_t n_entries, cap_entries, n_links, cap_links, n_runs, cap_runs;
	size_t n_missing, cap_missing, n_ahead, cap_ahead, n_kinds, cap_kinds;
};

#define INDEX_BATCH_INIT { 0 }

void	 index_batch_release(struct index_batch *);
/* The number of a kind, added if it is new. */
uint16_t index_batch_kind(struct index_batch *, const char *);
/* All that a file has, after what the batch has. */
void	 index_batch_load(struct index_batch *, struct segment *);
/*
 * Bring in order after adding: entries newest first, links by target, runs
 * by id and one for each.  The kinds of all that was added are the batch's.
 */
void	 index_batch_settle(struct index_batch *);

/* What only the newest file has. */
struct index_head {
	struct index_meta meta;
	const struct index_moves *refs;
	const char *state;
	/* Records of older files that this batch makes gone, by kind. */
	const uint32_t *gone;
};

/*
 * The file of a settled batch.  `older` tells whether a target is gone by
 * links of another file, and may be NULL.
 */
void	 index_batch_image(const struct index_batch *, uint64_t id,
	    const struct index_head *, const struct index *older,
	    struct buf *image);

/*
 * What the links to an entry make of it: index_judge() takes them, one by
 * one, in any order; its return value has index_links() go on.
 */
struct index_verdict {
	const struct index_entry *entry;
	int gone, answered;
};

int	 index_judge(void *verdict, const struct index_link *);

/* a before b: newer, or of the same time and with the larger id. */
int	 index_newer(int64_t a_when, const struct oid *a, int64_t b_when,
	    const struct oid *b);
/* Fields of the newer of two; both are of one run. */
void	 index_run_merge(struct index_run *, const struct index_run *);

#endif
