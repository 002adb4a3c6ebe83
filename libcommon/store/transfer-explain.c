#include "store/transfer-explain.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/shell.h"
#include "store/network.h"

static char *
locked_text(const char *path, size_t n)
{
	char *name = xstrndup(path, n), *text;
	char *command = shell_format("rm -f %s.lock", name);

	text = xasprintf("it is locked; if 'pgrep -a git' shows no git that is "
	    "at work here, then one was killed: run '%s'", command);
	free(command);
	free(name);
	return text;
}

static int
ends_in(const char *text, size_t n, const char *end)
{
	size_t m = strlen(end);

	return n >= m && memcmp(text + n - m, end, m) == 0;
}

/*
 * A lock in this clone that git found in its way, on a ref that ends in
 * `name`: what to do about it, malloc'd; NULL if there was none.  What the
 * other side says of its own locks stands behind "remote: ".
 */
static char *
lock_remedy(const char *output, const char *name)
{
	static const char before[] = "Unable to create '";
	const char *p, *stop, *path, *end;

	for (p = output; *p != '\0'; p = *stop == '\0' ? stop : stop + 1) {
		stop = p + strcspn(p, "\n");
		path = network_in_line(p, stop, before);
		if (path == NULL || strncmp(p, "remote:", 7) == 0)
			continue;
		path += sizeof(before) - 1;
		end = network_in_line(path, stop, ".lock': File exists");
		if (end != NULL && ends_in(path, (size_t)(end - path), name))
			return locked_text(path, (size_t)(end - path));
	}
	return NULL;
}

void
transfer_explain_lock(struct sync_report *rep, const char *output,
    size_t before)
{
	char *any = lock_remedy(output, ""), *remedy;
	size_t i;

	for (i = before; any != NULL && i < rep->n; i++)
		if (rep->refs[i].fate == SYNC_REFUSED) {
			remedy = lock_remedy(output, rep->refs[i].name);
			free(rep->refs[i].reason);
			rep->refs[i].reason = remedy != NULL ? remedy :
			    xstrdup(any);
		}
	if (any != NULL && !rep->reached) {
		free(rep->problem);
		rep->problem = xstrdup(any);
	}
	free(any);
}

/* 1 if git has not said yet where this work tree is to be. */
static int
is_unfinished(const char *folder)
{
	char *path = xasprintf("%s/HEAD", folder);
	struct buf text = BUF_INIT;
	struct oid id;
	int is;

	err_free(file_read(path, &text));
	buf_rtrim(&text);
	is = text.len > 0 && oid_parse(text.p, &id) == 0 && oid_is_zero(&id);
	buf_release(&text);
	free(path);
	return is;
}

char *
transfer_unfinished_worktree(struct repo *r, const char *name, char **command)
{
	char *folder = xasprintf("%s/worktrees/%s", repo_commondir(r), name);
	char *meaning = NULL;

	if (is_unfinished(folder)) {
		meaning = xasprintf("the linked work tree '%s' is not "
		    "finished; if 'pgrep -a git' shows no git that is at work "
		    "here, then one was killed as it made it", name);
		*command = shell_format("rm -rf %s", folder);
	}
	free(folder);
	return meaning;
}

void
transfer_explain_worktree(struct repo *r, struct sync_report *rep)
{
	static const char before[] = "bad object worktrees/";
	char *name, *meaning, *command = NULL;
	size_t n;

	if (rep->problem == NULL ||
	    strncmp(rep->problem, before, strlen(before)) != 0)
		return;
	n = strcspn(rep->problem + strlen(before), "/");
	name = xstrndup(rep->problem + strlen(before), n);
	meaning = transfer_unfinished_worktree(r, name, &command);
	if (meaning != NULL) {
		free(rep->problem);
		rep->problem = xasprintf("%s: run '%s'", meaning, command);
	}
	free(command);
	free(meaning);
	free(name);
}

static void
give_reason(struct sync_ref *ref, char *reason)
{
	free(ref->reason);
	ref->reason = reason;
}

/* 1 if git can have but one of them; the first one has n bytes. */
static int
is_in_way(const char *name, size_t n, const char *target)
{
	size_t m = strlen(target);

	return n < m ? strncmp(name, target, n) == 0 && target[n] == '/' :
	    n > m && strncmp(name, target, m) == 0 && name[m] == '/';
}

/*
 * "remote: error: cannot lock ref '<target>': '<name>' exists; cannot create
 * '<target>'"
 */
static void
explain_line(struct sync_report *rep, const char *p, const char *stop,
    size_t before)
{
	static const char mark[] = "' exists; cannot create '";
	const char *end = network_in_line(p, stop, mark), *name, *target;
	struct sync_ref *ref;
	size_t i, n;

	if (end == NULL)
		return;
	for (name = end; name > p && name[-1] != '\''; name--)
		;
	target = end + sizeof(mark) - 1;
	for (i = before; i < rep->n; i++) {
		ref = &rep->refs[i];
		n = ref->target == NULL ? 0 : strlen(ref->target);
		if (ref->fate == SYNC_REFUSED && n > 0 &&
		    n < (size_t)(stop - target) && target[n] == '\'' &&
		    strncmp(target, ref->target, n) == 0 &&
		    is_in_way(name, (size_t)(end - name), ref->target))
			give_reason(ref, xasprintf("'%.*s' is in its way "
			    "there; 'git agent sync --check' tells what to do "
			    "about it", (int)(end - name), name));
	}
}

void
transfer_explain_way(struct sync_report *rep, const char *output,
    size_t before)
{
	const char *p, *stop;
	size_t i;

	/* A newer git there does not say which one it is. */
	for (i = before; i < rep->n; i++)
		if (rep->refs[i].fate == SYNC_REFUSED &&
		    rep->refs[i].reason != NULL &&
		    strcmp(rep->refs[i].reason, "refname conflict") == 0)
			give_reason(&rep->refs[i], xstrdup("another ref is in "
			    "its way there; 'git agent sync --check' names "
			    "it"));
	for (p = output; *p != '\0'; p = *stop == '\0' ? stop : stop + 1) {
		stop = p + strcspn(p, "\n");
		explain_line(rep, p, stop, before);
	}
}
