#include "store/sync-move.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "store/sync-former.h"
#include "store/sync-others.h"
#include "store/sync-push.h"
#include "store/sync-state.h"
#include "store/transfer.h"
#include "store/writer-name.h"
#include "store/writer.h"

char *
move_from(struct repo *r, const struct sync_report *rep)
{
	char *last = former_last(r, rep->remote);

	if (strcmp(last, rep->prefix) != 0)
		return last;
	free(last);
	return NULL;
}

struct err *
move_arrived(struct repo *r, const struct sync_report *rep)
{
	char *from = move_from(r, rep);
	struct err *e = NULL;

	if (from != NULL)
		e = former_write(r, rep->remote, rep->prefix);
	free(from);
	return e;
}

static char *
log_folder(const char *remote, int former)
{
	return xasprintf("refs/agent-remotes/%s/%slog/", remote,
	    former ? "former/" : "");
}

struct err *
move_is_there(struct move_search *s, const char *writer, const struct oid *id,
    int *there)
{
	char *folder = log_folder(s->remote, 0);
	char *name = xasprintf("%s%s", folder, writer);
	struct oid tip;
	struct err *e = ref_read(s->repo, name, &tip);

	*there = e == NULL && repo_contains(s->repo, &tip, id);
	/* Rolled up: then it has no ref of its own, and is to get none. */
	if (e != NULL) {
		err_free(e);
		e = NULL;
		if (s->index == NULL)
			e = index_open(s->repo, &s->index);
		if (e == NULL && s->rollups == NULL)
			s->rollups = rollup_search_new(s->index, s->repo,
			    s->remote, NULL);
		*there = e == NULL && rollup_has(s->rollups, writer, id);
	}
	free(folder);
	free(name);
	return e;
}

void
move_search_release(struct move_search *s)
{
	rollup_search_free(s->rollups);
	index_close(s->index);
	s->rollups = NULL;
	s->index = NULL;
}

/* If it is still there; else another process has settled or moved it. */
static struct err *
drop(struct repo *r, const char *name, const struct oid *id)
{
	struct err *e = ref_remove_at(r, name, id);

	if (e != NULL && e->code == ERR_MOVED) {
		err_free(e);
		e = NULL;
	}
	return e;
}

/*
 * Move what was fetched as `writer` out of the way of the new prefix.  Of an
 * earlier move there may be more of it, or another version: both are kept.
 */
struct err *
move_set_aside(struct repo *r, const char *remote, const struct ref *log,
    const char *writer)
{
	char *former = log_folder(remote, 1), *to;
	struct err *e = NULL;
	struct oid tip;

	to = xasprintf("%s%s", former, writer);
	e = ref_read(r, to, &tip);
	if (e != NULL || repo_contains(r, &log->id, &tip)) {
		err_free(e);
		e = ref_set(r, to, &log->id);
		if (e == NULL)
			e = drop(r, log->name, &log->id);
	} else if (repo_contains(r, &tip, &log->id)) {
		e = drop(r, log->name, &log->id);
	}
	free(former);
	free(to);
	return e;
}

/* What says that our heartbeat and notes are on the remote. */
static struct err *
forget_pushed(struct repo *r, const struct sync_report *rep)
{
	char *own = NULL, *beat, *notes;
	struct err *e;

	e = writer_id(r, 0, &own);
	if (e != NULL || own == NULL)
		return e;
	beat = xasprintf("refs/agent-remotes/%s/beat/%s", rep->remote, own);
	notes = sync_pushed_notes(r, rep->remote, own);
	e = ref_remove(r, beat);
	unlink(notes);
	free(own);
	free(beat);
	free(notes);
	return e;
}

/* What was fetched from one place, of whatever is no log nothing. */
static struct err *
set_all_aside(struct repo *r, const char *remote, const char *folder)
{
	struct reflist refs = REFLIST_INIT;
	struct err *e = ref_list(r, folder, &refs);
	size_t i;

	for (i = 0; e == NULL && i < refs.n; i++)
		e = move_set_aside(r, remote, &refs.v[i],
		    refs.v[i].name + strlen(folder));
	reflist_release(&refs);
	return e;
}

