#include "store/doctor.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/shell.h"
#include "store/doctor-parts.h"
#include "store/logrefs.h"
#include "store/writer.h"

const char *
doctor_word(enum doctor_code code)
{
	static const char *const words[] = {
		[DOCTOR_UNPUSHED] = "unpushed",
		[DOCTOR_UNFETCHED] = "unfetched",
		[DOCTOR_DIVERGED] = "diverged",
		[DOCTOR_BEHIND] = "behind",
		[DOCTOR_LOST_THERE] = "lost-there",
		[DOCTOR_REWOUND] = "rewound",
		[DOCTOR_REPLACED] = "replaced",
		[DOCTOR_DELETED] = "deleted",
		[DOCTOR_PRUNED] = "pruned",
		[DOCTOR_MOVED] = "moved",
		[DOCTOR_FORMER] = "former",
		[DOCTOR_NO_REFSPEC] = "no-refspec",
		[DOCTOR_REFUSED] = "refused",
		[DOCTOR_BLOCKED] = "blocked",
		[DOCTOR_BAD_NAME] = "bad-name",
		[DOCTOR_COPIED] = "copied",
		[DOCTOR_NO_WRITER] = "no-writer",
		[DOCTOR_UNPARSEABLE] = "unparseable",
		[DOCTOR_UNREADABLE] = "unreadable",
		[DOCTOR_DENIED] = "denied",
		[DOCTOR_MISSING_OBJECT] = "missing-object",
		[DOCTOR_DAMAGED_OBJECT] = "damaged-object",
		[DOCTOR_SHALLOW] = "shallow",
		[DOCTOR_DAMAGED_REF] = "damaged-ref",
		[DOCTOR_DAMAGED_STATE] = "damaged-state",
		[DOCTOR_DAMAGED_INDEX] = "damaged-index",
		[DOCTOR_STALE_LOCK] = "stale-lock",
		[DOCTOR_LEFTOVER] = "leftover",
		[DOCTOR_BAD_SETTING] = "bad-setting",
		[DOCTOR_NO_NOTES] = "no-notes",
	};

	return words[code];
}

struct finding *
diagnosis_add(struct diagnosis *d, enum doctor_code code, const char *subject,
    char *meaning, char *command, char *repair)
{
	struct finding *f;

	ALLOC_GROW(d->v, d->n, d->cap);
	f = &d->v[d->n++];
	memset(f, 0, sizeof(*f));
	f->code = code;
	f->subject = xstrdup(subject);
	f->count = 1;
	f->meaning = meaning;
	f->command = command;
	f->repair = repair;
	return f;
}

void
diagnosis_release(struct diagnosis *d)
{
	size_t i;

	for (i = 0; i < d->n; i++) {
		free(d->v[i].subject);
		free(d->v[i].meaning);
		free(d->v[i].command);
		free(d->v[i].repair);
	}
	free(d->v);
	free(d->remote);
	free(d->prefix);
	free(d->problem);
	memset(d, 0, sizeof(*d));
}

/* Which remote, and where on it; settings that cannot be used. */
static void
settings(struct repo *r, struct diagnosis *d)
{
	const char *remote = repo_remote(r), *prefix = NULL;
	char *bad = remote == NULL ? NULL : logrefs_bad_remote(remote);
	struct err *e;

	if (bad != NULL)
		diagnosis_add(d, DOCTOR_BAD_SETTING, remote, bad, NULL, NULL);
	else if (remote != NULL && !repo_has_remote(r, remote) &&
	    repo_config(r, "agent.remote") != NULL)
		diagnosis_add(d, DOCTOR_BAD_SETTING, "agent.remote",
		    xasprintf("it is '%s', and there is no such remote; "
		    "'git remote' lists them", remote),
		    xstrdup("git config --unset agent.remote"), NULL);
	else if (remote != NULL)
		d->remote = xstrdup(remote);
	else if ((bad = repo_remote_unclear(r)) != NULL)
		diagnosis_add(d, DOCTOR_BAD_SETTING, "agent.remote", bad, NULL,
		    NULL);
	e = repo_prefix(r, &prefix);
	if (e != NULL)
		diagnosis_add(d, DOCTOR_BAD_SETTING, "records.prefix",
		    xstrdup(e->msg), NULL, NULL);
	else
		d->prefix = xstrdup(prefix);
	err_free(e);
}

/*
 * git has no ref below the name of another.  Whose it is, nobody knows: it
 * gets another name, where nothing is, and of somebody's notes one that `git
 * log --notes='agent*'` still shows.
 */
