/* Reading refs: what git lists is what we list, and a line is a line. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"
#include "store/logrefs.h"
#include "store/packed-refs.h"
#include "store/repo.h"
#include "tap.h"

#define A "1111111111111111111111111111111111111111"
#define B "2222222222222222222222222222222222222222"

static struct packed_refs packed = PACKED_REFS_INIT;

static struct err *
load(const char *text, size_t len)
{
	struct err *e = file_write("packed", text, len);

	return e != NULL ? e : packed_refs_load(&packed, "packed");
}

static void
test_lines(void)
{
	static const char good[] =
	    "# pack-refs with: peeled fully-peeled sorted \n"
	    A " refs/agent/log/a\n" A " refs/tags/v1\n^" B "\n";
	static const char unsorted[] = A " refs/b\n" B " refs/a\n";
	static const char nul[] = A " refs/a\0b\n";
	static const char *const bad[] = {
		"garbage\n", A "\n", A " \n", A " refs/a", "^" A "1\n", "\n",
		"1111111111111111111111111111111111111X11 refs/a\n",
		A " refs/a\n\n", A "1 refs/a\n",
	};
	size_t i;

	no_err(packed_refs_load(&packed, "none"), "no file");
	is_int((long long)packed.n, 0, "… has no refs");
	no_err(load(good, strlen(good)), "a file as git writes it");
	is_int((long long)packed.n, 2, "… has two refs");
	i = packed_refs_find(&packed, "refs/tags/");
	ok(i == 1 && strcmp(packed.v[i].name, "refs/tags/v1") == 0,
	    "the first below a folder");
	is_int((long long)packed_refs_find(&packed, "refs/z"), 2,
	    "behind the last");
	no_err(load(unsorted, strlen(unsorted)), "an old one, not in order");
	is_str(packed.v[0].name, "refs/a", "… is brought in order");
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		is_err(load(bad[i], strlen(bad[i])), ERR_DAMAGED, "", bad[i]);
	is_err(packed_refs_load(&packed, "packed"), ERR_DAMAGED, "",
	    "the same file is still damaged");
	is_err(load(nul, sizeof(nul) - 1), ERR_DAMAGED, "", "a NUL byte");
	no_err(load(good, strlen(good)), "a whole one again");
	is_int((long long)packed.n, 2, "… is read again");
	(void)unlink("packed");
	no_err(packed_refs_load(&packed, "packed"), "a file that went");
	is_int((long long)packed.n, 0, "… leaves nothing");
	packed_refs_release(&packed);
}

/* A file that is not read as a whole: each of its refs, and none between. */
static void
test_search(void)
{
	struct buf b = BUF_INIT;
	char name[64], hex[OID_HEX_SIZE];
	size_t i, right = 0, none = 0;
	struct oid id;

	buf_addstr(&b, "# pack-refs with: peeled fully-peeled sorted \n");
	for (i = 0; i < 5000; i++) {
		buf_addf(&b, "%040zx refs/agent/log/w%04zu%s\n", i, i,
		    i % 7 == 0 ? "-with-a-long-name" : "");
		if (i % 5 == 0)
			buf_addf(&b, "^%040d\n", 0);
	}
	no_err(file_write("packed", b.p, b.len), "a large file");
	for (i = 0; i < 5000; i++) {
		snprintf(name, sizeof(name), "refs/agent/log/w%04zu%s", i,
		    i % 7 == 0 ? "-with-a-long-name" : "");
		snprintf(hex, sizeof(hex), "%040zx", i);
		right += packed_refs_search("packed", name, &id) == 1 &&
		    strtoull(hex, NULL, 16) == (unsigned)(id.b[18] << 8 |
		    id.b[19]);
		snprintf(name, sizeof(name), "refs/agent/log/w%04zux", i);
		none += packed_refs_search("packed", name, &id) == 0;
	}
	is_int((long long)right, 5000, "each of its refs is found");
	is_int((long long)none, 5000, "none is found that is not there");
	is_int(packed_refs_search("packed", "refs/a", &id), 0, "before all");
	is_int(packed_refs_search("packed", "refs/z", &id), 0, "behind all");
	no_err(file_write("packed", b.p, b.len - 1), "without the last end");
	is_int(packed_refs_search("packed", "refs/z", &id), -1, "… not known");
	no_err(file_write("packed", b.p + 46, b.len - 46), "without a header");
	is_int(packed_refs_search("packed", "refs/z", &id), -1, "… not known");
	no_err(file_write("packed", b.p, 4096), "a small file");
	is_int(packed_refs_search("packed", "refs/z", &id), -1, "… not known");
	is_int(packed_refs_search("none", "refs/z", &id), -1, "no file");
	buf_release(&b);
}

/* Loose over packed, packed alone, symbolic, a folder in a packed name. */
static const char script[] =
	"set -e; git init -q refs; cd refs; "
	"export GIT_AUTHOR_NAME=A GIT_AUTHOR_EMAIL=a GIT_COMMITTER_NAME=A"
	" GIT_COMMITTER_EMAIL=a; tree=$(git mktree </dev/null); "
	"new() { git update-ref refs/agent/$1"
	" $(git commit-tree -m \"$1$2\" $tree); }; "
	"for i in 1 2 3 4 5 6 7 8 9; do new log/w$i; new log-$i; done; "
	"new log/deep/er/x; git tag -a -m v v1 refs/agent/log/w1; "
	"git pack-refs --all; new log/w3 again; new log/w99; new log/a/b; "
	"git symbolic-ref refs/agent/log/sym refs/agent/log/w1; "
	"git symbolic-ref refs/agent/log/w5 refs/agent/log/w1; "
	"git update-ref -d refs/agent/log/w7; touch .git/refs/agent/log/x.lock";

