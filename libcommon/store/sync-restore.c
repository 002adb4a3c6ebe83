/* What was fetched and is gone from here is put back; see sync.h. */
#include "store/sync-known.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "store/index.h"
#include "store/record.h"
#include "store/rollup-search.h"

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
	char *text = xasprintf("the log '%s' is not here any more as it was "
	    "fetched before, and cannot be put back now: %s", k->ref, e->msg);

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
	if (e != NULL && known_may_come_back(r, &k->id))
		note_left(r, k, e);
	record_release(&rec);
	err_free(e);
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
		if (!known_parse(lost.v[i], &k))
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

/* 1 if the line says just that. */
static int
is_line_of(const char *line, const struct ref *ref)
{
	char hex[OID_HEX_SIZE];

	oid_hex(&ref->id, hex);
	return strncmp(line, hex, OID_HEX_SIZE - 1) == 0 &&
	    strcmp(known_ref(line), ref->name) == 0;
}

/*
 * 1 if the index does not reach where the log was known to be.  It may be a
 * sync that has just moved it there, so the ref is asked once more.
 */
static int
is_hidden(struct repo *r, struct index *ix, const struct known *k,
    const struct ref *log)
{
	struct index_entry entry;
	struct oid now;
	struct err *e;
	int is;

	if (log == NULL || oid_equal(&log->id, &k->id) ||
	    index_find(ix, &k->id, &entry) || !repo_has_view(r, k->remote))
		return 0;
	e = ref_read(r, k->ref, &now);
	is = e == NULL && oid_equal(&now, &log->id);
	err_free(e);
	return is;
}

size_t
sync_keep_hidden(struct repo *r, struct index *ix, const struct reflist *logs)
{
	struct buf text = BUF_INIT;
	const struct ref *log;
	struct known k;
	struct err *e;
	char *line, *rest;
	size_t kept = 0, next = 0;
	int made;

	err_free(known_read(r, &text));
	rest = text.p;
	while (text.len > 0 && (line = strsep(&rest, "\n")) != NULL) {
		/* Both are in the same order, and nearly all are the same. */
		if (next < logs->n && is_line_of(line, &logs->v[next])) {
			next++;
			continue;
		}
		if (!known_parse(line, &k))
			continue;
		log = reflist_find(logs, k.ref);
		if (log != NULL)
			next = (size_t)(log - logs->v) + 1;
		if (is_hidden(r, ix, &k, log)) {
			e = sync_keep(r, k.remote, k.writer, &k.id, &made);
			kept += (size_t)made;
			if (e != NULL && known_may_come_back(r, &k.id))
				note_left(r, &k, e);
			err_free(e);
		}
		free(k.remote);
	}
	buf_release(&text);
	return kept;
}
