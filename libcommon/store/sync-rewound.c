/* Which logs the last fetch from each remote found rewound; see sync.h. */
#include "store/sync-state.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/file.h"
#include "store/logrefs.h"

static char *
read_file(struct repo *r)
{
	char *path = repo_shared_path(r, "rewound");
	struct buf text = BUF_INIT;

	err_free(file_read(path, &text));
	buf_rtrim(&text);
	free(path);
	return buf_steal(&text);
}

void
sync_rewound_refs(struct repo *r, struct strvec *refs)
{
	char *text = read_file(r), *line, *rest = text;
	char *ref, *remote, *last = NULL;
	const char *name;
	int there = 0;

	while (*text != '\0' && (line = strsep(&rest, "\n")) != NULL) {
		/* Earlier versions did not say of which remote. */
		ref = strncmp(line, "log/", 4) != 0 ? xstrdup(line) :
		    xasprintf("refs/agent-remotes/%s/%s",
		    repo_remote(r) == NULL ? "" : repo_remote(r), line);
		remote = logrefs_remote(ref, &name);
		if (remote != NULL && (last == NULL ||
		    strcmp(last, remote) != 0)) {
			there = repo_has_view(r, remote);
			free(last);
			last = xstrdup(remote);
		}
		if (remote != NULL && there)
			strvec_push(refs, ref);
		free(remote);
		free(ref);
	}
	free(last);
	free(text);
}

/* "log/<writer>", if the ref is that of a log of this remote. */
static const char *
name_at(const char *ref, const char *remote)
{
	const char *name = NULL;
	char *of = logrefs_remote(ref, &name);
	int same = of != NULL && strcmp(of, remote) == 0;

	free(of);
	return same ? name : NULL;
}

char *
sync_rewound(struct repo *r, const char *remote)
{
	struct strvec refs = STRVEC_INIT;
	struct buf text = BUF_INIT;
	const char *name;
	size_t i;

	sync_rewound_refs(r, &refs);
	for (i = 0; i < refs.n; i++) {
		name = name_at(refs.v[i], remote);
		if (name != NULL)
			buf_addf(&text, "%s\n", name);
	}
	buf_rtrim(&text);
	strvec_release(&refs);
	return buf_steal(&text);
}

/* Lines of a remote that is unknown here and may be known elsewhere. */
static void
add_unknown(struct repo *r, struct buf *text)
{
	char *known = read_file(r), *line, *rest = known;
	char *remote, *last = NULL;
	const char *name;
	int stays = 0;

	while (*known != '\0' && (line = strsep(&rest, "\n")) != NULL) {
		remote = logrefs_remote(line, &name);
		if (remote != NULL && (last == NULL ||
		    strcmp(last, remote) != 0)) {
			stays = !repo_has_view(r, remote) &&
			    repo_remembers(r, remote);
			free(last);
			last = xstrdup(remote);
		}
		if (remote != NULL && stays)
			buf_addf(text, "%s\n", line);
		free(remote);
	}
	free(last);
	free(known);
}

struct err *
sync_write_rewound_refs(struct repo *r, const struct strvec *refs)
{
	char *path = repo_shared_path(r, "rewound");
	struct buf text = BUF_INIT;
	struct err *e;
	size_t i;

	add_unknown(r, &text);
	for (i = 0; i < refs->n; i++)
		buf_addf(&text, "%s\n", refs->v[i]);
	e = file_write_cache(path, text.p, text.len);
	buf_release(&text);
	free(path);
	return e;
}

struct err *
sync_write_rewound(struct repo *r, const char *remote, const struct buf *names)
{
	struct strvec before = STRVEC_INIT, refs = STRVEC_INIT;
	char *text = xstrdup(names->p), *line, *rest = text;
	struct err *e;
	size_t i;

	sync_rewound_refs(r, &before);
	for (i = 0; i < before.n; i++)
		if (name_at(before.v[i], remote) == NULL)
			strvec_push(&refs, before.v[i]);
	while ((line = strsep(&rest, "\n")) != NULL)
		if (*line != '\0')
			strvec_pushf(&refs, "refs/agent-remotes/%s/%s",
			    remote, line);
	e = sync_write_rewound_refs(r, &refs);
	strvec_release(&before);
	strvec_release(&refs);
	free(text);
	return e;
}

int
sync_is_listed(const char *list, const char *name)
{
	size_t n = strlen(name);
	const char *p;

	for (p = list; *p != '\0'; p += strcspn(p, "\n"), p += *p == '\n')
		if (strncmp(p, name, n) == 0 && strcspn(p, "\n") == n)
			return 1;
	return 0;
}

