#include "base/match.h"

#include <stdlib.h>
#include <string.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "base/alloc.h"

#define MATCH_LIMIT 2000000
#define DEPTH_LIMIT 1000000
#define HEAP_LIMIT_KIB (64 * 1024)
#define JIT_STACK_MAX (1024 * 1024)

struct match {
	char *pattern;
	pcre2_code *code;
	pcre2_match_data *data;
	pcre2_match_context *limits;
	pcre2_jit_stack *stack;
	int rc;			/* of the last search */
};

static struct err *
compile_error(const char *pattern, int code, size_t offset)
{
	PCRE2_UCHAR text[256];

	pcre2_get_error_message(code, text, sizeof(text));
	return err_new(ERR_INPUT,
	    "the pattern '%s' is not valid at character %zu: %s", pattern,
	    offset, (const char *)text);
}

static void
set_limits(struct match *m)
{
	m->limits = pcre2_match_context_create(NULL);
	if (m->limits == NULL)
		return;
	pcre2_set_match_limit(m->limits, MATCH_LIMIT);
	pcre2_set_depth_limit(m->limits, DEPTH_LIMIT);
	pcre2_set_heap_limit(m->limits, HEAP_LIMIT_KIB);
	/* Without JIT, which is not everywhere, the interpreter does it. */
	if (pcre2_jit_compile(m->code, PCRE2_JIT_COMPLETE) != 0)
		return;
	m->stack = pcre2_jit_stack_create(32 * 1024, JIT_STACK_MAX, NULL);
	if (m->stack != NULL)
		pcre2_jit_stack_assign(m->limits, NULL, m->stack);
}

struct err *
match_compile(struct match **out, const char *pattern, int flags)
{
	uint32_t options = PCRE2_UTF | PCRE2_MATCH_INVALID_UTF |
	    PCRE2_NEVER_BACKSLASH_C;
	struct match *m = xcalloc(1, sizeof(*m));
	pcre2_compile_context *context;
	struct err *e = NULL;
	size_t offset;
	int code;

	*out = NULL;
	if (flags & MATCH_CASELESS)
		options |= PCRE2_CASELESS;
	if (flags & MATCH_MULTILINE)
		options |= PCRE2_MULTILINE;
	/* `$` matches before CR LF too. */
	context = pcre2_compile_context_create(NULL);
	if (context != NULL)
		pcre2_set_newline(context, PCRE2_NEWLINE_ANYCRLF);
	m->pattern = xstrdup(pattern);
	m->code = pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED,
	    options, &code, &offset, context);
	pcre2_compile_context_free(context);
	if (m->code == NULL) {
		e = compile_error(pattern, code, offset);
		goto done;
	}
	set_limits(m);
	m->data = pcre2_match_data_create_from_pattern(m->code, NULL);
	if (m->limits == NULL || m->data == NULL) {
		e = err_new(ERR_SYSTEM, "out of memory for a pattern");
		goto done;
	}
	*out = m;
	m = NULL;
done:
	match_free(m);
	return e;
}

void
match_free(struct match *m)
{
	if (m == NULL)
		return;
	pcre2_jit_stack_free(m->stack);
	pcre2_match_context_free(m->limits);
	pcre2_match_data_free(m->data);
	pcre2_code_free(m->code);
	free(m->pattern);
	free(m);
}

static struct err *
limit_error(const struct match *m)
{
	PCRE2_UCHAR text[256];

	pcre2_get_error_message(m->rc, text, sizeof(text));
	return err_new(ERR_INPUT, "the pattern '%s' is too hard for the text "
	    "it was tried on: %s", m->pattern, (const char *)text);
}

int
match_next(struct match *m, const char *text, size_t len, size_t *at,
    struct err **e)
{
	size_t *found, end;

	m->rc = PCRE2_ERROR_NOMATCH;
	if (*at > len)
		return 0;
	m->rc = pcre2_match(m->code, (PCRE2_SPTR)text, len, *at, 0, m->data,
	    m->limits);
	/* The interpreter uses the heap, which has room for more. */
	if (m->rc == PCRE2_ERROR_JIT_STACKLIMIT)
		m->rc = pcre2_match(m->code, (PCRE2_SPTR)text, len, *at,
		    PCRE2_NO_JIT, m->data, m->limits);
	if (m->rc == PCRE2_ERROR_NOMATCH)
		return 0;
	if (m->rc < 0) {
		*e = limit_error(m);
		return -1;
	}
	found = pcre2_get_ovector_pointer(m->data);
	end = found[1];
	/* Behind an empty match, and not into the middle of a character. */
	if (found[0] >= end) {
		end++;
		while (end < len && ((unsigned char)text[end] & 0xc0) == 0x80)
			end++;
	}
	*at = end;
	return 1;
}

char *
match_group(const struct match *m, const char *name)
{
	PCRE2_UCHAR *found = NULL;
	size_t len;
	char *text;

	if (m->rc < 0 || pcre2_substring_get_byname(m->data,
	    (PCRE2_SPTR)name, &found, &len) != 0)
		return NULL;
	text = xstrndup((const char *)found, len);
	pcre2_substring_free(found);
	return text;
}

int
match_has_group(const struct match *m, const char *name)
{
	/* A name that two groups share is there, though not unique. */
	int n = pcre2_substring_number_from_name(m->code, (PCRE2_SPTR)name);

	return n > 0 || n == PCRE2_ERROR_NOUNIQUESUBSTRING;
}
