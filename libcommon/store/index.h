/*
 * The index of the records: in which order they are, of which kind, and
 * which of them name others, so that reading costs what is asked for and not
 * what there is.  It is derived: <common dir>/agent/index and index-<id>
 * hold what the commits of the logs say, are brought up to date by the first
 * reader that comes by (or made anew, where they are missing, damaged or of
 * another version), and may be deleted at any time.
 *
 * One thing it knows that is nowhere else: which logs were seen here.  Where
 * the refs do not reach them any more, they are put back before it is made
 * anew (sync_restore_seen() in store/sync.h).
 *
 * It is current when the refs of the logs are where they were.  Readers that
 * may not write keep it in memory.
 *
 * Order: newest first by Agent-Clock, ties by commit id.  A parent is always
 * older than its child, so a clock ahead of its time counts no later than
 * the record that follows it in its log.
 */
#ifndef STORE_INDEX_H
#define STORE_INDEX_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "store/oid.h"
#include "store/record.h"
#include "store/repo.h"

struct index;

struct index_entry {
	int64_t when;		/* place in the order, µs */
	struct oid id;
	uint16_t kind;		/* see index_kind() */
	uint16_t bent;		/* when is not its Agent-Clock */
};

/* How a record names another one, by its trailers. */
enum index_how {
	INDEX_DELIVERED = 1,	/* kind delivered, Agent-Steer */
	INDEX_DONE,		/* kind answered, Agent-State: done */
	INDEX_DECLINED,		/* kind answered, Agent-State: declined */
	INDEX_SUPERSEDES,	/* Agent-Supersedes */
	INDEX_RETRACTS,		/* kind retract, Agent-Retracts */
	INDEX_ROLLED_UP,	/* kind rollup: it is one of the parents */
};

struct index_link {
	struct oid target, from;
	int64_t when;		/* of `from` */
	uint64_t how;
};

#define INDEX_RUN_ID_SIZE 40

/* One run of the loop, put together from its records. */
struct index_run {
	char id[INDEX_RUN_ID_SIZE];	/* NUL-terminated */
	int64_t started;	/* clock of the oldest record */
	int64_t last;		/* place in the order of the newest */
	struct oid newest;	/* the newest record */
	struct oid agent_from;	/* the newest that names the agent */
	int64_t agent_when;	/* its place; 0: none does */
	int64_t iteration, iteration_when;	/* the newest number */
	uint32_t refusals;
	uint32_t ended;		/* the newest record is its end */
};

struct index_stats {
	size_t records;
	size_t malformed;	/* commits in logs that are not records */
	size_t missing;		/* objects that are not here */
	size_t ahead;		/* records whose clock is not believed now */
	size_t logs;		/* writers */
};

/*
 * Open it and bring it up to date.  Damage that is found later shows in
 * index_is_damaged(): what was read is worthless then, and has to be read
 * again after index_rebuild().
 */
struct err *index_open(struct repo *, struct index **);
/* The same without putting back first what a prune took away. */
struct err *index_open_plain(struct repo *, struct index **);
void	 index_close(struct index *);
int	 index_is_damaged(const struct index *);
struct err *index_rebuild(struct index *);
/* 1 if the refs of the logs are where they were when it was last written. */
int	 index_is_current(struct repo *);
/* Append where the refs of the logs were then. */
void	 index_seen(struct repo *, struct reflist *);
/* 1 if it is current, and that was last shown before this file was written. */
int	 index_is_older(struct repo *, const char *path);

struct index_stats index_stats(struct index *);
/* 1 and the entry, or 0. */
int	 index_find(struct index *, const struct oid *, struct index_entry *);
/*
 * Read a record that it has, as record_read_next() without `ask` does.  What
 * is asked for most it has at hand, and for that no object is read.
 */
struct err *index_read(struct index *, const struct oid *, struct record *);
/* Those whose id begins so, at most `max`; returns how many there are. */
size_t	 index_find_prefix(struct index *, const char *hex, struct oid *,
	    size_t max);
/* Where each log is, sorted by name; nothing if the index is damaged. */
void	 index_refs(struct index *, struct reflist *);
/*
 * Which names of refs it has, as an id that no index with other names has; 0:
 * it is not saved, so that others do not have it.  And which refs are
 * elsewhere than when that was first given.
 */
uint64_t index_names(const struct index *);
/* It grows with each time that it is written with these names. */
uint64_t index_age(const struct index *);
void	 index_moved(struct index *,
	    void (*each)(void *, const char *name, const struct oid *), void *);
/* The tip of a log by the name of its ref: 1, or 0 if there is none. */
int	 index_ref(struct index *, const char *name, struct oid *);
/* 1 if any ref below the prefix has this tip. */
int	 index_is_tip(struct index *, const char *prefix, const struct oid *);
/* Called for each link to the target, newest first, until it returns 1. */
void	 index_links(struct index *, const struct oid *target,
	    int (*each)(void *, const struct index_link *), void *);
/* 1 if a newer record retracts it or takes its place. */
int	 index_is_gone(struct index *, const struct index_entry *);
/* 1 if the record is at hand by a newer one that rolled its log up. */
int	 index_is_rolled_up(struct index *, const struct oid *);
/* 1 if the history of one of these has `to`; costs what lies between. */
int	 index_leads_to(struct index *, const struct oid *from, size_t n,
	    const struct oid *to);
/* How many records of a kind are not gone. */
size_t	 index_live(struct index *, const char *kind);
/* How many records of a kind there are. */
size_t	 index_count(struct index *, const char *kind);
/*
 * Each run, newest first; with `all` 0 only those without an end and the
 * newest one.
 */
void	 index_runs(struct index *, int all,
	    void (*each)(void *, const struct index_run *), void *);
/* Each steer that has no answer and is not gone, newest first. */
void	 index_open_steers(struct index *,
	    void (*each)(void *, const struct index_entry *), void *);

/* Walk the records of some kinds, newest first. */
struct index_cursor;
/* `kinds` ends in NULL; NULL: all records. */
struct index_cursor *index_cursor_new(struct index *,
		const char *const *kinds);
/* 1 and the next entry; 0 at the end. */
int	 index_cursor_next(struct index_cursor *, struct index_entry *);
/* Go on behind this place. */
void	 index_cursor_seek(struct index_cursor *, const struct index_entry *);
void	 index_cursor_free(struct index_cursor *);
/* 1 if the record may be of another kind than the cursor was asked for. */
int	 index_kind_is_other(const struct index_entry *);

#endif
