#include "store/lost.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/lock.h"
#include "store/record.h"

#define LOCK_WAIT_MS 10000
#define LOST "lost-logs"

/* 1 and its parts, if it is a line of ours; cuts it behind the ref. */
static int
parse(char *line, struct oid *id, char **ref, int *damaged)
{
	char *end;

	if (strlen(line) < OID_HEX_SIZE || line[OID_HEX_SIZE - 1] != ' ')
		return 0;
	line[OID_HEX_SIZE - 1] = '\0';
	*ref = line + OID_HEX_SIZE;
	end = strchr(*ref, ' ');
	*damaged = end != NULL;
	if (end != NULL)
		*end = '\0';
	return oid_parse(line, id) == 0 && strncmp(*ref, "refs/", 5) == 0;
}

static void
add_line(struct buf *b, const struct oid *id, const char *ref, int damaged)
{
	char hex[OID_HEX_SIZE];

	oid_hex(id, hex);
	buf_addf(b, "%s %s%s\n", hex, ref, damaged ? " damaged" : "");
}

/* Call for each line, until it returns 1; 1 if one did. */
static int
each(struct repo *r, const char *name,
    int (*f)(void *, const struct oid *, const char *, int), void *arg)
{
	char *path = repo_shared_path(r, name), *line, *rest, *ref;
	struct buf text = BUF_INIT;
	struct oid id;
	int damaged, stop = 0;

	if (access(path, F_OK) == 0)
		err_free(file_read(path, &text));
	rest = text.p;
	while (text.len > 0 && !stop && (line = strsep(&rest, "\n")) != NULL)
		stop = parse(line, &id, &ref, &damaged) &&
		    f(arg, &id, ref, damaged);
	buf_release(&text);
	free(path);
	return stop;
}

static struct err *
turn(struct repo *r, struct lock *lock, int wait)
{
	char *path = repo_shared_path(r, "lost.lock");
	struct err *e = repo_make_state(r);

	if (e == NULL)
		e = lock_take(lock, path, wait);
	free(path);
	return e;
}

/* The lock is held. */
static struct err *
append(struct repo *r, const char *name, const char *lines)
{
	char *path = repo_shared_path(r, name);
	struct buf text = BUF_INIT;
	struct err *e = file_read(path, &text);

	if (e != NULL && e->code == ERR_NOTFOUND) {
		err_free(e);
		e = NULL;
	}
	buf_addstr(&text, lines);
	if (e == NULL)
		e = file_write(path, text.p, text.len);
	buf_release(&text);
	free(path);
	return e;
}

static int
is_line(void *arg, const struct oid *id, const char *ref, int damaged)
{
	struct buf line = BUF_INIT;
	int is;

	add_line(&line, id, ref, damaged);
	is = strcmp(line.p, arg) == 0;
	buf_release(&line);
	return is;
}

struct err *
lost_keep(struct repo *r, const char *ref, const struct oid *tip, int damaged)
{
	struct lock lock = LOCK_INIT;
	struct buf line = BUF_INIT;
	struct err *e = turn(r, &lock, LOCK_WAIT_MS);

	add_line(&line, tip, ref, damaged);
	/* What cannot be put back just now is tried by each command. */
	if (e == NULL && !each(r, LOST, is_line, line.p))
		e = append(r, LOST, line.p);
	lock_release(&lock);
	buf_release(&line);
	return e;
}

static int
is_ref(void *arg, const struct oid *id, const char *ref, int damaged)
{
	(void)id;
	(void)damaged;
	return strcmp(ref, arg) == 0;
}

int
lost_has(struct repo *r, const char *ref)
{
	return each(r, LOST, is_ref, (void *)ref);
}

struct listing {
	struct reflist *refs;
	int missing;
};

static int
list_one(void *arg, const struct oid *id, const char *ref, int damaged)
{
	struct listing *l = arg;

	if (!l->missing || !damaged)
		reflist_add(l->refs, ref, id);
	return 0;
}

void
lost_list(struct repo *r, int missing, struct reflist *refs)
{
	struct listing l = { refs, missing };

	each(r, LOST, list_one, &l);
}

struct settling {
	struct repo *repo;
	struct strvec *done;
	struct buf left;
	int found;
};

/* The log beside one that has gone on without `id`. */
static char *
beside(const char *ref, const struct oid *id)
{
	char hex[OID_HEX_SIZE];

	oid_hex(id, hex);
	return xasprintf("%s-%.7s", ref, hex);
}

