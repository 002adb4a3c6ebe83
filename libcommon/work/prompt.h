/* The prompt that an iteration begins with. */
#ifndef WORK_PROMPT_H
#define WORK_PROMPT_H

#include <stdint.h>

#include "base/buf.h"

struct prompt {
	const char *text;	/* the user's, or NULL: the usual one */
	const char *run;
	int64_t iteration, max_iterations;
	const char *promise;
	const char *refusal;	/* why DONE was not accepted, or NULL */
	const char *instructions; /* rendered, or "" */
	const char *digest;
	int has_oracle;
};

void	prompt_render(const struct prompt *, struct buf *);

#endif
