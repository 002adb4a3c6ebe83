#include "store/sync-former.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"
#include "store/record.h"
#include "store/sync-move.h"
#include "store/sync-state.h"
#include "store/writer-name.h"

#define ELSEWHERE "elsewhere/"

/* The lines of the state; what is not whole counts as not there. */
static void
read_state(struct repo *r, const char *remote, struct strvec *prefixes)
{
	char *path = repo_remote_path(r, "prefixes", remote), *line, *rest;
	struct buf text = BUF_INIT;

	err_free(file_read(path, &text));
	rest = text.p;
	while (text.len > 0 && (line = strsep(&rest, "\n")) != NULL)
		if (repo_prefix_ok(line) && !strvec_has(prefixes, line))
			strvec_push(prefixes, line);
	/* Each clone begins there. */
	if (!strvec_has(prefixes, REPO_PREFIX_DEFAULT))
		strvec_push(prefixes, REPO_PREFIX_DEFAULT);
	buf_release(&text);
	free(path);
}

char *
former_last(struct repo *r, const char *remote)
{
	struct strvec all = STRVEC_INIT;
	char *last;

	read_state(r, remote, &all);
	last = xstrdup(all.v[0]);
	strvec_release(&all);
	return last;
}

void
former_list(struct repo *r, const char *remote, const char *prefix,
    struct strvec *former)
{
	struct strvec all = STRVEC_INIT;
	size_t i;

	read_state(r, remote, &all);
	for (i = 0; i < all.n; i++)
		if (strcmp(all.v[i], prefix) != 0 &&
		    !strvec_has(former, all.v[i]))
			strvec_push(former, all.v[i]);
	strvec_release(&all);
}

static struct err *
write_state(struct repo *r, const char *remote, const char *prefix,
    const struct strvec *former)
{
	char *path = repo_remote_path(r, "prefixes", remote);
	struct buf text = BUF_INIT;
	struct err *e;
	size_t i;

	buf_addf(&text, "%s\n", prefix);
	for (i = 0; i < former->n; i++)
		if (strcmp(former->v[i], prefix) != 0)
			buf_addf(&text, "%s\n", former->v[i]);
	e = file_write(path, text.p, text.len);
	buf_release(&text);
	free(path);
	return e;
}

struct err *
former_write(struct repo *r, const char *remote, const char *prefix)
{
	struct strvec former = STRVEC_INIT;
	struct err *e;

	former_list(r, remote, prefix, &former);
	e = write_state(r, remote, prefix, &former);
	strvec_release(&former);
	return e;
}

static void
replace(char *text, char from, char to)
{
	for (; *text != '\0'; text++)
		if (*text == from)
			*text = to;
}

char *
former_folder(const char *remote, const char *prefix)
{
	char *place = xstrdup(prefix), *folder;

	replace(place, '/', '#');
	folder = xasprintf("refs/agent-remotes/%s/" ELSEWHERE "%s/log/",
	    remote, place);
	free(place);
	return folder;
}

const char *
former_writer(const char *name)
{
	const char *log = strncmp(name, ELSEWHERE, strlen(ELSEWHERE)) == 0 ?
	    strstr(name, "/log/") : NULL;

	return log == NULL ? NULL : log + strlen("/log/");
}

void
former_begin(struct repo *r, const struct sync_report *rep,
    struct strvec *specs, int *all)
{
	char *path = repo_remote_path(r, "unsettled", rep->remote), *folder;
	struct strvec former = STRVEC_INIT;
	size_t i;

	*all = 0;
	former_list(r, rep->remote, rep->prefix, &former);
	for (i = 0; i < former.n; i++) {
		folder = former_folder(rep->remote, former.v[i]);
		strvec_pushf(specs, "%s/log/*:%s*", former.v[i], folder);
		free(folder);
	}
	/* Without it all is fetched; what a kill leaves is found by --check. */
	if (former.n > 0 && access(path, F_OK) == 0)
		*all = 1;
	else if (former.n > 0)
		err_free(file_write_cache(path, "", 0));
	strvec_release(&former);
	free(path);
}

/*
 * Set aside what is not at the present prefix; *news: it was not known.  A log
 * that ends in what readers skip is not sent anywhere, see sync-push.c.
 */
static struct err *
take_log(struct repo *r, struct move_search *s, const char *writer,
    const struct oid *id, int *news)
{
	char *aside = xasprintf("refs/agent-remotes/%s/former/log/%s",
	    s->remote, writer);
	struct oid tip;
	struct err *e, *none;
	int there = 0;

	*news = 0;
	e = move_is_there(s, writer, id, &there);
	if (e != NULL || there)
		goto done;
	none = ref_read(r, aside, &tip);
	*news = none != NULL || !repo_contains(r, &tip, id);
	/* Another version of it is only read, where it was fetched to. */
	if ((none != NULL || (*news && repo_contains(r, id, &tip))) &&
	    record_is_one(r, id))
		e = ref_set(r, aside, id);
	err_free(none);
done:
	free(aside);
	return e;
}

