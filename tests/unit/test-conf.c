#include "base/conf.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "tap.h"

static void
fails(const char *text, const char *part, const char *what)
{
	struct conf c = CONF_INIT;

	is_err(conf_parse(&c, ".gitagent", text, strlen(text)), ERR_CONFIG,
	    part, what);
	conf_release(&c);
}

static void
test_values(void)
{
	static const char text[] =
	    "\xef\xbb\xbf; a comment\r\n"
	    "[Oracle \"my spectra\"]  ; one\r\n"
	    "\tCommand = a;b --c=d \"$X\" ; why\r\n"
	    "    # not a value\n"
	    "    timeout=20m\n"
	    "[metric \"a]b\\\"c\\\\\"]\n"
	    "pattern = ^x: (?<value>{num}) # y$\n"
	    "empty =\n"
	    "[loop]";
	struct conf c = CONF_INIT;
	const struct conf_value *v;

	if (!no_err(conf_parse(&c, "f", text, sizeof(text) - 1), "parses"))
		return;
	v = conf_get(&c, "oracle", "my spectra", "command");
	ok(v != NULL, "names of sections and keys know no case");
	is_str(v->value, "a;b --c=d \"$X\"", "a ; behind a blank ends it");
	is_int(v->line, 3, "the line");
	v = conf_get(&c, "ORACLE", "my spectra", "timeout");
	is_str(v->value, "20m", "indented, without blanks");
	is_int(v->line, 5, "comments count as lines");
	ok(conf_get(&c, "oracle", "My spectra", "timeout") == NULL,
	    "quoted names do");
	v = conf_get(&c, "metric", "a]b\"c\\", "pattern");
	is_str(v == NULL ? NULL : v->value, "^x: (?<value>{num}) # y$",
	    "quotes, brackets, : and # in a value");
	v = conf_get(&c, "metric", "a]b\"c\\", "empty");
	is_str(v == NULL ? NULL : v->value, "", "an empty value");
	v = conf_get(&c, "loop", "", "");
	is_int(v == NULL ? -1 : v->line, 9, "a header alone, and no newline");
	conf_release(&c);
}

static void
test_long(size_t length)
{
	char *text, *value = xmalloc(length + 1), what[64];
	struct conf c = CONF_INIT;
	const struct conf_value *v;

	memset(value, 'x', length);
	value[length] = '\0';
	value[length / 2] = '=';
	text = xasprintf("[m]\n  k = %s ; c\nlast = 1\n", value);
	snprintf(what, sizeof(what), "a value of %zu bytes", length);
	no_err(conf_parse(&c, "f", text, strlen(text)), what);
	v = conf_get(&c, "m", "", "k");
	is_str(v == NULL ? NULL : v->value, value, "is whole");
	v = conf_get(&c, "m", "", "last");
	is_int(v == NULL ? -1 : v->line, 3, "and counts as one line");
	conf_release(&c);
	free(text);
	free(value);
}

int
main(void)
{
	struct conf c = CONF_INIT;
	size_t n;

	test_values();
	for (n = 185; n < 205; n++)
		test_long(n);
	test_long(400);
	test_long(100000);
	no_err(conf_parse(&c, "f", "", 0), "an empty file");
	conf_release(&c);
	fails("[a]\nb = 1\nnonsense\n", "'.gitagent' line 3: expected",
	    "no =");
	fails("b = 1\n", "line 1: expected a section", "no section");
	fails("[a]\n= 1\n", "line 2", "no key");
	fails("[a\n", "line 1: expected '[section]'", "no bracket");
	fails("[a \"b]\n", "line 1", "no quote");
	fails("[a \"b\\", "line 1", "an escape at the end");
	fails("[]\n", "line 1", "no name");
	fails("[a] b = 1\n", "behind the ']'", "a value behind a header");
	is_err(conf_parse(&c, "f", "[a]\nb=\0c\n", 9), ERR_CONFIG,
	    "line 2: there is a NUL", "a NUL");
	conf_release(&c);
	fails("[a]\n"
	    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa = 1\n",
	    "too long", "a key that inih would cut");
	return done_testing();
}