struct err *
move_logs(struct repo *r, const struct sync_report *rep)
{
	char *folder = log_folder(rep->remote, 0);
	char *again = former_folder(rep->remote, rep->prefix);
	struct err *e;

	/* Or the next reader would put the logs back as pruned ones. */
	e = sync_forget_logs(r, rep->remote, rep->remote);
	others_forget(r);
	if (e == NULL)
		e = set_all_aside(r, rep->remote, folder);
	/* It may have been in use before, and is no former one any more. */
	if (e == NULL)
		e = set_all_aside(r, rep->remote, again);
	if (e == NULL)
		e = forget_pushed(r, rep);
	free(again);
	free(folder);
	return e;
}

struct err *
move_settle(struct repo *r, const struct sync_report *rep)
{
	struct move_search s = { .repo = r, .remote = rep->remote };
	char *former = log_folder(rep->remote, 1);
	struct reflist refs = REFLIST_INIT;
	struct err *e;
	size_t i;
	int there;

	e = ref_list(r, former, &refs);
	for (i = 0; e == NULL && i < refs.n; i++) {
		e = move_is_there(&s, refs.v[i].name + strlen(former),
		    &refs.v[i].id, &there);
		if (e == NULL && there)
			e = drop(r, refs.v[i].name, &refs.v[i].id);
	}
	move_search_release(&s);
	reflist_release(&refs);
	free(former);
	return e;
}

/* 1 if the remote would take it: it has no such log, or less of it. */
static int
can_carry(struct repo *r, const char *now, const struct oid *id)
{
	struct oid tip;
	struct err *e = ref_read(r, now, &tip);
	int can = e != NULL || repo_contains(r, id, &tip);

	err_free(e);
	return can;
}

/* What came of it: keep what the remote has now, of what was sent. */
static struct err *
carried(struct repo *r, const struct reflist *sent, struct sync_report *rep,
    size_t from)
{
	char *former = log_folder(rep->remote, 1);
	char *folder = log_folder(rep->remote, 0);
	const struct ref *log;
	struct err *e = NULL;
	size_t i;

	for (i = from; e == NULL && i < rep->n; i++) {
		const char *writer = strrchr(rep->refs[i].name, '/') + 1;
		char *was = xasprintf("%s%s", former, writer);
		char *now = xasprintf("%s%s", folder, writer);

		log = reflist_find(sent, was);
		if (rep->refs[i].fate != SYNC_REFUSED && log != NULL) {
			e = ref_set(r, now, &log->id);
			if (e == NULL)
				e = drop(r, was, &log->id);
			rep->refs[i].fate = SYNC_CARRIED;
		}
		free(was);
		free(now);
	}
	free(former);
	free(folder);
	return e;
}

struct err *
move_push(struct repo *r, const char *own, int background,
    struct sync_report *rep)
{
	char *former = log_folder(rep->remote, 1);
	char *folder = log_folder(rep->remote, 0);
	struct reflist refs = REFLIST_INIT;
	struct strvec specs = STRVEC_INIT;
	char hex[OID_HEX_SIZE];
	size_t i, before = rep->n;
	struct err *e;

	e = move_settle(r, rep);
	if (e == NULL && own != NULL)
		e = ref_list(r, former, &refs);
	for (i = 0; e == NULL && i < refs.n; i++) {
		const char *writer = refs.v[i].name + strlen(former);
		char *now = xasprintf("%s%s", folder, writer);

		oid_hex(&refs.v[i].id, hex);
		if (writer_name_ok(writer) && strcmp(writer, own) != 0 &&
		    can_carry(r, now, &refs.v[i].id))
			strvec_pushf(&specs, "%s:%s/log/%s", hex,
			    rep->prefix, writer);
		free(now);
	}
	if (e == NULL && specs.n > 0)
		e = transfer_push(r, &specs, background, rep);
	if (e == NULL && specs.n > 0)
		e = carried(r, &refs, rep, before);
	/* Its owner was faster: the next fetch shows what is there. */
	if (e == NULL)
		sync_drop_outrun(rep, before);
	reflist_release(&refs);
	strvec_release(&specs);
	free(former);
	free(folder);
	return e;
}
