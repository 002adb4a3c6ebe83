#include "base/opt.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/text.h"

struct parser {
	const struct opt *table;
	char *values;
	char **argv;
	int next;	/* index into argv */
	int operands;
};

static struct err *
bad_number(const char *shown, const char *text)
{
	return err_new(ERR_USAGE,
	    "option '%s' expects a whole number, not '%s'", shown, text);
}

static struct err *
parse_number(const char *shown, const char *text, int64_t *out)
{
	char *end;
	long long v;

	if (*text < '0' || *text > '9')
		return bad_number(shown, text);
	errno = 0;
	v = strtoll(text, &end, 10);
	if (errno != 0 || *end != '\0')
		return bad_number(shown, text);
	*out = v;
	return NULL;
}

static struct err *
parse_duration(const char *shown, const char *text, int64_t *out)
{
	struct err *e, *usage;

	e = clock_parse_duration(text, out);
	if (e == NULL)
		return NULL;
	usage = err_new(ERR_USAGE, "option '%s': %s", shown, e->msg);
	err_free(e);
	return usage;
}

/* Store; `shown` is the option as messages name it. */
static struct err *
set_value(struct parser *p, const struct opt *o, const char *shown,
    char *text)
{
	void *at = p->values + o->offset;

	switch (o->type) {
	case OPT_TYPE_FLAG:
		*(int *)at = 1;
		break;
	case OPT_TYPE_STRING:
		*(const char **)at = text;
		break;
	case OPT_TYPE_INT:
		return parse_number(shown, text, at);
	case OPT_TYPE_DURATION:
		return parse_duration(shown, text, at);
	case OPT_TYPE_LIST:
		strvec_push(at, text);
		break;
	}
	return NULL;
}

/* The option with its argument: what is `attached`, else the next word. */
static struct err *
take_argument(struct parser *p, const struct opt *o, const char *shown,
    char *attached)
{
	if (o->type != OPT_TYPE_FLAG && attached == NULL) {
		attached = p->argv[p->next];
		if (attached == NULL)
			return err_new(ERR_USAGE,
			    "option '%s' needs a value (%s)", shown, o->arg);
		p->next++;
	}
	return set_value(p, o, shown, attached);
}

static struct err *
unknown_long(const struct opt *table, const char *name)
{
	const char **names, *near;
	struct err *e;
	size_t n = 0;

	while (table[n].name != NULL)
		n++;
	names = xcalloc(n + 1, sizeof(*names));
	while (n-- > 0)
		names[n] = table[n].name;
	near = text_suggest(name, names);
	if (near != NULL)
		e = err_new(ERR_USAGE,
		    "unknown option '--%s'; did you mean '--%s'?", name, near);
	else
		e = err_new(ERR_USAGE, "unknown option '--%s'", name);
	free(names);
	return e;
}

/*
 * The option of this name or unique beginning.  *found stays NULL if there
 * is none; an ambiguous beginning is an error.  With `flags`, flags only.
 */
static struct err *
find_long(const struct opt *table, const char *name, int flags,
    const struct opt **found)
{
	const struct opt *o, *other = NULL;
	size_t n = strlen(name);

	*found = NULL;
	for (o = table; o->name != NULL; o++) {
		if (strncmp(o->name, name, n) != 0 ||
		    (flags && o->type != OPT_TYPE_FLAG))
			continue;
		if (o->name[n] == '\0') {
			*found = o;
			return NULL;
		}
		if (*found == NULL)
			*found = o;
		else
			other = o;
	}
	if (other == NULL)
		return NULL;
	return err_new(ERR_USAGE, "option '--%s%s' is ambiguous: it could be "
	    "'--%s' or '--%s'", flags ? "no-" : "", name, (*found)->name,
	    other->name);
}

