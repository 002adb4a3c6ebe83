#include "work/inbox.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/lock.h"
#include "base/text.h"
#include "store/reader.h"
#include "work/digest.h"
#include "work/entry.h"
#include "work/runstate.h"

#define TEXT_MAX 8000		/* bytes of an instruction that are shown */
#define NAME_COLUMNS 100	/* of who sent it */
#define CLAIM_SECONDS 10

static const char *const folders[] = { "inbox", "claimed", "delivered", NULL };

static char *
path_in(struct repo *r, const char *folder, const char *name)
{
	char *dir = repo_local_path(r, folder);
	char *path = xasprintf("%s/%s", dir, name);

	free(dir);
	return path;
}

/* The clock first: the order of the names is the order of sending. */
static char *
file_name(const struct steer *s)
{
	char hex[OID_HEX_SIZE];

	oid_hex(&s->note.id, hex);
	return xasprintf("%020lld-%s%s", (long long)s->note.clock, hex,
	    s->stop ? ".stop" : "");
}

/* The 40 digits of the id in such a name, or NULL if it is not one (what
 * file.h leaves behind when it is killed, say). */
static const char *
id_in_name(const char *name)
{
	const char *id = name + 21;

	if (strspn(name, "0123456789") != 20 || name[20] != '-' ||
	    strspn(id, "0123456789abcdef") != 40)
		return NULL;
	return id[40] == '\0' || strcmp(id + 40, ".stop") == 0 ? id : NULL;
}

/* The names in a folder, sorted; none if it is not there. */
static void
list_folder(struct repo *r, const char *folder, struct strvec *names)
{
	char *dir = repo_local_path(r, folder);
	struct dirent **found = NULL;
	int i, n;

	n = scandir(dir, &found, NULL, alphasort);
	for (i = 0; i < n; i++) {
		if (id_in_name(found[i]->d_name) != NULL)
			strvec_push(names, found[i]->d_name);
		free(found[i]);
	}
	free(found);
	free(dir);
}

static int
is_anywhere(struct repo *r, const char *name)
{
	size_t i;
	int there = 0;

	for (i = 0; folders[i] != NULL && !there; i++) {
		char *path = path_in(r, folders[i], name);

		there = access(path, F_OK) == 0;
		free(path);
	}
	return there;
}

static void
add_name(struct buf *b, const char *name)
{
	struct buf clean = BUF_INIT;

	text_clean(&clean, name, strlen(name), TEXT_LINE);
	text_fit(b, clean.p, NAME_COLUMNS);
	buf_release(&clean);
}

void
inbox_render(struct repo *r, const struct steer *s, struct buf *b)
{
	char abbrev[OID_HEX_SIZE];
	size_t start, n;
	time_t t = (time_t)(s->note.clock / CLOCK_SECOND);
	struct tm tm;
	char date[32] = "";

	if (gmtime_r(&t, &tm) != NULL)
		strftime(date, sizeof(date), "%Y-%m-%d %H:%M UTC", &tm);
	object_abbrev(r, &s->note.id, abbrev);
	add_name(b, s->note.author);
	buf_addstr(b, " <");
	add_name(b, s->note.mail);
	buf_addf(b, "> pushed this %s to the repository on %s "
	    "(record %s):\n\n", s->stop ? "request to stop" : "instruction",
	    date, abbrev);
	start = b->len;
	text_clean(b, s->note.subject, strlen(s->note.subject), TEXT_LINE);
	if (*s->note.body != '\0') {
		buf_addstr(b, "\n\n");
		text_clean(b, s->note.body, strlen(s->note.body), TEXT_BLOCK);
	}
	if (b->len - start > TEXT_MAX) {
		n = start + TEXT_MAX;
		while (((unsigned char)b->p[n] & 0xC0) == 0x80)
			n--;
		buf_truncate(b, n);
		buf_addf(b, " […]\n\nThe rest: git agent log show %s", abbrev);
	}
	buf_addch(b, '\n');
	if (!s->stop)
		buf_addf(b, "\nWhen you have acted on it, answer:\n"
		    "git agent steer --done %s \"what you did\"\n"
		    "or, with the reason, if it should not be done:\n"
		    "git agent steer --decline %s \"why not\"\n",
		    abbrev, abbrev);
}

static int
has_word(const char *list, const char *word)
{
	return list != NULL && strstr(list, word) != NULL;
}

/* Should this instruction (still) reach the agent of this run? */
static int
is_due(const struct steer *s, const char *run)
{
	if (!steer_is_open(s))
		return 0;
	if (run == NULL)
		return s->state < STEER_DELIVERED && !s->stop;
	/* A request to stop ends the runs of its time, not later ones. */
	if (s->stop && s->note.clock < run_id_time(run))
		return 0;
	return !has_word(s->delivered_runs, run);
}

