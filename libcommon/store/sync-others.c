#include "store/sync-others.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"
#include "store/doctor-parts.h"
#include "store/record.h"
#include "store/sync-state.h"
#include "store/transfer.h"
#include "store/writer-name.h"
#include "store/writer.h"

#define REACHED "reached-logs"
#define BESIDE_DIGITS 7	/* of the object that a log went beside with */

static int
name_cmp(const void *a, const void *b)
{
	return strcmp(strrchr(((const struct ref *)a)->name, '/'),
	    strrchr(((const struct ref *)b)->name, '/'));
}

/* The log of the same writer, in what remote_logs() has given. */
static const struct ref *
find(const struct reflist *logs, const struct ref *log)
{
	return logs->n == 0 ? NULL : bsearch(log, logs->v, logs->n,
	    sizeof(*logs->v), name_cmp);
}

/* Sorted by the writers' names, without what is below one of them. */
static struct err *
remote_logs(struct repo *r, const char *remote, struct reflist *logs)
{
	char *prefix = xasprintf("refs/agent-remotes/%s/log/", remote);
	struct err *e = ref_list(r, prefix, logs);
	size_t i, n = 0;

	for (i = 0; e == NULL && i < logs->n; i++)
		if (writer_name_ok(logs->v[i].name + strlen(prefix)))
			logs->v[n++] = logs->v[i];
	logs->n = n;
	free(prefix);
	return e;
}

/* "<hex> <remote>" a line: a cache, as a full search reads every record. */
static void
read_reached(struct repo *r, const char *remote, struct oidset *reached)
{
	char *path = repo_shared_path(r, REACHED), *line, *rest;
	struct buf text = BUF_INIT;
	struct oid id;

	err_free(file_read(path, &text));
	rest = text.p;
	while (text.len > 0 && (line = strsep(&rest, "\n")) != NULL) {
		if (strlen(line) < OID_HEX_SIZE ||
		    strcmp(line + OID_HEX_SIZE, remote) != 0)
			continue;
		line[OID_HEX_SIZE - 1] = '\0';
		if (oid_parse(line, &id) == 0)
			oidset_add(reached, &id);
	}
	buf_release(&text);
	free(path);
}

static void
write_reached(struct repo *r, const char *text, size_t len)
{
	char *path = repo_shared_path(r, REACHED);

	err_free(file_write_cache(path, text, len));
	free(path);
}

void
others_forget(struct repo *r)
{
	char *path = repo_shared_path(r, REACHED);

	(void)unlink(path);
	free(path);
}

/* What readers would have to skip, or what the remote has, is left out. */
static void
drop_reached(struct repo *r, const char *remote, const struct reflist *there,
    struct oidset *reach, struct reflist *logs)
{
	struct oidset reached = OIDSET_INIT;
	struct buf text = BUF_INIT;
	char hex[OID_HEX_SIZE];
	size_t i, n = 0;
	int news = 0;

	read_reached(r, remote, &reached);
	for (i = 0; i < logs->n; i++) {
		const struct ref *log = &logs->v[i];
		int known = oidset_has(&reached, &log->id);

		if (!known && !record_is_one(r, &log->id))
			continue;
		if (!known && reach->size == 0)
			doctor_reach(r, there->v, there->n, reach);
		if (known || oidset_has(reach, &log->id)) {
			oid_hex(&log->id, hex);
			buf_addf(&text, "%s %s\n", hex, remote);
			news |= !known;
		} else
			logs->v[n++] = *log;
	}
	logs->n = n;
	if (news)
		write_reached(r, text.p, text.len);
	buf_release(&text);
	oidset_release(&reached);
}

/* `there` becomes what the remote has; *reach all of that, if it is asked. */
static struct err *
search(struct repo *r, const char *remote, const char *own,
    struct reflist *logs, struct reflist *there, struct oidset *reach)
{
	struct err *e = ref_list(r, LOG_PREFIX, logs);
	size_t i, n = 0;

