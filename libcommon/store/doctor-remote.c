/* The logs that are here beside those that the remote has. */
#include "store/doctor-parts.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/shell.h"
#include "store/record.h"
#include "store/sync-move.h"
#include "store/sync-others.h"
#include "store/sync-removed.h"
#include "store/writer-name.h"
#include "store/writer.h"

struct compare {
	struct repo *repo;
	struct diagnosis *d;
	char *folder;		/* refs/agent-remotes/<remote>/log/ */
	char *own;		/* our writer, or the copied one; or NULL */
	struct oid tip;		/* of our own log; zero: none, or damaged */
	struct reflist there;	/* by writer */
	struct reflist former;	/* at former prefixes, by the ref's name */
	struct reflist known;	/* fetched before, by the ref's name here */
	struct strvec rewound;	/* by the last fetch, "log/<writer>" */
	struct oidset reach;	/* all that is there, as far as it is here */
	struct oidset ahead;	/* our records that are not */
	int blind;		/* some of what is there is not here */
	int own_is_told;
};

/* The records of our own log above what the remote has of any. */
static void
find_ahead(struct compare *c)
{
	struct oid at = c->tip;
	struct record rec;

	while (!oid_is_zero(&at) && !oidset_has(&c->reach, &at) &&
	    oidset_add(&c->ahead, &at)) {
		err_free(record_read(c->repo, &at, &rec));
		memset(&at, 0, sizeof(at));
		if (rec.parent_count > 0)
			at = rec.parents[0];
		record_release(&rec);
	}
}

static void
unpushed(struct compare *c, size_t n)
{
	char *ref;

	if (n == 0 || c->own_is_told)
		return;
	ref = xasprintf(LOG_PREFIX "%s", c->own);
	diagnosis_add(c->d, DOCTOR_UNPUSHED, ref, xasprintf("%zu record%s of "
	    "this clone %s not on '%s'", n, n == 1 ? "" : "s",
	    n == 1 ? "is" : "are", c->d->remote),
	    xstrdup("git agent sync --push"), xstrdup("push"))->count = n;
	free(ref);
}

/* The other logs that are here; where one has moved on there, fetch first. */
static struct err *
others(struct compare *c)
{
	struct reflist logs = REFLIST_INIT;
	struct err *e = others_list(c->repo, c->d->remote, c->own, &logs);
	const struct ref *there;
	size_t i, before, n;

	for (i = 0; e == NULL && i < logs.n; i++) {
		there = reflist_find(&c->there, logs.v[i].name + strlen(LOG_PREFIX));
		if (there != NULL && !object_exists(c->repo, &there->id))
			continue;
		before = c->ahead.used;
		others_above(c->repo, &logs.v[i].id, &c->reach, &c->ahead);
		n = c->ahead.used - before;
		if (n > 0)
			diagnosis_add(c->d, DOCTOR_UNPUSHED, logs.v[i].name,
			    xasprintf("%zu record%s of this log %s not on "
			    "'%s'", n, n == 1 ? "" : "s", n == 1 ? "is" :
			    "are", c->d->remote),
			    xstrdup("git agent sync --push"),
			    xstrdup("push"))->count = n;
	}
	reflist_release(&logs);
	return e;
}

/* Our own log, of which the remote has `there`; only we write it. */
static void
compare_own(struct compare *c, const struct ref *there)
{
	char *ref = xasprintf(LOG_PREFIX "%s", c->own);
	int here = object_exists(c->repo, &there->id);

	if (oid_is_zero(&c->tip) || oid_equal(&c->tip, &there->id) ||
	    (here && repo_contains(c->repo, &c->tip, &there->id))) {
		free(ref);
		return;
	}
	c->own_is_told = 1;
	if (here && repo_contains(c->repo, &there->id, &c->tip))
		diagnosis_add(c->d, DOCTOR_BEHIND, ref, xasprintf("it ends "
		    "before what '%s' has of it, as after a backup was put "
		    "back", c->d->remote), xstrdup("git agent sync --repair"),
		    xstrdup("move it forward to what the remote has"))->id =
		    there->id;
	else
		diagnosis_add(c->d, DOCTOR_DIVERGED, ref, xasprintf("'%s' "
		    "has records under this clone's name that %s; another "
		    "copy of this clone wrote them, or a backup was put "
		    "back here", c->d->remote, here ? "are not in this log" :
		    "are not here"), xstrdup("git agent sync"),
		    xstrdup("fetch; if this log then only ends too early, "
		    "move it forward, else go on under a new name"));
	free(ref);
}