/*
 * A hook call takes milliseconds: what it claimed so long ago and did not
 * finish, it was killed over.
 */
static void
free_stale_claims(struct repo *r)
{
	struct strvec names = STRVEC_INIT;
	struct stat st;
	size_t i;

	list_folder(r, "claimed", &names);
	for (i = 0; i < names.n; i++) {
		char *from = path_in(r, "claimed", names.v[i]);
		char *to = path_in(r, "inbox", names.v[i]);

		/* rename(2) sets the time of the last change. */
		if (stat(from, &st) == 0 &&
		    time(NULL) - st.st_ctime > CLAIM_SECONDS)
			(void)rename(from, to);
		free(from);
		free(to);
	}
	strvec_release(&names);
}

static struct err *
put(struct repo *r, const struct steer *s, const char *name)
{
	struct buf text = BUF_INIT;
	char *path = path_in(r, "inbox", name);
	struct err *e;

	inbox_render(r, s, &text);
	e = file_write(path, text.p, text.len);
	buf_release(&text);
	free(path);
	return e;
}

/* What waits and is not to be delivered any more, is withdrawn. */
static size_t
withdraw(struct repo *r, const struct strvec *due)
{
	struct strvec names = STRVEC_INIT;
	size_t i, left = 0;

	list_folder(r, "inbox", &names);
	for (i = 0; i < names.n; i++) {
		char *path = path_in(r, "inbox", names.v[i]);

		if (strvec_has(due, names.v[i]))
			left++;
		else
			(void)unlink(path);
		free(path);
	}
	strvec_release(&names);
	return left;
}

/* For the supervisor, which does not read the records while an agent runs. */
static struct err *
note_unfollowed(struct repo *r, const struct steers *list)
{
	char *path = repo_local_path(r, "unfollowed");
	struct buf text = BUF_INIT;
	char hex[OID_HEX_SIZE];
	struct err *e = NULL;
	size_t i;

	for (i = 0; i < list->n; i++) {
		if (!steer_is_unfollowed(&list->v[i]))
			continue;
		oid_hex(&list->v[i].note.id, hex);
		buf_addf(&text, "%s\n", hex);
	}
	if (text.len > 0)
		e = file_write_cache(path, text.p, text.len);
	else
		(void)unlink(path);
	buf_release(&text);
	free(path);
	return e;
}

void
inbox_unfollowed(struct repo *r, struct strvec *ids)
{
	char *path = repo_local_path(r, "unfollowed"), *rest, *line;
	struct buf text = BUF_INIT;

	err_free(file_read(path, &text));
	rest = text.p;
	while (text.len > 0 && (line = strsep(&rest, "\n")) != NULL)
		if (*line != '\0')
			strvec_push(ids, line);
	buf_release(&text);
	free(path);
}

static struct err *
fill(struct repo *r, const struct overview *ov, const char *run,
    struct inbox_report *rep)
{
	const struct steers *list = &ov->steers;
	struct strvec due = STRVEC_INIT;
	struct err *e = NULL;
	size_t i;

	free_stale_claims(r);
	for (i = list->n; e == NULL && i > 0; i--) {
		const struct steer *s = &list->v[i - 1];
		char *name = file_name(s);

		if (is_due(s, run)) {
			strvec_push(&due, name);
			if (s->stop)
				e = runstate_request_stop(r,
				    s->note.subject);
			if (e == NULL && !is_anywhere(r, name))
				e = put(r, s, name);
		}
		free(name);
	}
	if (e == NULL)
		rep->waiting = withdraw(r, &due);
	strvec_release(&due);
	return e;
}

int
inbox_has_delivered(struct repo *r)
{
	struct strvec names = STRVEC_INIT;
	int any;

	list_folder(r, "delivered", &names);
	any = names.n > 0;
	strvec_release(&names);
	return any;
}

/* The subject of the instruction in a file of this name, malloc'd. */
static char *
subject_of(struct repo *r, const char *name)
{
	char hex[OID_HEX_SIZE], *subject = NULL;
	struct record rec;
	struct oid id;

	snprintf(hex, sizeof(hex), "%.40s", id_in_name(name));
	if (oid_parse(hex, &id) == 0) {
		err_free(record_read(r, &id, &rec));
		if (rec.subject != NULL && strcmp(rec.kind, "steer") == 0)
			subject = xstrdup(rec.subject);
		record_release(&rec);
	}
	return subject != NULL ? subject : xstrdup("an instruction");
}

