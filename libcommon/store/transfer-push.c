#include "store/transfer-parts.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "store/network.h"
#include "store/sync-state.h"
#include "store/transfer-explain.h"
#include "store/writer.h"

#define WORDS_MAX 1000

void
transfer_withhold(struct sync_report *rep, const char *name, char *reason)
{
	transfer_add_ref(rep, xstrdup(name), 1, SYNC_REFUSED, reason);
}

/*
 * 1 if the host would not have the ref at all: neither a log that is not
 * continued, nor a fault at its end that may pass.
 */
static int
is_hosts_will(const char *line, const char *stop, const char *reason)
{
	static const char *const faults[] = {
		"unpacker error", "missing necessary objects", "shallow",
		"failed to update ref", "failed to lock", "cannot lock",
		"refname conflict", "internal server error", NULL
	};
	size_t i;

	if (network_in_line(line, stop, "[remote rejected]") == NULL)
		return 0;
	for (i = 0; reason != NULL && faults[i] != NULL; i++)
		if (strstr(reason, faults[i]) != NULL)
			return 0;
	return 1;
}

/* What git says of a log that it cuts off here, and the remote has not. */
static char *
explain_shallow(char *reason)
{
	char *text;

	if (reason == NULL ||
	    strcmp(reason, "shallow update not allowed") != 0)
		return reason;
	text = xasprintf("%s: it is cut off here, as by 'git pull --depth', "
	    "and the rest is not there either; 'git agent sync --check' tells "
	    "where", reason);
	free(reason);
	return text;
}

/* "beat/<writer>" at the end; in front of it is the prefix, of any name. */
static char *
short_name(const char *target)
{
	const char *writer = strrchr(target, '/'), *what = writer;

	if (strncmp(target, NOTES_PREFIX, strlen(NOTES_PREFIX)) == 0)
		return xasprintf("notes%s", writer);
	while (what > target && what[-1] != '/')
		what--;
	if (strncmp(what, "notes/", 6) == 0 || strncmp(what, "beat/", 5) == 0)
		return xstrdup(what);
	return xasprintf("log%s", writer);
}

/* "<flag>\t<from>:<to>\t<summary> (<reason>)", git-push(1), "Output". */
static void
push_line(struct sync_report *rep, const char *line, const char *stop)
{
	const char *to, *colon;
	enum sync_fate fate;
	char *reason, *target, *name;

	if (stop - line < 3 || line[1] != '\t')
		return;
	switch (line[0]) {
	case '=': fate = SYNC_UP_TO_DATE; break;
	case '*': fate = SYNC_NEW; break;
	case ' ':
	case '+': fate = SYNC_MOVED; break;
	case '-': fate = SYNC_ROLLED_UP; break;
	case '!': fate = SYNC_REFUSED; break;
	default: return;
	}
	colon = memchr(line, ':', (size_t)(stop - line));
	to = colon == NULL ? "" : colon + 1;
	if (strncmp(to, "refs/", 5) != 0)
		return;
	target = xstrndup(to, strcspn(to, "\t"));
	name = short_name(target);
	reason = fate == SYNC_REFUSED ? transfer_reason(line, stop) : NULL;
	reason = explain_shallow(reason);
	transfer_add_ref(rep, name, 1, fate, reason);
	rep->refs[rep->n - 1].target = target;
	rep->refs[rep->n - 1].by_host = fate == SYNC_REFUSED &&
	    is_hosts_will(line, stop, reason);
}

/* The host's own words, of a hook perhaps, behind what git says of a ref. */
static void
keep_words(struct sync_report *rep, const char *output)
{
	static const char mark[] = "remote: ";
	struct buf b = BUF_INIT;
	const char *p, *stop;

	for (p = output; *p != '\0'; p = *stop == '\0' ? stop : stop + 1) {
		stop = p + strcspn(p, "\r\n");
		if (strncmp(p, mark, strlen(mark)) != 0)
			continue;
		p += strlen(mark);
		p += strspn(p, " ");
		if (p >= stop || b.len > WORDS_MAX)
			continue;
		network_add_words(&b, p, stop, 0);
	}
	if (rep->refused > 0 && b.len > 0) {
		free(rep->words);
		rep->words = buf_steal(&b);
	}
	buf_release(&b);
}