static char *
push_command(const struct compare *c, const char *writer)
{
	return shell_format("git push %s %s%s:%s/log/%s", c->d->remote,
	    c->folder, writer, c->d->prefix, writer);
}

/*
 * What is pushed goes to another address than what is fetched comes from, so
 * that no push puts it there: 1 and a finding.
 */
static int
is_apart(struct compare *c)
{
	char *key = xasprintf("remote.%s.pushurl", c->d->remote), *from;
	const char *push = repo_config(c->repo, key), *fetch;
	int apart;

	from = xasprintf("remote.%s.url", c->d->remote);
	fetch = repo_config(c->repo, from);
	apart = push != NULL && fetch != NULL && strcmp(push, fetch) != 0;
	if (apart)
		diagnosis_add(c->d, DOCTOR_BAD_SETTING, key, xasprintf("the "
		    "records of this clone are pushed to '%s', and '%s', "
		    "where all are fetched from, does not have them", push,
		    fetch), NULL, NULL);
	free(from);
	free(key);
	return apart;
}

/* A log that lost records on the remote which are here: name and tip. */
static void
lost_there(struct compare *c, enum doctor_code code, const char *writer,
    const struct oid *id)
{
	int own = c->own != NULL && strcmp(writer, c->own) == 0;
	char *name, *ref;

	c->own_is_told |= own;
	if (own && is_apart(c))
		return;
	name = xasprintf("%s/log/%s", c->d->prefix, writer);
	ref = code == DOCTOR_DELETED ? xasprintf("it is not on '%s' any more%s"
	    "; its records are here", c->d->remote, c->blind ?
	    ", unless another log has them that is not fetched yet" :
	    c->there.n == 0 ? ", nor is any other, so that it may only be "
	    "hidden: ask who runs the host whether transfer.hideRefs or "
	    "uploadpack.hideRefs of git is set there" : "") :
	    xasprintf("on '%s' it has lost records that are here",
	    c->d->remote);
	diagnosis_add(c->d, code, name, ref, own ?
	    xstrdup("git agent sync --push") : push_command(c, writer),
	    xstrdup("push what is here"))->id = *id;
	free(name);
}

/*
 * Replaced by another history: nothing is forced, but nothing gets lost.  What
 * is there is adopted once other logs there have what is here.
 */
static void
replaced(struct compare *c, const struct ref *there, const struct oid *id)
{
	const char *writer = there->name;
	char *name = xasprintf("%s/log/%s", c->d->prefix, writer);
	char hex[OID_HEX_SIZE], *kept;
	int safe = oidset_has(&c->reach, id);
	struct finding *f;

	oid_hex(id, hex);
	kept = xasprintf("%s-%.7s", writer, hex);
	f = diagnosis_add(c->d, DOCTOR_REPLACED, name, xasprintf("on '%s' it "
	    "is not a continuation of what was fetched before%s",
	    c->d->remote, safe ? "; other logs there have those records" :
	    ", and those records are only in the clones that have them"),
	    xstrdup("git agent sync --repair"), safe ?
	    xstrdup("take what is there from now on") :
	    xasprintf("push what is here as '%s', and take what is there "
	    "from now on", kept));
	f->id = *id;
	f->there = there->id;
	f->kept = safe;
	free(kept);
	free(name);
}

static void
compare_log(struct compare *c, const struct ref *there)
{
	int own = c->own != NULL && strcmp(there->name, c->own) == 0;
	char *ref = xasprintf("%s%s", c->folder, there->name);
	char *log = xasprintf("log/%s", there->name);
	const struct ref *known = reflist_find(&c->known, ref);
	int here = object_exists(c->repo, &there->id);

	if (known != NULL && oid_equal(&known->id, &there->id))
		;
	else if (known != NULL && here &&
	    repo_contains(c->repo, &known->id, &there->id))
		lost_there(c, DOCTOR_REWOUND, there->name, &known->id);
	else if (own && !oid_is_zero(&c->tip))
		;		/* compare_own() tells */
	else if (known != NULL && ((here &&
	    !repo_contains(c->repo, &there->id, &known->id)) ||
	    (!here && strvec_has(&c->rewound, log))))
		replaced(c, there, &known->id);
	else
		doctor_unfetched(c->repo, c->d, there);
	if (own)
		compare_own(c, there);
	free(log);
	free(ref);
}

