/* The part of repo.h that is about the project's own commits. */
#include "store/loose.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/proc.h"

#define COMMIT_MAX (64 * 1024 * 1024)	/* bytes of a commit, or a tag */

/* A name that would break out of the commit's header line. */
static int
breaks_header(const char *s)
{
	return strpbrk(s, "\n\r<>") != NULL;
}

/* What git drops at both ends of a name or address (ident.c there). */
static int
is_crud(char c)
{
	return (unsigned char)c <= ' ' || strchr(".,:;<>\"\\'", c) != NULL;
}

/* malloc'd; empty if nothing else is in it. */
static char *
without_crud(const char *s)
{
	size_t n;

	while (*s != '\0' && is_crud(*s))
		s++;
	for (n = strlen(s); n > 0 && is_crud(s[n - 1]); n--)
		continue;
	return xstrndup(s, n);
}

static struct err *
nothing_left(const char *role, const char *name)
{
	return err_new(ERR_IDENTITY, "the name '%s' of the %s consists only of "
	    "characters that git drops; set GIT_%s_NAME, or run 'git config "
	    "--global user.name …'", name, strcmp(role, "AUTHOR") == 0 ?
	    "author" : "committer", role);
}

/* "Name <mail>", as git writes them; an address may be empty, for git. */
static struct err *
format_identity(const char *role, const char *name, const char *mail,
    char **ident)
{
	char *clean = without_crud(name), *address = without_crud(mail);
	struct err *e = NULL;

	if (*clean == '\0')
		e = nothing_left(role, name);
	else if (breaks_header(name) || breaks_header(mail))
		e = err_new(ERR_IDENTITY, "the name or mail address of the "
		    "author has a line break or one of '<>' in it");
	else
		*ident = xasprintf("%s <%s>", clean, address);
	free(clean);
	free(address);
	return e;
}

/* Of author.name and user.name, say; git passes over an empty first one. */
static const char *
configured(struct repo *r, const char *role, const char *what)
{
	char *own = xasprintf("%s.%s", strcmp(role, "AUTHOR") == 0 ? "author" :
	    "committer", what), *general = xasprintf("user.%s", what);
	const char *value = repo_config(r, own);

	if (value == NULL || *value == '\0')
		value = repo_config(r, general);
	free(own);
	free(general);
	return value;
}

struct err *
repo_identity(struct repo *r, const char *role, char **ident)
{
	char *name_key = xasprintf("GIT_%s_NAME", role);
	char *mail_key = xasprintf("GIT_%s_EMAIL", role);
	const char *name = getenv(name_key), *mail = getenv(mail_key);
	struct err *e = NULL;

	*ident = NULL;
	if (name != NULL && *name == '\0')
		e = err_new(ERR_IDENTITY, "%s is set but empty, and git takes "
		    "no empty name; set it to a name, or unset it for "
		    "user.name to count", name_key);
	if (name == NULL)
		name = configured(r, role, "name");
	if (mail == NULL)
		mail = configured(r, role, "email");
	if (mail == NULL && (mail = getenv("EMAIL")) != NULL && *mail == '\0')
		mail = NULL;
	if (e == NULL && (name == NULL || *name == '\0' || mail == NULL))
		e = err_new(ERR_IDENTITY, "a record needs an author, and git "
		    "does not know who you are; run 'git config --global "
		    "user.name \"Your Name\"' and 'git config --global "
		    "user.email you@example.com'");
	if (e == NULL)
		e = format_identity(role, name, mail, ident);
	free(name_key);
	free(mail_key);
	return e;
}

struct err *
repo_head(struct repo *r, struct oid *oid)
{
	git_oid id;
	int rc;

	rc = git_reference_name_to_id(&id, r->git, "HEAD");
	if (rc == GIT_ENOTFOUND)
		return err_new(ERR_UNBORN, "there is no commit yet; make the "
		    "first one ('git commit')");
	if (rc != 0)
		return err_git("cannot read HEAD");
	oid_from_git(oid, &id);
	return NULL;
}

char *
repo_branch(struct repo *r)
{
	git_reference *head = NULL;
	const char *target;
	char *branch = NULL;

	if (git_reference_lookup(&head, r->git, "HEAD") != 0)
		return NULL;
	target = git_reference_symbolic_target(head);
	if (target != NULL && strncmp(target, "refs/heads/", 11) == 0)
		branch = xstrdup(target + 11);
	git_reference_free(head);
	return branch;
}

static struct err *
no_commit(const char *rev)
{
	return err_new(ERR_NOTFOUND, "'%s' is not a commit that this "
	    "repository has", rev);
}

