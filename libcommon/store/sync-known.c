/* The logs that the last fetch left here, so that none is lost; see sync.h. */
#include "store/sync-state.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/file.h"
#include "store/barred.h"
#include "store/index.h"
#include "store/logrefs.h"
#include "store/record.h"
#include "store/repair.h"
#include "store/rollup-search.h"
#include "store/rollup.h"
#include "store/writer-name.h"

/* One line of known-logs: where a log was when it was last fetched. */
struct known {
	struct oid id;
	const char *ref;	/* its name, in the line */
	const char *writer;	/* the end of that */
	char *remote;		/* the part of it, malloc'd */
};

/* The ref of a line, unread: "" if it has none. */
static const char *
ref_in(const char *line)
{
	return strnlen(line, OID_HEX_SIZE) < OID_HEX_SIZE ? "" :
	    line + OID_HEX_SIZE;
}

/* 1 if the line is "<hex> <ref>" of a log that is read; else nothing is in. */
static int
parse_known(const char *line, struct known *k)
{
	char hex[OID_HEX_SIZE];
	const char *name;

	k->remote = NULL;
	if (strlen(line) < OID_HEX_SIZE)
		return 0;
	memcpy(hex, line, OID_HEX_SIZE - 1);
	hex[OID_HEX_SIZE - 1] = '\0';
	if (oid_parse(hex, &k->id) != 0)
		return 0;
	k->ref = line + OID_HEX_SIZE;
	k->remote = logrefs_remote(k->ref, &name);
	if (k->remote == NULL)
		return 0;
	k->writer = name + strlen("log/");
	if (writer_name_ok(k->writer))
		return 1;
	free(k->remote);
	k->remote = NULL;
	return 0;
}

/* The lines of a remote follow each other. */
struct view {
	char *remote;		/* of the last line; NULL: none yet */
	int there;		/* logs are fetched from it still */
	struct reflist refs;	/* those that are here, if asked for */
};

#define VIEW_INIT { NULL, 0, REFLIST_INIT }

static void
view_release(struct view *v)
{
	reflist_release(&v->refs);
	free(v->remote);
	v->remote = NULL;
}

static struct err *
view_change(struct repo *r, struct view *v, const char *remote, int list)
{
	struct err *e = NULL;
	char *prefix;

	if (v->remote != NULL && strcmp(v->remote, remote) == 0)
		return NULL;
	view_release(v);
	v->remote = xstrdup(remote);
	v->there = list ? repo_has_view(r, remote) :
	    repo_remembers(r, remote);
	if (v->there && list) {
		prefix = xasprintf("refs/agent-remotes/%s/log/", remote);
		e = ref_list(r, prefix, &v->refs);
		free(prefix);
	}
	return e;
}

/* What is known of other remotes, as long as they may be there. */
static struct err *
keep_others(struct repo *r, const char *path, const char *remote,
    struct buf *text)
{
	char *own = xasprintf("refs/agent-remotes/%s/log/", remote);
	struct buf known = BUF_INIT;
	struct view v = VIEW_INIT;
	size_t own_len = strlen(own);
	struct err *e = NULL;
	struct known k;
	char *line, *rest;

	err_free(file_read(path, &known));
	rest = known.p;
	while (e == NULL && known.len > 0 &&
	    (line = strsep(&rest, "\n")) != NULL) {
		/* As nearly all of them do. */
		if (strncmp(ref_in(line), own, own_len) == 0)
			continue;
		if (!parse_known(line, &k))
			continue;
		if (strcmp(k.remote, remote) != 0) {
			e = view_change(r, &v, k.remote, 0);
			if (e == NULL && v.there)
				buf_addf(text, "%s\n", line);
		}
		free(k.remote);
	}
	view_release(&v);
	buf_release(&known);
	free(own);
	return e;
}

/* 1 if there is an object, or it may only be out of reach. */
static int
may_come_back(struct repo *r, const struct oid *id)
{
	char *barred = NULL, *remedy = NULL;
	int may = object_exists(r, id);

	if (!may)
		barred = objects_barred(r, &remedy);
	may |= barred != NULL;
	free(barred);
	free(remedy);
	return may;
}

/*
 * The lines of logs of `remote` that are not here, whose records no other log
 * has, and that may come back.
 */
static struct err *
list_left(struct repo *r, const char *remote, struct strvec *left)
{
	struct strvec lost = STRVEC_INIT;
	struct index_entry entry;
	struct index *ix = NULL;
	struct known k;
	struct err *e = sync_list_pruned(r, &lost);
	size_t i;

	if (e == NULL && lost.n > 0)
		e = index_open_plain(r, &ix);
	for (i = 0; e == NULL && i < lost.n; i++) {
		if (!parse_known(lost.v[i], &k))
			continue;
		if (strcmp(k.remote, remote) == 0 &&
		    !index_find(ix, &k.id, &entry) &&
		    may_come_back(r, &k.id))
			strvec_push(left, lost.v[i]);
		free(k.remote);
	}
	index_close(ix);
	strvec_release(&lost);
	return e;
}

