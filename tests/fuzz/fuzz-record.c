/* Commits from anywhere: the record parser and the trailers. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "store/record.h"
#include "work/overview.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

/* Cut and broken to a terminal's width, it is still whole characters. */
static void
show_narrow(const char *clean)
{
	struct buf b = BUF_INIT;

	text_fit(&b, clean, 9);
	if (text_width(b.p) > 9)
		abort();
	text_wrap(&b, clean, 3, 4, 17);
	if (!text_is_utf8(b.p, b.len))
		abort();
	buf_release(&b);
}

/* What was parsed is what a reader shows: it must be clean and whole. */
static void
show(const char *text)
{
	struct buf b = BUF_INIT;
	size_t i;

	text_clean(&b, text, strlen(text), TEXT_BLOCK);
	if (!text_is_utf8(b.p, b.len))
		abort();
	for (i = 0; i < b.len; i++)
		if ((unsigned char)b.p[i] < 0x20 && b.p[i] != '\n' &&
		    b.p[i] != '\t')
			abort();
	show_narrow(b.p);
	buf_release(&b);
}

/*
 * What the index keeps does not depend on how much of a record is read, nor on
 * the one that was in the same memory before it.
 */
static void
same_for_index(const struct record *rec, const struct err *verdict,
    const uint8_t *data, size_t size)
{
	static struct record other = RECORD_INIT;
	struct err *e;
	size_t i;

	buf_clear(&other.text);
	buf_add(&other.text, data, size);
	e = record_parse_trailers(&other, &rec->id);
	if ((e == NULL) != (verdict == NULL) ||
	    (e != NULL && strcmp(e->msg, verdict->msg) != 0) ||
	    other.parent_count != rec->parent_count ||
	    other.trailers.n != rec->trailers.n)
		abort();
	for (i = 0; i < rec->parent_count; i++)
		if (!oid_equal(&other.parents[i], &rec->parents[i]))
			abort();
	for (i = 0; i < rec->trailers.n; i++)
		if (strcmp(other.trailers.v[i].key,
		    rec->trailers.v[i].key) != 0 ||
		    strcmp(other.trailers.v[i].value,
		    rec->trailers.v[i].value) != 0)
			abort();
	if (e == NULL && (other.clock != rec->clock ||
	    strcmp(other.kind, rec->kind) != 0))
		abort();
	err_free(e);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct oid id;
	struct metric_value m;
	struct record rec = RECORD_INIT;
	struct err *e;
	const char *value;

	buf_add(&rec.text, data, size);
	e = record_parse(&rec, &id);
	same_for_index(&rec, e, data, size);
	if (e == NULL) {
		if (rec.clock <= 0 || rec.kind == NULL)
			abort();
		show(rec.subject);
		show(rec.body);
		value = record_trailer(&rec, "Agent-Metric");
		if (value != NULL && metric_parse(&m, value) == 0)
			metric_release(&m);
	}
	err_free(e);
	record_release(&rec);
	return 0;
}
