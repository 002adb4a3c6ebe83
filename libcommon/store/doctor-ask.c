/* What logs the remote has, and what is in the way of our refs there. */
#include "store/doctor-parts.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/shell.h"
#include "store/sync-former.h"
#include "store/transfer.h"
#include "store/writer-name.h"
#include "store/writer.h"

enum { LOGS, BEATS, NOTES, PLACES };

/* Of the last part of a name: more, with ".lock" behind it, is no file's. */
#define FILE_NAME_MAX 250

struct answer {
	struct repo *repo;
	struct diagnosis *d;
	const char *own;
	char *start[PLACES];	/* <prefix>/log/ and so on */
	char *here[PLACES];	/* where these are fetched to */
	int below;		/* a ref below our own log was found */
	struct strvec starts;	/* of the logs at the former prefixes */
	struct strvec folders;	/* where these are fetched to */
	struct reflist *there, *former;
};

/* git has no ref where there is one below it, and only we write this log. */
static void
below_log(struct answer *a, const char *there)
{
	char *ref;

	if (a->below)
		return;
	a->below = 1;
	ref = xasprintf(LOG_PREFIX "%s", a->own);
	diagnosis_add(a->d, DOCTOR_BLOCKED, ref, xasprintf("it cannot be "
	    "pushed, as '%s' has a ref '%s'", a->d->remote, there),
	    xstrdup("git agent sync --repair"),
	    xstrdup("take a new name, whose log continues this one"));
	free(ref);
}

/* What is ours there is made again from what is here. */
static void
below_other(struct answer *a, int place, const char *there)
{
	diagnosis_add(a->d, DOCTOR_BLOCKED, there, xasprintf("'%s' has a ref "
	    "of this name, so that '%s%s' cannot be pushed, which this clone "
	    "alone writes", a->d->remote, a->start[place], a->own),
	    shell_format("git push %s :%s", a->d->remote, there), NULL);
}

/* 1 if it is below one of ours. */
static int
found_below(struct answer *a, int place, const char *there)
{
	const char *name = there + strlen(a->start[place]);
	size_t n = a->own == NULL ? 0 : strlen(a->own);

	if (n == 0 || strncmp(name, a->own, n) != 0 || name[n] != '/')
		return 0;
	if (place == LOGS)
		below_log(a, there);
	else
		below_other(a, place, there);
	return 1;
}

/* Somebody's: given another name there, and only then its own is taken. */
static char *
move_command(const struct diagnosis *d, const char *ref, const char *hex,
    const char *to)
{
	return shell_format("git fetch %s %s && git push %s %s:%s && git push "
	    "--force-with-lease=%s:%s %s :%s", d->remote, ref, d->remote, hex,
	    to, ref, hex, d->remote, ref);
}

/* Nor one below one that there is. */
static void
found_above(struct answer *a, const char *there, const struct oid *id)
{
	size_t n = strlen(there);
	char hex[OID_HEX_SIZE], *to;
	int place = 0;

	while (place < PLACES && (strncmp(a->start[place], there, n) != 0 ||
	    a->start[place][n] != '/'))
		place++;
	if (place == LOGS)
		diagnosis_add(a->d, DOCTOR_BLOCKED, there, xasprintf("'%s' "
		    "has a ref of this name, and git can have none below it: "
		    "no records can be pushed to '%s'; rename it there, or "
		    "choose another place for them by 'prefix' in [records] "
		    "of .gitagent", a->d->remote, a->d->prefix), NULL, NULL);
	if (place == LOGS || place == PLACES)
		return;
	oid_hex(id, hex);
	to = xasprintf("%s-%.7s", there, hex);
	diagnosis_add(a->d, DOCTOR_BLOCKED, there, xasprintf("'%s' has a ref "
	    "of this name, and git can have none below it: no %s can be "
	    "pushed; the command gives it the name '%s' there", a->d->remote,
	    place == BEATS ? "heartbeats" : "notes on what the oracle "
	    "measured", to), move_command(a->d, there, hex, to), NULL);
	free(to);
}

/* 1 if git can lock it where refs are files. */
static int
can_be_locked(const char *ref)
{
	size_t n;

	for (; (n = strcspn(ref, "/")) <= FILE_NAME_MAX; ref += n + 1)
		if (ref[n] == '\0')
			return 1;
	return 0;
}

/*
 * 1 if a sync has no more to do with it: it has come, and is read and said to
 * be no record; or it is below one that is here, and nobody misses it.
 */
static int
is_settled(struct repo *r, const char *folder, const char *name)
{
	char *here = xasprintf("%s%s", folder, name), *end;
	struct oid id;
	struct err *e;

	while ((e = ref_read(r, here, &id)) != NULL) {
		err_free(e);
		end = strrchr(here, '/');
		if (end < here + strlen(folder))
			break;
		*end = '\0';
	}
	free(here);
	return e == NULL;
}

/* It was named; deleted here alone, it would come with the next fetch. */
static void
bad_name_here(struct diagnosis *d, const char *folder, const char *name,
    const char *there)
{
	char *here = xasprintf("%s%s", folder, name), *both;
	struct finding *f;
	size_t i;

	for (i = 0; i < d->n; i++) {
		f = &d->v[i];
		if (f->code != DOCTOR_BAD_NAME || strcmp(f->subject, here) != 0)
			continue;
		both = xasprintf("%s && %s", there, f->command);
		free(f->command);
		f->command = both;
	}
	free(here);
}