	for (i = 0; e == NULL && i < logs->n; i++) {
		const char *name = logs->v[i].name + strlen(LOG_PREFIX);

		if (writer_name_ok(name) &&
		    (own == NULL || strcmp(name, own) != 0))
			logs->v[n++] = logs->v[i];
	}
	logs->n = n;
	if (e != NULL || n == 0)
		return e;
	e = remote_logs(r, remote, there);
	for (i = n = 0; e == NULL && i < logs->n; i++) {
		const struct ref *same = find(there, &logs->v[i]);

		if (same == NULL || !oid_equal(&same->id, &logs->v[i].id))
			logs->v[n++] = logs->v[i];
	}
	logs->n = n;
	if (e == NULL && n > 0)
		drop_reached(r, remote, there, reach, logs);
	return e;
}

struct err *
others_list(struct repo *r, const char *remote, const char *own,
    struct reflist *logs)
{
	struct reflist there = REFLIST_INIT;
	struct oidset reach = OIDSET_INIT;
	struct err *e = search(r, remote, own, logs, &there, &reach);

	oidset_release(&reach);
	reflist_release(&there);
	return e;
}

void
others_above(struct repo *r, const struct oid *id, const struct oidset *there,
    struct oidset *ids)
{
	struct oidset met = OIDSET_INIT;
	struct oid *stack = NULL;
	size_t n = 0, cap = 0, i;

	ALLOC_GROW(stack, n, cap);
	stack[n++] = *id;
	while (n > 0) {
		struct oid at = stack[--n];
		struct record rec;
		struct err *e;

		if (oidset_has(there, &at) || !oidset_add(&met, &at))
			continue;
		e = record_read(r, &at, &rec);
		if (e == NULL)
			oidset_add(ids, &at);
		for (i = 0; i < rec.parent_count; i++) {
			ALLOC_GROW(stack, n, cap);
			stack[n++] = rec.parents[i];
		}
		err_free(e);
		record_release(&rec);
	}
	oidset_release(&met);
	free(stack);
}

struct err *
others_unpushed(struct repo *r, const char *remote, const char *own,
    struct oidset *ids)
{
	struct reflist logs = REFLIST_INIT, there = REFLIST_INIT;
	struct oidset reach = OIDSET_INIT;
	struct err *e = search(r, remote, own, &logs, &there, &reach);
	size_t i;

	for (i = 0; e == NULL && i < logs.n; i++)
		others_above(r, &logs.v[i].id, &reach, ids);
	oidset_release(&reach);
	reflist_release(&there);
	reflist_release(&logs);
	return e;
}

/* 1 if it is `name` and, behind a hyphen, the first digits of an object. */
static int
is_beside(const char *beside, const char *name)
{
	size_t n = strlen(name);

	return strncmp(beside, name, n) == 0 && beside[n] == '-' &&
	    strspn(beside + n + 1, "0123456789abcdef") == BESIDE_DIGITS &&
	    beside[n + 1 + BESIDE_DIGITS] == '\0';
}

/*
 * The name under which the log went beside another one before: the first that
 * it continues, and that no log here has for its own.
 */
static const char *
beside(struct repo *r, const struct ref *log, const struct reflist *there)
{
	const char *name = log->name + strlen(LOG_PREFIX), *found = NULL;
	struct oid id;
	struct err *e;
	size_t i;

	for (i = 0; i < there->n && found == NULL; i++) {
		const char *at = strrchr(there->v[i].name, '/') + 1;
		char *own;

		if (!is_beside(at, name))
			continue;
		own = xasprintf(LOG_PREFIX "%s", at);
		e = ref_read(r, own, &id);
		if (e != NULL && e->code == ERR_NOTFOUND &&
		    repo_contains(r, &log->id, &there->v[i].id))
			found = at;
		err_free(e);
		free(own);
	}
	return found;
}

/*
 * By its name, or, where the remote has another log of that name, beside it:
 * two clones may have a `cron-1`.
 */
