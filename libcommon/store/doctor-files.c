/* Files: git's locks, what a killed process left, refs and state. */
#include "store/doctor-parts.h"

#include <ctype.h>
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/shell.h"
#include "store/busy.h"
#include "store/index-file.h"
#include "store/pack.h"
#include "store/sync-known.h"
#include "store/transfer-explain.h"
#include "store/writer.h"

#define REF_FILE_MAX 4096

struct look {
	struct repo *repo;
	struct diagnosis *d;
	int folders;		/* how deep we are */
	int locks_only;		/* the refs there are of no use to us */
};

/* How long ago the file changed, in seconds; -1: it is gone. */
static int64_t
age_of(const char *path, struct stat *st)
{
	if (lstat(path, st) != 0 || !S_ISREG(st->st_mode))
		return -1;
	return (int64_t)(time(NULL) - st->st_mtime);
}

static void
look_at_lock(struct look *l, const char *path)
{
	struct buf age = BUF_INIT;
	struct stat st;
	int64_t seconds = age_of(path, &st);
	char *busy;

	if (seconds < DOCTOR_FRESH)
		return;
	clock_duration(&age, seconds * CLOCK_SECOND);
	busy = busy_who(l->repo, &st);
	diagnosis_add(l->d, DOCTOR_STALE_LOCK, path, xasprintf("git's lock, "
	    "which does not say whose it is, is there for %s; %s%s", age.p,
	    busy == NULL ? "no git is at work here on this machine" : busy,
	    busy == NULL ? "" : " may hold it"),
	    shell_format("rm -f %s", path),
	    busy != NULL || seconds < DOCTOR_LOCK_AGE ? NULL :
	    xstrdup("remove it"));
	free(busy);
	buf_release(&age);
}

/* What the file of a ref is, if not 40 digits and a line's end; or NULL. */
static const char *
not_a_ref(const char *path)
{
	const char *what = "no ref, as after a power loss";
	struct buf b = BUF_INIT;
	struct err *e;
	struct stat st;

	if (lstat(path, &st) != 0)
		return NULL;
	if (S_ISLNK(st.st_mode))
		return "a link";
	if (!S_ISREG(st.st_mode) || st.st_size > REF_FILE_MAX)
		return NULL;
	e = file_read(path, &b);
	if (e != NULL)		/* by its permissions, see doctor-denied.c */
		what = NULL;
	else if (b.len == 0)
		what = "empty, as after a power loss";
	else if (strncmp(b.p, "ref:", 4) == 0)
		what = "a symbolic ref, which no ref of records is";
	else if (b.len >= 40 && strspn(b.p, "0123456789abcdef") == 40 &&
	    (b.len == 40 || isspace((unsigned char)b.p[40])))
		what = NULL;
	err_free(e);
	buf_release(&b);
	return what;
}

static void
look_at_ref(struct look *l, const char *path)
{
	const char *name = path + strlen(repo_commondir(l->repo)) + 1;
	int own = strncmp(name, LOG_PREFIX, strlen(LOG_PREFIX)) == 0;
	const char *what = not_a_ref(path);

	if (what == NULL)
		return;
	diagnosis_add(l->d, DOCTOR_DAMAGED_REF, name, xasprintf("its file is "
	    "%s; git can neither fetch nor push, or not as it should", what),
	    xstrdup("git agent sync --repair"), xstrdup(own ?
	    "set the file aside, and go on from the newest record of this "
	    "log that is whole" : "set the file aside, and fetch or make it "
	    "again"));
}

static void
look_at_reflogs(struct look *l, const char *folder)
{
	size_t n = strlen(repo_commondir(l->repo)) + 1, i;
	char *path = ref_reflog_in_the_way(l->repo, folder);
	int told = 0;

	/* One of these folders may be in another. */
	for (i = 0; path != NULL && i < l->d->n; i++)
		told |= strcmp(l->d->v[i].subject, path + n) == 0;
	if (path != NULL && !told)
		diagnosis_add(l->d, DOCTOR_DAMAGED_REF, path + n,
		    xstrdup("it is no folder, and git is to have its reflogs "
		    "of the records below it, and moves no ref of them "
		    "without"), xstrdup("git agent sync --repair"),
		    xstrdup("set the file aside"));
	free(path);
}

static void
reflogs(struct look *l)
{
	static const char *const fetched[] = { "refs/agent-remotes/%s/log/",
		"refs/agent-remotes/%s/beat/", "refs/notes/agent-remotes/%s/" };
	char *folder;
	size_t i;

	look_at_reflogs(l, LOG_PREFIX);
	look_at_reflogs(l, BEAT_PREFIX);
	look_at_reflogs(l, NOTES_PREFIX);
	for (i = 0; l->d->remote != NULL && i < 3; i++) {
		folder = xasprintf(fetched[i], l->d->remote);
		look_at_reflogs(l, folder);
		free(folder);
	}
}

