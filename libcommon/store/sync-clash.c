/* Names of fetched refs that are in the way of each other; see sync-state.h. */
#include "store/sync-state.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "store/index.h"
#include "store/record.h"
#include "store/sync-former.h"
#include "store/writer-name.h"

/* "log/<writer>", as it is here, with a slash behind. */
static char *
folder_of(const struct sync_report *rep, const char *name)
{
	if (strncmp(name, "notes/", 6) == 0)
		return xasprintf("refs/notes/agent-remotes/%s/%s/",
		    rep->remote, name + 6);
	return xasprintf("refs/agent-remotes/%s/%s/", rep->remote, name);
}

/* A name that a writer may have, of "zok/x". */
static char *
flat(const char *name)
{
	char *to = xstrdup(name), *p;

	for (p = to; *p != '\0'; p++)
		if (*p == '/')
			*p = '-';
	if (writer_name_ok(to))
		return to;
	free(to);
	return xstrdup("unnamed");
}

/*
 * One ref below a name that is to be a ref itself.  It was never read, as no
 * writer has such a name; but what it leads to may be nowhere else.
 */
static struct err *
set_aside(struct repo *r, const struct sync_report *rep, struct index *ix,
    const struct ref *ref)
{
	char *folder = xasprintf("refs/agent-remotes/%s/", rep->remote);
	const char *log = NULL;
	struct index_entry entry;
	struct err *e = NULL;
	char *name;
	int made;

	if (strncmp(ref->name, folder, strlen(folder)) == 0) {
		log = ref->name + strlen(folder);
		log = strncmp(log, "log/", 4) == 0 ? log + 4 :
		    former_writer(log);
	}
	if (log != NULL && !index_find(ix, &ref->id, &entry)) {
		name = flat(log);
		e = sync_keep(r, rep->remote, name, &ref->id, &made);
		free(name);
	}
	if (e == NULL)
		e = ref_remove_at(r, ref->name, &ref->id);
	free(folder);
	return e;
}

static struct err *
clear_folder(struct repo *r, const struct sync_report *rep,
    const char *folder, int *cleared)
{
	struct reflist refs = REFLIST_INIT;
	struct index *ix = NULL;
	struct err *e = ref_list(r, folder, &refs), *left;
	size_t i;

	if (e == NULL && refs.n > 0)
		e = index_open(r, &ix);
	for (i = 0; e == NULL && i < refs.n; i++) {
		/* What cannot be read stays; git said that it is there. */
		left = set_aside(r, rep, ix, &refs.v[i]);
		*cleared |= left == NULL;
		err_free(left);
	}
	index_close(ix);
	reflist_release(&refs);
	return e;
}

struct err *
sync_clear_way(struct repo *r, const struct sync_report *rep, int *cleared)
{
	struct err *e = NULL;
	char *folder;
	size_t i;

	*cleared = 0;
	for (i = 0; e == NULL && i < rep->n; i++) {
		if (rep->refs[i].pushed || rep->refs[i].fate != SYNC_REFUSED)
			continue;
		folder = folder_of(rep, rep->refs[i].name);
		e = clear_folder(r, rep, folder, cleared);
		free(folder);
	}
	return e;
}

int
sync_is_below_log(struct repo *r, const struct sync_report *rep,
    const struct sync_ref *ref)
{
	char *name = folder_of(rep, ref->name), *end;
	size_t least = strlen(name) - strlen(strchr(ref->name, '/'));
	struct oid id;
	struct err *e;
	int below = 0;

	/* Of "log/zok/x/" this leaves "log/zok", and does not go on to "log". */
	*strrchr(name, '/') = '\0';
	while (!below && (end = strrchr(name, '/')) != NULL &&
	    (size_t)(end - name) > least) {
		*end = '\0';
		e = ref_read(r, name, &id);
		below = e == NULL;
		err_free(e);
	}
	free(name);
	return below;
}

char *
sync_kept_name(const char *remote, const char *writer, const struct oid *id)
{
	char hex[OID_HEX_SIZE];

	oid_hex(id, hex);
	return xasprintf("refs/agent-remotes/%s/kept/%s/log/%s", remote, hex,
	    writer);
}

struct err *
sync_keep(struct repo *r, const char *remote, const char *writer,
    const struct oid *id, int *made)
{
	char *name = sync_kept_name(remote, writer, id);
	struct record rec;
	struct err *e;

	*made = 0;
	e = record_read(r, id, &rec);
	if (e == NULL || rec.parent_count > 0) {
		err_free(e);
		e = ref_swap(r, name, NULL, id);
		*made = e == NULL;
	}
	/* It is there already, or leads nowhere. */
	if (e != NULL && (e->code == ERR_MOVED || e->code == ERR_INPUT)) {
		err_free(e);
		e = NULL;
	}
	record_release(&rec);
	free(name);
	return e;
}
