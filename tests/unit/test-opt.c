#include "base/opt.h"

#include <stdlib.h>

#include "tap.h"

struct args {
	int json;
	int quiet;
	const char *grep;
	int64_t max;
	int64_t wait;
	struct strvec to;
};

static const struct opt opts[] = {
	OPT_FLAG('j', "json", struct args, json, "print JSON"),
	OPT_FLAG('q', "quiet", struct args, quiet, "say less"),
	OPT_STRING(0, "grep", "PATTERN", struct args, grep, "only matches"),
	OPT_INT('n', "max", "N", struct args, max, "at most N"),
	OPT_DURATION(0, "wait", "TIME", struct args, wait, "wait"),
	OPT_LIST(0, "to", "WHO", struct args, to, "to whom"),
	OPT_LIST(0, "total", "X", struct args, to, "another t"),
	OPT_END
};

static struct args a;
static char *words[16];
static int operands;

/* Parse words that blanks separate; `line` must be writable. */
static struct err *
parse(char *line)
{
	int n = 1;
	char *word;

	opt_release(opts, &a);
	memset(&a, 0, sizeof(a));
	words[0] = line;
	for (word = strtok(line, " "); word != NULL; word = strtok(NULL, " "))
		words[n++] = word;
	words[n] = NULL;
	return opt_parse(opts, &a, words, &operands);
}

#define PARSE(text) parse((char[]) { text })

static void
test_syntax(void)
{
	char line[] = "one --json -n3 two -- --three -";
	char separate[] = "-n 7 --grep=x=y --wait 1h30m --to a --to=b";
	char cluster[] = "-qjn12 -";

	no_err(parse(line), "options and operands mix");
	is_int(operands, 4, "operands are counted");
	is_str(words[2], "--three", "-- ends the options");
	is_str(words[3], "-", "a dash alone is an operand");
	ok(words[4] == NULL, "and NULL ends them");
	is_int(a.max, 3, "-n3");
	is_int(a.json, 1, "a flag");
	no_err(parse(separate), "values apart and attached");
	is_int(a.max, 7, "-n 7");
	is_str(a.grep, "x=y", "the first = separates");
	is_int(a.wait / 1000000, 5400, "a duration");
	is_int((long long)a.to.n, 2, "a list may be given again");
	is_str(a.to.v[1], "b", "in order");
	no_err(parse(cluster), "a cluster");
	ok(a.quiet && a.json && a.max == 12, "with a value at its end");
	is_str(words[0], "-", "and an operand behind it");
}

static void
test_names(void)
{
	char begin[] = "--js --no-json --qui";
	char no[] = "--json --no-js";

	no_err(parse(begin), "a unique beginning will do");
	ok(!a.json && a.quiet, "--no-NAME clears");
	no_err(parse(no), "also when shortened");
	is_int(a.json, 0, "the last one counts");
	no_err(PARSE("--to x"), "an exact name is not ambiguous");
	is_err(PARSE("--t x"), ERR_USAGE, "ambiguous", "a beginning of two");
	is_err(PARSE("--jsno"), ERR_USAGE, "did you mean '--json'",
	    "a typing error");
	is_err(PARSE("--no-grep"), ERR_USAGE, "unknown option '--no-grep'",
	    "only flags are cleared");
	is_err(PARSE("-x"), ERR_USAGE, "'-x'", "an unknown letter");
}

static void
test_values(void)
{
	struct buf b = BUF_INIT;

	is_err(PARSE("--max"), ERR_USAGE, "'--max' needs a value (N)",
	    "no value");
	is_err(PARSE("-n"), ERR_USAGE, "'-n' needs", "no value, short");
	is_err(PARSE("--max x"), ERR_USAGE, "not 'x'", "not a number");
	is_err(PARSE("--max=-1"), ERR_USAGE, "not '-1'", "negative");
	is_err(PARSE("--max=3k"), ERR_USAGE, "not '3k'", "a unit");
	is_err(PARSE("--max=99999999999999999999"), ERR_USAGE, "not",
	    "too large");
	is_err(PARSE("--max="), ERR_USAGE, "not ''", "empty");
	is_err(PARSE("--wait soon"), ERR_USAGE, "'--wait'", "no duration");
	is_err(PARSE("--json=1"), ERR_USAGE, "takes no value", "a flag");
	no_err(PARSE("--grep -h"), "a value may look like an option");
	is_str(a.grep, "-h", "and is one");
	opt_list(opts, &b);
	ok(strstr(b.p, "--json\t\tprint JSON\n") != NULL, "list: a flag");
	ok(strstr(b.p, "-n=\tN\tat most N\n") != NULL, "list: a letter");
	buf_clear(&b);
	opt_help(opts, &b);
	ok(strstr(b.p, "    -n, --max N           at most N\n") != NULL,
	    "help is aligned");
	buf_release(&b);
}

int
main(void)
{
	test_syntax();
	test_names();
	test_values();
	opt_release(opts, &a);
	return done_testing();
}
