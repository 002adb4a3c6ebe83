#include "store/reader.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "store/writer.h"

#define REMOTES_PREFIX "refs/agent-remotes/"
#define TIP_MAX (64 * 1024 * 1024)	/* larger is no log, and not read */
#define MALFORMED_RUN_MAX 1000	/* then the ref is not a log at all */

struct item {
	struct record rec;
	int is_record;
	size_t malformed_run;	/* commits in a row that are not records */
};

struct reader {
	struct repo *repo;
	struct oidset seen;
	struct item **heap;	/* newest at the top */
	size_t n, cap;
	struct item *current;
	int64_t now;
	struct reader_stats stats;
};

static void
item_free(struct item *it)
{
	if (it == NULL)
		return;
	record_release(&it->rec);
	free(it);
}

/* 1 if a comes before b: newer first, then by id. */
static int
before(const struct item *a, const struct item *b)
{
	if (a->rec.clock != b->rec.clock)
		return a->rec.clock > b->rec.clock;
	return oid_cmp(&a->rec.id, &b->rec.id) > 0;
}

static void
heap_push(struct reader *rd, struct item *it)
{
	size_t i, up;

	ALLOC_GROW(rd->heap, rd->n, rd->cap);
	for (i = rd->n++; i > 0; i = up) {
		up = (i - 1) / 2;
		if (!before(it, rd->heap[up]))
			break;
		rd->heap[i] = rd->heap[up];
	}
	rd->heap[i] = it;
}

static struct item *
heap_pop(struct reader *rd)
{
	struct item *top = rd->heap[0], *last = rd->heap[--rd->n];
	size_t i = 0, down;

	for (; (down = 2 * i + 1) < rd->n; i = down) {
		if (down + 1 < rd->n &&
		    before(rd->heap[down + 1], rd->heap[down]))
			down++;
		if (!before(rd->heap[down], last))
			break;
		rd->heap[i] = rd->heap[down];
	}
	if (rd->n > 0)
		rd->heap[i] = last;
	return top;
}

/*
 * Read one commit of a log and queue it.  A commit that is no record takes
 * the clock of its child, so that what lies behind it is reached in time.
 */
static struct err *
visit(struct reader *rd, const struct oid *id, const struct item *child)
{
	struct buf data = BUF_INIT;
	enum object_type type;
	struct item *it;
	struct err *e;
	size_t size;

	if (!oidset_add(&rd->seen, id))
		return NULL;
	/* What a ref points at may be anything, of any size. */
	if (child == NULL) {
		e = object_size(rd->repo, id, &type, &size);
		if (e == NULL && (type != OBJECT_COMMIT || size > TIP_MAX)) {
			rd->stats.malformed++;
			return NULL;
		}
		err_free(e);
	}
	e = object_read(rd->repo, id, &type, &data);
	if (e != NULL) {
		/* Damaged or missing: shown as a count, never fatal. */
		err_free(e);
		rd->stats.missing++;
		goto done;
	}
	it = xcalloc(1, sizeof(*it));
	if (type != OBJECT_COMMIT) {
		rd->stats.malformed++;
		item_free(it);
		goto done;
	}
	e = record_parse(&it->rec, id, data.p, data.len);
	it->is_record = e == NULL;
	if (e != NULL) {
		err_free(e);
		rd->stats.malformed++;
		it->rec.clock = child == NULL ? INT64_MAX : child->rec.clock;
		it->malformed_run = child == NULL ? 1 :
		    child->malformed_run + 1;
	}
	heap_push(rd, it);
done:
	buf_release(&data);
	return NULL;
}

/* <remote>/log/<writer>, where <remote> may have slashes. */
static int
is_remote_log(const char *name, const char *what)
{
	const char *writer = strrchr(name, '/');
	size_t n = strlen(what);

	/* A heartbeat may be forced, so its folder holds no log. */
	return writer != NULL && (size_t)(writer - name) >= n &&
	    strncmp(writer + 1 - n, what, n) == 0 &&
	    strstr(name, "/beat/log/") == NULL &&
	    strstr(name, "/log/beat/") == NULL &&
	    writer_name_ok(writer + 1);
}

static struct err *
log_refs(struct repo *repo, const char *own, const char *fetched,
    struct reflist *refs, size_t *unnamed)
{
	struct reflist remote = REFLIST_INIT;
	const char *name;
	struct err *e;
	size_t i;

	e = ref_list(repo, own, refs);
	if (e == NULL)
		e = ref_list(repo, REMOTES_PREFIX, &remote);
	for (i = 0; e == NULL && i < remote.n; i++) {
		name = remote.v[i].name + strlen(REMOTES_PREFIX);
		if (!is_remote_log(name, fetched)) {
			/* Below log/, but with a name that no writer has. */
			*unnamed += strstr(name, fetched) != NULL;
			continue;
		}
		ALLOC_GROW(refs->v, refs->n, refs->cap);
		refs->v[refs->n].name = xstrdup(remote.v[i].name);
		refs->v[refs->n++].id = remote.v[i].id;
	}
	reflist_release(&remote);
	return e;
}