/* What `git fetch --prune` has dropped: sync.h, sync_restore_pruned(). */
static struct err *
pruned(struct compare *c)
{
	struct strvec lost = STRVEC_INIT;
	struct finding *f;
	struct err *e;
	struct oid id;
	size_t i;
	char *hex;

	e = sync_list_pruned(c->repo, &lost);
	for (i = 0; e == NULL && i < lost.n; i++) {
		hex = xstrndup(lost.v[i], OID_HEX_SIZE - 1);
		if (oid_parse(hex, &id) == 0 && object_exists(c->repo, &id) &&
		    !oidset_has(&c->reach, &id)) {
			f = diagnosis_add(c->d, DOCTOR_PRUNED,
			    lost.v[i] + OID_HEX_SIZE, xstrdup("fetched "
			    "before, and dropped here, as by 'git fetch "
			    "--prune'"), shell_format("git update-ref %s %s",
			    lost.v[i] + OID_HEX_SIZE, hex),
			    xstrdup("put the ref back"));
			f->id = id;
		}
		free(hex);
	}
	strvec_release(&lost);
	return e;
}

/* Another place would not have it either. */
static int
is_about_object(const char *why)
{
	return strncmp(why, "unpacker error", 14) == 0 ||
	    strncmp(why, "missing necessary objects", 25) == 0;
}

/* As the last push had it; a dry run would not ask the host's hooks. */
static void
refused(struct compare *c, size_t ahead)
{
	char *list = sync_refused(c->repo, c->d->remote);
	char *line, *rest = list, *why;
	char *logs = xasprintf("%s/log/", c->d->prefix);
	int branches = strncmp(c->d->prefix, "refs/heads/", 11) == 0;

	while ((line = strsep(&rest, "\n")) != NULL) {
		why = strchr(line, ' ');
		if (why == NULL || (ahead == 0 &&
		    strncmp(line, logs, strlen(logs)) == 0))
			continue;
		*why++ = '\0';
		diagnosis_add(c->d, DOCTOR_REFUSED, line, xasprintf("'%s' "
		    "refused it when it was last pushed: %s", c->d->remote,
		    why), branches || is_about_object(why) ? NULL : xstrdup("git config agent.prefix "
		    "refs/heads/agent && git agent sync"),
		    xstrdup("push once more"));
	}
	free(logs);
	free(list);
}

static struct err *
ask(struct compare *c, int flags)
{
	const char *own = oid_is_zero(&c->tip) ? NULL : c->own;
	struct err *e = doctor_ask(c->repo, c->d, flags, own, &c->there,
	    &c->former);
	size_t i;

	/* That it is not pushed follows from it. */
	for (i = 0; e == NULL && own != NULL && i < c->d->n; i++)
		c->own_is_told |= c->d->v[i].code == DOCTOR_BLOCKED &&
		    strncmp(c->d->v[i].subject, LOG_PREFIX,
		    strlen(LOG_PREFIX)) == 0;
	return e;
}

static struct err *
read_here(struct compare *c)
{
	char *list = sync_rewound(c->repo, c->d->remote), *line, *rest = list;
	char *ref = NULL;
	struct err *e = writer_log(c->repo, &ref), *gone;

	while ((line = strsep(&rest, "\n")) != NULL)
		strvec_push(&c->rewound, line);
	if (e == NULL && ref != NULL) {
		c->own = xstrdup(strrchr(ref, '/') + 1);
		gone = ref_read(c->repo, ref, &c->tip);
		if (gone != NULL)
			memset(&c->tip, 0, sizeof(c->tip));
		err_free(gone);
	}
	/* Else it is what another remote by this name had. */
	if (e == NULL && !sync_is_another(c->repo, c->d->remote))
		e = ref_list(c->repo, c->folder, &c->known);
	free(list);
	free(ref);
	return e;
}

static int
is_blind(const struct compare *c)
{
	size_t i;

	for (i = 0; i < c->there.n; i++)
		if (!object_exists(c->repo, &c->there.v[i].id))
			return 1;
	return 0;
}

/* 1 if what was fetched before is not all there. */
static int
is_lacking(const struct compare *c)
{
	size_t i;

	for (i = 0; i < c->known.n; i++)
		if (writer_name_ok(c->known.v[i].name + strlen(c->folder)) &&
		    !oidset_has(&c->reach, &c->known.v[i].id))
			return 1;
	return 0;
}

