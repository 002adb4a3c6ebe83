#include "store/sync-state.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/file.h"
#include "store/index.h"
#include "store/notes.h"
#include "store/rollup-search.h"
#include "store/writer.h"

#define REFUSED "refused-by"		/* a file for each remote */
#define UNFETCHED "unfetched-from"

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

void
sync_drop_ref(struct sync_report *rep, size_t i)
{
	rep->rewound -= rep->refs[i].fate == SYNC_REWOUND;
	rep->refused -= rep->refs[i].fate == SYNC_REFUSED &&
	    !rep->refs[i].nobodys;
	ref_release(&rep->refs[i]);
	rep->n--;
	memmove(&rep->refs[i], &rep->refs[i + 1],
	    (rep->n - i) * sizeof(*rep->refs));
}

void
sync_drop_from(struct sync_report *rep, size_t from)
{
	while (rep->n > from)
		sync_drop_ref(rep, rep->n - 1);
}

/* A line of `fetched`: when a remote last answered, and where it was then. */
struct fetched {
	const char *clock, *remote;
	const char *place;	/* "": not known, or it lacked our refspec */
	int64_t when;
};

/* 1 if the line is "<clock> <remote> [<place>]"; it is cut. */
static int
parse_fetched(char *line, struct fetched *f)
{
	char *blank;

	if (strlen(line) <= CLOCK_TEXT_SIZE || line[CLOCK_TEXT_SIZE - 1] != ' ')
		return 0;
	line[CLOCK_TEXT_SIZE - 1] = '\0';
	f->clock = line;
	f->remote = line + CLOCK_TEXT_SIZE;
	f->place = "";
	blank = strchr(f->remote, ' ');
	if (blank != NULL) {
		*blank = '\0';
		f->place = blank + 1;
	}
	return clock_parse(line, &f->when) == 0;
}

/* What stands for its address, which may have a password in it. */
static void
place_of(struct repo *r, const char *remote, char hex[OID_HEX_SIZE])
{
	char *key = xasprintf("remote.%s.url", remote);
	const char *url = repo_config(r, key);
	struct oid id;
	struct err *e;

	hex[0] = '\0';
	if (url != NULL) {
		e = object_hash(OBJECT_BLOB, url, strlen(url), &id);
		if (e == NULL)
			oid_hex(&id, hex);
		err_free(e);
	}
	free(key);
}

int64_t
sync_last(struct repo *r)
{
	char *path = repo_shared_path(r, "fetched"), *line, *rest;
	const char *remote = repo_remote(r);
	struct buf text = BUF_INIT;
	struct fetched f;
	struct stat st;
	int64_t last = 0;

	err_free(file_read(path, &text));
	/* Earlier versions left it empty, of whatever remote it was. */
	if (text.len == 0 && stat(path, &st) == 0)
		last = (int64_t)st.st_mtime * CLOCK_SECOND;
	rest = text.p;
	while (text.len > 0 && remote != NULL &&
	    (line = strsep(&rest, "\n")) != NULL)
		if (parse_fetched(line, &f) && strcmp(f.remote, remote) == 0)
			last = f.when;
	buf_release(&text);
	free(path);
	return last;
}

int
sync_address_changed(struct repo *r, const char *remote)
{
	char *path = repo_shared_path(r, "fetched"), *line, *rest;
	struct buf text = BUF_INIT;
	char place[OID_HEX_SIZE];
	struct fetched f;
	int changed = 0;

	place_of(r, remote, place);
	err_free(file_read(path, &text));
	rest = text.p;
	while (text.len > 0 && (line = strsep(&rest, "\n")) != NULL)
		if (parse_fetched(line, &f) && strcmp(f.remote, remote) == 0)
			changed = *f.place != '\0' && *place != '\0' &&
			    strcmp(f.place, place) != 0;
	buf_release(&text);
	free(path);
	return changed;
}

/*
 * `now`, the line of the remote; NULL: as it was, or, if there was none, that
 * of a remote `old`, which goes.
 */
static struct err *
write_times(struct repo *r, const char *remote, const char *now,
    const char *old)
{
	char *path = repo_shared_path(r, "fetched"), *line, *rest;
	struct buf text = BUF_INIT, lines = BUF_INIT;
	struct buf mine = BUF_INIT, theirs = BUF_INIT;
	struct fetched f;
	struct err *e = NULL;

	err_free(file_read(path, &text));
	rest = text.p;
	while (text.len > 0 && (line = strsep(&rest, "\n")) != NULL) {
		if (!parse_fetched(line, &f))
			continue;
		if (strcmp(f.remote, remote) == 0)
			buf_addf(&mine, "%s %s %s\n", f.clock, remote, f.place);
		else if (old != NULL && strcmp(f.remote, old) == 0)
			buf_addf(&theirs, "%s %s %s\n", f.clock, remote,
			    f.place);
		else if (repo_remembers(r, f.remote))
			buf_addf(&lines, "%s %s %s\n", f.clock, f.remote,
			    f.place);
	}
	buf_addstr(&lines, now != NULL ? now : mine.len > 0 ? mine.p :
	    theirs.len > 0 ? theirs.p : "");
	/* An empty one would say that all have answered now: sync_last(). */
	if (lines.len > 0)
		e = file_write_cache(path, lines.p, lines.len);
	buf_release(&text);
	buf_release(&lines);
	buf_release(&mine);
	buf_release(&theirs);
	free(path);
	return e;
}

