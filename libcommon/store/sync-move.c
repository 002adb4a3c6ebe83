#include "store/sync-move.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"
#include "store/sync-others.h"
#include "store/sync-state.h"
#include "store/transfer.h"
#include "store/writer-name.h"
#include "store/writer.h"

static char *
state_path(struct repo *r, const char *remote)
{
	char *name = xasprintf("prefixes/%s", remote);
	char *path = repo_shared_path(r, name);

	free(name);
	return path;
}

char *
move_from(struct repo *r, const struct sync_report *rep)
{
	char *path = state_path(r, rep->remote);
	struct buf text = BUF_INIT;

	err_free(file_read(path, &text));
	free(path);
	buf_rtrim(&text);
	if (!repo_prefix_ok(text.p)) {
		buf_clear(&text);
		buf_addstr(&text, REPO_PREFIX_DEFAULT);
	}
	if (strcmp(text.p, rep->prefix) == 0) {
		buf_release(&text);
		return NULL;
	}
	return buf_steal(&text);
}

static char *
log_folder(const struct sync_report *rep, int former)
{
	return xasprintf("refs/agent-remotes/%s/%slog/", rep->remote,
	    former ? "former/" : "");
}

/* 1 if the log at `name` has this record. */
static int
has_record(struct repo *r, const char *name, const struct oid *id)
{
	struct oid tip;
	struct err *e = ref_read(r, name, &tip);
	int has = e == NULL && repo_contains(r, &tip, id);

	err_free(e);
	return has;
}

/*
 * Move what was fetched as `writer` out of the way of the new prefix.  Of an
 * earlier move there may be more of it, or another version: both are kept.
 */
static struct err *
set_aside(struct repo *r, const struct sync_report *rep,
    const struct ref *log, const char *writer)
{
	char *former = log_folder(rep, 1), *to;
	struct err *e = NULL;
	struct oid tip;

	to = xasprintf("%s%s", former, writer);
	e = ref_read(r, to, &tip);
	if (e != NULL || repo_contains(r, &log->id, &tip)) {
		err_free(e);
		e = ref_set(r, to, &log->id);
		if (e == NULL)
			e = ref_remove(r, log->name);
	} else if (repo_contains(r, &tip, &log->id)) {
		e = ref_remove(r, log->name);
	}
	free(former);
	free(to);
	return e;
}

/* What says that our heartbeat and notes are on the remote. */
static struct err *
forget_pushed(struct repo *r, const struct sync_report *rep)
{
	char *own = NULL, *beat, *name, *notes;
	struct err *e;

	e = writer_id(r, 0, &own);
	if (e != NULL || own == NULL)
		return e;
	beat = xasprintf("refs/agent-remotes/%s/beat/%s", rep->remote, own);
	name = xasprintf("pushed-notes/%s/%s", rep->remote, own);
	notes = repo_shared_path(r, name);
	e = ref_remove(r, beat);
	unlink(notes);
	free(own);
	free(beat);
	free(name);
	free(notes);
	return e;
}

struct err *
move_logs(struct repo *r, const struct sync_report *rep)
{
	char *folder = log_folder(rep, 0), *path;
	struct reflist refs = REFLIST_INIT;
	struct err *e;
	size_t i;

	/* Or the next reader would put the logs back as pruned ones. */
	e = sync_forget_logs(r, rep->remote);
	others_forget(r);
	if (e == NULL)
		e = ref_list(r, folder, &refs);
	for (i = 0; e == NULL && i < refs.n; i++)
		e = set_aside(r, rep, &refs.v[i],
		    refs.v[i].name + strlen(folder));
	if (e == NULL)
		e = forget_pushed(r, rep);
	/* Last: killed before, the next sync does it again. */
	if (e == NULL) {
		path = state_path(r, rep->remote);
		e = file_write(path, rep->prefix, strlen(rep->prefix));
		free(path);
	}
	reflist_release(&refs);
	free(folder);
	return e;
}

struct err *
move_settle(struct repo *r, const struct sync_report *rep)
{
	char *former = log_folder(rep, 1), *folder = log_folder(rep, 0);
	struct reflist refs = REFLIST_INIT;
	struct err *e;
	size_t i;

	e = ref_list(r, former, &refs);
	for (i = 0; e == NULL && i < refs.n; i++) {
		char *now = xasprintf("%s%s", folder,
		    refs.v[i].name + strlen(former));

		if (has_record(r, now, &refs.v[i].id))
			e = ref_remove(r, refs.v[i].name);
		free(now);
	}
	reflist_release(&refs);
	free(former);
	free(folder);
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

/* What came of it: keep what the remote has now. */
static struct err *
carried(struct repo *r, struct sync_report *rep, size_t from)
{
	char *former = log_folder(rep, 1), *folder = log_folder(rep, 0);
	struct err *e = NULL;
	struct oid id;
	size_t i;

	for (i = from; e == NULL && i < rep->n; i++) {
		const char *writer = strrchr(rep->refs[i].name, '/') + 1;
		char *was = xasprintf("%s%s", former, writer);
		char *now = xasprintf("%s%s", folder, writer);

		if (rep->refs[i].fate != SYNC_REFUSED) {
			e = ref_read(r, was, &id);
			if (e == NULL)
				e = ref_set(r, now, &id);
			if (e == NULL)
				e = ref_remove(r, was);
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
	char *former = log_folder(rep, 1), *folder = log_folder(rep, 0);
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
		e = carried(r, rep, before);
	/* Its owner was faster: the next fetch shows what is there. */
	if (e == NULL)
		sync_drop_outrun(rep, before);
	reflist_release(&refs);
	strvec_release(&specs);
	free(former);
	free(folder);
	return e;
}
