/* git agent steer: send, list, answer and retract instructions. */
#include <stdlib.h>
#include <string.h>

#include "base/cmd.h"
#include "work/delivery.h"
#include "work/entry.h"
#include "work/overview.h"
#include "work/runstate.h"
#include "work/view.h"

struct args {
	const char *done, *decline, *retract;
	int stop, list, all, json, offline, no_push;
};

#define LISTED 5		/* and those without an answer */

static const struct opt opts[] = {
	OPT_STRING(0, "done", "ID", struct args, done,
	    "answer an instruction: it was carried out"),
	OPT_STRING(0, "decline", "ID", struct args, decline,
	    "answer an instruction: it will not be done, for this reason"),
	OPT_STRING(0, "retract", "ID", struct args, retract,
	    "take an instruction back"),
	OPT_FLAG(0, "stop", struct args, stop,
	    "ask the run to end after its present step"),
	OPT_FLAG('l', "list", struct args, list,
	    "list the instructions and their states (the default)"),
	OPT_FLAG('a', "all", struct args, all,
	    "list also what is done, declined or retracted"),
	OPT_FLAG(0, "json", struct args, json, "list as JSON"),
	OPT_FLAG(0, "offline", struct args, offline,
	    "do not use the network"),
	OPT_FLAG(0, "no-push", struct args, no_push,
	    "leave the record in this clone for now"),
	OPT_END
};

static const char *const usage[] = {
	"\"text\"",
	"-",
	"[--list] [--all] [--json] [--offline]",
	"--done ID [\"what was done\"]",
	"--decline ID \"why not\"",
	"--retract ID [\"why\"]",
	"--stop [\"why\"]",
	NULL
};

static struct err *
gather_text(int argc, char **argv, const char *otherwise, struct buf *text)
{
	struct err *e = entry_words(argc, argv, text);

	if (text->len == 0 && otherwise != NULL)
		buf_addstr(text, otherwise);
	return e;
}

/* Push it, and say how far it has come: this machine, or the remote. */
static void
send_off(struct repo *r, const struct args *a, const char *what,
    const struct oid *id, int *status)
{
	char abbrev[OID_HEX_SIZE];
	const char *remote = repo_remote(r);
	int arrived = 0;

	object_abbrev(r, id, abbrev);
	if (remote == NULL) {
		cmd_note("%s %s recorded in this clone%s", what, abbrev,
		    delivery_warn_unclear(r) ? "" : " (it has no remote)");
		return;
	}
	if (runstate_pushes(r)) {
		cmd_note("%s %s recorded; the loop pushes it", what, abbrev);
		return;
	}
	if (!a->no_push && !a->offline)
		delivery_push(r, id, 0, &arrived);
	if (arrived) {
		cmd_note("%s %s pushed to '%s'", what, abbrev, remote);
	} else {
		cmd_note("%s %s is queued in this clone; it has not left this "
		    "machine", what, abbrev);
		*status = EXIT_NO;
	}
}

static struct err *
append(struct repo *r, const struct args *a, struct draft *d,
    const struct buf *text, const char *what, int *status)
{
	struct entry_text t = { NULL, NULL, 0 };
	struct oid id;
	struct err *e;

	e = entry_text_split(&t, text->p, text->len);
	if (e != NULL)
		return e;
	d->subject = t.subject;
	d->body = t.body;
	e = entry_append(r, d, &id);
	if (e == NULL)
		send_off(r, a, what, &id, status);
	entry_text_release(&t);
	return e;
}

static struct err *
send_steer(struct repo *r, const struct args *a, int argc, char **argv,
    int *status)
{
	struct draft d = { .kind = "steer" };
	struct buf text = BUF_INIT;
	struct err *e;

	e = gather_text(argc, argv, a->stop ? "please stop" : NULL, &text);
	if (a->stop)
		trailers_add(&d.trailers, "Agent-Action", "stop");
	if (e == NULL)
		e = append(r, a, &d, &text, a->stop ? "request to stop" :
		    "instruction", status);
	draft_release(&d);
	buf_release(&text);
	return e;
}

/* The instruction that an id names, as it stands. */
static struct err *
find_steer(struct repo *r, const struct overview *ov, const char *prefix,
    const struct steer **found)
{
	struct record rec;
	struct err *e;
	size_t i;

	*found = NULL;
	e = reader_find(r, prefix, &rec);
	for (i = 0; e == NULL && i < ov->steers.n; i++)
		if (oid_equal(&ov->steers.v[i].note.id, &rec.id))
			*found = &ov->steers.v[i];
	if (e == NULL && *found == NULL)
		e = err_new(ERR_INPUT, "record '%s' is a '%s', not an "
		    "instruction; 'git agent steer --list' shows those",
		    prefix, rec.kind);
	record_release(&rec);
	return e;
}