/* The same as lines of a remote of the name `now`. */
static struct err *
rename_left(struct repo *r, const char *remote, const char *now,
    struct buf *text)
{
	struct strvec left = STRVEC_INIT;
	struct err *e = list_left(r, remote, &left);
	struct known k;
	size_t i;

	for (i = 0; e == NULL && i < left.n; i++)
		if (parse_known(left.v[i], &k)) {
			buf_addf(text, "%.*s refs/agent-remotes/%s/log/%s\n",
			    OID_HEX_SIZE - 1, left.v[i], now, k.writer);
			free(k.remote);
		}
	strvec_release(&left);
	return e;
}

struct err *
sync_forget_logs(struct repo *r, const char *remote, const char *now)
{
	char *path = repo_shared_path(r, "known-logs");
	struct buf text = BUF_INIT, none = BUF_INIT;
	struct err *e = keep_others(r, path, remote, &text);

	if (e == NULL)
		e = rename_left(r, remote, now, &text);
	if (e == NULL)
		e = file_write_cache(path, text.p, text.len);
	if (e == NULL)
		e = sync_write_rewound(r, remote, &none);
	buf_release(&text);
	free(path);
	return e;
}

/*
 * "<hex> <ref>" for each log fetched from the remote, in the refs' order, and
 * the lines of those that are not here and may yet come back.
 */
static struct err *
write_known(struct repo *r, const char *remote, const struct strvec *left)
{
	char *path = repo_shared_path(r, "known-logs");
	char *prefix = xasprintf("refs/agent-remotes/%s/log/", remote);
	struct reflist refs = REFLIST_INIT;
	struct buf text = BUF_INIT;
	char hex[OID_HEX_SIZE];
	struct err *e;
	size_t i;

	e = keep_others(r, path, remote, &text);
	if (e == NULL)
		e = ref_list(r, prefix, &refs);
	for (i = 0; e == NULL && i < refs.n; i++) {
		/* Nobody reads it, and it may be in the way of a log. */
		if (!writer_name_ok(refs.v[i].name + strlen(prefix)))
			continue;
		oid_hex(&refs.v[i].id, hex);
		buf_addstr(&text, hex);
		buf_addch(&text, ' ');
		buf_addstr(&text, refs.v[i].name);
		buf_addch(&text, '\n');
	}
	for (i = 0; e == NULL && i < left->n; i++)
		buf_addf(&text, "%s\n", left->v[i]);
	if (e == NULL)
		e = file_write_cache(path, text.p, text.len);
	reflist_release(&refs);
	buf_release(&text);
	free(prefix);
	free(path);
	return e;
}

/* Where the ref itself cannot be now, readers find the log at another place. */
static struct err *
put_back(struct repo *r, const struct known *k)
{
	struct err *e = ref_swap(r, k->ref, NULL, &k->id), *aside;
	int made;

	if (e == NULL)
		return NULL;
	aside = sync_keep(r, k->remote, k->writer, &k->id, &made);
	err_free(aside == NULL ? e : aside);
	return aside == NULL ? NULL : e;
}

static void
note_left(struct repo *r, const struct known *k, const struct err *e)
{
	char *text = xasprintf("the log '%s', which was fetched before, is not "
	    "here any more and cannot be put back now: %s", k->ref, e->msg);

	repo_note_damage(r, text);
	free(text);
}

/*
 * The fetched log is gone from here: back to where it was.  It is beyond help
 * if git has collected the objects by now.
 */
static void
restore_log(struct repo *r, const struct known *k, struct strvec *rewound)
{
	struct record rec;
	struct err *e = record_read(r, &k->id, &rec);

	if (e != NULL && e->code == ERR_INPUT) {
		err_free(e);
		e = NULL;
	}
	if (e == NULL)
		e = put_back(r, k);
	if (e == NULL && !strvec_has(rewound, k->ref))
		strvec_push(rewound, k->ref);
	if (e != NULL && may_come_back(r, &k->id))
		note_left(r, k, e);
	record_release(&rec);
	err_free(e);
}

struct err *
sync_list_pruned(struct repo *r, struct strvec *lost)
{
	char *path = repo_shared_path(r, "known-logs"), *line, *rest;
	struct buf text = BUF_INIT;
	struct view v = VIEW_INIT;
	const struct ref *here;
	struct err *e = NULL;
	struct known k;
	size_t next = 0;	/* of the refs that are here */

	err_free(file_read(path, &text));
	rest = text.p;
	while (e == NULL && text.len > 0 &&
	    (line = strsep(&rest, "\n")) != NULL) {
		/* Both are in the same order, and nearly all are here. */
		if (next < v.refs.n &&
		    strcmp(ref_in(line), v.refs.v[next].name) == 0) {
			next++;
			continue;
		}
		if (!parse_known(line, &k))
			continue;
		e = view_change(r, &v, k.remote, 1);
		here = e != NULL ? NULL : reflist_find(&v.refs, k.ref);
		if (here != NULL)
			next = (size_t)(here - v.refs.v) + 1;
		else if (e == NULL && v.there)
			strvec_push(lost, line);
		free(k.remote);
	}
	view_release(&v);
	buf_release(&text);
	free(path);
	return e;
}

