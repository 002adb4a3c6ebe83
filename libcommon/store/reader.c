#include "store/reader.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/strvec.h"
#include "store/logrefs.h"
#include "store/repair.h"
#include "store/writer.h"
#include "store/writer-name.h"

#define CANDIDATES 10

struct reader {
	struct repo *repo;
	struct index *index;
	struct strvec kinds;	/* NULL in v: all */
	struct index_cursor *cursor;
	struct index_entry at;	/* the entry last handed out */
	struct record current;
	int begun, believed;
	int64_t now;
	struct index_stats stats;
};

static void
start(struct reader *rd)
{
	index_cursor_free(rd->cursor);
	rd->cursor = index_cursor_new(rd->index, rd->kinds.n == 0 ? NULL :
	    (const char *const *)rd->kinds.v);
	rd->stats = index_stats(rd->index);
}

struct err *
reader_open(struct repo *repo, const char *const *kinds, struct reader **out)
{
	struct reader *rd = xcalloc(1, sizeof(*rd));
	struct err *e;

	rd->repo = repo;
	rd->current = (struct record)RECORD_INIT;
	rd->now = clock_now();
	for (; kinds != NULL && *kinds != NULL; kinds++)
		strvec_push(&rd->kinds, *kinds);
	log_note_damage(repo);
	e = index_open(repo, &rd->index);
	if (e == NULL)
		start(rd);
	if (e != NULL) {
		reader_close(rd);
		rd = NULL;
	}
	*out = rd;
	return e;
}

/* The next entry; a damaged index is made anew, and the walk goes on. */
static struct err *
next_entry(struct reader *rd, int *there)
{
	struct index_entry next;
	struct err *e = NULL;
	int tries = 0;

	do {
		*there = index_cursor_next(rd->cursor, &next);
		if (!index_is_damaged(rd->index))
			break;
		e = index_rebuild(rd->index);
		if (e != NULL)
			break;
		start(rd);
		if (rd->begun)
			index_cursor_seek(rd->cursor, &rd->at);
	} while (++tries < 3);
	if (e == NULL && *there) {
		rd->at = next;
		rd->begun = 1;
	}
	return e;
}

static int
is_wanted(const struct reader *rd)
{
	return rd->kinds.n == 0 || !index_kind_is_other(&rd->at) ||
	    strvec_has(&rd->kinds, rd->current.kind);
}

struct err *
reader_next(struct reader *rd, const struct record **rec)
{
	struct err *e, *bad;
	int there;

	*rec = NULL;
	for (;;) {
		e = next_entry(rd, &there);
		if (e != NULL || !there)
			return e;
		bad = index_read(rd->index, &rd->at.id, &rd->current);
		/* It was here when the index was made. */
		rd->stats.missing += bad != NULL;
		if (bad != NULL && bad->code == ERR_DAMAGED)
			repo_note_damage(rd->repo, bad->msg);
		err_free(bad);
		if (bad == NULL && is_wanted(rd))
			break;
	}
	if (!rd->believed && !reader_is_ahead(rd)) {
		rd->believed = 1;
		writer_saw(rd->repo, rd->current.clock);
	}
	*rec = &rd->current;
	return NULL;
}

int
reader_is_ahead(const struct reader *rd)
{
	return rd->current.clock > rd->now + CLOCK_AHEAD_MAX;
}

int
reader_is_gone(struct reader *rd)
{
	return index_is_gone(rd->index, &rd->at);
}

struct index_stats
reader_stats(const struct reader *rd)
{
	return rd->stats;
}

void
reader_close(struct reader *rd)
{
	if (rd == NULL)
		return;
	index_cursor_free(rd->cursor);
	index_close(rd->index);
	record_release(&rd->current);
	strvec_release(&rd->kinds);
	free(rd);
}

static struct err *
ambiguous(struct repo *repo, const char *prefix, const struct oid *ids,
    size_t count)
{
	struct buf text = BUF_INIT;
	char hex[OID_HEX_SIZE];
	struct err *e;
	size_t i;

	for (i = 0; i < count && i < CANDIDATES; i++) {
		object_abbrev(repo, &ids[i], hex);
		buf_addf(&text, "\n  %s", hex);
	}
	e = err_new(ERR_AMBIGUOUS, "'%s' fits %zu records; give more of the "
	    "id:%s", prefix, count, text.p);
	buf_release(&text);
	return e;
}

static struct err *
find_ids(struct repo *repo, const char *prefix, struct oid ids[CANDIDATES],
    size_t *count)
{
	char hex[OID_HEX_SIZE] = "";
	struct index *ix = NULL;
	struct err *e;
	size_t i;

	for (i = 0; prefix[i] != '\0' && i < sizeof(hex) - 1; i++)
		hex[i] = (char)tolower((unsigned char)prefix[i]);
	e = index_open(repo, &ix);
	if (e == NULL)
		*count = index_find_prefix(ix, hex, ids, CANDIDATES);
	if (e == NULL && index_is_damaged(ix)) {
		e = index_rebuild(ix);
		if (e == NULL)
			*count = index_find_prefix(ix, hex, ids, CANDIDATES);
	}
	index_close(ix);
	return e;
}

struct err *
reader_find(struct repo *repo, const char *prefix, struct record *found)
{
	struct oid ids[CANDIDATES];
	size_t n = strlen(prefix), count = 0;
	struct err *e;

	memset(found, 0, sizeof(*found));
	if (n < 4 || n > 40 ||
	    strspn(prefix, "0123456789abcdefABCDEF") != n)
		return err_new(ERR_INPUT, "'%s' is not the id of a record "
		    "(4 to 40 hexadecimal digits)", prefix);
	e = find_ids(repo, prefix, ids, &count);
	if (e == NULL && count == 0)
		e = err_new(ERR_NOTFOUND, "there is no record '%s' here; "
		    "'git agent sync' fetches what others wrote", prefix);
	else if (e == NULL && count > 1)
		e = ambiguous(repo, prefix, ids, count);
	else if (e == NULL)
		e = record_read(repo, &ids[0], found);
	return e;
}

static void
read_beat(struct repo *repo, const struct oid *id,
    void (*each)(void *, const struct record *), void *arg)
{
	struct record rec;
	struct err *e = record_read(repo, id, &rec);

	if (e == NULL)
		each(arg, &rec);
	err_free(e);
	record_release(&rec);
}

/* A record that does not tell its writer may be anybody's. */
static void
read_all_beats(struct repo *repo, void (*each)(void *, const struct record *),
    void *arg)
{
	struct reflist refs = REFLIST_INIT;
	size_t i;

	err_free(logrefs_beats(repo, &refs));
	for (i = 0; i < refs.n; i++)
		read_beat(repo, &refs.v[i].id, each, arg);
	reflist_release(&refs);
}

static void
read_named_beat(struct repo *repo, char *ref,
    void (*each)(void *, const struct record *), void *arg)
{
	struct oid id;
	struct err *e = ref_read(repo, ref, &id);

	if (e == NULL)
		read_beat(repo, &id, each, arg);
	err_free(e);
	free(ref);
}

void
reader_beats(struct repo *repo, const char *writer,
    void (*each)(void *, const struct record *), void *arg)
{
	const char *remote = repo_remote(repo);

	if (!writer_name_ok(writer)) {
		read_all_beats(repo, each, arg);
		return;
	}
	read_named_beat(repo, xasprintf(BEAT_PREFIX "%s", writer), each, arg);
	if (remote != NULL)
		read_named_beat(repo, xasprintf("refs/agent-remotes/%s/beat/"
		    "%s", remote, writer), each, arg);
}
