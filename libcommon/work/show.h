/* One record as a person or a script reads it: `git agent log`. */
#ifndef WORK_SHOW_H
#define WORK_SHOW_H

#include "base/js.h"
#include "base/out.h"
#include "store/record.h"
#include "store/repo.h"

/*
 * A few lines: id, kind, subject; who and when; the body, wrapped.  `gone`: a
 * newer record takes its place or takes it back.
 */
void	 show_record(struct out *, struct repo *, const struct record *,
	    int ahead, int gone);
/* Everything there is: full id, dates, body as it is, all trailers. */
void	 show_record_fully(struct out *, struct repo *, const struct record *,
	    int ahead);
/* The fields are documented in git-agent-log(1). */
struct js *show_record_json(struct repo *, const struct record *, int ahead);

/* The style in which a kind, or a state's name, is shown. */
enum style show_style(const char *kind_or_state);
/* Cleaned text, one line, into the output in a style. */
void	 show_line(struct out *, enum style, const char *);
/* Cleaned text wrapped behind `indent` blanks, with a newline at its end. */
void	 show_block(struct out *, const char *, size_t indent);

#endif
