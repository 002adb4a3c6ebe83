#include "work/runstate.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cmd.h"
#include "base/file.h"
#include "base/js.h"
#include "store/writer.h"
#include "work/entry.h"

#define LOCK_WAIT_MS 10000

void
runstate_release(struct runstate *s)
{
	free(s->agent);
	free(s->prompt);
	free(s->oracle_from);
	free(s->refusal);
	free(s->judged);
	free(s->writer);
	memset(s, 0, sizeof(*s));
}

static char *
take_string(const struct js *j, const char *key)
{
	const char *v = js_get_string(j, key);

	return v == NULL ? NULL : xstrdup(v);
}

static struct err *
malformed(const char *path)
{
	return err_new(ERR_INPUT, "'%s' is not the state of a run; 'git agent "
	    "loop --new' starts a new one", path);
}

static struct err *
fill(struct runstate *s, const struct js *j, const char *path)
{
	const char *id = js_get_string(j, "id");

	if (id == NULL || !run_id_ok(id) ||
	    !js_get_int(j, "iteration", &s->iteration) ||
	    !js_get_int(j, "spent", &s->spent) ||
	    !js_get_int(j, "failures", &s->failures) ||
	    s->iteration < 0 || s->spent < 0 || s->failures < 0)
		return malformed(path);
	snprintf(s->id, sizeof(s->id), "%s", id);
	s->open = js_get_bool(j, "open");
	s->accepted = js_get_bool(j, "accepted");
	s->finished = js_get_bool(j, "finished");
	s->agent = take_string(j, "agent");
	s->prompt = take_string(j, "prompt");
	s->oracle_from = take_string(j, "oracle_from");
	s->refusal = take_string(j, "refusal");
	s->judged = take_string(j, "judged");
	s->writer = take_string(j, "writer");
	return NULL;
}

struct err *
runstate_read(struct repo *r, struct runstate *s)
{
	char *path = repo_local_path(r, "run.json");
	struct buf text = BUF_INIT;
	struct js *j = NULL;
	struct err *e;

	memset(s, 0, sizeof(*s));
	e = file_read(path, &text);
	if (e == NULL) {
		err_free(js_parse(&j, text.p, text.len));
		e = j == NULL ? malformed(path) : fill(s, j, path);
	}
	js_free(j);
	buf_release(&text);
	free(path);
	return e;
}

struct err *
runstate_write(struct repo *r, const struct runstate *s)
{
	char *path = repo_local_path(r, "run.json"), *text;
	struct js *j = js_object();
	struct err *e;

	js_set_string(j, "id", s->id);
	js_set_int(j, "iteration", s->iteration);
	js_set_bool(j, "open", s->open);
	js_set_bool(j, "accepted", s->accepted);
	js_set_int(j, "spent", s->spent);
	js_set_int(j, "failures", s->failures);
	js_set_bool(j, "finished", s->finished);
	js_set_string(j, "agent", s->agent);
	js_set_string(j, "prompt", s->prompt);
	js_set_string(j, "oracle_from", s->oracle_from);
	js_set_string(j, "refusal", s->refusal);
	js_set_string(j, "judged", s->judged);
	js_set_string(j, "writer", s->writer);
	text = js_line(j);
	e = file_write(path, text, strlen(text));
	free(text);
	js_free(j);
	free(path);
	return e;
}

struct err *
runstate_is_copy(struct repo *r, const struct runstate *s, int *copy)
{
	char *writer = NULL;
	struct err *e;

	e = writer_id(r, 0, &writer);
	*copy = e == NULL && (writer == NULL || s->writer == NULL ||
	    strcmp(writer, s->writer) != 0);
	free(writer);
	return e;
}

struct err *
runstate_lock(struct repo *r, struct lock *lock)
{
	char *path = repo_local_path(r, "run.lock");
	struct err *e;

	e = repo_make_state(r);
	if (e == NULL)
		e = lock_take(lock, path, 0);
	/* The keeper of a killed loop's agent holds it until all is ended. */
	if (e != NULL && e->code == ERR_LOCKED) {
		err_free(e);
		cmd_note("a loop holds this work tree; waiting %d seconds for "
		    "its end", LOCK_WAIT_MS / 1000);
		e = lock_take(lock, path, LOCK_WAIT_MS);
	}
	if (e != NULL && e->code == ERR_LOCKED) {
		err_free(e);
		e = err_new(ERR_LOCKED, "a loop is already running in this "
		    "work tree; 'git agent status' shows it, 'git agent steer "
		    "--stop' ends it");
	}
	free(path);
	return e;
}

int
runstate_is_here(struct repo *r, const char *id, int *held)
{
	struct runstate s;
	struct err *e;
	char *path;
	int here, copy = 0;

	*held = 0;
	e = runstate_read(r, &s);
	here = e == NULL && strcmp(s.id, id) == 0;
	if (here)
		e = runstate_is_copy(r, &s, &copy);
	here = here && e == NULL && !copy;
	if (here) {
		path = repo_local_path(r, "run.lock");
		*held = lock_held(path);
		free(path);
	}
	err_free(e);
	runstate_release(&s);
	return here;
}

/* Is the loop of this run alive in the work tree that has this git folder? */
static int
is_live_at(const char *gitdir, const char *id)
{
	char *state = xasprintf("%s/agent/run.json", gitdir);
	char *lock = xasprintf("%s/agent/run.lock", gitdir);
	struct buf text = BUF_INIT;
	struct js *j = NULL;
	const char *found;
	int live;

	err_free(file_read(state, &text));
	err_free(js_parse(&j, text.p, text.len));
	found = j == NULL ? NULL : js_get_string(j, "id");
	live = found != NULL && strcmp(found, id) == 0 && lock_held(lock);
	js_free(j);
	buf_release(&text);
	free(state);
	free(lock);
	return live;
}

int
runstate_pushes(struct repo *r)
{
	const char *id = getenv("GIT_AGENT_RUN");
	char *worktrees, *gitdir;
	struct dirent *d;
	DIR *dir;
	int live;

	if (id == NULL || !run_id_ok(id))
		return 0;
	if (is_live_at(repo_gitdir(r), id) ||
	    is_live_at(repo_commondir(r), id))
		return 1;
	worktrees = xasprintf("%s/worktrees", repo_commondir(r));
	dir = opendir(worktrees);
	live = 0;
	while (dir != NULL && !live && (d = readdir(dir)) != NULL) {
		gitdir = xasprintf("%s/%s", worktrees, d->d_name);
		live = is_live_at(gitdir, id);
		free(gitdir);
	}
	if (dir != NULL)
		closedir(dir);
	free(worktrees);
	return live;
}

char *
runstate_stop_request(struct repo *r)
{
	char *path = repo_local_path(r, "stop");
	struct buf text = BUF_INIT;
	struct err *e = NULL;
	int there = access(path, F_OK) == 0;

	if (there)
		e = file_read(path, &text);
	free(path);
	if (!there || e != NULL) {
		err_free(e);
		buf_release(&text);
		return NULL;
	}
	return buf_steal(&text);
}

void
runstate_clear_stop(struct repo *r)
{
	char *path = repo_local_path(r, "stop");

	(void)unlink(path);
	free(path);
}

struct err *
runstate_request_stop(struct repo *r, const char *text)
{
	char *path = repo_local_path(r, "stop");
	struct err *e = file_write(path, text, strlen(text));

	free(path);
	return e;
}