static void
add_spec(struct repo *r, const struct sync_report *rep, const struct ref *log,
    const struct reflist *there, struct strvec *specs)
{
	const struct ref *same = find(there, log);
	const char *name = log->name + strlen(LOG_PREFIX), *before;
	char hex[OID_HEX_SIZE], *to;

	oid_hex(&log->id, hex);
	if (same == NULL || repo_contains(r, &log->id, &same->id))
		before = name;
	else
		before = beside(r, log, there);
	to = sync_target(rep, "log", before != NULL ? before : name);
	if (before != NULL)
		strvec_pushf(specs, "%s:%s", hex, to);
	else
		strvec_pushf(specs, "%s:%s-%.*s", hex, to, BESIDE_DIGITS, hex);
	free(to);
}

/* Keep what the remote acknowledged; *outrun: it has more of one, or else. */
static struct err *
settle(struct repo *r, const struct strvec *specs, struct sync_report *rep,
    size_t from, int *outrun)
{
	struct err *e = NULL;
	struct oid id;
	size_t i, j;

	for (i = from; e == NULL && i < rep->n; i++) {
		const struct sync_ref *ref = &rep->refs[i];
		char *name;

		*outrun |= ref->fate == SYNC_REFUSED && !ref->by_host &&
		    !ref->by_object;
		for (j = 0; j < specs->n && ref->fate != SYNC_REFUSED; j++) {
			const char *spec = specs->v[j];
			char *hex = xstrndup(spec, OID_HEX_SIZE - 1);

			if (strcmp(spec + OID_HEX_SIZE, ref->target) == 0 &&
			    oid_parse(hex, &id) == 0) {
				name = xasprintf("refs/agent-remotes/%s/%s",
				    rep->remote, ref->name);
				e = ref_set(r, name, &id);
				free(name);
			}
			free(hex);
		}
	}
	sync_drop_outrun(rep, from);
	return e;
}

/* What the remote has of logs that it did not take. */
static struct err *
fetch_logs(struct repo *r, int background, struct sync_report *rep)
{
	struct sync_report seen = { 0 };
	struct strvec specs = STRVEC_INIT;
	struct err *e;

	seen.remote = xstrdup(rep->remote);
	seen.prefix = xstrdup(rep->prefix);
	strvec_pushf(&specs, "%s/log/*:refs/agent-remotes/%s/log/*",
	    rep->prefix, rep->remote);
	e = transfer_fetch(r, &specs, background, &seen);
	rep->killed |= seen.killed;
	strvec_release(&specs);
	sync_report_release(&seen);
	return e;
}

/* *again: the remote did not take one of them; see what it has. */
static struct err *
push_once(struct repo *r, const char *own, int background,
    struct sync_report *rep, int *again)
{
	struct reflist logs = REFLIST_INIT, there = REFLIST_INIT;
	struct oidset reach = OIDSET_INIT;
	struct strvec specs = STRVEC_INIT;
	struct err *e;
	size_t i, before = rep->n;

	*again = 0;
	e = search(r, rep->remote, own, &logs, &there, &reach);
	for (i = 0; e == NULL && i < logs.n; i++)
		add_spec(r, rep, &logs.v[i], &there, &specs);
	if (e == NULL && specs.n > 0)
		e = transfer_push(r, &specs, background, rep);
	if (e == NULL && specs.n > 0)
		e = settle(r, &specs, rep, before, again);
	oidset_release(&reach);
	reflist_release(&there);
	reflist_release(&logs);
	strvec_release(&specs);
	return e;
}

struct err *
others_push(struct repo *r, const char *own, int background,
    struct sync_report *rep)
{
	struct err *e;
	int again;

	e = push_once(r, own, background, rep, &again);
	if (e == NULL && again && rep->reached) {
		e = fetch_logs(r, background, rep);
		if (e == NULL)
			e = push_once(r, own, background, rep, &again);
	}
	return e;
}
