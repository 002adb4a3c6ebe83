/* git agent log: write and read the lab notes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/cmd.h"
#include "base/file.h"
#include "base/text.h"
#include "store/reader.h"
#include "store/writer.h"
#include "work/batch.h"
#include "work/delivery.h"
#include "work/editor.h"
#include "work/entry.h"
#include "work/filter.h"
#include "work/render.h"
#include "work/runstate.h"
#include "work/show.h"

struct args {
	const char *because, *instead, *supersedes, *retract;
	const char *output;
	int edit, batch, no_push, json, offline, render, force;
	int64_t count;
	struct filter_args filter;
};

static const struct opt opts[] = {
	OPT_STRING(0, "because", "TEXT", struct args, because,
	    "why it failed, or other detail: the body of the record"),
	OPT_STRING(0, "instead", "TEXT", struct args, instead,
	    "what to do in place of a failed approach"),
	OPT_STRING(0, "supersedes", "ID", struct args, supersedes,
	    "the new record takes the place of this one"),
	OPT_STRING(0, "retract", "ID", struct args, retract,
	    "a record no longer holds; the text says why"),
	OPT_FLAG('e', "edit", struct args, edit,
	    "write the text in your editor"),
	OPT_FLAG(0, "batch", struct args, batch,
	    "record all notes on standard input, JSON lines, or none"),
	OPT_FLAG(0, "no-push", struct args, no_push,
	    "leave the record in this clone for now"),
	OPT_INT('n', "max-count", "N", struct args, count,
	    "show at most N records"),
	OPT_STRING(0, "grep", "PATTERN", struct args, filter.grep,
	    "only records whose text matches (PCRE2)"),
	OPT_FLAG('i', "ignore-case", struct args, filter.ignore_case,
	    "--grep takes upper and lower case as the same"),
	OPT_STRING(0, "author", "PATTERN", struct args, filter.author,
	    "only records whose author matches (PCRE2, any case)"),
	OPT_STRING(0, "since", "DATE", struct args, filter.since,
	    "only records newer than a date, as git log has it"),
	OPT_STRING(0, "until", "DATE", struct args, filter.until,
	    "only records older than a date"),
	OPT_FLAG('a', "all", struct args, filter.all,
	    "show every kind, also runs, checks and deliveries"),
	OPT_FLAG(0, "json", struct args, json, "print JSON"),
	OPT_FLAG(0, "offline", struct args, offline,
	    "do not fetch, not even the first time"),
	OPT_FLAG(0, "render", struct args, render,
	    "write the lab notes as CHANGELOG.md"),
	OPT_STRING('o', "output", "FILE", struct args, output,
	    "with --render: write this file, '-' for standard output"),
	OPT_FLAG('f', "force", struct args, force,
	    "with --render: replace a file that a person wrote"),
	OPT_END
};

static const char *const usage[] = {
	"KIND \"text\" [--because TEXT] [--instead TEXT]",
	"KIND - | KIND [\"text\"] --edit",
	"--batch [--no-push]",
	"[KIND] [-n N] [--grep PATTERN] [--author PATTERN] [--since DATE]",
	"show ID",
	"--retract ID \"why\"",
	"--render [-o FILE]",
	NULL
};

static const char *const words[] = {
	"done", "failed", "status", "limit", "next", "milestone", "show",
	"steer", "check", "brief", "run", NULL
};

/* Kinds that can be read but are written by other commands. */
static const char *const other_kinds[] = {
	"brief", "steer", "delivered", "answered", "retract", "check", "run",
	"rollup",
	NULL
};

static int
is_among(const char *word, const char *const *list)
{
	for (; *list != NULL; list++)
		if (strcmp(word, *list) == 0)
			return 1;
	return 0;
}

static struct err *
unknown_kind(const char *kind)
{
	const char *near = text_suggest(kind, words);

	if (near != NULL)
		return err_new(ERR_USAGE, "'%s' is not a kind of record; did "
		    "you mean '%s'?", kind, near);
	return err_new(ERR_USAGE, "'%s' is not a kind of record; expected "
	    "done, failed, status, limit, next or milestone", kind);
}