/* What is wrong with which object, behind what git says of the ref. */
static void
explain_object(struct sync_report *rep, const char *output, size_t before)
{
	char *detail = apart_detail(output), *reason;
	size_t i;

	for (i = before; i < rep->n; i++) {
		struct sync_ref *ref = &rep->refs[i];

		if (ref->fate != SYNC_REFUSED || ref->reason == NULL ||
		    (strcmp(ref->reason, "unpacker error") != 0 &&
		    strcmp(ref->reason, "missing necessary objects") != 0))
			continue;
		ref->by_object = 1;
		if (detail == NULL)
			continue;
		reason = xasprintf("%s: %s", ref->reason, detail);
		free(ref->reason);
		ref->reason = reason;
	}
	free(detail);
}

/* `options` go before the name of the remote, `specs` behind it. */
struct err *
transfer_push_once(struct repo *r, const struct strvec *options,
    const struct strvec *specs, int background, struct sync_report *rep,
    struct buf *output)
{
	struct strvec argv = STRVEC_INIT;
	size_t i, before = rep->n;
	struct err *e;
	char *mirror;
	int status;

	/* Of a mirror, which git would push as a whole or not at all. */
	strvec_push(&argv, "git");
	mirror = xasprintf("remote.%s.mirror", rep->remote);
	if (repo_config_bool(r, mirror, 0)) {
		strvec_push(&argv, "-c");
		strvec_pushf(&argv, "%s=false", mirror);
	}
	free(mirror);
	/* The pre-push hook guards the project's code; these are records. */
	strvec_pushl(&argv, "push", "--porcelain", "--no-verify",
	    "--no-follow-tags", "--recurse-submodules=no", (char *)NULL);
	for (i = 0; options != NULL && i < options->n; i++)
		strvec_push(&argv, options->v[i]);
	strvec_pushl(&argv, "--", rep->remote, (char *)NULL);
	for (i = 0; i < specs->n; i++)
		strvec_push(&argv, specs->v[i]);
	e = transfer_git(rep, &argv, background, output, &status);
	refs_moved(r);
	if (e == NULL) {
		transfer_each_line(rep, push_line, output->p);
		transfer_conclude(rep, output, status, before);
		explain_object(rep, output->p, before);
		transfer_explain_way(rep, output->p, before);
		keep_words(rep, output->p);
	}
	strvec_release(&argv);
	return e;
}

struct err *
transfer_push(struct repo *r, const struct strvec *specs, int background,
    struct sync_report *rep)
{
	struct buf output = BUF_INIT;
	size_t before = rep->n;
	struct err *e;

	transfer_begin(rep);
	e = transfer_push_once(r, NULL, specs, background, rep, &output);
	if (e == NULL && specs->n > 1)
		e = apart_push(r, specs, background, rep, before, output.p);
	transfer_end(rep);
	buf_release(&output);
	return e;
}

/*
 * Most often all goes well: as one transaction, for which a server writes its
 * packed-refs once, and not for each ref.  Else each for itself.
 */
struct err *
transfer_delete(struct repo *r, const struct strvec *leases,
    const struct strvec *specs, int background, struct sync_report *rep)
{
	struct strvec options = STRVEC_INIT;
	struct buf output = BUF_INIT;
	size_t i, before = rep->n;
	struct err *e;

	strvec_push(&options, "--atomic");
	for (i = 0; i < leases->n; i++)
		strvec_push(&options, leases->v[i]);
	e = transfer_push_once(r, &options, specs, background, rep, &output);
	if (e == NULL && (rep->refused > 0 ||
	    strstr(output.p, "--atomic") != NULL)) {
		sync_drop_from(rep, before);
		free(rep->problem);
		rep->problem = NULL;
		buf_clear(&output);
		e = transfer_push_once(r, leases, specs, background, rep,
		    &output);
	}
	buf_release(&output);
	strvec_release(&options);
	return e;
}
