#include "base/text.h"

#include <ctype.h>
#include <langinfo.h>
#include <locale.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <wchar.h>

#include "base/alloc.h"

#define REPLACEMENT "\xef\xbf\xbd"
#define ELLIPSIS "\xe2\x80\xa6"

/* Table 3-7 of the Unicode Standard: no overlong forms, no surrogates. */
size_t
text_utf8_length(const char *text, size_t n)
{
	const unsigned char *s = (const unsigned char *)text;
	unsigned char low = 0x80, high = 0xbf;
	size_t len, i;

	if (n == 0)
		return 0;
	if (s[0] < 0x80)
		return 1;
	if (s[0] < 0xc2 || s[0] > 0xf4)
		return 0;
	len = s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
	if (len > n)
		return 0;
	if (s[0] == 0xe0)
		low = 0xa0;
	else if (s[0] == 0xed)
		high = 0x9f;
	else if (s[0] == 0xf0)
		low = 0x90;
	else if (s[0] == 0xf4)
		high = 0x8f;
	if (s[1] < low || s[1] > high)
		return 0;
	for (i = 2; i < len; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	return len;
}

int
text_is_utf8(const char *s, size_t n)
{
	size_t k;

	for (; n > 0; s += k, n -= k)
		if ((k = text_utf8_length(s, n)) == 0)
			return 0;
	return 1;
}

size_t
text_add_utf8(struct buf *b, const char *s, size_t n)
{
	size_t k, replaced = 0;

	for (; n > 0; s += k, n -= k) {
		k = text_utf8_length(s, n);
		if (k != 0) {
			buf_add(b, s, k);
		} else {
			buf_addstr(b, REPLACEMENT);
			replaced++;
			k = 1;
		}
	}
	return replaced;
}

/* The character that the valid sequence of k bytes encodes. */
static uint32_t
decode(const char *text, size_t k)
{
	static const unsigned char lead[] = { 0, 0x7f, 0x1f, 0x0f, 0x07 };
	const unsigned char *s = (const unsigned char *)text;
	uint32_t c = s[0] & lead[k];
	size_t i;

	for (i = 1; i < k; i++)
		c = c << 6 | (s[i] & 0x3f);
	return c;
}

/*
 * C1 controls, the invisible ones of the general category Cf, line and
 * paragraph separators, blank fillers, variation selectors.  U+FE0E and
 * U+FE0F stay, since they are part of common emoji, and so do the visible
 * Arabic and Syriac signs of Cf.
 */
static int
is_unsafe(uint32_t c)
{
	static const struct {
		uint32_t first, last;
	} ranges[] = {
		{ 0x80, 0x9f }, { 0xad, 0xad }, { 0x34f, 0x34f },
		{ 0x61c, 0x61c }, { 0x115f, 0x1160 }, { 0x17b4, 0x17b5 },
		{ 0x180b, 0x180f }, { 0x200b, 0x200f }, { 0x2028, 0x202e },
		{ 0x2060, 0x206f }, { 0x3164, 0x3164 }, { 0xfe00, 0xfe0d },
		{ 0xfeff, 0xfeff }, { 0xffa0, 0xffa0 }, { 0xfff0, 0xfffb },
		{ 0x1bca0, 0x1bca3 }, { 0x1d173, 0x1d17a },
		{ 0xe0000, 0xe0fff },
	};
	size_t i;

	for (i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++)
		if (c >= ranges[i].first && c <= ranges[i].last)
			return 1;
	return 0;
}

/* One control byte; returns how many bytes of the text it took. */
static size_t
clean_control(struct buf *b, const char *s, size_t n, enum text_clean mode)
{
	if (*s == '\r' && n > 1 && s[1] == '\n')
		return 1;
	if (*s == '\n' || *s == '\t') {
		buf_addch(b, mode == TEXT_LINE ? ' ' : *s);
		return 1;
	}
	buf_addch(b, '^');
	buf_addch(b, *s ^ 0x40);
	return 1;
}

/*
 * Zero-width (non-)joiners: Persian, Indic scripts and joined emoji need them
 * behind one of their own characters; elsewhere they hide.
 */
static int
is_joiner(uint32_t c)
{
	return c == 0x200c || c == 0x200d;
}

/* How many of the next bytes are visible ASCII or blanks: most are. */
static size_t
plain_length(const char *s, size_t n)
{
	size_t k = 0;

	while (k < n && s[k] >= ' ' && s[k] < 0x7f)
		k++;
	return k;
}

void
text_clean(struct buf *b, const char *s, size_t n, enum text_clean mode)
{
	size_t k;
	int joins, after_letter = 0;

	for (; n > 0; s += k, n -= k) {
		k = plain_length(s, n);
		if (k > 0) {
			buf_add(b, s, k);
			after_letter = 0;
			continue;
		}
		k = text_utf8_length(s, n);
		joins = k == 3 && is_joiner(decode(s, k)) && after_letter;
		after_letter = k > 1 && !is_joiner(decode(s, k));
		if (k == 0 || (k > 1 && !joins && is_unsafe(decode(s, k)))) {
			buf_addstr(b, REPLACEMENT);
			k = k == 0 ? 1 : k;
		} else if (k == 1 && ((unsigned char)*s < ' ' || *s == 0x7f)) {
			k = clean_control(b, s, n, mode);
		} else {
			buf_add(b, s, k);
		}
	}
}

/*
 * For wcwidth(3), a character type locale that knows UTF-8: the user's own,
 * else C.UTF-8.  Only when the first letter needs it: most commands show
 * ASCII alone, and this reads four files.
 */
static void
need_locale(void)
{
	static const char *const fallback[] = {
		"C.UTF-8", "C.utf8", "en_US.UTF-8", "POSIX.UTF-8",
	};
	static int done;
	size_t i;

	if (done)
		return;
	done = 1;
	if (setlocale(LC_CTYPE, "") != NULL &&
	    strcasecmp(nl_langinfo(CODESET), "UTF-8") == 0)
		return;
	for (i = 0; i < sizeof(fallback) / sizeof(fallback[0]); i++)
		if (setlocale(LC_CTYPE, fallback[i]) != NULL)
			return;
}

/* Columns of the next character; *k is the number of its bytes. */
static size_t
next_width(const char *s, size_t n, size_t *k)
{
	int w;

	*k = text_utf8_length(s, n);
	if (*k == 0) {
		*k = 1;
		return 1;
	}
	if (*k == 1)
		return 1;
	need_locale();
	/* -1 is a character newer than the C library's tables. */
	w = wcwidth((wchar_t)decode(s, *k));
	return w < 0 ? 1 : (size_t)w;
}

static size_t
width_of(const char *s, size_t n)
{
	size_t k, columns = 0;

	for (; n > 0; s += k, n -= k) {
		k = plain_length(s, n);
		columns += k > 0 ? k : next_width(s, n, &k);
	}
	return columns;
}

size_t
text_width(const char *s)
{
	return width_of(s, strlen(s));
}

/* Bytes of the longest beginning that fits, with what combines with it. */
static size_t
bytes_within(const char *s, size_t columns)
{
	size_t n = strlen(s), at = 0, k, w;

	while (at < n) {
		w = next_width(s + at, n - at, &k);
		if (w > columns)
			break;
		columns -= w;
		at += k;
	}
	return at;
}

void
text_fit(struct buf *b, const char *s, size_t columns)
{
	if (text_width(s) <= columns) {
		buf_addstr(b, s);
	} else if (columns > 0) {
		buf_add(b, s, bytes_within(s, columns - 1));
		buf_addstr(b, ELLIPSIS);
	}
}

void
text_pad(struct buf *b, const char *s, size_t columns, int right)
{
	struct buf fitted = BUF_INIT;
	int blanks;

	text_fit(&fitted, s, columns);
	blanks = (int)(columns - text_width(fitted.p));
	if (right)
		buf_addf(b, "%*s%s", blanks, "", fitted.p);
	else
		buf_addf(b, "%s%*s", fitted.p, blanks, "");
	buf_release(&fitted);
}

static void
new_line(struct buf *b, size_t indent)
{
	buf_addf(b, "\n%*s", (int)indent, "");
}

/* Punctuation that does not begin a line: 、。」』】）！，．：；？ */
static int
is_closing(uint32_t c)
{
	static const uint16_t closing[] = {
		0x3001, 0x3002, 0x300d, 0x300f, 0x3011, 0xff09, 0xff01,
		0xff0c, 0xff0e, 0xff1a, 0xff1b, 0xff1f,
	};
	size_t i;

	for (i = 0; i < sizeof(closing) / sizeof(closing[0]); i++)
		if (c == closing[i])
			return 1;
	return 0;
}

/*
 * Bytes up to where a line may be broken: before a blank, and on both sides
 * of a wide character, since texts made of those have no blanks.
 */
static size_t
unbreakable(const char *s, size_t n, size_t *columns)
{
	size_t at = 0, k, w;

	*columns = 0;
	while (at < n && s[at] != ' ') {
		if (s[at] > ' ' && s[at] < 0x7f) {
			at++;
			++*columns;
			continue;
		}
		w = next_width(s + at, n - at, &k);
		if (w == 2 && at > 0 && !is_closing(decode(s + at, k)))
			break;
		at += k;
		*columns += w;
		if (w == 2 && (at == n || next_width(s + at, n - at, &k) == 1))
			break;
	}
	return at;
}

/* One line of the text, without its newline. */
static void
wrap_line(struct buf *b, const char *s, size_t n, size_t used, size_t indent,
    size_t columns)
{
	size_t len, w, blank = 0;
	int first = 1;

	while (n > 0) {
		len = unbreakable(s, n, &w);
		if (!first && used + blank + w > columns) {
			new_line(b, indent);
			used = indent;
		} else if (blank) {
			buf_addch(b, ' ');
			used++;
		}
		buf_add(b, s, len);
		used += w;
		first = 0;
		s += len;
		n -= len;
		for (blank = 0; n > 0 && *s == ' '; s++, n--)
			blank = 1;
	}
}

void
text_wrap(struct buf *b, const char *s, size_t used, size_t indent,
    size_t columns)
{
	size_t n;

	for (;;) {
		n = strcspn(s, "\n");
		if (*s == ' ' || *s == '\t')
			buf_add(b, s, n);
		else
			wrap_line(b, s, n, used, indent, columns);
		s += n;
		if (*s++ == '\0')
			return;
		/* Blanks before an empty line would be blanks at its end. */
		new_line(b, *s == '\n' || *s == '\0' ? 0 : indent);
		used = indent;
	}
}

static int
least(int a, int b)
{
	return a < b ? a : b;
}

/* Optimal string alignment, row by row. */
int
text_distance(const char *a, const char *b)
{
	int n = (int)strlen(a), m = (int)strlen(b), i, j, result;
	int *rows = xcalloc(3 * ((size_t)m + 1), sizeof(int));
	int *before = rows, *last = rows + m + 1, *row = last + m + 1, *t;

	for (j = 0; j <= m; j++)
		last[j] = j;
	for (i = 1; i <= n; i++) {
		row[0] = i;
		for (j = 1; j <= m; j++) {
			row[j] = least(last[j - 1] + (a[i - 1] != b[j - 1]),
			    least(last[j], row[j - 1]) + 1);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] &&
			    a[i - 2] == b[j - 1])
				row[j] = least(row[j], before[j - 2] + 1);
		}
		t = before;
		before = last;
		last = row;
		row = t;
	}
	result = last[m];
	free(rows);
	return result;
}

const char *
text_suggest(const char *word, const char *const *names)
{
	const char *best = NULL;
	size_t len = strlen(word);
	int distance, limit = len <= 3 ? 1 : len <= 6 ? 2 : 3;

	if (len == 0 || len > 100)
		return NULL;
	for (; *names != NULL; names++) {
		distance = text_distance(word, *names);
		if (distance <= limit && distance < (int)strlen(*names)) {
			limit = distance - 1;
			best = *names;
		}
	}
	return best;
}
