/* The logs that the last fetch left here, so that none is lost; see sync.h. */
#include "store/sync-known.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "store/barred.h"
#include "store/logrefs.h"
#include "store/rollup-search.h"
#include "store/rollup.h"
#include "store/writer-name.h"

/* The logs of a remote that are here. */
struct here {
	const char *remote;
	struct reflist refs;
};

static struct err *
list_here(struct repo *r, const char *remote, struct reflist *refs)
{
	char *prefix = xasprintf("refs/agent-remotes/%s/log/", remote);
	struct err *e = ref_list(r, prefix, refs);

	free(prefix);
	return e;
}

/* The lines of a remote follow each other. */
struct view {
	char *remote;		/* of the last line; NULL: none yet */
	int there;		/* logs are fetched from it still */
	struct reflist listed;
	const struct reflist *refs;	/* that are here, if asked for */
};

#define VIEW_INIT { NULL, 0, REFLIST_INIT, NULL }

static void
view_release(struct view *v)
{
	reflist_release(&v->listed);
	free(v->remote);
	v->remote = NULL;
	v->refs = NULL;
}

/* 1 if the line is of another remote than the last one. */
static int
view_begin(struct view *v, const char *remote)
{
	if (v->remote != NULL && strcmp(v->remote, remote) == 0)
		return 0;
	view_release(v);
	v->remote = xstrdup(remote);
	return 1;
}

/* Of one remote it may be known what is here. */
static struct err *
view_list(struct repo *r, struct view *v, const char *remote,
    const struct here *known)
{
	if (!view_begin(v, remote))
		return NULL;
	v->there = repo_has_view(r, remote);
	v->refs = &v->listed;
	if (known != NULL && strcmp(known->remote, remote) == 0)
		v->refs = &known->refs;
	else if (v->there)
		return list_here(r, remote, &v->listed);
	return NULL;
}

/* What is known of other remotes, as long as they may be there. */
static void
keep_others(struct repo *r, const char *remote, struct buf *text)
{
	char *own = xasprintf("refs/agent-remotes/%s/log/", remote);
	struct buf known = BUF_INIT;
	struct view v = VIEW_INIT;
	size_t own_len = strlen(own);
	struct known k;
	char *line, *rest;

	err_free(known_read(r, &known));
	rest = known.p;
	while (known.len > 0 && (line = strsep(&rest, "\n")) != NULL) {
		/* As nearly all of them do. */
		if (strncmp(known_ref(line), own, own_len) == 0)
			continue;
		if (!known_parse(line, &k))
			continue;
		if (strcmp(k.remote, remote) != 0) {
			if (view_begin(&v, k.remote))
				v.there = repo_remembers(r, k.remote);
			if (v.there)
				buf_addf(text, "%s\n", line);
		}
		free(k.remote);
	}
	view_release(&v);
	buf_release(&known);
	free(own);
}

int
known_may_come_back(struct repo *r, const struct oid *id)
{
	char *barred = NULL, *remedy = NULL;
	int may = object_is_here(r, id);

	if (!may)
		barred = objects_barred(r, &remedy);
	may |= barred != NULL;
	free(barred);
	free(remedy);
	return may;
}

/* 1 if it was kept beside its place, as that cannot be had just now. */
static int
is_aside(struct repo *r, const struct known *k)
{
	char *name = sync_kept_name(k->remote, k->writer, &k->id);
	struct oid id;
	struct err *e = ref_read(r, name, &id);
	int is = e == NULL;

	err_free(e);
	free(name);
	return is;
}

/*
 * Of lost logs the lines of those of `remote` whose records no other log has,
 * and that may come back; with `aside`, also of those that were kept aside and
 * whose place is to have them again.
 */
static struct err *
list_left(struct repo *r, const char *remote, const struct strvec *lost,
    int aside, struct strvec *left)
{
	struct index_entry entry;
	struct index *ix = NULL;
	struct known k;
	struct err *e = lost->n == 0 ? NULL : index_open_plain(r, &ix);
	size_t i;

	for (i = 0; e == NULL && i < lost->n; i++) {
		if (!known_parse(lost->v[i], &k))
			continue;
		if (strcmp(k.remote, remote) == 0 && ((aside &&
		    is_aside(r, &k)) || (!index_find(ix, &k.id, &entry) &&
		    known_may_come_back(r, &k.id))))
			strvec_push(left, lost->v[i]);
		free(k.remote);
	}
	index_close(ix);
	return e;
}

/* The same as lines of a remote of the name `now`. */
static struct err *
rename_left(struct repo *r, const char *remote, const char *now,
    struct buf *text)
{
	struct strvec lost = STRVEC_INIT, left = STRVEC_INIT;
	struct err *e = sync_list_pruned(r, &lost);
	struct known k;
	size_t i;

	if (e == NULL)
		e = list_left(r, remote, &lost, 0, &left);
	for (i = 0; e == NULL && i < left.n; i++)
		if (known_parse(left.v[i], &k)) {
			buf_addf(text, "%.*s refs/agent-remotes/%s/log/%s\n",
			    OID_HEX_SIZE - 1, left.v[i], now, k.writer);
			free(k.remote);
		}
	strvec_release(&lost);
	strvec_release(&left);
	return e;
}

struct err *
sync_forget_logs(struct repo *r, const char *remote, const char *now)
{
	struct buf text = BUF_INIT, none = BUF_INIT;
	struct err *e;

	keep_others(r, remote, &text);
	e = rename_left(r, remote, now, &text);
	if (e == NULL)
		e = known_replace(r, &text, NULL);
	if (e == NULL)
		e = sync_write_rewound(r, remote, &none);
	buf_release(&text);
	return e;
}

