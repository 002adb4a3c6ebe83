#include "store/sync-state.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/file.h"
#include "store/index.h"
#include "store/rollup-search.h"
#include "store/writer.h"

static void
ref_release(struct sync_ref *ref)
{
	free(ref->name);
	free(ref->reason);
	free(ref->target);
}

void
sync_report_release(struct sync_report *rep)
{
	size_t i;

	for (i = 0; i < rep->n; i++)
		ref_release(&rep->refs[i]);
	free(rep->refs);
	strvec_release(&rep->present);
	free(rep->remote);
	free(rep->prefix);
	free(rep->words);
	free(rep->problem);
	free(rep->renewed);
	memset(rep, 0, sizeof(*rep));
}

static void
drop_ref(struct sync_report *rep, size_t i)
{
	rep->rewound -= rep->refs[i].fate == SYNC_REWOUND;
	rep->refused -= rep->refs[i].fate == SYNC_REFUSED;
	ref_release(&rep->refs[i]);
	rep->n--;
	memmove(&rep->refs[i], &rep->refs[i + 1],
	    (rep->n - i) * sizeof(*rep->refs));
}

int64_t
sync_last(struct repo *r)
{
	char *path = repo_shared_path(r, "fetched");
	struct stat st;
	int64_t when = 0;

	if (stat(path, &st) == 0)
		when = (int64_t)st.st_mtime * CLOCK_SECOND;
	free(path);
	return when;
}

static char *
read_list(struct repo *r, const char *name)
{
	char *path = repo_shared_path(r, name);
	struct buf text = BUF_INIT;

	err_free(file_read(path, &text));
	buf_rtrim(&text);
	free(path);
	return buf_steal(&text);
}

char *
sync_rewound(struct repo *r)
{
	return read_list(r, "rewound");
}

char *
sync_refused(struct repo *r)
{
	return read_list(r, "refused");
}

void
sync_remember_push(struct repo *r, const struct sync_report *rep)
{
	char *path = repo_shared_path(r, "refused");
	struct buf text = BUF_INIT;
	size_t i, pushed = 0;

	for (i = 0; i < rep->n; i++) {
		pushed += rep->refs[i].pushed;
		if (rep->refs[i].by_host)
			buf_addf(&text, "%s %s\n", rep->refs[i].target,
			    rep->refs[i].reason == NULL ? "" :
			    rep->refs[i].reason);
	}
	/* Only for `git agent sync --check`: without it, less is known. */
	if (text.len > 0)
		err_free(file_write_cache(path, text.p, text.len));
	else if (pushed > 0)
		(void)unlink(path);
	buf_release(&text);
	free(path);
}

int
sync_is_connected(struct repo *r)
{
	return repo_remote(r) == NULL || sync_last(r) != 0;
}

struct err *
sync_write_rewound(struct repo *r, const struct buf *text)
{
	char *path = repo_shared_path(r, "rewound");
	struct err *e = file_write_cache(path, text->p, text->len);

	free(path);
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

struct err *
sync_remember_fetch(struct repo *r, const struct sync_report *rep)
{
	char *fetched = repo_shared_path(r, "fetched");
	struct buf text = BUF_INIT;
	struct err *e;
	size_t i;

	for (i = 0; i < rep->n; i++)
		if (rep->refs[i].fate == SYNC_REWOUND)
			buf_addf(&text, "%s\n", rep->refs[i].name);
	e = sync_write_rewound(r, &text);
	if (e == NULL)
		e = sync_remember_logs(r, rep);
	if (e == NULL)
		e = file_write_cache(fetched, "", 0);
	buf_release(&text);
	free(fetched);
	return e;
}

int
sync_is_rewound(struct repo *r, const struct sync_report *rep, const char *name)
{
	char *known = NULL, *line, *rest;
	size_t i;
	int found = 0;

	for (i = 0; rep != NULL && i < rep->n && !found; i++)
		found = rep->refs[i].fate == SYNC_REWOUND &&
		    strcmp(rep->refs[i].name, name) == 0;
	if (rep != NULL)
		return found;
	rest = known = sync_rewound(r);
	while (!found && (line = strsep(&rest, "\n")) != NULL)
		found = strcmp(line, name) == 0;
	free(known);
	return found;
}

int
sync_rewound_is_news(struct repo *r, const struct sync_report *rep)
{
	char *known;
	size_t i;
	int news = 0;

	if (rep->rewound == 0)
		return 0;
	known = sync_rewound(r);
	for (i = 0; i < rep->n && !news; i++)
		news = rep->refs[i].fate == SYNC_REWOUND &&
		    !sync_is_listed(known, rep->refs[i].name);
	free(known);
	return news;
}

void
sync_drop_fetched(struct sync_report *rep)
{
	size_t i;

	for (i = rep->n; i > 0; i--)
		if (rep->refs[i - 1].fate == SYNC_REWOUND ||
		    (rep->refs[i - 1].fate == SYNC_REFUSED &&
		    !rep->refs[i - 1].pushed))
			drop_ref(rep, i - 1);
}

void
sync_drop_below(struct repo *r, struct sync_report *rep)
{
	size_t i;

	for (i = rep->n; i > 0; i--)
		if (rep->refs[i - 1].fate == SYNC_REFUSED &&
		    !rep->refs[i - 1].pushed &&
		    sync_is_below_log(r, rep, &rep->refs[i - 1]))
			drop_ref(rep, i - 1);
}

struct err *
sync_restored(struct repo *r, struct sync_report *rep, const char *name)
{
	char *known = sync_rewound(r), *line, *rest = known;
	struct buf text = BUF_INIT;
	struct err *e = NULL;
	size_t i;

	for (i = 0; i < rep->n; i++)
		if (rep->refs[i].fate == SYNC_REWOUND &&
		    strcmp(rep->refs[i].name, name) == 0) {
			rep->refs[i].fate = SYNC_RESTORED;
			rep->rewound--;
		}
	if (sync_is_listed(known, name)) {
		while ((line = strsep(&rest, "\n")) != NULL)
			if (*line != '\0' && strcmp(line, name) != 0)
				buf_addf(&text, "%s\n", line);
		e = sync_write_rewound(r, &text);
	}
	buf_release(&text);
	free(known);
	return e;
}

void
sync_drop_refused_log(struct sync_report *rep, const char *writer)
{
	size_t i;

	for (i = rep->n; i > 0; i--)
		if (rep->refs[i - 1].fate == SYNC_REFUSED &&
		    rep->refs[i - 1].pushed &&
		    strncmp(rep->refs[i - 1].name, "log/", 4) == 0 &&
		    strcmp(rep->refs[i - 1].name + 4, writer) == 0)
			drop_ref(rep, i - 1);
}

void
sync_drop_outrun(struct sync_report *rep, size_t from)
{
	size_t i;

	for (i = rep->n; i > from; i--)
		if (rep->refs[i - 1].fate == SYNC_REFUSED &&
		    !rep->refs[i - 1].by_host)
			drop_ref(rep, i - 1);
}

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

struct err *
sync_unpushed(struct repo *r, struct oidset *ids)
{
	const char *remote = repo_remote(r);
	struct rollup_search *search = NULL;
	struct index *ix = NULL;
	struct oidset tips = OIDSET_INIT;
	char *ref = NULL;
	struct oid at;
	struct err *e;

	e = remote == NULL ? NULL : writer_log(r, &ref);
	if (e != NULL || ref == NULL)
		return e;
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
	free(ref);
	return e;
}
