#include "work/entry.h"

#include <ctype.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/cmd.h"
#include "base/file.h"
#include "base/text.h"
#include "store/writer.h"

const char *const entry_kinds[] = {
	"done", "failed", "status", "limit", "next", "milestone", NULL
};

int
entry_kind_ok(const char *kind)
{
	size_t i;

	for (i = 0; entry_kinds[i] != NULL; i++)
		if (strcmp(entry_kinds[i], kind) == 0)
			return 1;
	return 0;
}

struct err *
entry_words(int argc, char **argv, struct buf *text)
{
	int i;

	if (argc == 1 && strcmp(argv[0], "-") == 0)
		return file_read_input("a text", RECORD_TEXT_MAX, text);
	for (i = 0; i < argc; i++)
		buf_addf(text, "%s%s", i == 0 ? "" : " ", argv[i]);
	return NULL;
}

struct err *
entry_text_split(struct entry_text *t, const char *text, size_t len)
{
	struct buf b = BUF_INIT;
	struct err *e = NULL;
	char *p, *newline;

	memset(t, 0, sizeof(*t));
	if (memchr(text, '\0', len) != NULL)
		return err_new(ERR_INPUT, "the text has a NUL byte in it");
	t->replaced = text_add_utf8(&b, text, len);
	buf_rtrim(&b);
	for (p = b.p; isspace((unsigned char)*p); p++)
		continue;
	if (*p == '\0') {
		e = err_new(ERR_INPUT, "there is no text to record");
		goto done;
	}
	newline = strchr(p, '\n');
	if (newline == NULL) {
		t->subject = xstrdup(p);
		t->body = xstrdup("");
		goto done;
	}
	t->body = xstrdup(newline + 1);
	while (isspace((unsigned char)newline[-1]))
		newline--;
	t->subject = xstrndup(p, (size_t)(newline - p));
done:
	buf_release(&b);
	return e;
}

void
entry_text_release(struct entry_text *t)
{
	free(t->subject);
	free(t->body);
	memset(t, 0, sizeof(*t));
}

static int
has_trailer(const struct draft *d, const char *key)
{
	size_t i;

	for (i = 0; i < d->trailers.n; i++)
		if (strcmp(d->trailers.v[i].key, key) == 0)
			return 1;
	return 0;
}

/* Where records are written: the same for all of a process. */
struct place {
	char at[OID_HEX_SIZE];		/* "" before the first commit */
	const char *run;		/* NULL: not inside one */
};

static struct place
find_place(struct repo *r)
{
	struct place p = { "", getenv("GIT_AGENT_RUN") };
	struct oid head;
	struct err *e;

	e = repo_head(r, &head);
	if (e == NULL)
		oid_hex(&head, p.at);
	/* Notes may come before the first commit. */
	err_free(e);
	if (p.run != NULL && !run_id_ok(p.run))
		p.run = NULL;
	return p;
}

static void
add_place(struct draft *d, const struct place *p)
{
	if (*p->at != '\0' && !has_trailer(d, "Agent-At"))
		trailers_add(&d->trailers, "Agent-At", p->at);
	if (p->run != NULL && !has_trailer(d, "Agent-Run"))
		trailers_add(&d->trailers, "Agent-Run", p->run);
}

/* The log had been set back, and was put right before it was continued. */
static void
warn_mended(struct repo *r, const char *before)
{
	if (before == NULL && repo_damage(r) != NULL)
		cmd_warn("%s", repo_damage(r));
}

struct err *
entry_append(struct repo *r, struct draft *d, struct oid *id)
{
	const char *before = repo_damage(r);
	struct place p = find_place(r);
	struct err *e;

	add_place(d, &p);
	e = writer_append(r, d, id);
	warn_mended(r, before);
	return e;
}

struct err *
entry_append_many(struct repo *r, struct draft *d, size_t n, struct oid *ids,
    size_t *bad)
{
	const char *before = repo_damage(r);
	struct place p = find_place(r);
	struct err *e;
	size_t i;

	for (i = 0; i < n; i++)
		add_place(&d[i], &p);
	e = writer_append_many(r, d, n, ids, bad);
	warn_mended(r, before);
	return e;
}

/* Crockford's base 32, as in the ULID specification. */
static const char base32[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

struct err *
run_id_new(char out[27])
{
	unsigned long long ms = (unsigned long long)(clock_now() / 1000);
	unsigned char rnd[16];
	int fd, i;

	fd = open("/dev/urandom", O_RDONLY | O_CLOEXEC);
	if (fd < 0 || read(fd, rnd, sizeof(rnd)) != (ssize_t)sizeof(rnd)) {
		if (fd >= 0)
			close(fd);
		return err_errno("cannot read '/dev/urandom'");
	}
	close(fd);
	for (i = 9; i >= 0; i--, ms >>= 5)
		out[i] = base32[ms & 31];
	for (i = 0; i < 16; i++)
		out[10 + i] = base32[rnd[i] & 31];
	out[26] = '\0';
	return NULL;
}

int
run_id_ok(const char *s)
{
	return strlen(s) == 26 && strspn(s, base32) == 26;
}

int64_t
run_id_time(const char *id)
{
	int64_t ms = 0;
	const char *digit;
	int i;

	for (i = 0; i < 10; i++) {
		digit = strchr(base32, id[i]);
		ms = ms * 32 + (digit == NULL ? 0 : digit - base32);
	}
	return ms * 1000;
}