/* The words of the command line or standard input, perhaps edited. */
static struct err *
gather_text(struct repo *r, const struct args *a, const char *kind,
    int argc, char **argv, struct buf *text)
{
	struct err *e = entry_words(argc, argv, text);

	return e == NULL && a->edit ? editor_text(r, kind, text) : e;
}

static struct err *
add_reference(struct repo *r, struct draft *d, const char *key,
    const char *prefix)
{
	struct record rec;
	char hex[OID_HEX_SIZE];
	struct err *e;

	if (prefix == NULL)
		return NULL;
	e = reader_find(r, prefix, &rec);
	if (e == NULL) {
		oid_hex(&rec.id, hex);
		trailers_add(&d->trailers, key, hex);
	}
	record_release(&rec);
	return e;
}

/*
 * "recorded 3f2a1b9, pushed to 'origin'": just what happened.  `what` is one
 * record or (`it` is "them") several, up to `id`.
 */
static void
announce(struct repo *r, const struct args *a, const char *what,
    const char *it, const struct oid *id)
{
	const char *remote = repo_remote(r);
	int arrived = 0;

	if (remote == NULL) {
		cmd_note("recorded %s in this clone%s", what,
		    delivery_warn_unclear(r) ? "" : " (it has no remote)");
	} else if (runstate_pushes(r)) {
		cmd_note("recorded %s; the loop pushes %s", what, it);
	} else if (a->no_push || !repo_config_bool(r, "agent.push", 1)) {
		cmd_note("recorded %s in this clone; 'git agent sync' "
		    "pushes %s", what, it);
	} else {
		delivery_push(r, id, 0, &arrived);
		cmd_note("recorded %s%s%s%s", what, arrived ?
		    ", pushed to '" : "", arrived ? remote : "",
		    arrived ? "'" : "");
	}
}

static struct err *
write_note(struct repo *r, const struct args *a, const char *kind,
    int argc, char **argv)
{
	struct draft d = { .kind = kind };
	struct entry_text t = { NULL, NULL, 0 };
	struct buf text = BUF_INIT;
	char abbrev[OID_HEX_SIZE];
	struct oid id;
	struct err *e;

	e = gather_text(r, a, kind, argc, argv, &text);
	if (e == NULL && a->because != NULL)
		buf_addf(&text, "\n\n%s", a->because);
	if (e == NULL)
		e = entry_text_split(&t, text.p, text.len);
	if (e != NULL)
		goto done;
	if (t.replaced > 0)
		cmd_warn("the text was not all UTF-8; %zu byte%s replaced",
		    t.replaced, t.replaced == 1 ? " was" : "s were");
	d.subject = t.subject;
	d.body = t.body;
	if (a->instead != NULL)
		trailers_add(&d.trailers, "Agent-Instead", a->instead);
	e = add_reference(r, &d, "Agent-Supersedes", a->supersedes);
	if (e == NULL)
		e = add_reference(r, &d, "Agent-Retracts", a->retract);
	if (e == NULL)
		e = entry_append(r, &d, &id);
	if (e == NULL) {
		object_abbrev(r, &id, abbrev);
		announce(r, a, abbrev, "it", &id);
	}
done:
	draft_release(&d);
	entry_text_release(&t);
	buf_release(&text);
	return e;
}

static struct err *
write_batch(struct repo *r, const struct args *a)
{
	struct batch b = BATCH_INIT;
	struct buf text = BUF_INIT;
	struct oid last;
	char what[48];
	struct err *e;

	e = file_read_input("a batch", BATCH_MAX, &text);
	if (e == NULL)
		e = batch_read(&b, r, text.p, text.len);
	if (e == NULL && b.n > 0)
		e = batch_append(&b, r, &last);
	if (e != NULL)
		goto done;
	if (b.n == 0) {
		cmd_note("standard input was empty; nothing was recorded");
		goto done;
	}
	snprintf(what, sizeof(what), "%zu record%s", b.n, b.n == 1 ? "" : "s");
	announce(r, a, what, b.n == 1 ? "it" : "them", &last);
done:
	batch_release(&b);
	buf_release(&text);
	return e;
}

