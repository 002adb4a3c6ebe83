#include "work/client.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/js.h"
#include "base/text.h"

#define LINE_MAX_KEPT (8 * 1024 * 1024)	/* bytes of one line of JSON */
#define SHOWN_MAX 2000		/* bytes of one piece that are shown */

static const char claude_command[] =
    "claude -p --output-format stream-json --verbose";

void
client_release(struct client *c)
{
	free(c->name);
	free(c->command);
	memset(c, 0, sizeof(*c));
}

static int
is_plain_word(const char *s)
{
	return s[strspn(s, "abcdefghijklmnopqrstuvwxyz"
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")] == '\0';
}

struct err *
client_find(struct client *c, const struct project *p, const char *agent)
{
	size_t i;

	memset(c, 0, sizeof(*c));
	for (i = 0; i < p->agent_count; i++) {
		if (strcmp(p->agents[i].name, agent) != 0)
			continue;
		c->name = xstrdup(agent);
		c->command = xstrdup(p->agents[i].command);
		c->claude = p->agents[i].claude;
		return NULL;
	}
	if (strcmp(agent, "claude") == 0) {
		c->name = xstrdup(agent);
		c->command = xstrdup(claude_command);
		c->claude = 1;
		return NULL;
	}
	if (*agent == '\0')
		return err_new(ERR_INPUT, "the agent's command is empty");
	/* "codex" alone would start a terminal program and wait for ever. */
	if (is_plain_word(agent))
		return err_new(ERR_INPUT, "there is no agent '%s'; give its "
		    "whole command line, or add [agent \"%s\"] with 'command "
		    "= …' to .gitagent", agent, agent);
	c->name = xstrdup(agent);
	c->command = xstrdup(agent);
	return NULL;
}

void
client_reader_init(struct client_reader *r, const struct client *c)
{
	memset(r, 0, sizeof(*r));
	buf_init(&r->line.text);
	buf_init(&r->error.text);
	r->client = c;
	r->result.last_line = xstrdup("");
	r->result.cost = -1;
}

void
client_reader_release(struct client_reader *r)
{
	buf_release(&r->line.text);
	buf_release(&r->error.text);
	free(r->complaint);
	free(r->result.last_line);
	free(r->result.problem);
	memset(r, 0, sizeof(*r));
}

static void
show(FILE *f, const char *before, const char *text)
{
	struct buf b = BUF_INIT;
	size_t n = strlen(text);

	buf_addstr(&b, before);
	text_clean(&b, text, n > SHOWN_MAX ? SHOWN_MAX : n, TEXT_BLOCK);
	if (n > SHOWN_MAX)
		buf_addstr(&b, " […]");
	fprintf(f, "%s\n", b.p);
	fflush(f);
	buf_release(&b);
}

/* The last line of the text that is not blank, without blanks around it. */
static void
keep_last_line(struct client_reader *r, const char *text)
{
	const char *end = text + strlen(text), *start;

	while (end > text && isspace((unsigned char)end[-1]))
		end--;
	for (start = end; start > text && start[-1] != '\n'; start--)
		continue;
	while (start < end && isspace((unsigned char)*start))
		start++;
	if (start == end)
		return;
	free(r->result.last_line);
	r->result.last_line = xstrndup(start, (size_t)(end - start));
}

/* What the model said and which tools it used, for those who look on. */
static void
show_message(const struct js *line)
{
	const struct js *content = js_get(js_get(line, "message"), "content");
	const char *type, *text;
	size_t i;

	for (i = 0; i < js_size(content); i++) {
		type = js_get_string(js_at(content, i), "type");
		text = js_get_string(js_at(content, i), "text");
		if (type != NULL && strcmp(type, "text") == 0 && text != NULL)
			show(stdout, "", text);
		text = js_get_string(js_at(content, i), "name");
		if (type != NULL && strcmp(type, "tool_use") == 0 &&
		    text != NULL)
			show(stdout, "  [tool] ", text);
	}
}

/* A message that the client made up in the place of an answer. */
static void
take_api_error(struct client_reader *r, const struct js *line)
{
	const char *error = js_get_string(line, "error");

	r->unreachable = error != NULL &&
	    (strcmp(error, "server_error") == 0 ||
	    strcmp(error, "overloaded") == 0 ||
	    strcmp(error, "rate_limit") == 0);
}

static void
take_result(struct client_reader *r, const struct js *line)
{
	const char *text = js_get_string(line, "result");
	const char *subtype = js_get_string(line, "subtype");
	const struct js *errors = js_get(line, "errors");
	struct client_result *res = &r->result;

	r->has_result = 1;
	r->is_error = js_get_bool(line, "is_error") ||
	    (subtype != NULL && strcmp(subtype, "success") != 0);
	free(res->last_line);
	res->last_line = xstrdup("");
	if (text != NULL)
		keep_last_line(r, text);
	js_get_real(line, "total_cost_usd", &res->cost);
	js_get_int(line, "num_turns", &res->turns);
	js_get_int(line, "api_error_status", &r->api_status);
	res->denials = js_size(js_get(line, "permission_denials"));
	if (!r->is_error)
		return;
	free(res->problem);
	res->problem = xasprintf("%s%s%s", subtype == NULL ? "error" :
	    subtype, text != NULL || js_size(errors) > 0 ? ": " : "",
	    text != NULL ? text : "");
}

static void
take_limit(struct client_reader *r, const struct js *line)
{
	const struct js *info = js_get(line, "rate_limit_info");
	const char *status = js_get_string(info, "status");

	if (status != NULL && strcmp(status, "rejected") == 0)
		js_get_int(info, "resetsAt", &r->result.resets_at);
}

static void
take_json_line(struct client_reader *r, const struct buf *text)
{
	struct js *line = NULL;
	const char *type;
	struct err *e;

	e = js_parse(&line, text->p, text->len);
	type = e == NULL ? js_get_string(line, "type") : NULL;
	/* Without a type it may be a message of the shell. */
	if (type == NULL) {
		show(stdout, "", text->p);
	} else if (strcmp(type, "assistant") == 0) {
		show_message(line);
		take_api_error(r, line);
	} else if (strcmp(type, "result") == 0) {
		take_result(r, line);
	} else if (strcmp(type, "rate_limit_event") == 0) {
		take_limit(r, line);
	}
	js_free(line);
	err_free(e);
}

/* Behind a NUL a line would hide what makes it none of a promise. */
static void
replace_nul(struct buf *text)
{
	char *p = text->p;

	while ((p = memchr(p, '\0', text->len - (size_t)(p - text->p))) != NULL)
		*p = '?';
}

static void
take_line(struct client_reader *r)
{
	struct client_line *l = &r->line;

	if (l->dropped > 0) {
		printf("[a line of %zu bytes, not shown]\n", l->dropped);
		fflush(stdout);
		/* Whatever it was, it was no promise, and it came last. */
		free(r->result.last_line);
		r->result.last_line = xstrdup("");
	} else if (l->text.len > 0 && r->client->claude) {
		take_json_line(r, &l->text);
	} else if (l->text.len > 0) {
		replace_nul(&l->text);
		show(stdout, "", l->text.p);
		keep_last_line(r, l->text.p);
	}
}

static void
take_error(struct client_reader *r)
{
	struct client_line *l = &r->error;

	if (l->text.len == 0)
		return;
	replace_nul(&l->text);
	show(stderr, "", l->text.p);
	if (l->text.p[strspn(l->text.p, " \t\r")] == '\0')
		return;
	free(r->complaint);
	r->complaint = xstrdup(l->text.p);
}

/* Take what belongs to the line; returns what comes behind it. */
static const char *
next_piece(struct client_line *l, const char *data, size_t *n, int *ended)
{
	const char *newline = memchr(data, '\n', *n);
	size_t part = newline == NULL ? *n : (size_t)(newline - data);

	/* A line beyond all measure is dropped, not gathered. */
	if (l->dropped > 0 || l->text.len + part > LINE_MAX_KEPT) {
		l->dropped += l->text.len + part;
		buf_clear(&l->text);
	} else {
		buf_add(&l->text, data, part);
	}
	*ended = newline != NULL;
	part += newline != NULL;
	*n -= part;
	return data + part;
}

static void
feed(struct client_reader *r, struct client_line *l,
    void (*take)(struct client_reader *), const char *data, size_t n)
{
	int ended;

	while (n > 0) {
		data = next_piece(l, data, &n, &ended);
		if (!ended)
			continue;
		take(r);
		l->dropped = 0;
		buf_clear(&l->text);
	}
}

void
client_feed(struct client_reader *r, const char *data, size_t n)
{
	feed(r, &r->line, take_line, data, n);
}

void
client_feed_errors(struct client_reader *r, const char *data, size_t n)
{
	feed(r, &r->error, take_error, data, n);
}

static int
is_outage(const struct client_reader *r)
{
	return r->api_status == 429 || r->api_status >= 500 ||
	    (r->api_status == 0 && r->unreachable) ||
	    r->result.resets_at != 0;
}

static char *
describe_failure(const struct client_reader *r, int exit_status)
{
	struct buf b = BUF_INIT;

	if (exit_status != 0)
		buf_addf(&b, "exit status %d", exit_status);
	else
		buf_addstr(&b, "it ended without a result");
	if (r->complaint != NULL)
		buf_addf(&b, ": %s", r->complaint);
	return buf_steal(&b);
}

const struct client_result *
client_finish(struct client_reader *r, int exit_status)
{
	struct client_result *res = &r->result;

	client_feed(r, "\n", 1);
	client_feed_errors(r, "\n", 1);
	res->outcome = CLIENT_WORKED;
	if (r->client->claude && (r->is_error || exit_status != 0) &&
	    is_outage(r))
		res->outcome = CLIENT_OUTAGE;
	else if (exit_status != 0 || r->is_error)
		res->outcome = CLIENT_FAILED;
	else if (r->client->claude && !r->has_result)
		res->outcome = CLIENT_FAILED;
	if (res->outcome != CLIENT_WORKED && res->problem == NULL)
		res->problem = describe_failure(r, exit_status);
	return res;
}

int
client_promises(const char *line, const char *promise)
{
	size_t n = strlen(promise);

	if (strcmp(line, promise) == 0)
		return 1;
	return strncmp(line, "<promise>", 9) == 0 &&
	    strncmp(line + 9, promise, n) == 0 &&
	    strcmp(line + 9 + n, "</promise>") == 0;
}

struct err *
client_check_promise(const char *promise)
{
	size_t n = strlen(promise);

	if (n == 0)
		return err_new(ERR_USAGE, "the completion promise is empty: "
		    "every agent would keep it");
	if (strchr(promise, '\n') != NULL || isspace((unsigned char)*promise) ||
	    isspace((unsigned char)promise[n - 1]))
		return err_new(ERR_USAGE, "the completion promise has to be "
		    "one line, without blanks around it");
	return NULL;
}
