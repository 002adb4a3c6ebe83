/*
 * The lines of agent/known-logs, "<hex> <ref>": where the logs were when they
 * were last fetched, those of a remote one after the other.
 */
#ifndef STORE_SYNC_KNOWN_H
#define STORE_SYNC_KNOWN_H

#include "store/sync-state.h"

struct known {
	struct oid id;
	const char *ref;	/* its name, in the line */
	const char *writer;	/* the end of that */
	char *remote;		/* the part of it, malloc'd */
};

/* 1 if the line is of a log that is read; else nothing is in. */
int	 known_parse(const char *line, struct known *);
/* 1 if there is an object, or it may only be out of reach. */
int	 known_may_come_back(struct repo *, const struct oid *);

#endif
