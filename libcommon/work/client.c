#include "work/client.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/js.h"
#include "base/text.h"

#define LINE_MAX_KEPT (8 * 1024 * 1024)	/* bytes of one line of JSON */
#define ECHO_MAX 2000			/* bytes of one piece that are shown */

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
client_reader_init(struct client_reader *r, const struct client *c, FILE *echo)
{
	memset(r, 0, sizeof(*r));
	buf_init(&r->line);
	r->client = c;
	r->echo = echo;
	r->result.last_line = xstrdup("");
	r->result.cost = -1;
}

void
client_reader_release(struct client_reader *r)
{
	buf_release(&r->line);
	free(r->result.last_line);
	free(r->result.problem);
	memset(r, 0, sizeof(*r));
}

static void
echo(struct client_reader *r, const char *before, const char *text)
{
	struct buf b = BUF_INIT;
	size_t n = strlen(text);

	if (r->echo == NULL)
		return;
	buf_addstr(&b, before);
	text_clean(&b, text, n > ECHO_MAX ? ECHO_MAX : n, TEXT_BLOCK);
	if (n > ECHO_MAX)
		buf_addstr(&b, " […]");
	fprintf(r->echo, "%s\n", b.p);
	fflush(r->echo);
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
echo_message(struct client_reader *r, const struct js *line)
{
	const struct js *content = js_get(js_get(line, "message"), "content");
	const char *type, *text;
	size_t i;

	for (i = 0; i < js_size(content); i++) {
		type = js_get_string(js_at(content, i), "type");
		text = js_get_string(js_at(content, i), "text");
		if (type != NULL && strcmp(type, "text") == 0 && text != NULL)
			echo(r, "", text);
		text = js_get_string(js_at(content, i), "name");
		if (type != NULL && strcmp(type, "tool_use") == 0 &&
		    text != NULL)
			echo(r, "  [tool] ", text);
	}
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
take_json_line(struct client_reader *r)
{
	struct js *line = NULL;
	const char *type;
	struct err *e;

	e = js_parse(&line, r->line.p, r->line.len);
	type = e == NULL ? js_get_string(line, "type") : NULL;
	if (type == NULL)
		echo(r, "", r->line.p);	/* a message of the shell, say */
	else if (strcmp(type, "assistant") == 0)
		echo_message(r, line);
	else if (strcmp(type, "result") == 0)
		take_result(r, line);
	else if (strcmp(type, "rate_limit_event") == 0)
		take_limit(r, line);
	js_free(line);
	err_free(e);
}

static void
take_line(struct client_reader *r)
{
	if (r->line.len == 0)
		return;
	if (r->client->claude) {
		take_json_line(r);
		return;
	}
	echo(r, "", r->line.p);
	keep_last_line(r, r->line.p);
}

void
client_feed(struct client_reader *r, const char *data, size_t n)
{
	const char *newline;
	size_t part;

	while (n > 0) {
		newline = memchr(data, '\n', n);
		part = newline == NULL ? n : (size_t)(newline - data);
		/* A line beyond all measure is dropped, not gathered. */
		if (r->line.len + part > LINE_MAX_KEPT)
			r->too_long = 1;
		if (!r->too_long)
			buf_add(&r->line, data, part);
		if (newline != NULL) {
			if (!r->too_long)
				take_line(r);
			r->too_long = 0;
			buf_clear(&r->line);
			part++;
		}
		data += part;
		n -= part;
	}
}

static int
is_outage(const struct client_reader *r)
{
	return r->api_status == 429 || r->api_status >= 500 ||
	    r->result.resets_at != 0;
}

const struct client_result *
client_finish(struct client_reader *r, int exit_status)
{
	struct client_result *res = &r->result;

	if (!r->too_long)
		take_line(r);
	buf_clear(&r->line);
	res->outcome = CLIENT_WORKED;
	if (r->client->claude && (r->is_error || exit_status != 0) &&
	    is_outage(r))
		res->outcome = CLIENT_OUTAGE;
	else if (exit_status != 0 || r->is_error)
		res->outcome = CLIENT_FAILED;
	else if (r->client->claude && !r->has_result)
		res->outcome = CLIENT_FAILED;
	if (res->outcome != CLIENT_WORKED && res->problem == NULL)
		res->problem = exit_status != 0 ?
		    xasprintf("exit status %d", exit_status) :
		    xstrdup("it ended without a result");
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