static void
bad_name(struct answer *a, const char *ref, const char *folder,
    const char *name, const struct oid *id)
{
	const char *remote = a->d->remote;
	char hex[OID_HEX_SIZE], *push, *line, *by_hand;

	/* What git itself would not have, it has not asked for either. */
	if (!ref_name_ok(ref))
		return;
	oid_hex(id, hex);
	push = shell_format("git push --force-with-lease=%s:%s %s :%s", ref,
	    hex, remote, ref);
	if (is_settled(a->repo, folder, name)) {
		bad_name_here(a->d, folder, name, push);
		free(push);
		return;
	}
	if (can_be_locked(ref)) {
		diagnosis_add(a->d, DOCTOR_BAD_NAME, ref, xasprintf("'%s' has "
		    "a ref of this name, which no writer has, and it is not "
		    "here; the command deletes it there", remote), push, NULL);
		return;
	}
	free(push);
	line = xasprintf("%s %s", hex, ref);
	by_hand = shell_format("(set -C; awk -v line=%s '$0 != line' "
	    "packed-refs >packed-refs.lock) && mv packed-refs.lock "
	    "packed-refs", line);
	diagnosis_add(a->d, DOCTOR_BAD_NAME, ref, xasprintf("'%s' has a ref of "
	    "this name, which no writer has, and which is too long for a file, "
	    "so that git can neither take it here nor delete it by a push; in "
	    "the repository on the host, this deletes it: %s", remote,
	    by_hand), NULL, NULL);
	free(by_hand);
	free(line);
}

static void
found(struct answer *a, const char *ref, const struct oid *id)
{
	int place = 0;
	size_t n;

	while (place < PLACES && strncmp(ref, a->start[place],
	    strlen(a->start[place])) != 0)
		place++;
	n = place < PLACES ? strlen(a->start[place]) : 0;
	if (place == PLACES)
		found_above(a, ref, id);
	else if (place == LOGS && writer_name_ok(ref + n))
		reflist_add(a->there, ref + n, id);
	else if (!writer_name_ok(ref + n) && !found_below(a, place, ref))
		bad_name(a, ref, a->here[place], ref + n, id);
}

/* 1 if it is at a former prefix, as a log or not. */
static int
found_former(struct answer *a, const char *ref, const struct oid *id)
{
	size_t i, n;

	for (i = 0; i < a->starts.n; i++) {
		n = strlen(a->starts.v[i]);
		if (strncmp(ref, a->starts.v[i], n) != 0)
			continue;
		if (writer_name_ok(ref + n))
			reflist_add(a->former, ref, id);
		else
			bad_name(a, ref, a->folders.v[i], ref + n, id);
		return 1;
	}
	return 0;
}

/* "<hex>\t<ref>" a line, among whatever else was said. */
static void
parse(struct answer *a, char *output)
{
	char *line, *rest = output;
	const char *ref;
	struct oid id;

	while ((line = strsep(&rest, "\n")) != NULL) {
		if (strlen(line) <= OID_HEX_SIZE ||
		    line[OID_HEX_SIZE - 1] != '\t')
			continue;
		line[OID_HEX_SIZE - 1] = '\0';
		if (oid_parse(line, &id) != 0)
			continue;
		ref = line + OID_HEX_SIZE;
		if (!found_former(a, ref, &id))
			found(a, ref, &id);
	}
	reflist_sort(a->there);
}

/* All logs, heartbeats and notes, and each folder of these. */
static void
add_patterns(const struct answer *a, struct strvec *patterns)
{
	const char *p;
	int i;

	for (i = 0; i < PLACES; i++) {
		strvec_pushf(patterns, "%s*", a->start[i]);
		p = a->start[i] + strlen("refs/");
		while ((p = strchr(p, '/')) != NULL)
			strvec_pushf(patterns, "%.*s",
			    (int)(p++ - a->start[i]), a->start[i]);
	}
}

static void
places(struct answer *a, const struct sync_report *rep)
{
	static const char *const what[PLACES] = { "log", "beat", "notes" };
	struct strvec prefixes = STRVEC_INIT;
	char *folder;
	size_t i;

	former_list(a->repo, rep->remote, rep->prefix, &prefixes);
	for (i = 0; i < prefixes.n; i++) {
		strvec_pushf(&a->starts, "%s/log/", prefixes.v[i]);
		folder = former_folder(rep->remote, prefixes.v[i]);
		strvec_push(&a->folders, folder);
		free(folder);
	}
	for (i = 0; i < PLACES; i++) {
		a->start[i] = sync_target(rep, what[i], "");
		a->here[i] = i == NOTES ?
		    xasprintf("refs/notes/agent-remotes/%s/", rep->remote) :
		    xasprintf("refs/agent-remotes/%s/%s/", rep->remote,
		    what[i]);
	}
	strvec_release(&prefixes);
}

static void
answer_release(struct answer *a)
{
	int i;

	strvec_release(&a->starts);
	strvec_release(&a->folders);
	for (i = 0; i < PLACES; i++) {
		free(a->start[i]);
		free(a->here[i]);
	}
}

struct err *
doctor_ask(struct repo *r, struct diagnosis *d, int flags, const char *own,
    struct reflist *there, struct reflist *former)
{
	struct answer a = { .repo = r, .d = d, .own = own, .there = there,
		.former = former };
	struct sync_report rep = { .remote = d->remote, .prefix = d->prefix };
	struct strvec patterns = STRVEC_INIT;
	struct buf output = BUF_INIT;
	struct err *e;
	size_t i;

	places(&a, &rep);
	for (i = 0; i < a.starts.n; i++)
		strvec_pushf(&patterns, "%s*", a.starts.v[i]);
	add_patterns(&a, &patterns);
	e = transfer_list(&patterns, (flags & DOCTOR_BACKGROUND) != 0,
	    &output, &rep);
	d->asked = 1;
	d->reached = e == NULL && rep.reached;
	d->problem = rep.problem;
	if (d->reached)
		parse(&a, output.p);
	strvec_release(&patterns);
	buf_release(&output);
	answer_release(&a);
	return e;
}