static struct err *
parse_long_name(struct parser *p, const char *name, char *attached)
{
	const struct opt *o;
	struct err *e;
	int clear = 0;
	char *shown;

	e = find_long(p->table, name, 0, &o);
	if (e == NULL && o == NULL && strncmp(name, "no-", 3) == 0) {
		clear = 1;
		e = find_long(p->table, name + 3, 1, &o);
	}
	if (e == NULL && o == NULL)
		e = unknown_long(p->table, name);
	if (e != NULL)
		return e;
	if (o->type == OPT_TYPE_FLAG && attached != NULL)
		return err_new(ERR_USAGE, "option '--%s%s' takes no value",
		    clear ? "no-" : "", o->name);
	if (clear) {
		*(int *)(void *)(p->values + o->offset) = 0;
		return NULL;
	}
	shown = xasprintf("--%s", o->name);
	e = take_argument(p, o, shown, attached);
	free(shown);
	return e;
}

static struct err *
parse_long(struct parser *p, char *word)
{
	char *equals = strchr(word, '=');
	char *name;
	struct err *e;

	name = equals == NULL ? xstrdup(word) :
	    xstrndup(word, (size_t)(equals - word));
	e = parse_long_name(p, name, equals == NULL ? NULL : equals + 1);
	free(name);
	return e;
}

static const struct opt *
find_letter(const struct opt *o, char letter)
{
	for (; o->name != NULL; o++)
		if (o->letter == letter)
			return o;
	return NULL;
}

/* A cluster such as "-qn3": flags, then perhaps one with an argument. */
static struct err *
parse_short(struct parser *p, char *letters)
{
	const struct opt *o;
	char shown[3] = "-?";
	struct err *e = NULL;

	while (e == NULL && *letters != '\0') {
		shown[1] = *letters;
		o = find_letter(p->table, *letters++);
		if (o == NULL)
			return err_new(ERR_USAGE, "unknown option '%s'",
			    shown);
		if (o->type != OPT_TYPE_FLAG)
			return take_argument(p, o, shown,
			    *letters == '\0' ? NULL : letters);
		e = set_value(p, o, shown, NULL);
	}
	return e;
}

struct err *
opt_parse(const struct opt *table, void *values, char **argv, int *operands)
{
	struct parser p = { table, values, argv, 1, 0 };
	struct err *e = NULL;
	int ended = 0;
	char *word;

	*operands = 0;
	if (argv[0] == NULL)
		return NULL;
	while (e == NULL && (word = argv[p.next]) != NULL) {
		p.next++;
		if (ended || word[0] != '-' || word[1] == '\0')
			argv[p.operands++] = word;
		else if (strcmp(word, "--") == 0)
			ended = 1;
		else if (word[1] == '-')
			e = parse_long(&p, word + 2);
		else
			e = parse_short(&p, word + 1);
	}
	argv[p.operands] = NULL;
	*operands = p.operands;
	return e;
}

#define HELP_COLUMN 26

void
opt_help(const struct opt *o, struct buf *b)
{
	size_t start, used;

	for (; o->name != NULL; o++) {
		start = b->len;
		buf_addstr(b, "    ");
		if (o->letter != 0)
			buf_addf(b, "-%c, ", o->letter);
		buf_addf(b, "--%s", o->name);
		if (o->arg != NULL)
			buf_addf(b, " %s", o->arg);
		used = b->len - start;
		if (used + 2 > HELP_COLUMN) {
			buf_addch(b, '\n');
			used = 0;
		}
		buf_addf(b, "%*s", (int)(HELP_COLUMN - used), "");
		text_wrap(b, o->help, HELP_COLUMN, HELP_COLUMN, 79);
		buf_addch(b, '\n');
	}
}

void
opt_list(const struct opt *o, struct buf *b)
{
	const char *arg, *equals;

	for (; o->name != NULL; o++) {
		arg = o->arg == NULL ? "" : o->arg;
		equals = o->type == OPT_TYPE_FLAG ? "" : "=";
		buf_addf(b, "--%s%s\t%s\t%s\n", o->name, equals, arg,
		    o->help);
		if (o->letter != 0)
			buf_addf(b, "-%c%s\t%s\t%s\n", o->letter, equals, arg,
			    o->help);
	}
}

void
opt_release(const struct opt *o, void *values)
{
	for (; o->name != NULL; o++)
		if (o->type == OPT_TYPE_LIST)
			strvec_release((void *)((char *)values + o->offset));
}