static struct err *
take_all(struct repo *r, struct move_search *s, const struct sync_report *rep)
{
	struct strvec former = STRVEC_INIT;
	struct err *e = NULL;
	size_t i, j;
	int news;

	former_list(r, rep->remote, rep->prefix, &former);
	for (i = 0; e == NULL && i < former.n; i++) {
		char *folder = former_folder(rep->remote, former.v[i]);
		struct reflist refs = REFLIST_INIT;

		e = ref_list(r, folder, &refs);
		for (j = 0; e == NULL && j < refs.n; j++)
			if (writer_name_ok(refs.v[j].name + strlen(folder)))
				e = take_log(r, s, refs.v[j].name +
				    strlen(folder), &refs.v[j].id, &news);
		reflist_release(&refs);
		free(folder);
	}
	strvec_release(&former);
	return e;
}

/* What one line of the fetch says; *news is 0 if it is not worth telling. */
static struct err *
take_line(struct repo *r, struct move_search *s, const struct sync_ref *ref,
    int *news)
{
	const char *writer = former_writer(ref->name);
	struct err *e;
	struct oid id;
	char *name;

	*news = ref->fate == SYNC_REFUSED;
	if (*news || !writer_name_ok(writer))
		return NULL;
	name = xasprintf("refs/agent-remotes/%s/%s", s->remote, ref->name);
	e = ref_read(r, name, &id);
	if (e == NULL) {
		e = take_log(r, s, writer, &id, news);
	} else if (e->code == ERR_NOTFOUND) {
		err_free(e);	/* somebody has deleted it meanwhile */
		e = NULL;
	}
	free(name);
	return e;
}

/* "refs/agent/log/<writer>", as the remote has it. */
static char *
full_name(const char *name)
{
	const char *place = name + strlen(ELSEWHERE), *log = strchr(place, '/');
	char *prefix = xstrndup(place, (size_t)(log - place)), *full;

	replace(prefix, '#', '/');
	full = xasprintf("%s%s", prefix, log);
	free(prefix);
	return full;
}

struct err *
former_take(struct repo *r, struct sync_report *rep, int all)
{
	struct move_search s = { .repo = r, .remote = rep->remote };
	char *path = repo_remote_path(r, "unsettled", rep->remote), *full;
	struct err *e = NULL;
	size_t i;
	int news;

	for (i = rep->n; e == NULL && i > 0; i--) {
		struct sync_ref *ref = &rep->refs[i - 1];

		if (ref->pushed || former_writer(ref->name) == NULL)
			continue;
		e = take_line(r, &s, ref, &news);
		if (e == NULL && !news) {
			sync_drop_ref(rep, i - 1);
		} else if (e == NULL) {
			full = full_name(ref->name);
			free(ref->name);
			ref->name = full;
		}
	}
	if (e == NULL && all)
		e = take_all(r, &s, rep);
	if (e == NULL)
		(void)unlink(path);
	move_search_release(&s);
	free(path);
	return e;
}

void
former_drop_rewound(struct sync_report *rep)
{
	size_t i;

	for (i = rep->n; i > 0; i--)
		if (rep->refs[i - 1].fate == SYNC_REWOUND &&
		    former_writer(rep->refs[i - 1].name) != NULL)
			sync_drop_ref(rep, i - 1);
}

/* Logs set aside, or of former prefixes; the next fetch settles them. */
static struct err *
take_over(struct repo *r, const char *remote, char *folder)
{
	struct reflist refs = REFLIST_INIT;
	struct err *e = ref_list(r, folder, &refs);
	const char *log;
	size_t i;

	for (i = 0; e == NULL && i < refs.n; i++) {
		log = strstr(refs.v[i].name + strlen(folder) - 5, "/log/");
		if (log != NULL && writer_name_ok(log + strlen("/log/")))
			e = move_set_aside(r, remote, &refs.v[i],
			    log + strlen("/log/"));
	}
	reflist_release(&refs);
	free(folder);
	return e;
}

struct err *
former_follow_rename(struct repo *r, const char *remote, const char *old)
{
	char *last = former_last(r, remote), *path;
	struct strvec former = STRVEC_INIT;
	struct err *e;

	former_list(r, remote, last, &former);
	former_list(r, old, last, &former);
	e = write_state(r, remote, last, &former);
	if (e == NULL)
		e = take_over(r, remote, xasprintf("refs/agent-remotes/%s/"
		    "former/log/", old));
	if (e == NULL)
		e = take_over(r, remote, xasprintf("refs/agent-remotes/%s/"
		    ELSEWHERE, old));
	path = repo_remote_path(r, "prefixes", old);
	if (e == NULL)
		(void)unlink(path);
	strvec_release(&former);
	free(last);
	free(path);
	return e;
}
