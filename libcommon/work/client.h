/*
 * Agent clients: how one is started without a person, and what its output
 * says.  The client's structured output is read; a word in a transcript
 * proves nothing.
 *
 * Claude Code (`claude -p --output-format stream-json --verbose`) prints one
 * JSON object a line and a "result" at the end; any other command is plain
 * text, of which the last line counts.
 */
#ifndef WORK_CLIENT_H
#define WORK_CLIENT_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "work/project.h"

struct client {
	char *name;		/* "claude", or the command line itself */
	char *command;		/* shell line; the prompt is its stdin */
	int claude;		/* stream-json, else text */
};

/*
 * `agent` is a name ([agent "NAME"] of the project, or the built-in
 * "claude") or a command line.  ERR_INPUT if it can be neither.
 */
struct err *client_find(struct client *, const struct project *,
		const char *agent);
void	 client_release(struct client *);

enum client_outcome {
	CLIENT_WORKED,		/* came to its own end */
	CLIENT_FAILED,		/* crashed, or said that it failed */
	CLIENT_OUTAGE,		/* the provider: limits, overload, network */
};

struct client_result {
	enum client_outcome outcome;
	char *last_line;	/* of its final message; "" if none */
	char *problem;		/* why FAILED or OUTAGE, or NULL */
	double cost;		/* USD, or a negative number: unknown */
	int64_t turns;		/* or 0 */
	int64_t resets_at;	/* when a limit ends, s since 1970; or 0 */
	size_t denials;		/* tools that were not permitted */
};

/* A line on its way. */
struct client_line {
	struct buf text;
	size_t dropped;		/* bytes: it is too long to be gathered */
};

/* Reads the output as it comes, and shows it cleaned: on stdout what the
 * client says on its stdout, on stderr the rest. */
struct client_reader {
	const struct client *client;
	struct client_line line, error;
	char *complaint;	/* the last line on stderr, or NULL */
	int has_result;
	struct client_result result;
	int is_error;
	int64_t api_status;	/* of HTTP; 0: it came to none */
	int unreachable;	/* the provider, for this error */
};

void	 client_reader_init(struct client_reader *, const struct client *);
void	 client_feed(struct client_reader *, const char *, size_t);
/* The same for its stderr, which decides nothing, but may say why it failed. */
void	 client_feed_errors(struct client_reader *, const char *, size_t);
/* The output has ended, with this exit status: what does it come to?
 * The result is owned by the reader. */
const struct client_result *client_finish(struct client_reader *,
		int exit_status);
void	 client_reader_release(struct client_reader *);

/* 1 if the line is the promise: TEXT, or <promise>TEXT</promise>, alone. */
int	 client_promises(const char *line, const char *promise);
/* ERR_USAGE if no last line could ever be this promise, or any could. */
struct err *client_check_promise(const char *promise);

#endif
