#include "store/refstate.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/strvec.h"

#define FOLDERS_MAX 512

struct walk {
	const char *top;
	struct buf *state;
	int64_t newest;
	size_t folders;
};

static int64_t
nanoseconds(const struct timespec *t)
{
	return (int64_t)t->tv_sec * 1000000000 + t->tv_nsec;
}

/*
 * "<inode> <time> <time> <size> <path>"; what is not there has zeros.  The
 * time of modification alone is one that anybody can set back, as a backup
 * does that is played in; the other one is the system's.
 */
static void
add_line(struct buf *b, const struct stat *st, const char *path)
{
	buf_addf(b, "%ju %" PRId64 " %" PRId64 " %jd %s\n",
	    (uintmax_t)st->st_ino, nanoseconds(&st->st_mtim),
	    nanoseconds(&st->st_ctim), (intmax_t)st->st_size, path);
}

static int
look(const char *top, const char *path, struct stat *st)
{
	char *full = xasprintf("%s/%s", top, path);
	int there = stat(full, st) == 0;

	if (!there)
		memset(st, 0, sizeof(*st));
	free(full);
	return there;
}

static int
add_path(struct walk *w, const char *path)
{
	struct stat st;
	int there = look(w->top, path, &st);

	add_line(w->state, &st, path);
	if (nanoseconds(&st.st_mtim) > w->newest)
		w->newest = nanoseconds(&st.st_mtim);
	if (nanoseconds(&st.st_ctim) > w->newest)
		w->newest = nanoseconds(&st.st_ctim);
	return there && S_ISDIR(st.st_mode);
}

/* Heartbeats are no records, and their folder changes all the time; but a
 * remote may have that name. */
static int
is_folder(const char *dir, const struct dirent *d)
{
	struct stat st;
	char *path;
	int is;

	if (d->d_name[0] == '.' || (strcmp(d->d_name, "beat") == 0 &&
	    strstr(dir, "/refs/agent-remotes/") != NULL))
		return 0;
	if (d->d_type != DT_UNKNOWN)
		return d->d_type == DT_DIR;
	path = xasprintf("%s/%s", dir, d->d_name);
	is = stat(path, &st) == 0 && S_ISDIR(st.st_mode);
	free(path);
	return is;
}

/* The folder's own line comes first: what is made in it then is noticed. */
static void
add_folder(struct walk *w, const char *path)
{
	struct strvec below = STRVEC_INIT;
	struct dirent *d;
	char *full;
	DIR *dir;
	size_t i;

	if (!add_path(w, path) || ++w->folders > FOLDERS_MAX)
		return;
	full = xasprintf("%s/%s", w->top, path);
	dir = opendir(full);
	while (dir != NULL && (d = readdir(dir)) != NULL)
		if (is_folder(full, d))
			strvec_pushf(&below, "%s/%s", path, d->d_name);
	if (dir != NULL)
		closedir(dir);
	free(full);
	for (i = 0; i < below.n; i++)
		add_folder(w, below.v[i]);
	strvec_release(&below);
}

void
refstate_take(struct repo *r, struct buf *state, struct refstate_age *age)
{
	struct walk w = { repo_commondir(r), state, 0, 0 };

	(void)add_path(&w, "packed-refs");
	/* Missing objects may come with a deeper history. */
	(void)add_path(&w, "shallow");
	age->packed = w.newest;
	(void)add_path(&w, "refs/agent");
	add_folder(&w, "refs/agent/log");
	add_folder(&w, "refs/agent-remotes");
	age->all = w.folders > FOLDERS_MAX ? INT64_MAX : w.newest;
}

size_t
refstate_packed(const char *state)
{
	const char *end = state;
	int i;

	for (i = 0; i < 2 && *end != '\0'; i++) {
		end += strcspn(end, "\n");
		end += *end == '\n';
	}
	return (size_t)(end - state);
}

int
refstate_holds(struct repo *r, const char *state)
{
	struct buf line = BUF_INIT;
	const char *stop, *path;
	struct stat st;
	int holds = *state != '\0', i;
	char *name;

	for (; *state != '\0' && holds; state = stop + (*stop == '\n')) {
		stop = state + strcspn(state, "\n");
		for (path = state, i = 0; i < 4 && path < stop; i++)
			path += strcspn(path, " \n") + 1;
		name = path < stop ?
		    xstrndup(path, (size_t)(stop - path)) : xstrdup("");
		(void)look(repo_commondir(r), name, &st);
		buf_clear(&line);
		add_line(&line, &st, name);
		holds = strncmp(line.p, state, line.len) == 0;
		free(name);
	}
	buf_release(&line);
	return holds;
}
