/*
 * Our trailers against those of `git interpret-trailers --parse` on 10,000
 * generated messages.  Where gitagent-records(5) says that ours are others,
 * the difference has to be the one it describes, and is counted.
 *
 *	test-trailers [SEED [COUNT]]
 */
#include "store/record.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/proc.h"
#include "tap.h"

#define BATCH 500
#define SENTINEL "Sentinel-Of-The-Test: 1\n"

static unsigned long long state;

/* 0 … n - 1; xorshift, so that every machine makes the same messages. */
static size_t
pick(size_t n)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (size_t)((state >> 16) % n);
}

#define PICK(list) list[pick(sizeof(list) / sizeof(*list))]

static const char *const keys[] = {
	"Agent-Kind", "agent-kind", "Key", "k", "-", "--", "9", "http", "A-b-C",
	"Agent-Clock", "Signed-off-by", "Acked-by", "Conflicts",
};
static const char *const separators[] = {
	": ", ": ", ": ", ":", ":  \t", " : ", "\t:", " \t :", "::", ":\v",
};
static const char *const values[] = {
	"value", "", " ", "two words", "a: b", "# x", "v \t ", "x\r", "---",
	"caf\xc3\xa9", "\xff\xfe", "\x1b[31m", "\xc0\x80", "//example.org",
	"(cherry picked from commit 0123)", "\f", "a\rb", "  both  ",
};
static const char *const blanks[] = {
	"", "", "", "", " ", "  ", "\t", "\r", " \r", "\t \t",
};
static const char *const others[] = {
	"just a line of text", "two words: x", ": no key", "=", "a=b",
	"k\xc3\xa9y: v", "\xffkey: v", "key\v: v", "---", "--- a/file.c",
	"-- ", "(cherry picked from commit 0123456789abcdef)",
	"(cherry picked", "Signed-off-by:", "signed-off-by: x",
	"Signed-off-by: Eve <eve@x>", "key.dotted: v", "key_x: v", "[x]: y",
	"* a: b", "\"Key\": v", "\f", "\v", "\x01", "\x7f", ">8", "a\tb: c",
	"diff --git a b", "Conflicts:", "Agent-Kind",
};
static const char *const comments[] = {
	"# a comment", "#", "#Key: v", "# Key: v", "# Conflicts:",
	"# ------------------------ >8 ------------------------",
};

static void
add_trailer(struct buf *b)
{
	buf_addstr(b, PICK(keys));
	buf_addstr(b, PICK(separators));
	buf_addstr(b, PICK(values));
	while (pick(300) == 0)
		for (size_t i = 0; i < 5000; i++)
			buf_addstr(b, "long ");
}

static void
add_continued(struct buf *b)
{
	buf_addstr(b, pick(2) ? " " : "\t");
	buf_addstr(b, pick(4) ? "" : "  ");
	if (pick(3) == 0)
		add_trailer(b);
	else
		buf_addstr(b, PICK(values));
}

/* `strange` of 100 lines are not those of a paragraph of trailers. */
static void
add_line(struct buf *b, size_t strange)
{
	if (pick(100) >= strange) {
		if (pick(4) == 0)
			add_continued(b);
		else
			add_trailer(b);
	} else if (pick(4) == 0) {
		buf_addstr(b, PICK(comments));
	} else {
		buf_addstr(b, PICK(others));
	}
}

static void
make_message(struct buf *b)
{
	static const size_t strange[] = { 0, 0, 0, 5, 20, 60, 100 };
	size_t paragraphs = 1 + pick(4), i, lines, share;
	const char *end = pick(8) == 0 ? "\r\n" : "\n";

	while (pick(12) == 0)
		buf_addf(b, "%s%s", PICK(blanks), end);
	for (i = 0; i < paragraphs; i++) {
		share = i + 1 < paragraphs ? 60 : PICK(strange);
		for (lines = 1 + pick(5); lines > 0; lines--) {
			add_line(b, share);
			buf_addstr(b, pick(40) ? end : "\r\n");
		}
		do
			buf_addf(b, "%s%s", PICK(blanks), end);
		while (pick(4) == 0);
	}
	if (pick(2))
		buf_rtrim(b);
}

/* ---- the two answers ------------------------------------------------------ */

static void
ask_ours(const struct buf *message, struct buf *answer)
{
	struct trailers t = TRAILERS_INIT;
	struct buf copy = BUF_INIT;	/* to be cut up */
	size_t i;

	buf_add(&copy, message->p, message->len);
	trailers_parse(&t, copy.p, copy.len);
	for (i = 0; i < t.n; i++)
		buf_addf(answer, "%s: %s\n", t.v[i].key, t.v[i].value);
	trailers_release(&t);
	buf_release(&copy);
}

