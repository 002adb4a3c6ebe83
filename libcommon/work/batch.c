#include "work/batch.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/js.h"
#include "store/reader.h"

/* A field that has to be text if it is there; *text is NULL if it is not. */
static struct err *
get_text(const struct js *j, const char *key, const char **text)
{
	size_t len;

	*text = NULL;
	if (js_is_null(js_get(j, key)))
		return NULL;
	*text = js_get_bytes(j, key, &len);
	if (*text == NULL)
		return err_new(ERR_INPUT, "'%s' has to be a string", key);
	if (strlen(*text) != len)
		return err_new(ERR_INPUT, "'%s' has a NUL byte in it", key);
	return NULL;
}

static struct err *
get_kind(const struct js *j, struct draft *d)
{
	const char *kind;
	struct err *e = get_text(j, "kind", &kind);
	size_t i;

	if (e != NULL)
		return e;
	for (i = 0; kind != NULL && entry_kinds[i] != NULL; i++)
		if (strcmp(kind, entry_kinds[i]) == 0) {
			d->kind = entry_kinds[i];
			return NULL;
		}
	return err_new(ERR_INPUT, "%s%s%s; expected done, failed, status, "
	    "limit, next or milestone", kind == NULL ? "it has no 'kind'" :
	    "'", kind == NULL ? "" : kind, kind == NULL ? "" :
	    "' is no kind of record that 'git agent log' writes");
}

/* As on the command line: --because is the end of the body. */
static struct err *
get_body(const struct js *j, struct draft *d, struct entry_text *t)
{
	const char *parts[3];
	struct buf b = BUF_INIT;
	struct err *e;
	size_t i;

	e = get_text(j, "subject", &parts[0]);
	if (e == NULL)
		e = get_text(j, "body", &parts[1]);
	if (e == NULL)
		e = get_text(j, "because", &parts[2]);
	if (e == NULL && parts[0] == NULL)
		e = err_new(ERR_INPUT, "it has no 'subject'");
	for (i = 0; e == NULL && i < 3; i++)
		if (parts[i] != NULL)
			buf_addf(&b, "%s%s", i == 0 ? "" : "\n\n", parts[i]);
	if (e == NULL && parts[0][strspn(parts[0], " \t\r\n")] == '\0')
		e = err_new(ERR_INPUT, "its 'subject' is empty");
	if (e == NULL)
		e = entry_text_split(t, b.p, b.len);
	d->subject = t->subject;
	d->body = t->body;
	buf_release(&b);
	return e;
}

static struct err *
get_references(const struct js *j, struct repo *r, struct draft *d)
{
	const char *instead, *at, *old;
	char hex[OID_HEX_SIZE];
	struct record rec;
	struct oid id;
	struct err *e;

	e = get_text(j, "instead", &instead);
	if (e == NULL)
		e = get_text(j, "at", &at);
	if (e == NULL)
		e = get_text(j, "supersedes", &old);
	if (e != NULL)
		return e;
	if (instead != NULL)
		trailers_add(&d->trailers, "Agent-Instead", instead);
	if (at != NULL && oid_parse(at, &id) != 0)
		return err_new(ERR_INPUT, "'at' has to be the name of a "
		    "commit, 40 hexadecimal digits");
	if (at != NULL)
		trailers_add(&d->trailers, "Agent-At", at);
	if (old == NULL)
		return NULL;
	e = reader_find(r, old, &rec);
	if (e == NULL) {
		oid_hex(&rec.id, hex);
		trailers_add(&d->trailers, "Agent-Supersedes", hex);
	}
	record_release(&rec);
	return e;
}

static struct err *
add_line(struct batch *b, struct repo *r, const char *line, size_t len)
{
	struct draft *d = &b->drafts[b->n - 1];
	struct js *j = NULL;
	struct err *e;

	e = js_parse_line(&j, line, len);
	if (e == NULL && !js_is_object(j))
		e = err_new(ERR_INPUT, "not a JSON object");
	if (e != NULL) {
		e = err_prefix(e, "expected one JSON object on each line, "
		    "such as {\"kind\": \"done\", \"subject\": \"…\"} ('jq -c "
		    "\".[]\"' makes lines of an array), got");
		goto done;
	}
	e = get_kind(j, d);
	if (e == NULL)
		e = get_body(j, d, &b->texts[b->n - 1]);
	if (e == NULL)
		e = get_references(j, r, d);
done:
	js_free(j);
	return e;
}

static void
grow(struct batch *b, size_t line)
{
	size_t cap = b->cap;

	ALLOC_GROW(b->drafts, b->n, b->cap);
	if (b->cap != cap) {
		b->texts = xreallocarray(b->texts, b->cap, sizeof(*b->texts));
		b->lines = xreallocarray(b->lines, b->cap, sizeof(*b->lines));
	}
	memset(&b->drafts[b->n], 0, sizeof(*b->drafts));
	memset(&b->texts[b->n], 0, sizeof(*b->texts));
	b->lines[b->n++] = line;
}

static struct err *
about_line(struct err *e, size_t line)
{
	return err_prefix(e, "nothing was recorded; line %zu", line);
}

struct err *
batch_read(struct batch *b, struct repo *r, const char *text, size_t len)
{
	const char *p, *stop, *end = text + len;
	size_t number = 0, blank;
	struct err *e;

	for (p = text; p < end; p = stop + 1) {
		stop = memchr(p, '\n', (size_t)(end - p));
		if (stop == NULL)
			stop = end;
		number++;
		blank = strspn(p, " \t\r");
		if (p + blank >= stop)
			continue;
		grow(b, number);
		e = add_line(b, r, p, (size_t)(stop - p));
		if (e != NULL)
			return about_line(e, number);
	}
	return NULL;
}

struct err *
batch_append(struct batch *b, struct repo *r, struct oid *last)
{
	struct oid *ids = xcalloc(b->n, sizeof(*ids));
	struct err *e;
	size_t bad;

	e = entry_append_many(r, b->drafts, b->n, ids, &bad);
	if (e != NULL && bad < b->n)
		e = about_line(e, b->lines[bad]);
	*last = ids[b->n - 1];
	free(ids);
	return e;
}

void
batch_release(struct batch *b)
{
	size_t i;

	for (i = 0; i < b->n; i++) {
		draft_release(&b->drafts[i]);
		entry_text_release(&b->texts[i]);
	}
	free(b->drafts);
	free(b->texts);
	free(b->lines);
	memset(b, 0, sizeof(*b));
}