static struct err *
print_records(struct repo *r, const struct args *a, struct filter *f,
    struct out *o, struct reader *rd)
{
	const struct record *rec;
	struct js *list = a->json ? js_array() : NULL;
	struct err *e = NULL;
	int64_t n = 0;

	while (e == NULL && (a->count < 0 || n < a->count)) {
		e = reader_next(rd, &rec);
		if (e != NULL || rec == NULL)
			break;
		if (!filter_passes(f, rec, &e))
			continue;
		if (a->json)
			js_append(list, show_record_json(r, rec,
			    reader_is_ahead(rd)));
		else {
			out_str(o, n > 0 ? "\n" : "");
			show_record(o, r, rec, reader_is_ahead(rd),
			    reader_is_gone(rd));
		}
		n++;
		/* The reader of the pager has seen enough. */
		if (ferror(o->f))
			break;
	}
	if (a->json)
		js_write(list, o->f);
	js_free(list);
	return e;
}

static struct err *
read_notes(struct repo *r, const struct args *a, const char *kind, int *status)
{
	struct reader *rd = NULL;
	struct index_stats stats;
	struct filter *f = NULL;
	struct out o;
	struct err *e;
	int partial = 0;

	e = filter_make(&f, &a->filter, kind);
	if (e != NULL)
		goto done;
	delivery_fetch(r, a->offline ? DELIVERY_OFFLINE : DELIVERY_FIRST,
	    &partial);
	e = reader_open(r, filter_kinds(f), &rd);
	if (e == NULL)
		e = out_open(&o, !a->json, repo_config(r, "color.ui"));
	if (e != NULL)
		goto done;
	e = print_records(r, a, f, &o, rd);
	e = err_first(e, out_close(&o));
	stats = reader_stats(rd);
	delivery_warn(r, &stats, &partial);
	if (e == NULL && stats.logs == 0 && !a->json)
		cmd_note("no records yet; 'git agent log status \"…\"' writes "
		    "the first one");
	if (partial)
		*status = EXIT_PARTIAL;
done:
	reader_close(rd);
	filter_free(f);
	return e;
}

static struct err *
show_one(struct repo *r, const struct args *a, const char *id, int *status)
{
	struct record rec = RECORD_INIT;
	struct js *j;
	struct out o;
	struct err *e;
	int partial = 0, ahead;

	delivery_fetch(r, a->offline ? DELIVERY_OFFLINE : DELIVERY_FIRST,
	    &partial);
	e = reader_find(r, id, &rec);
	if (e == NULL)
		e = out_open(&o, !a->json, repo_config(r, "color.ui"));
	if (e != NULL)
		goto done;
	ahead = rec.clock > clock_now() + CLOCK_AHEAD_MAX;
	if (a->json) {
		j = show_record_json(r, &rec, ahead);
		js_write(j, o.f);
		js_free(j);
	} else {
		show_record_fully(&o, r, &rec, ahead);
	}
	e = out_close(&o);
	if (partial)
		*status = EXIT_PARTIAL;
done:
	record_release(&rec);
	return e;
}

static struct err *
render(struct repo *r, const struct args *a, int *status)
{
	struct overview ov;
	struct buf text = BUF_INIT;
	struct err *e = NULL;
	int partial = 0;

	memset(&ov, 0, sizeof(ov));
	if (a->output == NULL)
		e = repo_need_workdir(r);
	if (e != NULL)
		return e;
	delivery_fetch(r, a->offline ? DELIVERY_OFFLINE : DELIVERY_FIRST,
	    &partial);
	e = overview_read(r, 0, 0, &ov);
	if (e != NULL)
		goto done;
	render_changelog(r, &ov, &text);
	e = render_write(r, a->output, a->force, &text);
	delivery_warn(r, &ov.stats, &partial);
	if (partial)
		*status = EXIT_PARTIAL;
done:
	overview_release(&ov);
	buf_release(&text);
	return e;
}

