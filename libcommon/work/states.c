/* The small parts of overview.h: names of states, and metrics as text. */
#include "work/overview.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "store/writer.h"

const char *
steer_state_name(enum steer_state s)
{
	static const char *const names[] = {
		"queued", "pushed", "delivered", "done", "declined",
		"retracted"
	};

	return names[s];
}

int
steer_is_open(const struct steer *s)
{
	return s->state <= STEER_DELIVERED && !s->note.ahead;
}

int
steer_is_unfollowed(const struct steer *s)
{
	return s->state <= STEER_DELIVERED && s->note.ahead;
}

const char *
run_state_name(enum run_state s)
{
	static const char *const names[] = {
		"live", "stale", "ended", "interrupted"
	};

	return names[s];
}

enum run_state
run_state(const struct run *run, int64_t now)
{
	int64_t heard = run->beat > run->last ? run->beat : run->last;
	int64_t patience = 3 * (run->beat_interval == 0 ?
	    60 * CLOCK_SECOND : run->beat_interval);

	if (run->outcome != NULL)
		return strcmp(run->outcome, "interrupted") == 0 ?
		    RUN_INTERRUPTED : RUN_ENDED;
	return now - heard > patience || heard - now > CLOCK_AHEAD_MAX ?
	    RUN_STALE : RUN_LIVE;
}

/* 17 significant digits bring a double back exactly. */
static void
format_number(struct buf *b, double v)
{
	char text[64];

	if (isnan(v)) {
		buf_addstr(b, "nan");
	} else if (isinf(v)) {
		buf_addstr(b, v < 0 ? "-inf" : "inf");
	} else {
		snprintf(text, sizeof(text), "%.17g", v);
		buf_addstr(b, text);
	}
}

static int
parse_number(const char *s, double *v)
{
	char *end;

	if (*s == '\0')
		return -1;
	*v = strtod(s, &end);
	return *end == '\0' ? 0 : -1;
}

char *
metric_format(const struct metric_value *m)
{
	struct buf b = BUF_INIT;

	buf_addf(&b, "%s ", m->name);
	format_number(&b, m->value);
	if (m->unit != NULL)
		buf_addf(&b, " unit=%s", m->unit);
	if (m->has_target) {
		buf_addstr(&b, m->direction == LOWER_IS_BETTER ?
		    " target<=" : " target>=");
		format_number(&b, m->target);
	}
	if (m->at != NULL)
		buf_addf(&b, " at=%s", m->at);
	buf_addf(&b, " state=%s", oracle_state_name(m->state));
	if (m->reason != NULL)
		buf_addf(&b, " reason=%s", m->reason);
	return buf_steal(&b);
}

/*
 * Four digits, or as many as it takes to see that a target was missed.
 * A value that was missing has a reason of its own beside it.
 */
void
metric_show(struct buf *b, const struct metric_value *m)
{
	char value[64], target[64];
	int digits = 4;

	if (isnan(m->value)) {
		buf_addstr(b, m->reason != NULL &&
		    strstr(m->reason, "missing") != NULL ? "missing" : "nan");
		return;
	}
	do {
		snprintf(value, sizeof(value), "%.*g", digits, m->value);
		snprintf(target, sizeof(target), "%.*g", digits, m->target);
	} while (m->has_target && m->state == ORACLE_FAIL &&
	    strcmp(value, target) == 0 && ++digits <= 17);
	buf_addstr(b, value);
}

void
metric_release(struct metric_value *m)
{
	free(m->name);
	free(m->unit);
	free(m->at);
	free(m->reason);
	memset(m, 0, sizeof(*m));
}

/* One "key=value" of a metric; unknown keys are of a later version. */
static int
take_word(struct metric_value *m, const char *word)
{
	if (strncmp(word, "unit=", 5) == 0 && m->unit == NULL)
		m->unit = xstrdup(word + 5);
	else if (strncmp(word, "at=", 3) == 0 && m->at == NULL)
		m->at = xstrdup(word + 3);
	else if (strncmp(word, "state=", 6) == 0)
		return oracle_state_parse(word + 6, &m->state);
	else if (strncmp(word, "target", 6) == 0 &&
	    (word[6] == '<' || word[6] == '>') && word[7] == '=') {
		m->has_target = 1;
		m->direction = word[6] == '<' ?
		    LOWER_IS_BETTER : HIGHER_IS_BETTER;
		return parse_number(word + 8, &m->target);
	}
	return 0;
}

int
metric_parse(struct metric_value *m, const char *text)
{
	char *copy = xstrdup(text), *rest = copy, *word, *reason;
	int rc = -1;

	memset(m, 0, sizeof(*m));
	m->state = ORACLE_ERROR;	/* unless it says otherwise */
	reason = strstr(copy, " reason=");
	if (reason != NULL) {
		*reason = '\0';
		m->reason = xstrdup(reason + 8);
	}
	word = strsep(&rest, " ");
	if (word == NULL || *word == '\0')
		goto done;
	m->name = xstrdup(word);
	word = strsep(&rest, " ");
	if (word == NULL || parse_number(word, &m->value) != 0)
		goto done;
	rc = 0;
	while (rc == 0 && (word = strsep(&rest, " ")) != NULL)
		rc = take_word(m, word);
done:
	if (rc != 0)
		metric_release(m);
	free(copy);
	return rc;
}