static void
above(struct repo *r, struct diagnosis *d, const char *name)
{
	int notes = strncmp(name, NOTES_PREFIX, strlen("refs/notes")) == 0;
	char hex[OID_HEX_SIZE], *to;
	struct oid id;
	struct err *e = ref_read(r, name, &id);

	if (e != NULL) {
		err_free(e);
		return;
	}
	oid_hex(&id, hex);
	to = notes ? xasprintf("%s-%.7s", name, hex) :
	    xasprintf("refs/moved/%s-%.7s", name + strlen("refs/"), hex);
	diagnosis_add(d, DOCTOR_BLOCKED, name, xasprintf("git can have no "
	    "%s while there is a ref of this name; the command gives it the "
	    "name '%s'", notes ? "notes on what the oracle measured" :
	    "records", to), shell_format("git update-ref %s %s && "
	    "git update-ref -d %s %s", to, hex, name, hex), NULL);
	free(to);
}

/* Nor one above another; only we write these. */
static void
below(struct repo *r, struct diagnosis *d, const char *prefix,
    const char *own)
{
	struct reflist refs = REFLIST_INIT;
	char *folder = xasprintf("%s%s/", prefix, own);
	struct err *e = ref_list(r, folder, &refs);
	size_t i;

	for (i = 0; e == NULL && i < refs.n; i++)
		diagnosis_add(d, DOCTOR_BLOCKED, refs.v[i].name,
		    xasprintf("git cannot have '%s%s', which this clone "
		    "writes, while there is a ref of this name", prefix, own),
		    shell_format("git update-ref -d %s", refs.v[i].name),
		    NULL);
	err_free(e);
	reflist_release(&refs);
	free(folder);
}

static void
in_the_way(struct repo *r, struct diagnosis *d)
{
	static const char *const names[] = { "refs/agent", "refs/agent/log",
	    "refs/agent/beat", "refs/agent-remotes", "refs/notes",
	    "refs/notes/agent", "refs/notes/agent-remotes" };
	char *own = NULL;
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		above(r, d, names[i]);
	err_free(writer_id(r, 0, &own));
	if (own != NULL) {
		below(r, d, BEAT_PREFIX, own);
		below(r, d, NOTES_PREFIX, own);
	}
	free(own);
}

static struct err *
own_writer(struct repo *r, struct diagnosis *d)
{
	struct reflist logs = REFLIST_INIT;
	char *id = NULL, *ref = NULL;
	struct err *e = writer_id(r, 0, &id);

	if (e == NULL && id == NULL)
		e = writer_log(r, &ref);
	if (e == NULL && ref != NULL)
		diagnosis_add(d, DOCTOR_COPIED, ref, xstrdup("this clone is "
		    "a copy (by cp, rsync, a backup) of the one that writes "
		    "this log; it goes on under a name of its own"),
		    xstrdup("git agent sync --push"),
		    xstrdup("take a new name, whose log continues this one"));
	if (e == NULL && id == NULL && ref == NULL && repo_workdir(r) != NULL)
		e = ref_list(r, LOG_PREFIX, &logs);
	if (e == NULL && logs.n > 0)
		diagnosis_add(d, DOCTOR_NO_WRITER, "agent/writer",
		    xstrdup("the file with this clone's name is lost or not "
		    "whole; it goes on under a new one"),
		    xstrdup("git agent sync --repair"),
		    xstrdup("take a new name, whose log continues the newest "
		    "one here"));
	reflist_release(&logs);
	free(id);
	free(ref);
	return e;
}

/* git itself reads no ref where packed-refs is damaged. */
static struct err *
unreadable_refs(struct repo *r, struct diagnosis *d, struct err *e)
{
	if (e == NULL || e->code != ERR_DAMAGED)
		return e;
	diagnosis_add(d, DOCTOR_DAMAGED_REF, "packed-refs", xstrdup(e->msg),
	    shell_format("sed -n -i -E \"/^(#.*|\\^?[0-9a-f]{40}( refs\\/.*)?)$"
	    "/p\" %s/packed-refs && git agent sync --repair",
	    repo_commondir(r)), NULL);
	err_free(e);
	return NULL;
}

struct err *
doctor_examine(struct repo *r, int flags, struct diagnosis *d)
{
	struct err *e;
	int denied;

	settings(r, d);
	denied = doctor_denied(r, d);
	doctor_files(r, d);
	in_the_way(r, d);
	doctor_code(r, d);
	e = own_writer(r, d);
	if (e == NULL)
		e = doctor_own_log(r, d);
	if (e == NULL)
		e = doctor_records(r, d);
	doctor_unreadable(r, d);
	doctor_bad_notes(r, d);
	if (e == NULL)
		e = doctor_no_notes(r, d);
	if (e == NULL)
		e = doctor_remote(r, flags, d);
	/* What may not be read has been named. */
	if (denied && e != NULL && e->code == ERR_SYSTEM) {
		err_free(e);
		e = NULL;
	}
	return unreadable_refs(r, d, e);
}