/* What there is besides; without an answer the first one stands. */
static void
ask_again(struct compare *c, int flags)
{
	/* What is in the way was told by the first. */
	struct diagnosis told = { .remote = c->d->remote,
	    .prefix = c->d->prefix };
	struct reflist again = REFLIST_INIT, former = REFLIST_INIT;
	struct reflist more = REFLIST_INIT;
	struct oidset reach = OIDSET_INIT;
	size_t i;

	err_free(doctor_ask(c->repo, &told, flags, NULL, &again, &former));
	doctor_reach(c->repo, again.v, again.n, &reach);
	for (i = 0; i < reach.used; i++)
		(void)oidset_add(&c->reach, &reach.id[i]);
	for (i = 0; i < again.n; i++)
		if (reflist_find(&c->there, again.v[i].name) == NULL)
			reflist_add(&more, again.v[i].name, &again.v[i].id);
	for (i = 0; i < more.n; i++)
		reflist_add(&c->there, more.v[i].name, &more.v[i].id);
	reflist_sort(&c->there);
	told.remote = told.prefix = NULL;
	diagnosis_release(&told);
	oidset_release(&reach);
	reflist_release(&again);
	reflist_release(&more);
	reflist_release(&former);
}

static void
compare_all(struct compare *c, int flags)
{
	char *ref;
	size_t i;

	doctor_reach(c->repo, c->there.v, c->there.n, &c->reach);
	/*
	 * A server lists its refs while others push and roll up: one answer
	 * may have a log neither by its name nor in the one that took it in.
	 */
	if (is_lacking(c))
		ask_again(c, flags);
	c->blind = is_blind(c);
	for (i = 0; i < c->there.n; i++)
		compare_log(c, &c->there.v[i]);
	for (i = 0; i < c->known.n; i++) {
		ref = c->known.v[i].name + strlen(c->folder);
		/* What was rolled up into another log is there. */
		if (writer_name_ok(ref) &&
		    reflist_find(&c->there, ref) == NULL &&
		    !oidset_has(&c->reach, &c->known.v[i].id))
			lost_there(c, DOCTOR_DELETED, ref,
			    &c->known.v[i].id);
	}
}

/* Without an answer: as far as the remote was asked before. */
static struct err *
look(struct compare *c, int flags)
{
	struct err *e = NULL;

	if ((flags & DOCTOR_OFFLINE) == 0)
		e = ask(c, flags);
	if (e == NULL && c->d->reached) {
		compare_all(c, flags);
		doctor_lost_there(c->repo, c->d, &c->there,
		    &c->former);
	} else if (e == NULL)
		doctor_reach(c->repo, c->known.v, c->known.n, &c->reach);
	if (e == NULL) {
		find_ahead(c);
		unpushed(c, c->ahead.used);
		e = others(c);
	}
	if (e == NULL && c->d->reached)
		doctor_former(c->repo, c->d, &c->there, &c->former, &c->reach,
		    &c->ahead);
	if (e == NULL) {
		refused(c, c->ahead.used);
		e = pruned(c);
	}
	if (e == NULL)
		e = doctor_seen(c->repo, c->d, &c->reach);
	if (e == NULL)
		e = doctor_refspecs(c->repo, c->d,
		    c->known.n + c->there.n > 0);
	return e;
}

struct err *
doctor_remote(struct repo *r, int flags, struct diagnosis *d)
{
	struct sync_report now = { .remote = d->remote, .prefix = d->prefix };
	struct compare c = { .repo = r, .d = d };
	struct err *e = NULL;
	char *from;

	if (d->remote == NULL || d->prefix == NULL)
		return NULL;
	c.folder = xasprintf("refs/agent-remotes/%s/log/", d->remote);
	from = move_from(r, &now);
	if (from != NULL)
		diagnosis_add(d, DOCTOR_MOVED, d->prefix, xasprintf("the "
		    "records are to be here now, and this clone had them "
		    "below '%s'", from), xstrdup("git agent sync"),
		    xstrdup("follow"));
	e = read_here(&c);
	/* What is at the old place is not at the new one yet. */
	if (e == NULL && from == NULL)
		e = look(&c, flags);
	else if (e == NULL && (flags & DOCTOR_OFFLINE) == 0)
		e = ask(&c, flags);
	reflist_release(&c.there);
	reflist_release(&c.former);
	reflist_release(&c.known);
	strvec_release(&c.rewound);
	oidset_release(&c.reach);
	oidset_release(&c.ahead);
	free(c.folder);
	free(c.own);
	free(from);
	return e;
}
