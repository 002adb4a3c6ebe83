/*
 * The record that this clone wrote last: "<oid> <ref>" in the first line of
 * <common dir>/agent/lock, the file that every writer has locked.  A log that
 * was set back before any reader saw it is known to lack it by that.
 */
#ifndef STORE_LAST_H
#define STORE_LAST_H

#include "base/lock.h"
#include "store/repo.h"

/* The ref leads to the record.  Needs the lock; a hint, so it never fails. */
void	 last_note(const struct lock *, const char *ref, const struct oid *);
/* 1, the ref, malloc'd, and the record; 0 if there is none. */
int	 last_read(struct repo *, char **ref, struct oid *);

#endif
