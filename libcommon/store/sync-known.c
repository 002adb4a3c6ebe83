/* The logs that the last fetch left here, so that none is lost; see sync.h. */
#include "store/sync-state.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/file.h"
#include "store/index.h"
#include "store/record.h"
#include "store/rollup-search.h"
#include "store/rollup.h"
#include "store/writer-name.h"

/* "<hex> <ref>" for each log fetched from the remote, in the refs' order. */
static struct err *
write_known(struct repo *r, const char *remote)
{
	char *path = repo_shared_path(r, "known-logs");
	char *prefix = xasprintf("refs/agent-remotes/%s/log/", remote);
	struct reflist refs = REFLIST_INIT;
	struct buf text = BUF_INIT;
	char hex[OID_HEX_SIZE];
	struct err *e;
	size_t i;

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
	if (e == NULL)
		e = file_write_cache(path, text.p, text.len);
	reflist_release(&refs);
	buf_release(&text);
	free(prefix);
	free(path);
	return e;
}

static int
ref_name_cmp(const void *name, const void *ref)
{
	return strcmp(name, ((const struct ref *)ref)->name);
}

/* "log/<writer>", of the full name of a log fetched from our remote. */
static const char *
short_name(struct repo *r, const char *name)
{
	return name + strlen("refs/agent-remotes/") +
	    strlen(repo_remote(r)) + 1;
}

/* The fetched log `name` is gone from here: back to where it was. */
static struct err *
restore_log(struct repo *r, const char *name, const struct oid *id,
    struct buf *rewound)
{
	const char *log = short_name(r, name);
	struct record rec;
	struct err *e = record_read(r, id, &rec);

	if (e != NULL && e->code == ERR_INPUT) {
		err_free(e);
		e = NULL;
	}
	if (e == NULL)
		e = ref_swap(r, name, NULL, id);
	if (e == NULL && !sync_is_listed(rewound->p, log))
		buf_addf(rewound, "%s\n", log);
	record_release(&rec);
	return e;
}

/* 1 and the object's name, if the line is "<hex> <a ref below prefix>". */
static int
parse_known(const char *line, const char *prefix, struct oid *id)
{
	char hex[OID_HEX_SIZE];

	if (strlen(line) < OID_HEX_SIZE)
		return 0;
	memcpy(hex, line, OID_HEX_SIZE - 1);
	hex[OID_HEX_SIZE - 1] = '\0';
	return oid_parse(hex, id) == 0 &&
	    strncmp(line + OID_HEX_SIZE, prefix, strlen(prefix)) == 0;
}

struct err *
sync_list_pruned(struct repo *r, struct strvec *lost)
{
	char *path = repo_shared_path(r, "known-logs"), *line, *rest;
	struct reflist refs = REFLIST_INIT;
	struct buf known = BUF_INIT;
	char *prefix = NULL;
	struct oid id;
	struct err *e = NULL;

	err_free(file_read(path, &known));
	if (known.len == 0 || repo_remote(r) == NULL)
		goto done;
	prefix = xasprintf("refs/agent-remotes/%s/log/", repo_remote(r));
	e = ref_list(r, prefix, &refs);
	rest = known.p;
	while (e == NULL && (line = strsep(&rest, "\n")) != NULL)
		if (parse_known(line, prefix, &id) && (refs.n == 0 ||
		    bsearch(line + OID_HEX_SIZE, refs.v, refs.n,
		    sizeof(*refs.v), ref_name_cmp) == NULL))
			strvec_push(lost, line);
done:
	reflist_release(&refs);
	buf_release(&known);
	free(prefix);
	free(path);
	return e;
}