int
sync_is_rewound(struct repo *r, const char *remote,
    const struct sync_report *rep, const char *name)
{
	char *known;
	size_t i;
	int found = 0;

	for (i = 0; rep != NULL && i < rep->n && !found; i++)
		found = rep->refs[i].fate == SYNC_REWOUND &&
		    strcmp(rep->refs[i].name, name) == 0;
	if (rep != NULL)
		return found;
	known = sync_rewound(r, remote);
	found = sync_is_listed(known, name);
	free(known);
	return found;
}

static int
name_cmp(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int
has_name(const struct strvec *sorted, char *name)
{
	return sorted->n > 0 && bsearch(&name, sorted->v, sorted->n,
	    sizeof(*sorted->v), name_cmp) != NULL;
}

static void
sort_names(struct strvec *names)
{
	if (names->n > 0)
		qsort(names->v, names->n, sizeof(*names->v), name_cmp);
}

void
sync_doubts_begin(struct sync_doubts *d, struct repo *r, const char *remote)
{
	char *known = sync_rewound(r, remote), *line, *rest = known;

	memset(d, 0, sizeof(*d));
	while ((line = strsep(&rest, "\n")) != NULL)
		if (*line != '\0')
			strvec_push(&d->told, line);
	sort_names(&d->told);
	free(known);
}

void
sync_doubts_release(struct sync_doubts *d)
{
	strvec_release(&d->told);
	strvec_release(&d->last);
	strvec_release(&d->doubted);
}

int
sync_has_doubts(struct sync_doubts *d, const struct sync_report *rep)
{
	struct strvec now = STRVEC_INIT;
	size_t i;

	strvec_release(&d->doubted);
	for (i = 0; i < rep->n; i++) {
		if (rep->refs[i].fate != SYNC_REWOUND)
			continue;
		strvec_push(&now, rep->refs[i].name);
		if (!has_name(&d->told, rep->refs[i].name) &&
		    !has_name(&d->last, rep->refs[i].name))
			strvec_push(&d->doubted, rep->refs[i].name);
	}
	sort_names(&now);
	sort_names(&d->doubted);
	strvec_release(&d->last);
	d->last = now;
	return d->doubted.n > 0;
}

void
sync_drop_doubted(const struct sync_doubts *d, struct sync_report *rep)
{
	size_t i;

	for (i = rep->n; i > 0; i--)
		if (rep->refs[i - 1].fate == SYNC_REWOUND &&
		    has_name(&d->doubted, rep->refs[i - 1].name))
			sync_drop_ref(rep, i - 1);
}

struct err *
sync_view_list(struct repo *r, const char *remote, struct reflist *refs)
{
	char *logs = xasprintf("refs/agent-remotes/%s/log/", remote);
	struct err *e = ref_list(r, logs, refs);

	free(logs);
	return e;
}

void
sync_drop_moved(struct repo *r, struct sync_report *rep,
    const struct reflist *before)
{
	const struct ref *was;
	struct oid now;
	struct err *e;
	char *name;
	size_t i;

	for (i = rep->n; i > 0; i--) {
		if (rep->refs[i - 1].fate != SYNC_REWOUND)
			continue;
		name = xasprintf("refs/agent-remotes/%s/%s", rep->remote,
		    rep->refs[i - 1].name);
		was = reflist_find(before, name);
		e = ref_read(r, name, &now);
		if (e != NULL ? e->code == ERR_NOTFOUND :
		    was == NULL || !oid_equal(&was->id, &now))
			sync_drop_ref(rep, i - 1);
		err_free(e);
		free(name);
	}
}

struct err *
sync_restored(struct repo *r, struct sync_report *rep, const char *name)
{
	char *known = sync_rewound(r, rep->remote), *line, *rest = known;
	struct buf text = BUF_INIT;
	struct err *e = NULL;
	size_t i;
	int had = 0;	/* nothing was lost where it is pushed to */

	for (i = 0; i < rep->n; i++)
		had |= rep->refs[i].pushed &&
		    rep->refs[i].fate == SYNC_UP_TO_DATE &&
		    strcmp(rep->refs[i].name, name) == 0;
	for (i = 0; i < rep->n; i++)
		if (rep->refs[i].fate == SYNC_REWOUND &&
		    strcmp(rep->refs[i].name, name) == 0) {
			rep->refs[i].fate = had ? SYNC_UP_TO_DATE :
			    SYNC_RESTORED;
			free(rep->refs[i].reason);
			rep->refs[i].reason = NULL;
			rep->rewound--;
		}
	if (sync_is_listed(known, name)) {
		while ((line = strsep(&rest, "\n")) != NULL)
			if (*line != '\0' && strcmp(line, name) != 0)
				buf_addf(&text, "%s\n", line);
		e = sync_write_rewound(r, rep->remote, &text);
	}
	buf_release(&text);
	free(known);
	return e;
}