static void
add_git(struct buf *b, const char *command)
{
	FILE *f = popen(command, "r");
	int c;

	while (f != NULL && (c = getc(f)) != EOF)
		buf_addch(b, c);
	if (f != NULL)
		pclose(f);
}

static void
test_list(void)
{
	struct reflist list = REFLIST_INIT;
	struct buf got = BUF_INIT, want = BUF_INIT;
	struct repo *r = NULL;
	char hex[OID_HEX_SIZE];
	struct oid id;
	size_t i, same = 0;

	ok(system(script) == 0 && chdir("refs") == 0, "a repository");
	no_err(repo_open(&r), "opened");
	no_err(ref_list(r, "refs/agent/log/", &list), "its refs are listed");
	for (i = 0; i < list.n; i++) {
		oid_hex(&list.v[i].id, hex);
		buf_addf(&got, "%s %s\n", hex, list.v[i].name);
		same += ref_read(r, list.v[i].name, &id) == NULL &&
		    oid_equal(&id, &list.v[i].id);
	}
	add_git(&want, "git for-each-ref --format='%(objectname) %(refname)' "
	    "refs/agent/log/");
	ok(got.len > 0, "there are some");
	is_int((long long)list.n, 10, "all but the symbolic ones");
	is_int((long long)same, (long long)list.n, "each is read the same");
	for (i = 0; i < list.n; i++) {
		oid_hex(&list.v[i].id, hex);
		buf_clear(&got);
		buf_addf(&got, "%s %s\n", hex, list.v[i].name);
		ok(strstr(want.p, got.p) != NULL, list.v[i].name);
	}
	is_err(ref_read(r, "refs/agent/log/sym", &id), ERR_DAMAGED, "sym",
	    "a symbolic one");
	is_err(ref_read(r, "refs/agent/log/w7", &id), ERR_NOTFOUND, "w7",
	    "a deleted one");
	is_err(ref_read(r, "refs/agent/log", &id), ERR_NOTFOUND, "log",
	    "a folder");
	reflist_release(&list);
	buf_release(&got);
	buf_release(&want);
	repo_close(r);
}

/* What is read as a log, and of which remote, behind refs/agent-remotes/. */
static void
test_views(void)
{
	static const struct {
		const char *ref, *remote, *writer;
	} views[] = {
		{ "a/log/w", "a", "w" },
		{ "a/b/log/w", "a/b", "w" },
		{ "log/log/w", "log", "w" },
		{ "beat/log/w", "beat", "w" },
		{ "kept/x/log/w", "kept/x", "w" },
		{ "a/kept/0a/log/w", NULL, "w" },
		{ "a/b/kept/0a/log/w", NULL, "w" },
		{ "a/former/log/w", NULL, "w" },
		{ "a/elsewhere/refs#agent/log/w", NULL, "w" },
		{ "kept/kept/0a/log/w", NULL, "w" },
		/* Names that no writer has, and none that is of a log. */
		{ "a/log/b/log/w", "a", NULL },
		{ "a/log/b/w", "a", NULL },
		{ "a/log/beat/log/w", "a", NULL },
		{ "a/log/-w", "a", NULL },
		{ "a/beat/w", NULL, NULL },
		{ "a/beat/log/w", NULL, NULL },
		{ "a/beat/q/log/w", NULL, NULL },
		{ "a/kept/log/w", NULL, NULL },
		{ "a/kept/0a/b/log/w", NULL, NULL },
		{ "a/kept/0a/log/b/log/w", NULL, NULL },
		{ "a/former/b/log/w", NULL, NULL },
		{ "a/former/log/b/log/w", NULL, NULL },
		{ "a/elsewhere/refs#agent/w", NULL, NULL },
		{ "a/elsewhere/refs#agent/beat/log/w", NULL, NULL },
		{ "log/w", NULL, NULL },
		{ "a/log", NULL, NULL },
		{ "/log/w", NULL, NULL },
		{ "", NULL, NULL },
	};
	const char *name, *writer;
	char *ref, *remote;
	size_t i;

	for (i = 0; i < sizeof(views) / sizeof(views[0]); i++) {
		ref = xasprintf("refs/agent-remotes/%s", views[i].ref);
		remote = logrefs_remote(ref, &name);
		writer = logrefs_writer(ref);
		is_str(remote == NULL ? "none" : remote,
		    views[i].remote == NULL ? "none" : views[i].remote,
		    views[i].ref);
		is_str(writer == NULL ? "none" : writer,
		    views[i].writer == NULL ? "none" : views[i].writer,
		    views[i].ref);
		free(remote);
		free(ref);
	}
	ok(logrefs_writer("refs/agent/log/w") == NULL, "one of this clone's");
}

int
main(void)
{
	char dir[] = "/tmp/test-refs.XXXXXX", *remove;

	if (mkdtemp(dir) == NULL || chdir(dir) != 0)
		return 1;
	test_lines();
	test_search();
	test_list();
	test_views();
	if (asprintf(&remove, "rm -rf %s", dir) > 0)
		(void)!system(remove);
	free(remove);
	return done_testing();
}