static struct err *
acknowledge(struct repo *r, const char *run, const char *name)
{
	char *subject = subject_of(r, name);
	struct draft d = { .kind = "delivered", .subject = subject };
	struct oid id;
	struct err *e;

	trailers_addf(&d.trailers, "Agent-Steer", "%.40s",
	    id_in_name(name));
	if (run != NULL)
		trailers_add(&d.trailers, "Agent-Run", run);
	e = entry_append(r, &d, &id);
	draft_release(&d);
	free(subject);
	return e;
}

static struct err *
acknowledge_all(struct repo *r, const char *run, struct inbox_report *rep)
{
	struct strvec names = STRVEC_INIT;
	struct err *e = NULL;
	size_t i;

	list_folder(r, "delivered", &names);
	for (i = 0; e == NULL && i < names.n; i++) {
		e = acknowledge(r, run, names.v[i]);
		if (e != NULL)
			break;
		/* Killed just here, it is said twice: harmless. */
		char *path = path_in(r, "delivered", names.v[i]);
		(void)unlink(path);
		free(path);
		rep->acknowledged++;
	}
	strvec_release(&names);
	return e;
}

static struct err *
write_digest(struct repo *r, const struct overview *ov)
{
	char *path = repo_local_path(r, "digest");
	struct buf text = BUF_INIT;
	struct err *e;

	digest_render(r, ov, &text);
	e = file_write_cache(path, text.p, text.len);
	buf_release(&text);
	free(path);
	return e;
}

/*
 * All under one lock, records read inside it: with an older view of the
 * records an acknowledged instruction would be put in again.
 */
struct err *
inbox_update(struct repo *r, const char *run, struct inbox_report *rep)
{
	struct overview ov;
	struct lock lock = LOCK_INIT;
	char *path = repo_local_path(r, "inbox.lock");
	struct err *e;

	memset(rep, 0, sizeof(*rep));
	memset(&ov, 0, sizeof(ov));
	e = repo_make_state(r);
	if (e == NULL)
		e = lock_take(&lock, path, 10000);
	if (e == NULL)
		e = overview_read(r, DIGEST_LIMIT, DIGEST_CHECKS, &ov);
	if (e == NULL)
		e = acknowledge_all(r, run, rep);
	if (e == NULL && rep->acknowledged > 0) {
		overview_release(&ov);
		e = overview_read(r, DIGEST_LIMIT, DIGEST_CHECKS, &ov);
	}
	if (e == NULL)
		e = fill(r, &ov, run, rep);
	if (e == NULL)
		e = note_unfollowed(r, &ov.steers);
	if (e == NULL)
		e = write_digest(r, &ov);
	overview_release(&ov);
	lock_release(&lock);
	free(path);
	return e;
}

struct err *
inbox_unconfirmed(struct repo *r, struct buf *text, struct strvec *names)
{
	struct err *e = NULL;
	size_t f, i, before;

	for (f = 0; e == NULL && f < 2; f++) {
		before = names->n;
		list_folder(r, folders[f], names);
		for (i = before; e == NULL && i < names->n; i++) {
			char *path = path_in(r, folders[f], names->v[i]);

			e = file_read(path, text);
			buf_addch(text, '\n');
			free(path);
		}
	}
	return e;
}

struct err *
inbox_confirm(struct repo *r, const struct strvec *names)
{
	struct err *e = NULL;
	size_t f, i;

	for (i = 0; e == NULL && i < names->n; i++) {
		char *to = path_in(r, "delivered", names->v[i]);
		char *dir = repo_local_path(r, "delivered");

		e = file_mkdirs(dir);
		for (f = 0; e == NULL && f < 2; f++) {
			char *from = path_in(r, folders[f], names->v[i]);

			if (rename(from, to) != 0 && errno != ENOENT)
				e = err_errno("cannot move '%s'", from);
			free(from);
		}
		free(dir);
		free(to);
	}
	return e;
}

struct err *
inbox_answer_stops(struct repo *r, const char *run)
{
	struct draft d;
	struct overview ov;
	struct oid id;
	struct err *e;
	char hex[OID_HEX_SIZE];
	size_t i;

	e = overview_read(r, DIGEST_LIMIT, DIGEST_CHECKS, &ov);
	for (i = 0; e == NULL && i < ov.steers.n; i++) {
		const struct steer *s = &ov.steers.v[i];

		if (!s->stop || s->state != STEER_DELIVERED ||
		    !has_word(s->delivered_runs, run))
			continue;
		memset(&d, 0, sizeof(d));
		d.kind = "answered";
		d.subject = "the run has ended";
		oid_hex(&s->note.id, hex);
		trailers_add(&d.trailers, "Agent-Steer", hex);
		trailers_add(&d.trailers, "Agent-State", "done");
		trailers_add(&d.trailers, "Agent-Run", run);
		e = entry_append(r, &d, &id);
		draft_release(&d);
	}
	overview_release(&ov);
	return e;
}