struct err *
sync_restore_pruned(struct repo *r)
{
	struct strvec lost = STRVEC_INIT, rewound = STRVEC_INIT;
	struct rollup_search *search = NULL;
	struct index *ix = NULL;
	struct known k;
	struct err *e;
	char *remote = NULL;	/* that is searched */
	size_t before = 0, i;

	e = sync_list_pruned(r, &lost);
	if (e == NULL && lost.n > 0) {
		sync_rewound_refs(r, &rewound);
		before = rewound.n;
		e = index_open_plain(r, &ix);
	}
	for (i = 0; e == NULL && i < lost.n; i++) {
		if (!parse_known(lost.v[i], &k))
			continue;
		if (remote == NULL || strcmp(remote, k.remote) != 0) {
			rollup_search_free(search);
			free(remote);
			remote = xstrdup(k.remote);
			search = rollup_search_new(ix, r, remote, NULL);
		}
		if (!rollup_has(search, k.writer, &k.id))
			restore_log(r, &k, &rewound);
		free(k.remote);
	}
	if (e == NULL && rewound.n > before)
		e = sync_write_rewound_refs(r, &rewound);
	rollup_search_free(search);
	index_close(ix);
	strvec_release(&lost);
	strvec_release(&rewound);
	free(remote);
	return e;
}

size_t
sync_keep_hidden(struct repo *r, struct index *ix, const struct reflist *logs)
{
	char *path = repo_shared_path(r, "known-logs"), *line, *rest;
	struct buf text = BUF_INIT;
	const struct ref *log;
	struct index_entry entry;
	struct known k;
	size_t kept = 0;
	int made;

	err_free(file_read(path, &text));
	rest = text.p;
	while (text.len > 0 && (line = strsep(&rest, "\n")) != NULL) {
		if (!parse_known(line, &k))
			continue;
		log = reflist_find(logs, k.ref);
		if (log != NULL && !oid_equal(&log->id, &k.id) &&
		    !index_find(ix, &k.id, &entry)) {
			err_free(sync_keep(r, k.remote, k.writer, &k.id,
			    &made));
			kept += (size_t)made;
		}
		free(k.remote);
	}
	buf_release(&text);
	free(path);
	return kept;
}

struct err *
sync_recover(struct repo *r)
{
	struct index *ix = NULL;
	struct err *e;

	if (index_is_current(r))
		return NULL;
	/* It says more than what the index would say of its objects. */
	log_note_damage(r);
	e = index_open(r, &ix);
	index_close(ix);
	return e;
}

/*
 * The list of the logs is written again only where there is news: of this
 * fetch, or of a plain one that the index has seen since.
 */
static int
logs_changed(struct repo *r, const struct sync_report *rep)
{
	char *path = repo_shared_path(r, "known-logs");
	int changed = !index_is_older(r, path);
	size_t i;

	for (i = 0; i < rep->n && !changed; i++)
		changed = strncmp(rep->refs[i].name, "log/", 4) == 0;
	free(path);
	return changed;
}

/*
 * What else was fetched of the writers whose logs a plain fetch pruned, now
 * that the notes of who rolled them up are here.
 */
static struct err *
forget_rolled_up(struct repo *r, struct index *ix,
    const struct sync_report *rep)
{
	struct rollup_search *search = rollup_search_new(ix, r, rep->remote,
	    rep);
	struct strvec lost = STRVEC_INIT;
	struct err *e = sync_list_pruned(r, &lost);
	char *locked = NULL;
	struct known k;
	size_t i;

	for (i = 0; e == NULL && i < lost.n; i++) {
		if (!parse_known(lost.v[i], &k))
			continue;
		if (strcmp(k.remote, rep->remote) == 0 &&
		    rollup_has(search, k.writer, &k.id))
			e = rollup_forget(r, k.remote, k.writer, &k.id,
			    &locked);
		free(k.remote);
	}
	free(locked);
	rollup_search_free(search);
	strvec_release(&lost);
	return e;
}

struct err *
sync_forget_reached(struct repo *r, const char *remote)
{
	struct strvec left = STRVEC_INIT;
	struct err *e = list_left(r, remote, &left);

	if (e == NULL)
		e = write_known(r, remote, &left);
	strvec_release(&left);
	return e;
}

struct err *
sync_remember_logs(struct repo *r, const struct sync_report *rep)
{
	struct index *ix = NULL;
	struct err *e;

	if (!logs_changed(r, rep))
		return NULL;
	/* What was known is compared with what is read now, or never. */
	e = index_open(r, &ix);
	if (e == NULL)
		e = forget_rolled_up(r, ix, rep);
	index_close(ix);
	if (e == NULL)
		e = sync_forget_reached(r, rep->remote);
	return e;
}