static int
ends_in(const char *name, const char *end)
{
	size_t n = strlen(name), m = strlen(end);

	return n > m && strcmp(name + n - m, end) == 0;
}

static void
look_below(struct look *l, const char *dir)
{
	struct dirent *d;
	DIR *open = opendir(dir);
	struct stat st;
	char *path;

	while (open != NULL && (d = readdir(open)) != NULL) {
		if (strcmp(d->d_name, ".") == 0 ||
		    strcmp(d->d_name, "..") == 0)
			continue;
		path = xasprintf("%s/%s", dir, d->d_name);
		if (lstat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
			if (l->folders++ < 32)
				look_below(l, path);
			l->folders--;
		} else if (ends_in(d->d_name, ".lock"))
			look_at_lock(l, path);
		else if (!l->locks_only)
			look_at_ref(l, path);
		free(path);
	}
	if (open != NULL)
		closedir(open);
}

/* "clock.a1B2c3", as base/file.h makes them, and "writer.new". */
static int
is_temporary(const char *name)
{
	const char *dot = strrchr(name, '.');
	size_t i;

	if (dot == NULL || dot == name)
		return 0;
	if (strcmp(name, "writer.new") == 0)
		return 1;
	for (i = 1; isalnum((unsigned char)dot[i]); i++)
		;
	return i == 7 && dot[i] == '\0';
}

/* As of git's locks: what another process may still be writing stays. */
static void
look_at_part(struct look *l, const char *path)
{
	struct stat st;
	int64_t age = age_of(path, &st);
	char *busy;

	if (age < DOCTOR_FRESH)
		return;
	busy = busy_who(l->repo, &st);
	diagnosis_add(l->d, DOCTOR_LEFTOVER, path, xasprintf("a pack that was "
	    "not finished, as of a 'git agent log --batch' that was killed; "
	    "no record is in it alone%s%s%s", busy == NULL ? "" : "; ",
	    busy == NULL ? "" : busy, busy == NULL ? "" : " may be at it"),
	    shell_format("rm -f %s", path),
	    busy != NULL || age < DOCTOR_LOCK_AGE ? NULL :
	    xstrdup("remove it"));
	free(busy);
}

static void
parts(struct look *l)
{
	char *dir = xasprintf("%s/pack", repo_objects(l->repo));
	DIR *open = opendir(dir);
	struct dirent *d;
	char *path;

	while (open != NULL && (d = readdir(open)) != NULL) {
		if (!pack_is_part(d->d_name))
			continue;
		path = xasprintf("%s/%s", dir, d->d_name);
		look_at_part(l, path);
		free(path);
	}
	if (open != NULL)
		closedir(open);
	free(dir);
}

static void
leftovers(struct look *l, const char *gitdir)
{
	char *dir = xasprintf("%s/agent", gitdir);
	struct dirent *d;
	DIR *open = opendir(dir);
	struct stat st;
	char *path;
	int64_t age;

	while (open != NULL && (d = readdir(open)) != NULL) {
		if (!is_temporary(d->d_name))
			continue;
		path = xasprintf("%s/%s", dir, d->d_name);
		age = age_of(path, &st);
		if (age >= DOCTOR_FRESH)
			diagnosis_add(l->d, DOCTOR_LEFTOVER, path,
			    xstrdup("a killed process of ours left this "
			    "unfinished file; it holds no record"),
			    shell_format("rm -f %s", path),
			    age < DOCTOR_LOCK_AGE ? NULL :
			    xstrdup("remove it"));
		free(path);
	}
	if (open != NULL)
		closedir(open);
	free(dir);
}

/* What a killed git left of a work tree is a person's, and no file of ours. */
static void
worktrees(struct repo *r, struct diagnosis *d)
{
	char *dir = xasprintf("%s/worktrees", repo_commondir(r));
	char *head, *meaning, *command = NULL;
	DIR *open = opendir(dir);
	struct dirent *entry;
	struct stat st;

	while (open != NULL && (entry = readdir(open)) != NULL) {
		if (entry->d_name[0] == '.')
			continue;
		head = xasprintf("%s/%s/HEAD", dir, entry->d_name);
		meaning = age_of(head, &st) < DOCTOR_FRESH ? NULL :
		    transfer_unfinished_worktree(r, entry->d_name, &command);
		if (meaning != NULL)
			diagnosis_add(d, DOCTOR_LEFTOVER, head, meaning,
			    command, NULL);
		free(head);
	}
	if (open != NULL)
		closedir(open);
	free(dir);
}

/* One a line. */
static int
is_prefix_text(struct repo *r, const struct buf *b)
{
	char *text = xstrdup(b->p), *line, *rest = text;
	int ok = 1;

	(void)r;
	while ((line = strsep(&rest, "\n")) != NULL)
		ok &= repo_prefix_ok(line);
	free(text);
	return ok;
}

