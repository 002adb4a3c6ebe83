/*
 * agent/known-logs, "<hex> <ref>" a line: where the logs were when they were
 * last fetched, those of a remote one after the other.  Where that is just
 * what the index has, its head says so, and what moves later is in
 * agent/known-moved: who fetches one record need not write ten thousand lines.
 */
#ifndef STORE_SYNC_KNOWN_H
#define STORE_SYNC_KNOWN_H

#include "store/index.h"
#include "store/sync-state.h"

struct known {
	struct oid id;
	const char *ref;	/* its name, in the line */
	const char *writer;	/* the end of that */
	char *remote;		/* the part of it, malloc'd */
};

/* 1 if the line is of a log that is read; else nothing is in. */
int	 known_parse(const char *line, struct known *);
/* The ref of a line, unread: "" if it has none. */
const char *known_ref(const char *line);
/* 1 if there is nothing else in such a file, or in the first one. */
int	 known_is_whole(const struct buf *file);
int	 known_logs_are_whole(const struct buf *file);
/* Append the lines, each with where its log was last; ERR_NOTFOUND. */
struct err *known_read(struct repo *, struct buf *lines);
/*
 * Write other lines.  The index, which may be NULL, is one that was brought up
 * to date before the refs were read for them.
 */
struct err *known_replace(struct repo *, const struct buf *lines,
		struct index *);
/*
 * Instead of that: where the index has the logs that moved, if all others are
 * where the file has them.  0: it was not to be.
 */
int	 known_follow(struct repo *, struct index *);
/* 1 if one of the files was written after the index, which is current. */
int	 known_is_newer(struct repo *);
/* 1 if there is an object, or it may only be out of reach. */
int	 known_may_come_back(struct repo *, const struct oid *);

#endif