/* git's business: libgit2 has to read commits, and see loose.h for that. */
static struct err *
ask_revision(struct repo *r, const char *rev, struct oid *id)
{
	struct strvec argv = STRVEC_INIT, env = STRVEC_INIT;
	struct proc p = PROC_INIT;
	struct buf text = BUF_INIT, words = BUF_INIT;
	struct err *e;
	int status = 1;

	strvec_pushl(&argv, "git", "rev-parse", "--verify", rev, (char *)NULL);
	strvec_pushf(&env, "GIT_DIR=%s", r->gitdir);
	strvec_pushl(&env, "LC_ALL=C", "LANGUAGE", (char *)NULL);
	p.argv = &argv;
	p.env = &env;
	e = *rev == '-' ? NULL :
	    proc_capture(&p, NULL, &text, &words, &status);
	buf_rtrim(&text);
	if (e == NULL && (status != 0 || oid_parse(text.p, id) != 0))
		e = strstr(words.p, "is ambiguous") == NULL ? no_commit(rev) :
		    err_new(ERR_AMBIGUOUS, "'%s' fits more than one commit",
		    rev);
	buf_release(&text);
	buf_release(&words);
	strvec_release(&argv);
	strvec_release(&env);
	return e;
}

static struct err *
find_revision(struct repo *r, const char *rev, struct oid *id)
{
	git_oid found;

	if (oid_parse(rev, id) == 0)
		return NULL;
	if ((strcmp(rev, "HEAD") != 0 && strncmp(rev, "refs/", 5) != 0) ||
	    strpbrk(rev, "~^:{") != NULL)
		return ask_revision(r, rev, id);
	if (git_reference_name_to_id(&found, r->git, rev) != 0)
		return no_commit(rev);
	oid_from_git(id, &found);
	return NULL;
}

/* A tag is of a commit, or of another tag. */
struct err *
repo_resolve(struct repo *r, const char *rev, struct oid *commit)
{
	enum object_type type = OBJECT_TAG;
	struct buf b = BUF_INIT;
	struct err *e;

	e = find_revision(r, rev, commit);
	while (e == NULL && type != OBJECT_COMMIT) {
		buf_clear(&b);
		e = object_read_max(r, commit, COMMIT_MAX, 1, &type, &b);
		if (e != NULL && e->code == ERR_NOTFOUND) {
			err_free(e);
			e = no_commit(rev);
		}
		if (e == NULL && type != OBJECT_COMMIT &&
		    (type != OBJECT_TAG || b.len < 48 ||
		    memcmp(b.p, "object ", 7) != 0 ||
		    oid_from_hex(b.p + 7, commit) != 0))
			e = no_commit(rev);
	}
	buf_release(&b);
	return e;
}

static struct err *
read_commit(struct repo *r, const struct oid *oid, struct buf *b)
{
	enum object_type type = OBJECT_COMMIT;
	char hex[OID_HEX_SIZE];
	struct err *e;

	e = object_read_max(r, oid, COMMIT_MAX, 1, &type, b);
	if (e != NULL && e->code != ERR_NOTFOUND)
		return e;
	if (e == NULL && type == OBJECT_COMMIT)
		return NULL;
	err_free(e);
	oid_hex(oid, hex);
	return err_new(ERR_NOTFOUND, "commit %s is not in this repository",
	    hex);
}

struct err *
repo_commit_tree(struct repo *r, const struct oid *oid, struct oid *tree)
{
	struct buf b = BUF_INIT;
	struct err *e = read_commit(r, oid, &b);

	/* Its first line: "tree 1234…" */
	if (e == NULL && (b.len < 45 || memcmp(b.p, "tree ", 5) != 0 ||
	    oid_from_hex(b.p + 5, tree) != 0))
		e = err_new(ERR_GIT, "a commit names no tree");
	buf_release(&b);
	return e;
}

/*
 * In a partial clone git fetches what it misses, which libgit2 cannot: one
 * line of git's answer, or "" (then *found stays as it is).
 */
static int
ask_git(struct repo *r, const char *command, const char *option,
    const char *name, struct oid *found)
{
	struct strvec argv = STRVEC_INIT, env = STRVEC_INIT;
	struct proc p = PROC_INIT;
	struct buf text = BUF_INIT;
	struct err *e;
	int status = 0, ok;

	if (!repo_is_partial(r))
		return 0;
	strvec_pushl(&argv, "git", command, option, name, (char *)NULL);
	strvec_pushf(&env, "GIT_DIR=%s", r->gitdir);
	p.argv = &argv;
	p.env = &env;
	p.flags = PROC_NO_STDERR;
	e = proc_capture(&p, NULL, &text, NULL, &status);
	buf_rtrim(&text);
	ok = e == NULL && status == 0 &&
	    (found == NULL || oid_parse(text.p, found) == 0);
	err_free(e);
	buf_release(&text);
	strvec_release(&argv);
	strvec_release(&env);
	return ok;
}

