/*
 * Measure a commit: put its tree in place, run the oracle on it, keep the
 * result as a record and as a note.
 *
 * Without a revision the work tree is measured as it stands.  A revision is
 * measured in a linked worktree of our own at <common dir>/agent/measure,
 * cleaned of all that is not tracked; the oracle's definition (.gitagent and
 * the protected paths) is laid over it from a trusted commit, so that what is
 * measured cannot weaken the test that it is judged by.
 */
#ifndef WORK_MEASURE_H
#define WORK_MEASURE_H

#include <stddef.h>

#include "base/err.h"
#include "base/js.h"
#include "store/repo.h"
#include "work/oracle.h"
#include "work/project.h"

struct measurement {
	struct oid commit;	/* HEAD, or the revision */
	struct oid tree;	/* what was measured, changes included */
	int dirty;		/* it has changes that are not committed */
	char *oracle_id;	/* digest of all that defines the oracle */
	struct project project;	/* the definition that was used */
	struct oracle_result result;
};

void	 measurement_release(struct measurement *);
/*
 * `rev` NULL: the work tree.  `oracle_from` NULL: for a work tree its own
 * .gitagent; for a revision the commit that HEAD's [oracle] trusted names,
 * else HEAD.  `stop` as in proc_run_job().  ERR_CONFIG: there is no usable
 * definition, and so no measurement.
 */
struct err *measure(struct repo *, const char *rev, const char *oracle_from,
		const volatile int *stop, struct measurement *);
/* Write the record (and the note, if nothing was dirty); *id names it. */
struct err *measure_record(struct repo *, const struct measurement *,
		struct oid *id);
/* "PASS: y1 3.1e-05, y2 …": one line. */
char	*measure_summary(const struct measurement *);
/* The table as plain text: metric, value, target, where, verdict. */
void	 measure_table(const struct oracle_result *, struct buf *);
/* The fields are documented in git-agent-check(1). */
struct js *measure_json(const struct measurement *);
/* Metrics as a JSON array: name, value, unit, at, target, direction, state,
 * reason. */
struct js *measure_values_json(const struct metric_value *, size_t);

/*
 * The digest of an oracle's definition: the canonical settings, and the
 * protected paths as they are in the tree.  malloc'd hexadecimal.
 * ERR_CONFIG: a protected path is not there.
 */
struct err *oracle_identity(struct repo *, const struct project *,
		const struct oid *tree, char **id);

#endif
