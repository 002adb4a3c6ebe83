/* What the index saw of logs and does not reach any more; see sync.h. */
#include "store/sync-state.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "store/index.h"
#include "store/logrefs.h"
#include "store/lost.h"
#include "store/record.h"
#include "store/writer-name.h"
#include "store/writer.h"

#define STEPS_MAX 100000	/* back in a log, to see what it has */

struct putting {
	struct repo *repo;
	struct strvec rewound;
	size_t restored, left;
};

/* 1 if it, or what is behind it, is a record; 0 also if it is not here. */
static int
has_records(struct repo *r, const struct oid *id)
{
	struct record rec;
	struct err *e = record_read(r, id, &rec);
	int has = e == NULL || rec.parent_count > 0;

	err_free(e);
	record_release(&rec);
	return has;
}

/*
 * 1 if the whole history of `from` can be read and is without `id`: what is
 * missing, or too large to be read, may hide it.
 */
static int
surely_lacks(struct repo *r, const struct oid *from, const struct oid *id)
{
	struct oidset seen = OIDSET_INIT;
	struct oid *stack = NULL, at;
	size_t n = 0, cap = 0, i, steps = 0;
	int lacks = 1;

	ALLOC_GROW(stack, n, cap);
	stack[n++] = *from;
	while (n > 0 && lacks) {
		struct record rec;
		struct err *e;

		at = stack[--n];
		e = record_read(r, &at, &rec);
		lacks = !oid_equal(&at, id) && steps++ < STEPS_MAX &&
		    (e == NULL || rec.parent_count > 0);
		for (i = 0; i < rec.parent_count; i++) {
			if (!oidset_add(&seen, &rec.parents[i]))
				continue;
			ALLOC_GROW(stack, n, cap);
			stack[n++] = rec.parents[i];
		}
		err_free(e);
		record_release(&rec);
	}
	free(stack);
	oidset_release(&seen);
	return lacks;
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

static void
swap_back(struct putting *p, const char *name, const struct oid *now,
    const struct oid *id)
{
	struct err *e = ref_swap(p->repo, name, now, id);

	p->restored += e == NULL;
	p->left += e != NULL;
	if (e == NULL && !strvec_has(&p->rewound, name))
		strvec_push(&p->rewound, name);
	err_free(e);
}

static void
put_fetched(struct putting *p, const struct ref *seen, const char *remote,
    const char *writer)
{
	struct repo *r = p->repo;
	struct oid now;
	struct err *e = ref_read(r, seen->name, &now);

	if (e != NULL && e->code == ERR_NOTFOUND) {
		swap_back(p, seen->name, NULL, &seen->id);
	} else if (e != NULL) {
		p->left++;	/* damaged, which others tell */
	} else if (repo_contains(r, &seen->id, &now)) {
		swap_back(p, seen->name, &now, &seen->id);
	} else if (surely_lacks(r, &now, &seen->id)) {
		/* As if it had been fetched without force; both are read. */
		set_aside(p, remote, writer, &now);
		swap_back(p, seen->name, &now, &seen->id);
	} else {
		set_aside(p, remote, writer, &seen->id);
	}
	err_free(e);
}

/* The ref moves forward, or what it had is made a log beside it. */
static void
revive(struct putting *p, const struct ref *seen)
{
	struct err *e = lost_keep(p->repo, seen->name, &seen->id, 0);
	char *text;

	p->restored += e == NULL;
	p->left += e != NULL;
	if (e == NULL) {
		lost_settle(p->repo, NULL);
		text = xasprintf("a log of this clone, '%s', had been set "
		    "back or deleted, as by a fetch in a mirror; what it had "
		    "is back", seen->name);
		repo_note_damage(p->repo, text);
		free(text);
	}
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
	struct repo *r = p->repo;
	struct record rec = RECORD_INIT;
	struct oid now;
	struct err *e = ref_read(r, seen->name, &now);

	if (e != NULL && e->code == ERR_NOTFOUND &&
	    !is_present(r, seen->name)) {
		err_free(e);
		e = NULL;
		revive(p, seen);
	} else if (e == NULL && repo_contains(r, &seen->id, &now)) {
		revive(p, seen);
	} else if (e == NULL && surely_lacks(r, &now, &seen->id)) {
		e = record_read(r, &now, &rec);
		if (e == NULL)
			revive(p, seen);
	}
	/* They go on from where the index saw it (log_newest()). */
	p->left += e != NULL;
	err_free(e);
	record_release(&rec);
}

static void
put_all(struct putting *p, struct index *ix, const struct reflist *seen)
{
	struct index_entry entry;
	const char *name;
	char *remote;
	size_t i;

	for (i = 0; i < seen->n; i++) {
		if (index_find(ix, &seen->v[i].id, &entry) ||
		    !has_records(p->repo, &seen->v[i].id))
			continue;
		if (strncmp(seen->v[i].name, LOG_PREFIX,
		    strlen(LOG_PREFIX)) == 0)
			put_own(p, &seen->v[i]);
		remote = logrefs_remote(seen->v[i].name, &name);
		if (remote != NULL && repo_has_view(p->repo, remote) &&
		    writer_name_ok(name + strlen("log/")))
			put_fetched(p, &seen->v[i], remote,
			    name + strlen("log/"));
		free(remote);
	}
}

size_t
sync_restore_seen(struct repo *r, struct index *ix,
    const struct reflist *seen, size_t *left)
{
	struct putting p = { r, STRVEC_INIT, 0, 0 };
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