/* 1 if git has, or has brought, the object that a path in a tree names. */
static int
bring_entry(struct repo *r, const struct oid *tree, const char *path,
    struct oid *found)
{
	char hex[OID_HEX_SIZE], *name;
	int ok;

	oid_hex(tree, hex);
	name = xasprintf("%s:%s", hex, path);
	ok = ask_git(r, "rev-parse", "--verify", name, found);
	free(name);
	return ok;
}

static int
bring_object(struct repo *r, const struct oid *oid)
{
	char hex[OID_HEX_SIZE];

	oid_hex(oid, hex);
	return ask_git(r, "cat-file", "-t", hex, NULL);
}

static struct err *
tree_entry_here(struct repo *r, const struct oid *oid, const char *path,
    struct oid *found)
{
	char *copy = xstrdup(path), *rest = copy, *name;
	const struct tree_entry *entry;
	struct tree t = TREE_INIT;
	struct err *e = NULL;

	*found = *oid;
	while (e == NULL && (name = strsep(&rest, "/")) != NULL) {
		e = tree_read(r, found, &t);
		entry = e == NULL ? tree_get(&t, name) : NULL;
		if (entry != NULL && (rest == NULL || entry->mode == 040000))
			*found = entry->id;
		else if (e == NULL)
			e = err_new(ERR_NOTFOUND, "'%s' is not in the commit",
			    path);
		tree_release(&t);
	}
	free(copy);
	return e;
}

struct err *
repo_tree_entry(struct repo *r, const struct oid *oid, const char *path,
    struct oid *found)
{
	struct err *e = tree_entry_here(r, oid, path, found);

	if (e != NULL && bring_entry(r, oid, path, found)) {
		err_free(e);
		e = NULL;
	}
	return e;
}

struct err *
repo_commit_entry(struct repo *r, const struct oid *oid, const char *path,
    struct oid *found)
{
	struct oid tree;
	struct err *e;

	e = repo_commit_tree(r, oid, &tree);
	if (e == NULL)
		e = repo_tree_entry(r, &tree, path, found);
	return e;
}

struct err *
repo_commit_file(struct repo *r, const struct oid *oid, const char *path,
    const char *name, size_t max, struct buf *text)
{
	enum object_type type;
	struct oid blob;
	struct err *e;

	e = repo_commit_entry(r, oid, path, &blob);
	if (e != NULL)
		return e;
	e = object_read_max(r, &blob, max, 1, &type, text);
	if (e != NULL && e->code == ERR_NOTFOUND && bring_object(r, &blob)) {
		err_free(e);
		e = object_read_max(r, &blob, max, 1, &type, text);
	}
	if (e != NULL && e->code == ERR_INPUT) {
		err_free(e);
		return err_new(ERR_INPUT, "'%s' is larger than %zu MiB", name,
		    max >> 20);
	}
	if (e == NULL && type != OBJECT_BLOB)
		e = err_new(ERR_INPUT, "'%s' is not a file", name);
	return e;
}

/*
 * Asked of git, not of libgit2, which knows neither sparse checkouts nor
 * filters such as LFS and would call such a work tree changed for ever.
 */
struct err *
repo_is_dirty(struct repo *r, int *dirty)
{
	struct strvec argv = STRVEC_INIT, env = STRVEC_INIT;
	struct proc p = PROC_INIT;
	struct buf text = BUF_INIT, words = BUF_INIT;
	struct err *e;
	int status;

	/* Whatever the user likes to see: all that can change a result. */
	strvec_pushl(&argv, "git", "--no-optional-locks", "status",
	    "--porcelain", "--untracked-files=normal",
	    "--ignore-submodules=untracked", (char *)NULL);
	/* In another folder a relative GIT_DIR would be another one. */
	strvec_pushf(&env, "GIT_DIR=%s", r->gitdir);
	strvec_pushf(&env, "GIT_WORK_TREE=%s", r->workdir);
	p.argv = &argv;
	p.env = &env;
	p.cwd = r->workdir;
	e = proc_capture(&p, NULL, &text, &words, &status);
	if (e == NULL && status != 0)
		e = err_new(ERR_GIT, "cannot compare the work tree with "
		    "HEAD: %s", words.p);
	*dirty = text.len != 0;
	buf_release(&words);
	buf_release(&text);
	strvec_release(&argv);
	strvec_release(&env);
	return e;
}