static int
name_cmp(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* A log that is here and fetched as well is one log. */
static size_t
count_writers(const struct reflist *refs)
{
	const char **names = xreallocarray(NULL, refs->n, sizeof(*names));
	size_t i, count = 0;

	for (i = 0; i < refs->n; i++)
		names[i] = strrchr(refs->v[i].name, '/');
	if (refs->n > 0)
		qsort(names, refs->n, sizeof(*names), name_cmp);
	for (i = 0; i < refs->n; i++)
		count += i == 0 || strcmp(names[i], names[i - 1]) != 0;
	free(names);
	return count;
}

struct err *
reader_open(struct repo *repo, struct reader **out)
{
	struct reflist refs = REFLIST_INIT;
	struct reader *rd = xcalloc(1, sizeof(*rd));
	struct err *e;
	size_t i;

	rd->repo = repo;
	rd->now = clock_now();
	e = log_refs(repo, LOG_PREFIX, "/log/", &refs, &rd->stats.malformed);
	for (i = 0; e == NULL && i < refs.n; i++)
		e = visit(rd, &refs.v[i].id, NULL);
	rd->stats.logs = count_writers(&refs);
	reflist_release(&refs);
	if (e != NULL) {
		reader_close(rd);
		rd = NULL;
	}
	*out = rd;
	return e;
}

static struct err *
visit_parents(struct reader *rd, const struct item *it)
{
	struct err *e = NULL;
	size_t i;

	if (it->malformed_run > MALFORMED_RUN_MAX)
		return NULL;
	for (i = 0; e == NULL && i < it->rec.parent_count; i++)
		e = visit(rd, &it->rec.parents[i], it);
	return e;
}

struct err *
reader_next(struct reader *rd, const struct record **rec)
{
	struct err *e = NULL;

	*rec = NULL;
	while (e == NULL && rd->n > 0) {
		item_free(rd->current);
		rd->current = heap_pop(rd);
		e = visit_parents(rd, rd->current);
		if (e != NULL || !rd->current->is_record)
			continue;
		rd->stats.records++;
		if (reader_is_ahead(rd))
			rd->stats.ahead++;
		else if (rd->stats.records - rd->stats.ahead == 1)
			writer_saw(rd->repo, rd->current->rec.clock);
		*rec = &rd->current->rec;
		return NULL;
	}
	return e;
}

int
reader_is_ahead(const struct reader *rd)
{
	return rd->current != NULL &&
	    rd->current->rec.clock > rd->now + CLOCK_AHEAD_MAX;
}

struct reader_stats
reader_stats(const struct reader *rd)
{
	return rd->stats;
}

void
reader_close(struct reader *rd)
{
	size_t i;

	if (rd == NULL)
		return;
	for (i = 0; i < rd->n; i++)
		item_free(rd->heap[i]);
	item_free(rd->current);
	free(rd->heap);
	oidset_release(&rd->seen);
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

	for (i = 0; i < count && i < 10; i++) {
		object_abbrev(repo, &ids[i], hex);
		buf_addf(&text, "\n  %s", hex);
	}
	e = err_new(ERR_AMBIGUOUS, "'%s' fits %zu records; give more of the "
	    "id:%s", prefix, count, text.p);
	buf_release(&text);
	return e;
}

static int
has_prefix(const struct oid *id, const char *prefix, size_t n)
{
	char hex[OID_HEX_SIZE];

	oid_hex(id, hex);
	return strncasecmp(hex, prefix, n) == 0;
}

static struct err *
read_record(struct repo *repo, const struct oid *id, struct record *rec)
{
	struct buf data = BUF_INIT;
	enum object_type type;
	struct err *e;

	memset(rec, 0, sizeof(*rec));
	e = object_read(repo, id, &type, &data);
	if (e == NULL && type != OBJECT_COMMIT)
		e = err_new(ERR_INPUT, "not a record: not a commit");
	if (e == NULL)
		e = record_parse(rec, id, data.p, data.len);
	buf_release(&data);
	return e;
}

struct err *
reader_find(struct repo *repo, const char *prefix, struct record *found)
{
	const struct record *rec;
	struct reader *rd = NULL;
	struct oid *ids = NULL;
	size_t n = strlen(prefix), count = 0, cap = 0;
	struct err *e;

	memset(found, 0, sizeof(*found));
	if (n < 4 || n > 40 ||
	    strspn(prefix, "0123456789abcdefABCDEF") != n)
		return err_new(ERR_INPUT, "'%s' is not the id of a record "
		    "(4 to 40 hexadecimal digits)", prefix);
	e = reader_open(repo, &rd);
	while (e == NULL) {
		e = reader_next(rd, &rec);
		if (e != NULL || rec == NULL)
			break;
		if (!has_prefix(&rec->id, prefix, n))
			continue;
		ALLOC_GROW(ids, count, cap);
		ids[count++] = rec->id;
	}
	reader_close(rd);
	if (e == NULL && count == 0)
		e = err_new(ERR_NOTFOUND, "there is no record '%s' here; "
		    "'git agent sync' fetches what others wrote", prefix);
	else if (e == NULL && count > 1)
		e = ambiguous(repo, prefix, ids, count);
	else if (e == NULL)
		e = read_record(repo, &ids[0], found);
	free(ids);
	return e;
}

struct err *
reader_beats(struct repo *repo, void (*each)(void *, const struct record *),
    void *arg)
{
	struct reflist refs = REFLIST_INIT;
	struct record rec;
	struct err *e;
	size_t i, unnamed = 0;

	e = log_refs(repo, BEAT_PREFIX, "/beat/", &refs, &unnamed);
	for (i = 0; e == NULL && i < refs.n; i++) {
		struct err *bad = read_record(repo, &refs.v[i].id, &rec);

		if (bad == NULL)
			each(arg, &rec);
		err_free(bad);
		record_release(&rec);
	}
	reflist_release(&refs);
	return e;
}
