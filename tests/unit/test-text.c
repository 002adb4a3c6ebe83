#include "base/text.h"

#include <stdlib.h>

#include "tap.h"

#define FFFD "\xef\xbf\xbd"

static void
cleans(const char *in, size_t n, enum text_clean mode, const char *want,
    const char *what)
{
	struct buf b = BUF_INIT;

	text_clean(&b, in, n, mode);
	is_str(b.p, want, what);
	buf_release(&b);
}

static void
fits(const char *in, size_t columns, const char *want, const char *what)
{
	struct buf b = BUF_INIT;

	text_fit(&b, in, columns);
	is_str(b.p, want, what);
	buf_release(&b);
}

static void
wraps(const char *in, size_t used, size_t indent, size_t columns,
    const char *want, const char *what)
{
	struct buf b = BUF_INIT;

	text_wrap(&b, in, used, indent, columns);
	is_str(b.p, want, what);
	buf_release(&b);
}

#define CLEAN(in, mode, want, what) \
	cleans(in, sizeof(in) - 1, mode, want, what)

static void
test_utf8(void)
{
	struct buf b = BUF_INIT;

	is_int((long long)text_utf8_length("\xc3\xa9", 2), 2, "two bytes");
	is_int((long long)text_utf8_length("\xc3", 1), 0, "cut short");
	is_int((long long)text_utf8_length("\xc0\x80", 2), 0, "overlong");
	is_int((long long)text_utf8_length("\xe0\x80\xaf", 3), 0,
	    "overlong in three bytes");
	is_int((long long)text_utf8_length("\xed\xa0\x80", 3), 0,
	    "a surrogate");
	is_int((long long)text_utf8_length("\xf4\x90\x80\x80", 4), 0,
	    "above U+10FFFF");
	is_int((long long)text_utf8_length("", 0), 0, "nothing");
	ok(text_is_utf8("h\xc3\xa9", 3), "valid text");
	ok(!text_is_utf8("h\xe9", 2), "Latin-1 is not");
	is_int((long long)text_add_utf8(&b, "a\xff\xfe" "b", 4), 2,
	    "invalid bytes are counted");
	is_str(b.p, "a" FFFD FFFD "b", "and replaced");
	buf_release(&b);
}

static void
test_clean(void)
{
	CLEAN("\xd9\x85\xe2\x80\x8c\xd8\xb1", TEXT_LINE,
	    "\xd9\x85\xe2\x80\x8c\xd8\xb1", "a non-joiner in Persian");
	CLEAN("a\xe2\x80\x8d" "b", TEXT_LINE, "a" FFFD "b",
	    "a joiner that joins nothing");
	CLEAN("\xd9\x85\xe2\x80\x8d\xe2\x80\x8d", TEXT_LINE,
	    "\xd9\x85\xe2\x80\x8d" FFFD, "two joiners");
	CLEAN("\033[31mred\033]0;t\007", TEXT_LINE, "^[[31mred^[]0;t^G",
	    "escape sequences are shown");
	CLEAN("a\0b\x7f", TEXT_LINE, "a^@b^?", "NUL and DEL are shown");
	CLEAN("a\r\nb\tc", TEXT_LINE, "a b c", "one line");
	CLEAN("a\r\nb\tc", TEXT_BLOCK, "a\nb\tc", "a block keeps lines");
	CLEAN("ok\rFAKE", TEXT_BLOCK, "ok^MFAKE",
	    "a carriage return cannot overwrite");
	CLEAN("x\xc2\x9b" "31m", TEXT_LINE, "x" FFFD "31m",
	    "C1 control sequence introducer");
	CLEAN("x\x9b", TEXT_LINE, "x" FFFD, "a raw 8-bit CSI");
	CLEAN("\xe2\x80\xae" "evil", TEXT_LINE, FFFD "evil",
	    "right-to-left override");
	CLEAN("\xe2\x80\xa8", TEXT_BLOCK, FFFD, "line separator");
	CLEAN("a\xe2\x80\x8b" "b", TEXT_LINE, "a" FFFD "b",
	    "zero-width space");
	CLEAN("\xf3\xa0\x81\x81", TEXT_LINE, FFFD, "a tag character");
	CLEAN("\xe2\x9a\xa0\xef\xb8\x8f \xe2\x84\x93", TEXT_LINE,
	    "\xe2\x9a\xa0\xef\xb8\x8f \xe2\x84\x93", "emoji and ℓ stay");
}

static void
test_columns(void)
{
	struct buf b = BUF_INIT;

	is_int((long long)text_width("abc"), 3, "ASCII");
	is_int((long long)text_width("\xe6\xbc\xa2"), 2, "a wide character");
	is_int((long long)text_width("e\xcc\x81"), 1, "a combining one");
	fits("hello", 5, "hello", "what fits stays");
	fits("hello!", 5, "hell…", "what does not is cut");
	fits("漢漢漢", 4, "漢…", "a wide character is not halved");
	fits("hello", 0, "", "no columns, no text");
	fits("hello", 1, "…", "one column");
	text_pad(&b, "é", 3, 0);
	is_str(b.p, "é  ", "padded at the right");
	buf_clear(&b);
	text_pad(&b, "12", 4, 1);
	is_str(b.p, "  12", "padded at the left");
	buf_release(&b);
}

static void
test_wrap(void)
{
	wraps("aaa bbb ccc", 0, 2, 7, "aaa bbb\n  ccc", "at a blank");
	wraps("aaa bbb", 4, 4, 10, "aaa\n    bbb", "used columns count");
	wraps("abcdefghij kl", 0, 0, 4, "abcdefghij\nkl",
	    "a long word sticks out");
	wraps("a\n\n  code  x\nb", 0, 1, 20, "a\n\n   code  x\n b",
	    "paragraphs and indented lines stay");
	wraps("", 0, 0, 10, "", "nothing");
}

static void
test_suggest(void)
{
	const char *const names[] = { "status", "steer", "sync", "log", NULL };

	is_int(text_distance("stauts", "status"), 1, "swapped neighbours");
	is_int(text_distance("", "abc"), 3, "from nothing");
	is_int(text_distance("kitten", "sitting"), 3, "kitten");
	is_str(text_suggest("stauts", names), "status", "the near one");
	is_str(text_suggest("snyc", names), "sync", "a swap");
	is_str(text_suggest("lgo", names), "log", "a short one");
	is_str(text_suggest("foo", names), NULL, "not any short one");
	is_str(text_suggest("frobnicate", names), NULL, "nothing near");
	is_str(text_suggest("", names), NULL, "nothing typed");
}

int
main(void)
{
	test_utf8();
	test_clean();
	test_columns();
	test_wrap();
	test_suggest();
	return done_testing();
}