static void
defaults(void *values)
{
	((struct args *)values)->count = -1;
}

/* An option that only reading knows, or NULL. */
static const char *
reading_option(const struct args *a)
{
	const struct filter_args *f = &a->filter;

	return f->grep != NULL ? "--grep" : f->ignore_case ? "-i" :
	    f->author != NULL ? "--author" : f->since != NULL ? "--since" :
	    f->until != NULL ? "--until" : f->all ? "--all" :
	    a->count >= 0 ? "-n" : a->json ? "--json" :
	    a->offline ? "--offline" : NULL;
}

/* Quotes that were forgotten around a pattern must not make it a record. */
static struct err *
check_writing(const struct args *a, const char *text)
{
	const char *option = reading_option(a);

	if (option == NULL)
		return NULL;
	if (strcmp(option, "--offline") == 0)
		return err_new(ERR_USAGE, "--offline is for reading; "
		    "--no-push leaves a record in this clone");
	if (text == NULL)
		return err_new(ERR_USAGE, "%s is for reading, but %s writes "
		    "a record", option, a->edit ? "--edit" : "--retract");
	return err_new(ERR_USAGE, "%s is for reading, but the text '%s' would "
	    "be recorded; quote a pattern or date of several words", option,
	    text);
}

static struct err *
dispatch(struct repo *r, const struct args *a, int argc, char **argv,
    int *status)
{
	const char *kind = argc > 0 ? argv[0] : NULL;
	struct err *e;

	if (a->render)
		return argc > 0 ? err_new(ERR_USAGE, "--render takes no "
		    "operand, got '%s'", argv[0]) : render(r, a, status);
	if (a->output != NULL || a->force)
		return err_new(ERR_USAGE, "%s is only for --render",
		    a->output != NULL ? "--output" : "--force");
	if (a->batch)
		return argc > 0 || a->edit || a->because != NULL ||
		    a->instead != NULL || a->supersedes != NULL ||
		    a->retract != NULL || reading_option(a) != NULL ? err_new(ERR_USAGE, "--batch takes "
		    "what to record from standard input alone, JSON lines") :
		    write_batch(r, a);
	if (a->retract != NULL) {
		e = check_writing(a, kind);
		return e != NULL ? e :
		    write_note(r, a, "retract", argc, argv);
	}
	if (kind != NULL && strcmp(kind, "show") == 0)
		return argc != 2 ? err_new(ERR_USAGE, "'show' takes the id of "
		    "one record") : show_one(r, a, argv[1], status);
	if (kind != NULL && !entry_kind_ok(kind) &&
	    !is_among(kind, other_kinds))
		return unknown_kind(kind);
	if (argc < 2 && !a->edit) {
		if (a->because != NULL || a->instead != NULL ||
		    a->supersedes != NULL)
			return err_new(ERR_USAGE, "there is no text to record; "
			    "'git agent log KIND \"text\"' writes");
		return read_notes(r, a, kind, status);
	}
	if (kind == NULL)
		return err_new(ERR_USAGE, "--edit needs the kind of record "
		    "to write");
	if (!entry_kind_ok(kind))
		return err_new(ERR_USAGE, "'%s' records are not written by "
		    "'git agent log'", kind);
	e = check_writing(a, argv[1]);
	return e != NULL ? e : write_note(r, a, kind, argc - 1, argv + 1);
}

static struct err *
run(void *values, int argc, char **argv, int *status)
{
	struct repo *r = NULL;
	struct err *e;

	e = repo_open(&r);
	if (e == NULL)
		e = dispatch(r, values, argc, argv, status);
	repo_close(r);
	return e;
}

static const struct cmd cmd = {
	.name = "git-agent-log",
	.summary = "write and read the lab notes",
	.usage = usage,
	.opts = opts,
	.values_size = sizeof(struct args),
	.words = words,
	.defaults = defaults,
	.run = run,
};

int
main(int argc, char **argv)
{
	return cmd_main(&cmd, argc, argv);
}
