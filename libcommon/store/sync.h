/*
 * Moving records between this clone and its remote, by the user's own `git
 * fetch` and `git push`.  gitagent-records(5) lists the refspecs.
 *
 * Own refs are never the destination of a fetch; logs are fetched without
 * force, so that a rewound log is noticed and not adopted; each ref's fate in
 * a push is known, and "pushed" is said only of what the remote took.
 */
#ifndef STORE_SYNC_H
#define STORE_SYNC_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/strvec.h"
#include "store/index.h"
#include "store/repo.h"

enum sync_flags {
	SYNC_FETCH = 1,
	SYNC_PUSH = 2,
	SYNC_BACKGROUND = 4,	/* no terminal: never ask, give up in time */
	SYNC_WAIT = 8,		/* also in the background: wait for another
				 * sync of this clone instead of giving up */
	SYNC_REFETCH = 16,	/* fetch also the objects that are here, as
				 * they may be damaged or not all of them */
	SYNC_DEEPEN = 32,	/* fetch what git takes for cut off here */
};

enum sync_fate {
	SYNC_UP_TO_DATE,
	SYNC_NEW,		/* the ref is new on the other side */
	SYNC_MOVED,		/* forward */
	SYNC_RESTORED,		/* our log was rewound, this push healed it */
	SYNC_CARRIED,		/* another clone's log, taken to a new prefix */
	SYNC_ROLLED_UP,		/* its records are in another log now */
	SYNC_REFUSED,		/* push: the remote said no; fetch: git could
				 * not move the ref here; see reason */
	SYNC_REWOUND,		/* fetch: their log lost records we have */
};

struct sync_ref {
	char *name;		/* "log/ada-laptop-7f3c9d02b8": without prefix;
				 * "refs/agent/log/…": at a former prefix */
	int pushed;		/* 1: we pushed it, 0: we fetched it */
	enum sync_fate fate;
	char *reason;		/* or NULL */
	char *target;		/* pushed: the full name on the remote;
				 * NULL: we did not try to */
	int by_host;		/* refused by the host, not by git's rules */
	int by_object;		/* refused as an object is missing or bad */
	int stays;		/* fetched: rolled up, and could not be dropped */
	int nobodys;		/* fetched, and no writer has such a name */
};

struct sync_report {
	char *remote;		/* NULL: the repository has none */
	char *prefix;		/* where records are there: repo_prefix() */
	int reached;		/* the remote answered */
	int killed;		/* git was, and may have left its locks */
	int refetch;		/* fetch what is here again, as it may be
				 * damaged */
	int deepen;		/* the logs are whole here from then on */
	int whole;		/* it asks for all that a sync asks for */
	char *problem;		/* git's words when it did not, or NULL */
	int refspecs_added;	/* this clone is connected from now on */
	size_t rewound, refused;	/* refused: without what is ->nobodys */
	char *words;		/* what the host itself said as it refused a
				 * push (hooks print there), or NULL */
	char *renewed;		/* the new writer id, where our log had been
				 * continued by another clone; or NULL */
	struct sync_ref *refs;
	size_t n, cap;
	struct strvec present;	/* names that the remote has, as of the fetch */
	int64_t until;		/* for store/transfer-parts.h */
};

/*
 * Do what the flags ask.  That the remote cannot be reached or refuses is
 * in the report, not an error.  Takes turns with other processes of this
 * clone.
 */
struct err *sync_run(struct repo *, int flags, struct sync_report *);
void	 sync_report_release(struct sync_report *);
/* The ref of a writer's "log", "beat" or "notes" at the remote, malloc'd. */
char	*sync_target(const struct sync_report *, const char *what,
	    const char *writer);
/*
 * The records in this clone's log, and in the others in refs/agent/log, that
 * have not reached the remote, as far as it was asked; none without a remote.
 */
struct err *sync_unpushed(struct repo *, struct oidset *);
/* 1 if this clone fetched the records before, or has no remote. */
int	 sync_is_connected(struct repo *);
/*
 * A log that is deleted on its remote is dropped here by a plain `git fetch
 * --prune`: put back what was fetched before, as long as its objects are
 * here, and count it among the rewound.  Of every remote that is still there.
 */
struct err *sync_restore_pruned(struct repo *);
/*
 * For the index: a plain `git fetch` brings and drops what known-logs does
 * not know.  `seen` is where the refs of logs were when the index was last
 * written, and `ix` is made of the refs as they are.  What it does not reach
 * is put back: the ref of a fetched log that is gone, or was set back or
 * forced to elsewhere; it counts among the rewound, and the version that it
 * was forced to is kept as by sync_keep_hidden().  Nothing of a remote that
 * is gone.  A log of this clone that was set back is moved forward again, or,
 * if it has gone on, what it had is made a log beside it (store/lost.h), and
 * repo_note_damage() is told.  Returns how many refs it made or moved; *left
 * could not be, and are to be tried again.
 */
size_t	 sync_restore_seen(struct repo *, struct index *ix,
	    const struct reflist *seen, size_t *left);
/* Both of this, by bringing the index up to date, before a fetch. */
struct err *sync_recover(struct repo *);
/* What sync_restore_pruned() would put back: "<hex> <ref>", by remotes. */
struct err *sync_list_pruned(struct repo *, struct strvec *);
/*
 * 1 if that may be any, now or with another config, where these are all logs,
 * sorted by name.
 */
int	 sync_lacks_known(struct repo *, const struct reflist *logs);
/*
 * 1 if it is not so of an index with these names and of this age, by what was
 * written of it when an earlier one was compared; also where nothing is known.
 */
int	 sync_knows_names_of(struct repo *, uint64_t id, uint64_t age);
/* 1 if the index has all of them that are known to have moved since then. */
int	 sync_moved_are_in(struct repo *, struct index *);
/*
 * A log may go on behind a commit that is not read, which hides what was
 * read before, of those too that it had rolled up; or have been set back
 * before any index was written with it.  Make for each such log, as the last
 * fetch left it, refs/agent-remotes/<remote>/kept/<oid>/log/
 * <writer>, which readers find; how many were made.  `logs` is what the index
 * was made of, sorted by name.
 */
size_t	 sync_keep_hidden(struct repo *, struct index *,
	    const struct reflist *logs);
/* When our remote last answered a fetch, µs since 1970; 0: never. */
int64_t	 sync_last(struct repo *);
/*
 * The refs that the host refused in the last push to that remote, "<full name>
 * <reason>" a line; malloc'd, "" if none.
 */
char	*sync_refused(struct repo *, const char *remote);
/*
 * The refs that the last fetch from it of all that there is could not bring,
 * because of an object of theirs: "<full name> <object> <reason>" a line.
 */
char	*sync_unfetched(struct repo *, const char *remote);
/* In the reason of one whose records are hidden by those of another. */
#define SYNC_TWIN "(core.ignoreCase) takes its name for that"
/*
 * Logs found rewound by the last fetch from that remote, one "log/<writer>" a
 * line; malloc'd, "" if none.
 */
char	*sync_rewound(struct repo *, const char *remote);
/* The same of all remotes: append refs/agent-remotes/<remote>/log/<writer>. */
void	 sync_rewound_refs(struct repo *, struct strvec *);

#endif
