/* What the remote does not have of this clone's records; see sync.h. */
#include "store/sync-state.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "store/index.h"
#include "store/record.h"
#include "store/rollup-search.h"
#include "store/sync-others.h"
#include "store/writer.h"

/*
 * The parent of a log's record; *id becomes all zero at its beginning, and
 * where an object is missing: readers tell of that.
 */
static void
step_back(struct repo *r, struct oid *id)
{
	struct record rec;

	err_free(record_read(r, id, &rec));
	memset(id, 0, sizeof(*id));
	if (rec.parent_count > 0)
		*id = rec.parents[0];
	record_release(&rec);
}

/* The tips of all logs that the remote has, as far as it was asked. */
static struct err *
remote_tips(struct repo *r, const char *remote, struct oidset *tips)
{
	char *prefix = xasprintf("refs/agent-remotes/%s/log/", remote);
	struct reflist refs = REFLIST_INIT;
	struct err *e;
	size_t i;

	e = ref_list(r, prefix, &refs);
	for (i = 0; e == NULL && i < refs.n; i++)
		oidset_add(tips, &refs.v[i].id);
	reflist_release(&refs);
	free(prefix);
	return e;
}

/* The usual case, without a look at everybody's logs. */
static int
is_pushed(struct repo *r, const char *remote, const char *log,
    const struct oid *tip)
{
	char *ref = xasprintf("refs/agent-remotes/%s/log%s", remote,
	    strrchr(log, '/'));
	struct oid theirs;
	struct err *e = ref_read(r, ref, &theirs);
	int same = e == NULL && oid_equal(&theirs, tip);

	err_free(e);
	free(ref);
	return same;
}

/* Of this clone's own log, `ref`. */
static struct err *
own_unpushed(struct repo *r, const char *remote, const char *ref,
    struct oidset *ids)
{
	struct rollup_search *search = NULL;
	struct index *ix = NULL;
	struct oidset tips = OIDSET_INIT;
	struct oid at;
	struct err *e;

	e = ref_read(r, ref, &at);
	if (e == NULL && is_pushed(r, remote, ref, &at))
		goto done;
	if (e == NULL)
		e = remote_tips(r, remote, &tips);
	if (e == NULL)
		e = index_open(r, &ix);
	/* Of a damaged log the reader tells. */
	if (e != NULL && (e->code == ERR_NOTFOUND || e->code == ERR_DAMAGED)) {
		err_free(e);
		e = NULL;
		goto done;
	}
	search = rollup_search_new(ix, r, remote, NULL);
	while (e == NULL && !oid_is_zero(&at) && !oidset_has(&tips, &at) &&
	    !rollup_is_at(search, &at) && oidset_add(ids, &at))
		step_back(r, &at);
done:
	rollup_search_free(search);
	index_close(ix);
	oidset_release(&tips);
	return e;
}

struct err *
sync_unpushed(struct repo *r, struct oidset *ids)
{
	const char *remote = repo_remote(r);
	char *ref = NULL;
	struct err *e;

	if (remote == NULL)
		return NULL;
	e = writer_log(r, &ref);
	if (e == NULL && ref != NULL)
		e = own_unpushed(r, remote, ref, ids);
	if (e == NULL)
		e = others_unpushed(r, remote, ref == NULL ? NULL :
		    strrchr(ref, '/') + 1, ids);
	free(ref);
	return e;
}