static struct err *
answer(struct repo *r, const struct args *a, int argc, char **argv,
    int *status)
{
	const char *prefix = a->done != NULL ? a->done :
	    a->decline != NULL ? a->decline : a->retract;
	struct draft d = { .kind = a->retract ? "retract" : "answered" };
	const struct steer *s;
	struct overview ov;
	struct buf text = BUF_INIT;
	char hex[OID_HEX_SIZE];
	struct err *e;

	if (a->decline != NULL && argc == 0)
		return err_new(ERR_USAGE, "--decline needs the reason: "
		    "git agent steer --decline %s \"why not\"", prefix);
	e = overview_read(r, 0, 0, &ov);
	if (e == NULL)
		e = find_steer(r, &ov, prefix, &s);
	if (e == NULL && s->state >= STEER_DONE)
		e = err_new(ERR_INPUT, "instruction '%s' is already %s; 'git "
		    "agent log' records what there is to add",
		    prefix, steer_state_name(s->state));
	if (e != NULL)
		goto done;
	oid_hex(&s->note.id, hex);
	e = gather_text(argc, argv, s->note.subject, &text);
	trailers_add(&d.trailers, a->retract ? "Agent-Retracts" :
	    "Agent-Steer", hex);
	if (a->retract == NULL)
		trailers_add(&d.trailers, "Agent-State",
		    a->done != NULL ? "done" : "declined");
	if (e == NULL)
		e = append(r, a, &d, &text, a->retract ? "retraction" :
		    "answer", status);
done:
	overview_release(&ov);
	draft_release(&d);
	buf_release(&text);
	return e;
}

static struct err *
print_list(struct repo *r, const struct args *a, const struct overview *ov)
{
	const struct steers *list = &ov->steers;
	struct js *j = a->json ? js_array() : NULL;
	struct out o;
	struct err *e;
	size_t i, shown = 0;

	e = out_open(&o, !a->json, repo_config(r, "color.ui"));
	for (i = 0; e == NULL && i < list->n; i++) {
		if (a->json)
			js_append(j, view_steer_json(r, &list->v[i]));
		else if (a->all || steer_is_open(&list->v[i]) ||
		    steer_is_unfollowed(&list->v[i]) || i < LISTED) {
			out_str(&o, shown++ > 0 ? "\n" : "");
			view_steer(&o, r, &list->v[i]);
		}
	}
	if (e == NULL && a->json)
		js_write(j, o.f);
	js_free(j);
	if (e == NULL)
		e = out_close(&o);
	if (e == NULL && !a->json && list->n == 0)
		cmd_note("no instructions yet; 'git agent steer \"text\"' "
		    "sends one");
	else if (e == NULL && !a->json && shown < list->total)
		cmd_note("(%zu older ones are answered; --all shows them)",
		    list->total - shown);
	return e;
}

static struct err *
list_steers(struct repo *r, const struct args *a, int *status)
{
	struct overview ov;
	struct err *e;
	int partial = 0;

	memset(&ov, 0, sizeof(ov));
	delivery_fetch(r, a->offline ? DELIVERY_OFFLINE : DELIVERY_ALWAYS,
	    &partial);
	e = overview_read(r, a->json || a->all ? 0 : LISTED, 1, &ov);
	if (e == NULL)
		e = print_list(r, a, &ov);
	if (e == NULL)
		delivery_warn(r, &ov.stats, &partial);
	if (partial)
		*status = EXIT_PARTIAL;
	overview_release(&ov);
	return e;
}

static struct err *
dispatch(struct repo *r, const struct args *a, int argc, char **argv,
    int *status)
{
	int verbs = (a->done != NULL) + (a->decline != NULL) +
	    (a->retract != NULL) + a->stop + a->list;

	if (verbs > 1)
		return err_new(ERR_USAGE, "--done, --decline, --retract, "
		    "--stop and --list cannot be combined");
	if (a->list && argc > 0)
		return err_new(ERR_USAGE, "--list takes no operand, got '%s'",
		    argv[0]);
	if (a->done != NULL || a->decline != NULL || a->retract != NULL)
		return answer(r, a, argc, argv, status);
	if (argc > 0 || a->stop)
		return send_steer(r, a, argc, argv, status);
	return list_steers(r, a, status);
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
	.name = "git-agent-steer",
	.summary = "send instructions to a running agent, and follow them",
	.usage = usage,
	.opts = opts,
	.values_size = sizeof(struct args),
	.run = run,
};

int
main(int argc, char **argv)
{
	return cmd_main(&cmd, argc, argv);
}