/* The ref, at `id`, unless it has all of that; *name is where it went. */
static struct err *
put_back(struct repo *r, const char *ref, const struct oid *id, char **name)
{
	struct oid now;
	struct err *e = ref_read(r, ref, &now);

	*name = xstrdup(ref);
	if (e != NULL && e->code == ERR_NOTFOUND) {
		err_free(e);
		return ref_swap(r, ref, NULL, id);
	}
	if (e != NULL || repo_contains(r, &now, id))
		return e;
	if (repo_contains(r, id, &now))
		return ref_swap(r, ref, &now, id);
	free(*name);
	*name = beside(ref, id);
	return ref_set(r, *name, id);
}

static int
settle_one(void *arg, const struct oid *id, const char *ref, int damaged)
{
	struct settling *s = arg;
	char hex[OID_HEX_SIZE], *name = NULL;
	struct err *e = NULL;
	int back = record_is_here(s->repo, id);

	if (back)
		e = put_back(s->repo, ref, id, &name);
	oid_hex(id, hex);
	if (back && e == NULL) {
		s->found = 1;
		if (s->done != NULL)
			strvec_pushf(s->done, "%s is here again, and so is "
			    "'%s'", hex, name);
	} else {
		add_line(&s->left, id, ref, damaged);
	}
	err_free(e);
	free(name);
	return 0;
}

void
lost_settle(struct repo *r, struct strvec *done)
{
	char *path = repo_shared_path(r, LOST);
	struct settling s = { r, done, BUF_INIT, 0 };
	struct lock lock = LOCK_INIT;
	struct err *e = NULL;

	if (access(path, F_OK) != 0)
		goto done;
	/* Who may not write leaves it to the next. */
	e = turn(r, &lock, done == NULL ? 0 : LOCK_WAIT_MS);
	if (e != NULL)
		goto done;
	each(r, LOST, settle_one, &s);
	if (s.found && s.left.len == 0)
		(void)unlink(path);
	else if (s.found)
		e = file_write(path, s.left.p, s.left.len);
done:
	lock_release(&lock);
	buf_release(&s.left);
	err_free(e);
	free(path);
}

int
log_surely_lacks(struct repo *r, const struct oid *from, const struct oid *id)
{
	struct oidset seen = OIDSET_INIT;
	struct oid *stack = NULL, at;
	size_t n = 0, cap = 0, i;
	int lacks = 1;

	ALLOC_GROW(stack, n, cap);
	stack[n++] = *from;
	while (n > 0 && lacks) {
		struct record rec;
		struct err *e;

		at = stack[--n];
		e = record_read(r, &at, &rec);
		lacks = !oid_equal(&at, id) &&
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

/* 1 if the log that was made beside it then has it. */
static int
is_beside(struct repo *r, const char *ref, const struct oid *id)
{
	char *name = beside(ref, id);
	struct oid tip;
	struct err *e = ref_read(r, name, &tip);
	int is = e == NULL && repo_contains(r, &tip, id);

	err_free(e);
	free(name);
	return is;
}

struct err *
lost_revive(struct repo *r, const char *ref, const struct oid *id, int *back)
{
	struct record rec = RECORD_INIT;
	struct strvec done = STRVEC_INIT;
	struct oid now;
	struct err *e = ref_read(r, ref, &now);
	char *text;

	*back = 0;
	if (e != NULL && e->code == ERR_NOTFOUND) {
		err_free(e);
		e = NULL;
		*back = 1;
	} else if (e == NULL && repo_contains(r, id, &now)) {
		*back = !oid_equal(id, &now);
	} else if (e == NULL && !is_beside(r, ref, id) &&
	    log_surely_lacks(r, &now, id)) {
		e = record_read(r, &now, &rec);
		*back = e == NULL;
	}
	record_release(&rec);
	if (e == NULL && *back)
		e = lost_keep(r, ref, id, 0);
	if (e != NULL || !*back) {
		*back = 0;
		return e;
	}
	lost_settle(r, &done);
	/* Or another process is at it, or it could not be moved: later. */
	*back = done.n > 0;
	strvec_release(&done);
	if (!*back)
		return NULL;
	text = xasprintf("a log of this clone, '%s', had been set back or "
	    "deleted, as by a fetch in a mirror; what it had is back", ref);
	repo_note_damage(r, text);
	free(text);
	return NULL;
}