/* `git interpret-trailers` prints what is in many files without a mark
 * between them: a message of the test's own makes one. */
static struct err *
ask_git(const char *dir, const char *comment_char, size_t first, size_t n,
    struct buf *answer)
{
	struct strvec argv = STRVEC_INIT, env = STRVEC_INIT;
	struct proc p = PROC_INIT;
	struct err *e;
	size_t i;
	int status;

	strvec_push(&argv, "git");
	if (comment_char != NULL) {
		strvec_push(&argv, "-c");
		strvec_pushf(&argv, "core.commentChar=%s", comment_char);
	}
	strvec_pushl(&argv, "interpret-trailers", "--parse", "--no-divider",
	    (char *)NULL);
	for (i = first; i < first + n; i++) {
		strvec_pushf(&argv, "%s/%zu", dir, i);
		strvec_pushf(&argv, "%s/mark", dir);
	}
	strvec_pushl(&env, "GIT_CONFIG_GLOBAL=/dev/null", "GIT_DIR",
	    "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_COUNT",
	    "GIT_CONFIG_PARAMETERS", (char *)NULL);
	p.argv = &argv;
	p.env = &env;
	p.cwd = "/";
	e = proc_capture(&p, NULL, answer, NULL, &status);
	if (e == NULL && status != 0)
		e = err_new(ERR_GIT, "git ended with status %d", status);
	strvec_release(&argv);
	strvec_release(&env);
	return e;
}

/* ---- the differences that are meant --------------------------------------- */

enum reason {
	NONE, SAME, GENERATED, LEADING, CONFLICTS, FOLD, RETURN, COMMENT, WRONG,
	REASONS
};

static const char *const described[REASONS] = {
	[NONE] = "none, to both",
	[SAME] = "the same trailers",
	[GENERATED] = "text beside a line that git generates",
	[LEADING] = "the first paragraph, behind a blank line",
	[CONFLICTS] = "a list of conflicts at the end",
	[FOLD] = "blanks at the end of a line that goes on",
	[RETURN] = "a carriage return within a value",
	[COMMENT] = "a line that begins with '#'",
	[WRONG] = "none of these",
};

static int
has_line(const char *message, const char *start)
{
	size_t n = strlen(start);
	const char *p;

	for (p = message; p != NULL; p = strchr(p, '\n')) {
		p += *p == '\n';
		if (strncmp(p, start, n) == 0)
			return 1;
	}
	return 0;
}

static int
is_return(const char *ours, const char *theirs)
{
	char *copy = xstrdup(theirs), *p;
	int same;

	for (p = copy; *p != '\0'; p++)
		if (*p == '\r')
			*p = ' ';
	same = strcmp(ours, copy) == 0;
	free(copy);
	return same;
}

/* Runs of blanks as one, and none at the end of a line. */
static char *
squeezed(const char *text)
{
	struct buf b = BUF_INIT;
	int blank = 0;

	for (; *text != '\0'; text++) {
		if (*text == ' ' || *text == '\t' || *text == '\r') {
			blank = 1;
			continue;
		}
		if (blank && *text != '\n')
			buf_addch(&b, ' ');
		blank = 0;
		buf_addch(&b, *text);
	}
	return buf_steal(&b);
}

static int
is_fold(const char *message, const char *ours, const char *theirs)
{
	static const char *const ends[] = { " \n ", "\t\n ", "\r\n ",
	    " \n\t", "\t\n\t", "\r\n\t" };
	char *a = squeezed(ours), *b = squeezed(theirs);
	int same = strcmp(a, b) == 0, found = 0;
	size_t i;

	for (i = 0; i < sizeof(ends) / sizeof(*ends); i++)
		found |= strstr(message, ends[i]) != NULL;
	free(a);
	free(b);
	return same && found;
}

static enum reason
judge(const char *message, const char *ours, const char *theirs,
    int with_comments)
{
	int none = *ours == '\0';

	if (strcmp(ours, theirs) == 0)
		return none ? NONE : SAME;
	if (is_return(ours, theirs))
		return RETURN;
	if (is_fold(message, ours, theirs))
		return FOLD;
	if (none && (has_line(message, "Signed-off-by: ") ||
	    has_line(message, "(cherry picked from commit ")))
		return GENERATED;
	if (none && strchr(" \t\r\n", *message) != NULL)
		return LEADING;
	if (has_line(message, "Conflicts:\n") &&
	    (none || has_line(ours, "Conflicts: ")))
		return CONFLICTS;
	if (with_comments && has_line(message, "#"))
		return COMMENT;
	return WRONG;
}