static int
is_clock_text(struct repo *r, const struct buf *b)
{
	int64_t clock;

	(void)r;
	return clock_parse(b->p, &clock) == 0;
}

/* Empty where none are known. */
static int
is_known_text(struct repo *r, const struct buf *b)
{
	(void)r;
	return known_logs_are_whole(b);
}

static int
is_moved_text(struct repo *r, const struct buf *b)
{
	(void)r;
	return known_is_whole(b);
}

void
doctor_bad_state(struct repo *r, struct strvec *names)
{
	const char *remote = repo_remote(r);
	char *file = repo_remote_name(remote == NULL ? "" : remote);
	char *prefix = xasprintf("prefixes/%s", file);
	const struct {
		const char *name;
		int (*ok)(struct repo *, const struct buf *);
		int trim;
	} files[] = {
		{ "clock", is_clock_text, 1 },
		{ "known-logs", is_known_text, 0 },
		{ "known-moved", is_moved_text, 0 },
		{ prefix, is_prefix_text, 1 },
	};
	struct buf text = BUF_INIT;
	struct err *e;
	char *path;
	size_t i;

	for (i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		path = repo_shared_path(r, files[i].name);
		buf_clear(&text);
		e = file_read(path, &text);
		if (files[i].trim)
			buf_rtrim(&text);
		if (e == NULL && !files[i].ok(r, &text))
			strvec_push(names, files[i].name);
		err_free(e);
		free(path);
	}
	buf_release(&text);
	free(prefix);
	free(file);
}

static void
state(struct repo *r, struct diagnosis *d)
{
	struct strvec names = STRVEC_INIT;
	char *path;
	size_t i;

	doctor_bad_state(r, &names);
	for (i = 0; i < names.n; i++) {
		path = repo_shared_path(r, names.v[i]);
		diagnosis_add(d, DOCTOR_DAMAGED_STATE, path,
		    xstrdup("the file is not whole; it is made again from "
		    "the records"), shell_format("rm -f %s", path),
		    xstrdup("set it aside"));
		free(path);
	}
	strvec_release(&names);
}

int
doctor_bad_index(struct repo *r)
{
	char *path = repo_shared_path(r, "index");
	struct index *ix = xcalloc(1, sizeof(*ix));
	struct index_cursor *cursor = NULL;
	struct reflist refs = REFLIST_INIT;
	struct index_entry at;
	int there = access(path, F_OK) == 0, bad;

	ix->repo = r;
	index_load(ix);
	bad = there && ix->file[0] == NULL;
	if (there && !bad) {
		cursor = index_cursor_new(ix, NULL);
		while (index_cursor_next(cursor, &at))
			;
		index_cursor_free(cursor);
		index_refs(ix, &refs);
		reflist_release(&refs);
		bad = index_is_damaged(ix);
	}
	index_close(ix);
	free(path);
	return bad;
}

static void
refs(struct repo *r, struct diagnosis *d)
{
	static const char *const folders[] = { "refs/agent",
		"refs/agent-remotes", "refs/notes/agent",
		"refs/notes/agent-remotes" };
	struct strvec tracked = STRVEC_INIT;
	struct look l = { .repo = r, .d = d };
	char *path;
	size_t i;

	for (i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		path = xasprintf("%s/%s", repo_commondir(r), folders[i]);
		look_below(&l, path);
		free(path);
	}
	l.locks_only = 1;
	repo_tracked(r, &tracked);
	for (i = 0; i < tracked.n; i++) {
		path = xasprintf("%s/%s", repo_commondir(r), tracked.v[i]);
		look_below(&l, path);
		free(path);
	}
	strvec_release(&tracked);
}

void
doctor_files(struct repo *r, struct diagnosis *d)
{
	static const char *const locks[] = { "packed-refs.lock",
		"packed-refs.new", "config.lock", "shallow.lock", "HEAD.lock",
		"objects/maintenance.lock" };
	struct look l = { .repo = r, .d = d };
	char *path;
	size_t i;

	for (i = 0; i < sizeof(locks) / sizeof(locks[0]); i++) {
		path = xasprintf("%s/%s", repo_commondir(r), locks[i]);
		look_at_lock(&l, path);
		free(path);
	}
	refs(r, d);
	reflogs(&l);
	parts(&l);
	leftovers(&l, repo_commondir(r));
	if (strcmp(repo_gitdir(r), repo_commondir(r)) != 0)
		leftovers(&l, repo_gitdir(r));
	worktrees(r, d);
	state(r, d);
	if (doctor_bad_index(r))
		diagnosis_add(d, DOCTOR_DAMAGED_INDEX, "agent/index",
		    xstrdup("it is not whole; the next reader makes it "
		    "again"), xstrdup("git agent log -n 1"),
		    xstrdup("make it again"));
}
