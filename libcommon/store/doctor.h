/*
 * What is wrong with a clone's records, its refs, its state and its remote,
 * and what mends it: git-agent-sync(1), "--check".
 *
 *	struct diagnosis d = DIAGNOSIS_INIT;
 *
 *	e = doctor_examine(repo, 0, &d);
 *	…
 *	if (e == NULL && wanted)
 *		e = doctor_repair(repo, 0, &d, &done);
 *	diagnosis_release(&d);
 */
#ifndef STORE_DOCTOR_H
#define STORE_DOCTOR_H

#include <stddef.h>

#include "base/err.h"
#include "base/strvec.h"
#include "store/repo.h"

enum doctor_code {	/* their words: doctor_word() */
	DOCTOR_UNPUSHED,
	DOCTOR_UNFETCHED,
	DOCTOR_DIVERGED,	/* neither log continues the other */
	DOCTOR_BEHIND,		/* our log ends before the remote's of it */
	DOCTOR_LOST_THERE,	/* the remote has a log without its objects */
	DOCTOR_REWOUND,		/* what is left there, ours continues */
	DOCTOR_REPLACED,	/* and this ours does not */
	DOCTOR_DELETED,
	DOCTOR_PRUNED,		/* dropped here, by `git fetch --prune` */
	DOCTOR_MOVED,		/* the prefix is another one since */
	DOCTOR_FORMER,		/* records came to a former prefix since */
	DOCTOR_NO_REFSPEC,
	DOCTOR_REFUSED,
	DOCTOR_BLOCKED,		/* a ref is in the way of one of ours */
	DOCTOR_BAD_NAME,	/* a ref there that no writer can have made */
	DOCTOR_COPIED,
	DOCTOR_NO_WRITER,
	DOCTOR_UNPARSEABLE,
	DOCTOR_UNREADABLE,	/* what is not found may only be out of reach */
	DOCTOR_DENIED,		/* by the permissions of a file or folder */
	DOCTOR_MISSING_OBJECT,
	DOCTOR_DAMAGED_OBJECT,
	DOCTOR_SHALLOW,		/* git cuts a log off; see git-fetch(1) */
	DOCTOR_DAMAGED_REF,
	DOCTOR_DAMAGED_STATE,
	DOCTOR_DAMAGED_INDEX,
	DOCTOR_STALE_LOCK,
	DOCTOR_LEFTOVER,
	DOCTOR_BAD_SETTING,
	DOCTOR_NO_NOTES,
};

struct finding {
	enum doctor_code code;
	char *subject;		/* a ref, a commit, a path, a setting */
	size_t count;		/* of what the meaning counts; else 1 */
	char *meaning;		/* a clause for people, not cleaned */
	char *command;		/* what mends it, for a shell; or NULL */
	char *repair;		/* what doctor_repair() does; NULL: nothing */
	struct oid id;		/* of what repairs it, where that is known */
	struct oid there;	/* DOCTOR_REPLACED: what the remote has now */
	int kept;		/* and other logs there have what it had */
};

struct diagnosis {
	char *remote;		/* NULL: the repository has none */
	char *prefix;		/* as in sync.h; NULL: not known */
	int asked, reached;	/* the remote */
	char *problem;		/* why it could not be asked, or NULL */
	struct finding *v;
	size_t n, cap;
};

#define DIAGNOSIS_INIT { NULL, NULL, 0, 0, NULL, NULL, 0, 0 }

enum doctor_flags {
	DOCTOR_OFFLINE = 1,	/* do not ask the remote */
	DOCTOR_BACKGROUND = 2,	/* as SYNC_BACKGROUND */
};

const char *doctor_word(enum doctor_code);
/*
 * Look at everything; nothing is changed, neither here nor on the remote.
 * What is found is no error, nor is a remote that does not answer.
 */
struct err *doctor_examine(struct repo *, int flags, struct diagnosis *);
/* Add a finding; takes meaning, command and repair. */
struct finding *diagnosis_add(struct diagnosis *, enum doctor_code,
		const char *subject, char *meaning, char *command,
		char *repair);
void	 diagnosis_release(struct diagnosis *);
/*
 * Mend what the findings say can be mended; nothing where one is
 * DOCTOR_UNREADABLE or DOCTOR_DENIED.  No record is dropped, no log is forced or set back
 * without keeping where it was (store/lost.h), and a damaged file is moved to
 * <common dir>/agent/damaged/, not deleted.  `done` gets a sentence for each
 * thing that was done or could not be.  Examine again to see what is left.
 */
struct err *doctor_repair(struct repo *, int flags, const struct diagnosis *,
		struct strvec *done);

#endif
