#include "store/sync-state.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/file.h"
#include "store/index.h"
#include "store/rollup.h"
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

static struct err *
write_rewound(struct repo *r, const struct buf *text)
{
	char *path = repo_shared_path(r, "rewound");
	struct err *e = file_write_cache(path, text->p, text->len);

	free(path);
	return e;
}

/* 1 if the list, one name a line, has this name. */
static int
is_listed(const char *list, const char *name)
{
	size_t n = strlen(name);
	const char *p;

	for (p = list; *p != '\0'; p += strcspn(p, "\n"), p += *p == '\n')
		if (strncmp(p, name, n) == 0 && strcspn(p, "\n") == n)
			return 1;
	return 0;
}

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
		oid_hex(&refs.v[i].id, hex);
		buf_addf(&text, "%s %s\n", hex, refs.v[i].name);
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

/* The fetched log `name` is gone from here: back to where it was. */
static struct err *
restore_log(struct repo *r, const char *name, const struct oid *id,
    struct buf *rewound)
{
	struct record rec;
	struct err *e = record_read(r, id, &rec);

	if (e != NULL && e->code == ERR_INPUT) {
		err_free(e);
		e = NULL;
	}
	if (e == NULL)
		e = ref_swap(r, name, NULL, id);
	if (e == NULL && !is_listed(rewound->p, strstr(name, "/log/") + 1))
		buf_addf(rewound, "%s\n", strstr(name, "/log/") + 1);
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
	struct index *ix = NULL;
	struct oid id;
	struct err *e;
	size_t before, i;

	buf_addf(&rewound, "%s%s", said, *said == '\0' ? "" : "\n");
	before = rewound.len;
	e = sync_list_pruned(r, &lost);
	if (e == NULL && lost.n > 0)
		e = index_open_plain(r, &ix);
	for (i = 0; e == NULL && i < lost.n; i++) {
		const char *name = lost.v[i] + OID_HEX_SIZE;

		if (!parse_known(lost.v[i], "", &id) ||
		    rollup_has(ix, r, repo_remote(r), NULL,
		    strstr(name, "/log/") + 5, &id))
			continue;
		/* Beyond help if git has collected the objects by now. */
		err_free(restore_log(r, name, &id, &rewound));
	}
	if (e == NULL && rewound.len > before)
		e = write_rewound(r, &rewound);
	index_close(ix);
	strvec_release(&lost);
	buf_release(&rewound);
	free(said);
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
	e = write_rewound(r, &text);
	if (e == NULL && logs_changed(r, rep))
		e = write_known(r, rep->remote);
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
		    !is_listed(known, rep->refs[i].name);
	free(known);
	return news;
}

void
sync_drop_rewound(struct sync_report *rep)
{
	size_t i;

	for (i = rep->n; i > 0; i--)
		if (rep->refs[i - 1].fate == SYNC_REWOUND)
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
	if (is_listed(known, name)) {
		while ((line = strsep(&rest, "\n")) != NULL)
			if (*line != '\0' && strcmp(line, name) != 0)
				buf_addf(&text, "%s\n", line);
		e = write_rewound(r, &text);
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
	while (e == NULL && !oid_is_zero(&at) && !oidset_has(&tips, &at) &&
	    !rollup_is_at(ix, r, remote, NULL, &at) && oidset_add(ids, &at))
		step_back(r, &at);
done:
	index_close(ix);
	oidset_release(&tips);
	free(ref);
	return e;
}
