/* What the index saw of logs and does not reach any more; see sync.h. */
#include "store/sync-state.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "store/barred.h"
#include "store/index.h"
#include "store/logrefs.h"
#include "store/lost.h"
#include "store/record.h"
#include "store/writer-name.h"
#include "store/writer.h"

struct putting {
	struct repo *repo;
	struct strvec rewound;
	size_t restored, left;
	int asked, barred;	/* if any object is out of reach */
};

static int
is_barred(struct putting *p)
{
	char *why, *remedy = NULL;

	if (!p->asked) {
		why = objects_barred(p->repo, &remedy);
		p->asked = 1;
		p->barred = why != NULL;
		free(why);
		free(remedy);
	}
	return p->barred;
}

/*
 * 1 if it, or what is behind it, is a record; 0 also if it is not here.  What
 * may only be out of reach is left for another time.
 */
static int
has_records(struct putting *p, const struct oid *id)
{
	struct record rec;
	struct err *e = record_read(p->repo, id, &rec);
	int has = e == NULL || rec.parent_count > 0;

	if (!has && e->code == ERR_NOTFOUND)
		p->left += (size_t)is_barred(p);
	err_free(e);
	record_release(&rec);
	return has;
}

/* Where the log cannot be, readers find it at another place. */
static void
set_aside(struct putting *p, const char *remote, const char *writer,
    const struct oid *id)
{
	int made = 0;
	struct err *e = sync_keep(p->repo, remote, writer, id, &made);

	p->restored += (size_t)made;
	p->left += e != NULL;
	err_free(e);
}

/* 1 if the ref is where it was. */
static int
swap_back(struct putting *p, const char *name, const struct oid *now,
    const struct oid *id)
{
	struct err *e = ref_swap(p->repo, name, now, id);
	int back = e == NULL;

	p->restored += (size_t)back;
	if (e == NULL && !strvec_has(&p->rewound, name))
		strvec_push(&p->rewound, name);
	err_free(e);
	return back;
}

static void
put_fetched(struct putting *p, const struct ref *seen, const char *remote,
    const char *writer)
{
	struct repo *r = p->repo;
	struct oid now;
	struct err *e = ref_read(r, seen->name, &now);
	int back = 0;

	if (e != NULL && e->code == ERR_NOTFOUND) {
		back = swap_back(p, seen->name, NULL, &seen->id);
	} else if (e != NULL && e->code == ERR_DAMAGED) {
		/* As by a power loss: its file is for --repair. */
		if (!strvec_has(&p->rewound, seen->name))
			strvec_push(&p->rewound, seen->name);
	} else if (e != NULL) {
		p->left++;
		back = 1;
	} else if (repo_contains(r, &seen->id, &now)) {
		back = swap_back(p, seen->name, &now, &seen->id);
	} else if (log_surely_lacks(r, &now, &seen->id)) {
		/* As if it had been fetched without force; both are read. */
		set_aside(p, remote, writer, &now);
		back = swap_back(p, seen->name, &now, &seen->id);
	}
	/* Locked, perhaps, or another ref is in its way. */
	if (!back)
		set_aside(p, remote, writer, &seen->id);
	err_free(e);
}

/* 1 if this clone writes to it: log_check() tells that it is gone. */
static int
is_present(struct repo *r, const char *name)
{
	char *ref = NULL;
	struct err *e = writer_log(r, &ref);
	int is = e != NULL || (ref != NULL && strcmp(ref, name) == 0);

	err_free(e);
	free(ref);
	return is;
}

/* One of this clone's own; that it is damaged is told by others. */
static void
put_own(struct putting *p, const struct ref *seen)
{
	struct oid now;
	struct err *e = ref_read(p->repo, seen->name, &now);
	int back = 0;

	/* They go on from where the index saw it (log_newest()). */
	if (e == NULL || (e->code == ERR_NOTFOUND &&
	    !is_present(p->repo, seen->name))) {
		err_free(e);
		e = lost_revive(p->repo, seen->name, &seen->id, &back);
	}
	p->restored += (size_t)back;
	p->left += e != NULL;
	err_free(e);
}

static void
put_all(struct putting *p, struct index *ix, const struct reflist *seen)
{
	struct index_entry entry;
	char *remote, *last = NULL;
	const char *name;
	size_t i;
	int there = 0;

	for (i = 0; i < seen->n; i++) {
		if (index_find(ix, &seen->v[i].id, &entry) ||
		    !has_records(p, &seen->v[i].id))
			continue;
		if (strncmp(seen->v[i].name, LOG_PREFIX,
		    strlen(LOG_PREFIX)) == 0)
			put_own(p, &seen->v[i]);
		remote = logrefs_remote(seen->v[i].name, &name);
		/* Those of a remote follow each other. */
		if (remote != NULL && (last == NULL ||
		    strcmp(last, remote) != 0)) {
			there = repo_has_view(p->repo, remote);
			free(last);
			last = xstrdup(remote);
		}
		if (remote != NULL && there &&
		    writer_name_ok(name + strlen("log/")))
			put_fetched(p, &seen->v[i], remote,
			    name + strlen("log/"));
		free(remote);
	}
	free(last);
}

size_t
sync_restore_seen(struct repo *r, struct index *ix,
    const struct reflist *seen, size_t *left)
{
	struct putting p = { r, STRVEC_INIT, 0, 0, 0, 0 };
	size_t before;

	sync_rewound_refs(r, &p.rewound);
	before = p.rewound.n;
	put_all(&p, ix, seen);
	if (p.rewound.n > before)
		err_free(sync_write_rewound_refs(r, &p.rewound));
	strvec_release(&p.rewound);
	*left = p.left;
	return p.restored;
}
