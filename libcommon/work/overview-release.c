/* The part of overview.h that frees it all. */
#include "work/overview.h"

#include <stdlib.h>
#include <string.h>

void
note_release(struct note *n)
{
	free(n->kind);
	free(n->subject);
	free(n->body);
	free(n->author);
	free(n->mail);
	free(n->writer);
	free(n->instead);
	free(n->at);
	free(n->run);
}

static void
notes_release(struct notes *list)
{
	size_t i;

	for (i = 0; i < list->n; i++)
		note_release(&list->v[i]);
	free(list->v);
}

static void
checks_release(struct checks *list)
{
	struct check *c;
	size_t i, k;

	for (i = 0; i < list->n; i++) {
		c = &list->v[i];
		note_release(&c->note);
		free(c->commit);
		free(c->tree);
		free(c->oracle_id);
		free(c->committed);
		for (k = 0; k < c->metric_count; k++)
			metric_release(&c->metrics[k]);
		free(c->metrics);
	}
	free(list->v);
}

static void
steers_release(struct steers *list)
{
	size_t i;

	for (i = 0; i < list->n; i++) {
		note_release(&list->v[i].note);
		free(list->v[i].delivered_to);
		free(list->v[i].delivered_runs);
		free(list->v[i].answered_by);
		free(list->v[i].answer);
	}
	free(list->v);
}

static void
runs_release(struct runs *list)
{
	size_t i;

	for (i = 0; i < list->n; i++) {
		free(list->v[i].id);
		free(list->v[i].writer);
		free(list->v[i].agent);
		free(list->v[i].author);
		free(list->v[i].outcome);
		free(list->v[i].outcome_text);
		free(list->v[i].doing);
	}
	free(list->v);
}

void
overview_release(struct overview *ov)
{
	notes_release(&ov->brief);
	notes_release(&ov->done);
	notes_release(&ov->failed);
	notes_release(&ov->status);
	notes_release(&ov->limit);
	notes_release(&ov->next);
	notes_release(&ov->milestone);
	checks_release(&ov->checks);
	steers_release(&ov->steers);
	runs_release(&ov->runs);
	memset(ov, 0, sizeof(*ov));
}