static void
show(const char *what, const char *text)
{
	printf("# %s: \"", what);
	for (; *text != '\0'; text++)
		if (*text == '\n')
			fputs("\\n", stdout);
		else if (*text < ' ' || *text > '~' || *text == '"')
			printf("\\%03o", (unsigned char)*text);
		else
			putchar(*text);
	puts("\"");
}

/* ---- all of them ----------------------------------------------------------- */

/* One answer of git's off the front: up to the mark, which becomes NUL. */
static char *
next_answer(char **rest)
{
	char *start = *rest, *p = start;

	while (p != NULL && strncmp(p, SENTINEL, strlen(SENTINEL)) != 0) {
		p = strchr(p, '\n');
		p += p != NULL;
	}
	if (p == NULL)
		return NULL;
	*p = '\0';
	*rest = p + strlen(SENTINEL);
	return start;
}

static void
compare_batch(const struct buf *messages, size_t n, struct buf *theirs,
    int with_comments, size_t count[REASONS])
{
	struct buf ours = BUF_INIT;
	char *rest = theirs->p, *answer;
	enum reason reason;
	size_t i;

	for (i = 0; i < n; i++) {
		buf_clear(&ours);
		ask_ours(&messages[i], &ours);
		answer = next_answer(&rest);
		if (answer == NULL) {
			count[WRONG]++;
			break;
		}
		reason = judge(messages[i].p, ours.p, answer, with_comments);
		if (++count[reason] <= 3 && reason == WRONG) {
			show("message", messages[i].p);
			show("ours", ours.p);
			show("git's", answer);
		}
	}
	buf_release(&ours);
}

static void
compare(const char *dir, const char *comment_char, const struct buf *messages,
    size_t total, size_t count[REASONS])
{
	struct buf answer = BUF_INIT;
	struct err *e = NULL;
	size_t i, n;

	memset(count, 0, REASONS * sizeof(*count));
	for (i = 0; e == NULL && i < total; i += n) {
		n = total - i < BATCH ? total - i : BATCH;
		buf_clear(&answer);
		e = ask_git(dir, comment_char, i, n, &answer);
		if (e == NULL)
			compare_batch(messages + i, n, &answer,
			    comment_char == NULL, count);
	}
	no_err(e, "git answers");
	buf_release(&answer);
	for (i = 0; i < REASONS; i++)
		printf("# %6zu: %s\n", count[i], described[i]);
}

static void
write_messages(const char *dir, struct buf *messages, size_t total)
{
	struct err *e;
	size_t i;
	char *path = xasprintf("%s/mark", dir);

	e = file_write_cache(path, "x\n\n" SENTINEL, 3 + strlen(SENTINEL));
	for (i = 0; e == NULL && i < total; i++) {
		buf_init(&messages[i]);
		make_message(&messages[i]);
		free(path);
		path = xasprintf("%s/%zu", dir, i);
		e = file_write_cache(path, messages[i].p, messages[i].len);
	}
	no_err(e, "messages are made");
	free(path);
}

static void
clean_up(char *dir, struct buf *messages, size_t total)
{
	char *path = xasprintf("%s/mark", dir);
	size_t i;

	(void)unlink(path);
	for (i = 0; i < total; i++) {
		free(path);
		path = xasprintf("%s/%zu", dir, i);
		(void)unlink(path);
		buf_release(&messages[i]);
	}
	(void)rmdir(dir);
	free(path);
	free(dir);
	free(messages);
}

int
main(int argc, char **argv)
{
	const char *tmp = getenv("TMPDIR");
	size_t count[REASONS], total = 10000, reason;
	struct buf *messages;
	char *dir;

	state = argc > 1 ? strtoull(argv[1], NULL, 10) | 1 : 20261122;
	if (argc > 2)
		total = strtoul(argv[2], NULL, 10);
	dir = xasprintf("%s/trailers.XXXXXX", tmp == NULL ? "/tmp" : tmp);
	if (mkdtemp(dir) == NULL)
		return 1;
	messages = xreallocarray(NULL, total, sizeof(*messages));
	write_messages(dir, messages, total);

	/* No message has a line that begins with '%'. */
	compare(dir, "%", messages, total, count);
	is_int((long long)count[WRONG], 0, "ours are git's trailers");
	ok(count[NONE] + count[SAME] > total / 2, "most without exception");
	ok(count[SAME] > total / 4, "and many have trailers");
	for (reason = NONE; reason < COMMENT; reason++)
		ok(count[reason] > 0, described[reason]);
	compare(dir, NULL, messages, total, count);
	is_int((long long)count[WRONG], 0, "with comments, too");
	ok(count[COMMENT] > 0, described[COMMENT]);
	clean_up(dir, messages, total);
	return done_testing();
}
