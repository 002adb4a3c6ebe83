/* What store/doctor.c looks at, part by part; each adds its findings. */
#ifndef STORE_DOCTOR_PARTS_H
#define STORE_DOCTOR_PARTS_H

#include <sys/stat.h>

#include "store/doctor.h"

/* A file that another process is still writing is no finding (seconds). */
#define DOCTOR_FRESH 10
/* A lock is removed when it is older, and no git is at work here. */
#define DOCTOR_LOCK_AGE 600

/* doctor-files.c: locks, leftovers, damaged files; needs no ref. */
void	 doctor_files(struct repo *, struct diagnosis *);
/* doctor-denied.c: what this user may not read or write; 1 if anything. */
int	 doctor_denied(struct repo *, struct diagnosis *);
/* doctor-walk.c: every commit of every log. */
struct err *doctor_records(struct repo *, struct diagnosis *);
/* doctor-logs.c: our own log is gone, or went on without its newest record. */
struct err *doctor_own_log(struct repo *, struct diagnosis *);
/* If anything is missing: the places that cannot be read now. */
void	 doctor_unreadable(struct repo *, struct diagnosis *);
/* doctor-notes.c: refs of notes that lead to what is none. */
void	 doctor_bad_notes(struct repo *, struct diagnosis *);
/* Our own results that no note shows. */
struct err *doctor_no_notes(struct repo *, struct diagnosis *);
/* doctor-remote.c: the logs here beside those of the remote. */
struct err *doctor_remote(struct repo *, int flags, struct diagnosis *);
/*
 * doctor-ask.c: for that, the remote's logs, by writer, sorted; those at its
 * former prefixes, by their whole names; and findings about refs there that
 * are in the way of ours, of which `own` is the writer, or NULL, or that no
 * writer can have made.  Sets d->asked, ->reached, ->problem.
 */
struct err *doctor_ask(struct repo *, struct diagnosis *, int flags,
		const char *own, struct reflist *there,
		struct reflist *former);
/*
 * doctor-former.c: what is at a former prefix and not in `reach`, all that is
 * at the present one, nor in `ahead`, which is to be pushed.
 */
void	 doctor_former(struct repo *, struct diagnosis *,
	    const struct reflist *there, const struct reflist *former,
	    const struct oidset *reach, const struct oidset *ahead);
/* doctor-there.c: a log that has news there, by writer. */
void	 doctor_unfetched(struct repo *, struct diagnosis *,
	    const struct ref *there);
/* What the last fetch noted of a ref there, malloc'd; NULL: nothing. */
char	*doctor_why_unfetched(struct repo *, const char *remote,
	    const char *ref);
/* What keeps the host from taking a push, as it has lost objects of it. */
void	 doctor_lost_there(struct repo *, struct diagnosis *,
	    const struct reflist *there, const struct reflist *former);
/* doctor-refspecs.c: what a plain fetch brings; `any`: there are logs. */
struct err *doctor_refspecs(struct repo *, struct diagnosis *, int any);

/* 1 if git cuts a log off at or behind this commit of it. */
int	 doctor_is_cut_off(struct repo *, const struct oid *);
/* The project's own newest commits: damaged, or HEAD's not here. */
void	 doctor_code(struct repo *, struct diagnosis *);
/* All that these refs lead to, as far as it is here. */
void	 doctor_reach(struct repo *, const struct ref *, size_t n,
	    struct oidset *met);

/* For the repairs. */
/*
 * Where the log of a DOCTOR_FORMER is to be pushed: to its place, or beside
 * another version of it; malloc'd.
 */
char	*doctor_former_target(struct repo *, const struct diagnosis *,
	    const struct finding *, const char *own);
/* Put a log of ours whose ref is damaged or gone at its newest record. */
struct err *doctor_restore_log(struct repo *, const char *ref,
		struct strvec *done);
/*
 * Logs of ours whose tip is not here: keep where they were, and set them back
 * to their newest record that is here, so that git can fetch.
 */
struct err *doctor_keep_logs(struct repo *, const struct diagnosis *,
		struct strvec *done);
/* What has not come back then: go on under a new name. */
struct err *doctor_leave_log(struct repo *, struct strvec *done);
/* Move a file, by its full path, to <common dir>/agent/damaged/. */
struct err *doctor_set_aside(struct repo *, const char *path);
/* Make the notes that our own check records lack; *count of them. */
struct err *doctor_make_notes(struct repo *, size_t *count);
/* The names of the shared state files that are damaged. */
void	 doctor_bad_state(struct repo *, struct strvec *);
/* 1 if the index cannot be read to its end. */
int	 doctor_bad_index(struct repo *);
/*
 * Logs that the index saw, and that no ref leads to any more: gone, or set
 * back.  What is in `reach` is on the remote.
 */
struct err *doctor_seen(struct repo *, struct diagnosis *,
		const struct oidset *reach);

#endif
