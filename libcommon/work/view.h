/*
 * What an overview holds, as a person or a script reads it: the pieces that
 * `git agent status` and `git agent steer` share.
 */
#ifndef WORK_VIEW_H
#define WORK_VIEW_H

#include <stdint.h>

#include "base/js.h"
#include "base/out.h"
#include "store/repo.h"
#include "work/overview.h"

/* One instruction with its state, times and answer, behind two columns. */
void	 view_steer(struct out *, struct repo *, const struct steer *);
/* A titled list of notes, at most `most`; nothing for an empty one. */
void	 view_notes(struct out *, struct repo *, const char *title,
	    const struct notes *, size_t most);
/* The goal, as the newest brief has it. */
void	 view_goal(struct out *, const struct note *brief);
/* The newest status that can be believed, and flagged those that cannot. */
void	 view_status(struct out *, struct repo *, const struct notes *);
/*
 * The accuracy table: the newest `most` checkpoints, oldest of them first;
 * on a terminal as many metrics as fit.
 */
void	 view_checks(struct out *, struct repo *, const struct checks *,
	    size_t most);
/* One run: its state, iteration, agent, times, how it ended. */
void	 view_run(struct out *, const struct run *, enum run_state);

/* JSON; the fields are documented in git-agent-status(1). */
struct js *view_note_json(struct repo *, const struct note *);
struct js *view_notes_json(struct repo *, const struct notes *, size_t most);
struct js *view_steer_json(struct repo *, const struct steer *);
struct js *view_check_json(const struct check *);
struct js *view_run_json(const struct run *, enum run_state);
/* A time in RFC 3339, or null for 0. */
void	 view_set_time(struct js *, const char *key, int64_t);

#endif