struct err *
sync_remember_time(struct repo *r, const char *remote)
{
	char clock[CLOCK_TEXT_SIZE], place[OID_HEX_SIZE] = "", *line;
	struct err *e;

	clock_format(clock_now(), clock);
	if (!repo_lacks_refspec(r, remote))
		place_of(r, remote, place);
	line = xasprintf("%s %s %s\n", clock, remote, place);
	e = write_times(r, remote, line, NULL);
	free(line);
	return e;
}

struct err *
sync_take_time(struct repo *r, const char *remote, const char *old)
{
	return write_times(r, remote, NULL, old);
}

/* Frees the path. */
static char *
read_list(char *path)
{
	struct buf text = BUF_INIT;

	err_free(file_read(path, &text));
	buf_rtrim(&text);
	free(path);
	return buf_steal(&text);
}

/* Earlier versions had files "refused" and "unfetched", of any remote. */
static char *
read_of(struct repo *r, const char *what, const char *remote)
{
	return read_list(repo_remote_path(r, what, remote));
}

static void
write_of(struct repo *r, const char *what, const char *remote,
    const char *text)
{
	char *path = repo_remote_path(r, what, remote);

	if (*text != '\0')
		err_free(file_write_cache(path, text, strlen(text)));
	else
		(void)unlink(path);
	free(path);
}

char *
sync_refused(struct repo *r, const char *remote)
{
	return read_of(r, REFUSED, remote);
}

char *
sync_unfetched(struct repo *r, const char *remote)
{
	return read_of(r, UNFETCHED, remote);
}

/* Only what is asked first, and what --check says of it, depends on it. */
void
sync_write_unfetched(struct repo *r, const char *remote, const char *text)
{
	write_of(r, UNFETCHED, remote, text);
}

void
sync_forget_refusals(struct repo *r, const char *remote)
{
	write_of(r, REFUSED, remote, "");
	write_of(r, UNFETCHED, remote, "");
}

void
sync_remember_push(struct repo *r, const struct sync_report *rep)
{
	struct buf text = BUF_INIT;
	size_t i, pushed = 0;

	for (i = 0; i < rep->n; i++) {
		pushed += rep->refs[i].pushed;
		if (rep->refs[i].by_host || (rep->refs[i].pushed &&
		    rep->refs[i].by_object))
			buf_addf(&text, "%s %s\n", rep->refs[i].target,
			    rep->refs[i].reason == NULL ? "" :
			    rep->refs[i].reason);
	}
	/* Only for `git agent sync --check`: without it, less is known. */
	if (text.len > 0)
		write_of(r, REFUSED, rep->remote, text.p);
	else if (pushed > 0)
		write_of(r, REFUSED, rep->remote, "");
	buf_release(&text);
}

int
sync_is_connected(struct repo *r)
{
	return repo_remote(r) == NULL || sync_last(r) != 0;
}

struct err *
sync_remember_fetch(struct repo *r, const struct sync_report *rep)
{
	struct buf text = BUF_INIT;
	struct err *e;
	size_t i;

	for (i = 0; i < rep->n; i++)
		if (rep->refs[i].fate == SYNC_REWOUND)
			buf_addf(&text, "%s\n", rep->refs[i].name);
	e = sync_write_rewound(r, rep->remote, &text);
	if (e == NULL)
		e = sync_remember_logs(r, rep);
	if (e == NULL)
		e = sync_remember_time(r, rep->remote);
	buf_release(&text);
	return e;
}

void
sync_drop_fetched(struct sync_report *rep)
{
	size_t i;

	for (i = rep->n; i > 0; i--)
		if (rep->refs[i - 1].fate == SYNC_REWOUND ||
		    (rep->refs[i - 1].fate == SYNC_REFUSED &&
		    !rep->refs[i - 1].pushed))
			sync_drop_ref(rep, i - 1);
}

void
sync_drop_below(struct repo *r, struct sync_report *rep)
{
	size_t i;

	for (i = rep->n; i > 0; i--)
		if (rep->refs[i - 1].fate == SYNC_REFUSED &&
		    !rep->refs[i - 1].pushed &&
		    sync_is_below_log(r, rep, &rep->refs[i - 1]))
			sync_drop_ref(rep, i - 1);
}

struct err *
sync_drop_bad_notes(struct repo *r, struct sync_report *rep)
{
	const struct sync_ref *ref;
	struct err *e = NULL;
	struct oid id;
	char *name;
	size_t i;

	for (i = rep->n; e == NULL && i > 0; i--) {
		ref = &rep->refs[i - 1];
		if (ref->pushed || strncmp(ref->name, "notes/", 6) != 0 ||
		    (ref->fate != SYNC_NEW && ref->fate != SYNC_MOVED))
			continue;
		name = xasprintf("refs/notes/agent-remotes/%s/%s",
		    rep->remote, ref->name + strlen("notes/"));
		e = ref_read(r, name, &id);
		if (e == NULL && !notes_ok(r, &id)) {
			e = ref_remove_at(r, name, &id);
			sync_drop_ref(rep, i - 1);
		}
		/* Another process was faster. */
		if (e != NULL && (e->code == ERR_NOTFOUND ||
		    e->code == ERR_MOVED)) {
			err_free(e);
			e = NULL;
		}
		free(name);
	}
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
			sync_drop_ref(rep, i - 1);
}

void
sync_drop_outrun(struct sync_report *rep, size_t from)
{
	size_t i;

	for (i = rep->n; i > from; i--)
		if (rep->refs[i - 1].fate == SYNC_REFUSED &&
		    !rep->refs[i - 1].by_host &&
		    !rep->refs[i - 1].by_object)
			sync_drop_ref(rep, i - 1);
}