struct err *
sync_restore_pruned(struct repo *r)
{
	char *said = sync_rewound(r);
	struct strvec lost = STRVEC_INIT;
	struct buf rewound = BUF_INIT;
	struct rollup_search *search;
	struct index *ix = NULL;
	struct oid id;
	struct err *e;
	size_t before, i;

	buf_addf(&rewound, "%s%s", said, *said == '\0' ? "" : "\n");
	before = rewound.len;
	e = sync_list_pruned(r, &lost);
	if (e == NULL && lost.n > 0)
		e = index_open_plain(r, &ix);
	search = rollup_search_new(ix, r, repo_remote(r), NULL);
	for (i = 0; e == NULL && i < lost.n; i++) {
		const char *name = lost.v[i] + OID_HEX_SIZE;

		if (!parse_known(lost.v[i], "", &id) ||
		    rollup_has(search, short_name(r, name) + strlen("log/"),
		    &id))
			continue;
		/* Beyond help if git has collected the objects by now. */
		err_free(restore_log(r, name, &id, &rewound));
	}
	if (e == NULL && rewound.len > before)
		e = sync_write_rewound(r, &rewound);
	rollup_search_free(search);
	index_close(ix);
	strvec_release(&lost);
	buf_release(&rewound);
	free(said);
	return e;
}

/*
 * Find a known log among those that are here; NULL if it is not, or if the
 * line is none.  Its tip as it was goes to *id.
 */
static const struct ref *
find_known(const char *line, const char *prefix, const struct reflist *logs,
    struct oid *id)
{
	if (logs->n == 0 || !parse_known(line, prefix, id) ||
	    !writer_name_ok(strrchr(line, '/') + 1))
		return NULL;
	return bsearch(line + OID_HEX_SIZE, logs->v, logs->n,
	    sizeof(*logs->v), ref_name_cmp);
}

struct err *
sync_keep(struct repo *r, const char *remote, const char *writer,
    const struct oid *id, int *made)
{
	char hex[OID_HEX_SIZE], *name;
	struct record rec;
	struct err *e;

	*made = 0;
	oid_hex(id, hex);
	name = xasprintf("refs/agent-remotes/%s/kept/%s/log/%s", remote, hex,
	    writer);
	e = record_read(r, id, &rec);
	if (e == NULL || rec.parent_count > 0) {
		err_free(e);
		e = ref_swap(r, name, NULL, id);
		*made = e == NULL;
	}
	/* It is there already, or leads nowhere. */
	if (e != NULL && (e->code == ERR_MOVED || e->code == ERR_INPUT)) {
		err_free(e);
		e = NULL;
	}
	record_release(&rec);
	free(name);
	return e;
}

size_t
sync_keep_hidden(struct repo *r, struct index *ix, const struct reflist *logs)
{
	const char *remote = repo_remote(r);
	char *path = repo_shared_path(r, "known-logs"), *line, *rest, *prefix;
	struct buf known = BUF_INIT;
	const struct ref *log;
	struct index_entry entry;
	struct oid id;
	size_t kept = 0;
	int made;

	prefix = xasprintf("refs/agent-remotes/%s/log/",
	    remote == NULL ? "" : remote);
	err_free(file_read(path, &known));
	rest = known.p;
	while (known.len > 0 && (line = strsep(&rest, "\n")) != NULL) {
		log = find_known(line, prefix, logs, &id);
		if (log != NULL && !oid_equal(&log->id, &id) &&
		    !index_find(ix, &id, &entry)) {
			err_free(sync_keep(r, remote, strrchr(line, '/') + 1,
			    &id, &made));
			kept += (size_t)made;
		}
	}
	buf_release(&known);
	free(prefix);
	free(path);
	return kept;
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
	const char *writer;
	struct oid id;
	size_t i;

	for (i = 0; e == NULL && i < lost.n; i++) {
		writer = strrchr(lost.v[i], '/') + 1;
		if (parse_known(lost.v[i], "", &id) &&
		    writer_name_ok(writer) &&
		    rollup_has(search, writer, &id))
			e = rollup_forget(r, rep->remote, writer, &id);
	}
	rollup_search_free(search);
	strvec_release(&lost);
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
		e = write_known(r, rep->remote);
	return e;
}