/*
 * "<hex> <ref>" for each log of the remote that is here, in the refs' order,
 * and the lines of those that are not, and may yet come back.
 */
static struct err *
write_known(struct repo *r, const struct here *here,
    const struct strvec *left, struct index *ix)
{
	size_t i, folder = strlen("refs/agent-remotes//log/") +
	    strlen(here->remote);
	struct buf text = BUF_INIT;
	char hex[OID_HEX_SIZE];
	struct err *e;

	keep_others(r, here->remote, &text);
	for (i = 0; i < here->refs.n; i++) {
		/* Nobody reads it, and it may be in the way of a log. */
		if (!writer_name_ok(here->refs.v[i].name + folder))
			continue;
		oid_hex(&here->refs.v[i].id, hex);
		buf_addstr(&text, hex);
		buf_addch(&text, ' ');
		buf_addstr(&text, here->refs.v[i].name);
		buf_addch(&text, '\n');
	}
	for (i = 0; i < left->n; i++)
		buf_addf(&text, "%s\n", left->v[i]);
	e = known_replace(r, &text, ix);
	buf_release(&text);
	return e;
}

/* `known` may say which logs of one remote are here. */
static struct err *
list_pruned(struct repo *r, const struct here *known, struct strvec *lost)
{
	struct buf text = BUF_INIT;
	struct view v = VIEW_INIT;
	const struct ref *here;
	struct err *e = NULL;
	char *line, *rest;
	struct known k;
	size_t next = 0;	/* of the refs that are here */

	err_free(known_read(r, &text));
	rest = text.p;
	while (e == NULL && text.len > 0 &&
	    (line = strsep(&rest, "\n")) != NULL) {
		/* Both are in the same order, and nearly all are here. */
		if (v.refs != NULL && next < v.refs->n &&
		    strcmp(known_ref(line), v.refs->v[next].name) == 0) {
			next++;
			continue;
		}
		if (!known_parse(line, &k))
			continue;
		e = view_list(r, &v, k.remote, known);
		here = e != NULL ? NULL : reflist_find(v.refs, k.ref);
		if (here != NULL)
			next = (size_t)(here - v.refs->v) + 1;
		else if (e == NULL && v.there)
			strvec_push(lost, line);
		free(k.remote);
	}
	view_release(&v);
	buf_release(&text);
	return e;
}

struct err *
sync_list_pruned(struct repo *r, struct strvec *lost)
{
	return list_pruned(r, NULL, lost);
}

int
sync_lacks_known(struct repo *r, const struct reflist *logs)
{
	struct buf text = BUF_INIT;
	struct err *e = known_read(r, &text);
	int lacks = e != NULL && e->code != ERR_NOTFOUND;
	const struct ref *here;
	struct known k;
	char *line, *rest;
	size_t next = 0;

	rest = text.p;
	while (!lacks && text.len > 0 &&
	    (line = strsep(&rest, "\n")) != NULL) {
		/* As in list_pruned(). */
		if (next < logs->n &&
		    strcmp(known_ref(line), logs->v[next].name) == 0) {
			next++;
			continue;
		}
		if (!known_parse(line, &k))
			continue;
		here = reflist_find(logs, k.ref);
		lacks = here == NULL;
		if (here != NULL)
			next = (size_t)(here - logs->v) + 1;
		free(k.remote);
	}
	err_free(e);
	buf_release(&text);
	return lacks;
}

/*
 * The list of the logs is written again only where there is news: of this
 * fetch, or of a plain one that the index has seen since.
 */
static int
logs_changed(struct repo *r, const struct sync_report *rep)
{
	int changed = !known_is_newer(r);
	size_t i;

	for (i = 0; i < rep->n && !changed; i++)
		changed = strncmp(rep->refs[i].name, "log/", 4) == 0;
	return changed;
}

/*
 * What else was fetched of the writers whose logs a plain fetch pruned, now
 * that the notes of who rolled them up are here.
 */
static struct err *
forget_rolled_up(struct repo *r, struct index *ix,
    const struct sync_report *rep, const struct strvec *lost)
{
	struct rollup_search *search = rollup_search_new(ix, r, rep->remote,
	    rep);
	struct err *e = NULL;
	char *locked = NULL;
	struct known k;
	size_t i;

	for (i = 0; e == NULL && i < lost->n; i++) {
		if (!known_parse(lost->v[i], &k))
			continue;
		if (strcmp(k.remote, rep->remote) == 0 &&
		    rollup_has(search, k.writer, &k.id))
			e = rollup_forget(r, k.remote, k.writer, &k.id,
			    &locked);
		free(k.remote);
	}
	free(locked);
	rollup_search_free(search);
	return e;
}

/* With `rep`, after a fetch; `ix` is that of what is here now. */
static struct err *
remember(struct repo *r, const char *remote, struct index *ix,
    const struct sync_report *rep)
{
	struct here here = { remote, REFLIST_INIT };
	struct strvec lost = STRVEC_INIT, left = STRVEC_INIT;
	struct err *e = list_here(r, remote, &here.refs);

	if (e == NULL)
		e = list_pruned(r, &here, &lost);
	if (e == NULL && rep != NULL)
		e = forget_rolled_up(r, ix, rep, &lost);
	if (e == NULL)
		e = list_left(r, remote, &lost, rep != NULL, &left);
	if (e == NULL)
		e = write_known(r, &here, &left, ix);
	reflist_release(&here.refs);
	strvec_release(&lost);
	strvec_release(&left);
	return e;
}

struct err *
sync_forget_reached(struct repo *r, const char *remote)
{
	return remember(r, remote, NULL, NULL);
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
	if (e == NULL && !known_follow(r, ix))
		e = remember(r, rep->remote, ix, rep);
	index_close(ix);
	return e;
}
