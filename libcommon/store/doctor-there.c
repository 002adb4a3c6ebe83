/* Logs of which the host has lost objects, or that git does not take. */
#include "store/doctor-parts.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/proc.h"
#include "base/shell.h"
#include "store/sync-state.h"
#include "store/writer-name.h"
#include "store/writer.h"

/* What the last fetch noted of the ref, malloc'd, or NULL. */
char *
doctor_why_unfetched(struct repo *r, const char *remote, const char *ref)
{
	char *list = sync_unfetched(r, remote);
	char *line, *rest = list, *why = NULL;
	size_t n = strlen(ref);

	while (why == NULL && (line = strsep(&rest, "\n")) != NULL)
		if (strncmp(line, ref, n) == 0 && line[n] == ' ') {
			line = strchr(line + n + 1, ' ');
			why = xstrdup(line == NULL ? "" : line + 1);
		}
	free(list);
	return why;
}

/*
 * Only a push of a ref that is not there sends all that it leads to.  First
 * what is here is looked at, whole and not as far as a shallow clone goes, and
 * kept: git drops what it fetched of a ref that it deletes there, and nothing
 * may lead to the records until the last command has worked.
 */
static char *
commands(const struct diagnosis *d, const char *ref, const struct oid *id)
{
	char hex[OID_HEX_SIZE], *keep, *text;

	oid_hex(id, hex);
	keep = sync_kept_name(d->remote, strrchr(ref, '/') + 1, id);
	text = shell_format("git --shallow-file '' rev-list --quiet --objects "
	    "%s && git update-ref %s %s && git push --force-with-lease=%s:%s "
	    "%s :%s && git push %s %s:%s", hex, keep, hex, ref, hex, d->remote,
	    ref, d->remote, hex, ref);
	free(keep);
	return text;
}

/* 1 if all that the commit leads to is here, down to its beginning. */
static int
is_whole(struct repo *r, const struct oid *id)
{
	struct strvec argv = STRVEC_INIT;
	struct buf out = BUF_INIT, errors = BUF_INIT;
	struct proc p = PROC_INIT;
	char hex[OID_HEX_SIZE];
	int status = 1;

	if (!object_exists(r, id) || doctor_is_cut_off(r, id))
		return 0;
	oid_hex(id, hex);
	strvec_pushl(&argv, "git", "rev-list", "--quiet", "--objects", hex,
	    (char *)NULL);
	p.argv = &argv;
	err_free(proc_capture(&p, NULL, &out, &errors, &status));
	strvec_release(&argv);
	buf_release(&out);
	buf_release(&errors);
	return status == 0;
}

static void
lost_there(struct repo *r, struct diagnosis *d, const char *ref,
    const struct oid *id)
{
	char *how = commands(d, ref, id);
	size_t i;

	for (i = 0; i < d->n; i++)
		if (d->v[i].code == DOCTOR_LOST_THERE &&
		    strcmp(d->v[i].subject, ref) == 0)
			break;
	if (i < d->n)
		;
	else if (is_whole(r, id)) {
		diagnosis_add(d, DOCTOR_LOST_THERE, ref, xasprintf("'%s' has "
		    "lost objects of it, which are here", d->remote), how,
		    NULL);
		how = NULL;
	} else {
		diagnosis_add(d, DOCTOR_LOST_THERE, ref, xasprintf("'%s' has "
		    "lost objects of it, which are not all here either; a "
		    "clone that has them puts them there again by '%s'",
		    d->remote, how), NULL, NULL);
	}
	free(how);
}

void
doctor_unfetched(struct repo *r, struct diagnosis *d, const struct ref *there)
{
	char *ref = xasprintf("%s/log/%s", d->prefix, there->name);
	char *why = doctor_why_unfetched(r, d->remote, ref);

	if (why == NULL)
		diagnosis_add(d, DOCTOR_UNFETCHED, ref, xasprintf("'%s' has "
		    "records in it that are not here", d->remote),
		    xstrdup("git agent sync --fetch"), xstrdup("fetch"));
	else if (strstr(why, "not our ref") != NULL ||
	    strstr(why, "on the remote side") != NULL)
		lost_there(r, d, ref, &there->id);
	else
		diagnosis_add(d, DOCTOR_UNFETCHED, ref, xasprintf("'%s' has "
		    "records in it that are not here, and git does not take "
		    "them: %s%s", d->remote, why,
		    strstr(why, "fsck error") == NULL ? "" : "; 'git help "
		    "config' tells of fetch.fsck.<msg-id>, which lets them "
		    "in"), NULL, xstrdup("fetch once more"));
	free(why);
	free(ref);
}

/* A heartbeat, or notes on results that are in the records: made again. */
static void
lost_other(struct diagnosis *d, const char *ref)
{
	diagnosis_add(d, DOCTOR_LOST_THERE, ref, xasprintf("'%s' has lost "
	    "objects of it; nothing in it is a record, and its writer pushes "
	    "it again", d->remote), shell_format("git push %s :%s", d->remote,
	    ref), NULL);
}

/* 1 if it is <prefix>/<folder>/<writer>; *writer is its end. */
static int
is_below(const char *ref, const char *prefix, const char *folder,
    const char **writer)
{
	size_t n = strlen(prefix), m = strlen(folder);

	if (strncmp(ref, prefix, n) != 0 || strncmp(ref + n, folder, m) != 0)
		return 0;
	*writer = ref + n + m;
	return writer_name_ok(*writer);
}

/* A ref that keeps the host from taking anything. */
static void
blame(struct repo *r, struct diagnosis *d, const char *ref,
    const struct reflist *there, const struct reflist *former)
{
	const struct ref *log = NULL;
	const char *writer;
	size_t i;

	if (is_below(ref, d->prefix, "/log/", &writer))
		log = reflist_find(there, writer);
	for (i = 0; i < former->n && log == NULL; i++)
		if (strcmp(former->v[i].name, ref) == 0)
			log = &former->v[i];
	if (log != NULL)
		lost_there(r, d, ref, &log->id);
	else if (is_below(ref, d->prefix, "/beat/", &writer) ||
	    is_below(ref, d->prefix, "/notes/", &writer) ||
	    is_below(ref, NOTES_PREFIX, "", &writer))
		lost_other(d, ref);
}

/* As the host named them when the last push from here was refused. */
void
doctor_lost_there(struct repo *r, struct diagnosis *d,
    const struct reflist *there, const struct reflist *former)
{
	static const char mark[] = "bad object ";
	struct strvec met = STRVEC_INIT;
	char *list = sync_refused(r, d->remote), *p = list, *ref;

	while ((p = strstr(p, mark)) != NULL) {
		p += strlen(mark);
		ref = xstrndup(p, strcspn(p, "; \n"));
		if (!strvec_has(&met, ref)) {
			strvec_push(&met, ref);
			blame(r, d, ref, there, former);
		}
		free(ref);
	}
	strvec_release(&met);
	free(list);
}
