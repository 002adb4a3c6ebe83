#include "work/project.h"

#include <math.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/match.h"
#include "tap.h"
#include "work/number.h"

static void
fails(const char *text, const char *part, const char *what)
{
	struct project p;

	project_init(&p);
	is_err(project_parse(&p, ".gitagent", text, strlen(text)),
	    ERR_CONFIG, part, what);
	project_release(&p);
}

static char *
identity(const char *text)
{
	struct project p;
	char *s;

	project_init(&p);
	no_err(project_parse(&p, "f", text, strlen(text)), "parses");
	s = xstrdup(p.oracle_text);
	project_release(&p);
	return s;
}

#define ORACLE "[oracle]\ncommand = ./compare\n"

static void
test_all(void)
{
	static const char text[] =
	    "[project]\ngoal = reach 1e-3\n"
	    "[oracle \"spectra\"]\n"
	    "build = make -j4\ncommand = oracle/compare \"$X\"\n"
	    "timeout = 90s\nsanity = ^done$\ntrusted = origin/main\n"
	    "protect = oracle/ data/ref\nprotect = oracle/ tests\n"
	    "[metric \"tt\"]\n"
	    "pattern = ^tt l=(?<at>\\d+) rel=(?<value>{num})$\n"
	    "match = worst\nunit = rel\ndirection = higher\n"
	    "transform = abs\ntarget = 1e-3\n"
	    "[metric \"bare\"]\n"
	    "[loop]\nmax-iterations = 7\nmax-time = 2d\n"
	    "iteration-time = 1h\nmax-failures = 2\nsync = 5\nbeat = 30s\n"
	    "stop-grace = 10s\ncompletion-promise = FINISHED\nagent = mine\n"
	    "[agent \"mine\"]\ncommand = run-it -p\noutput = claude\n";
	struct project p;
	struct metric_def *m;

	project_init(&p);
	if (!no_err(project_parse(&p, "f", text, sizeof(text) - 1), "all"))
		return;
	is_str(p.goal, "reach 1e-3", "goal");
	is_str(p.oracle.name, "spectra", "the oracle's name");
	is_str(p.oracle.command, "oracle/compare \"$X\"", "command");
	is_int(p.oracle.timeout, 90 * CLOCK_SECOND, "timeout");
	is_int((long long)p.oracle.protect.n, 3, "protected paths");
	is_str(p.oracle.protect.v[1], "data/ref", "from a list");
	is_int((long long)p.metric_count, 2, "metrics, an empty one too");
	m = &p.metrics[0];
	ok(m->rule == MATCH_WORST && m->direction == HIGHER_IS_BETTER &&
	    m->transform_abs && m->has_target && m->target == 1e-3,
	    "the first one's settings");
	ok(strstr(m->pattern, "{num}") == NULL, "{num} is expanded");
	m = &p.metrics[1];
	ok(m->pattern == NULL && m->rule == MATCH_ONE && !m->has_target &&
	    m->direction == LOWER_IS_BETTER, "the other one's defaults");
	ok(p.loop.max_iterations == 7 && p.loop.max_failures == 2 &&
	    p.loop.sync == 5 * CLOCK_SECOND, "loop");
	is_str(p.loop.promise, "FINISHED", "promise");
	ok(p.agent_count == 1 && p.agents[0].claude, "agent");
	is_str(p.agents[0].command, "run-it -p", "its command");
	project_release(&p);
}

static void
test_errors(void)
{
	fails("[oracel]\ncommand = x\n", "line 1: unknown section [oracel]; "
	    "did you mean [oracle]?", "a section misspelt");
	fails("[zzzzzzz]\n", "expected [project]", "another section");
	fails(ORACLE "comand = y\n", "line 3: unknown key 'comand' in "
	    "[oracle]; did you mean 'command'?", "a key misspelt");
	fails(ORACLE "zzzzzzzz = y\n", "expected one of build, command",
	    "another key");
	fails(ORACLE "points = x.tsv\n", "line 3: 'points' in [oracle] is "
	    "not supported by this version", "a later key");
	fails(ORACLE "[metric \"m\"]\ntolerance = 1\n", "not supported",
	    "a later key of a metric");
	fails(ORACLE "ratchet = 5%\n", "unknown key", "in its section only");
	fails("[oracle]\nbuild = make\n", "line 1: [oracle] lacks 'command",
	    "no command");
	fails("[oracle \"a\"]\ncommand = x\n[oracle \"b\"]\ncommand = y\n",
	    "line 3: there is an [oracle] already", "two oracles");
	fails("[oracle]\ncommand =\n", "expected a value", "empty");
	fails(ORACLE "command = y\n", "given already in line 2", "twice");
	fails(ORACLE "timeout = soon\n", "line 3: timeout = 'soon': expected "
	    "a duration", "no duration");
	fails(ORACLE "protect = ../x\n", "inside the work tree", "outside");
	fails(ORACLE "protect = a /etc\n", "inside the work tree", "absolute");
	fails(ORACLE "sanity = a(\n", "line 3: sanity: the pattern 'a(' is "
	    "not valid at character 2", "a bad pattern");
	fails(ORACLE "[metric \"m\"]\npattern = x={num}\n",
	    "(?<value>{num})", "no value group");
	fails(ORACLE "[metric \"m\"]\ntarget = nan\n", "expected a number",
	    "a target that everything misses");
	fails(ORACLE "[metric \"m\"]\ntarget = 1,5\n", "expected a number",
	    "a decimal comma");
	fails(ORACLE "[metric \"m\"]\nmatch = all\n", "one, first, last",
	    "a rule");
	fails(ORACLE "[metric]\n", "[metric \"NAME\"]", "no name");
	fails(ORACLE "[metric \"a b\"]\n", "blanks", "a name with a blank");
	fails(ORACLE "[metric \"m\"]\n[metric \"m\"]\n", "line 4: there is a",
	    "two of a name");
	fails("[metric \"m\"]\n", "needs an [oracle]", "no oracle");
	fails("[loop \"x\"]\n", "without a name", "a name too many");
	fails("[loop]\nmax-iterations = 0\n", "1 or more", "no iteration");
	fails("[agent \"a\"]\noutput = text\n", "lacks 'command", "an agent");
	fails("[agent \"a\"]\ncommand = x\noutput = xml\n", "text or claude",
	    "an output");
}

static void
test_identity(void)
{
	char *a, *b;

	a = identity("[oracle]\ncommand = x\nprotect = b a\n"
	    "[metric \"m\"]\n[metric \"l\"]\n");
	b = identity("[metric \"l\"]\ndirection = lower\nmatch = one\n"
	    "[loop]\nbeat = 5\n[oracle]\ntimeout = 1200s\nprotect = a\n"
	    "protect = b\ncommand = x\n[metric \"m\"]\n");
	is_str(a, b, "order and defaults written out do not count");
	free(b);
	b = identity("[oracle]\ncommand = x\nprotect = b a\n"
	    "[metric \"m\"]\ntarget = 1\n[metric \"l\"]\n");
	ok(strcmp(a, b) != 0, "a target does");
	free(a);
	free(b);
	a = identity("");
	is_str(a, "", "no oracle, no identity");
	free(a);
}

static void
number(const char *text, int valid, double want)
{
	double v = 12345;
	int rc = number_parse(text, &v);

	ok(rc == (valid ? 0 : -1) && (!valid || v == want ||
	    (isnan(v) && isnan(want))), text);
}

/* What a metric's pattern takes out of a text, or NULL. */
static void
takes(const char *pattern, const char *text, const char *want)
{
	char *expanded = number_expand(pattern), *got = NULL;
	struct match *m = NULL;
	struct err *e = NULL;
	size_t at = 0;

	err_free(match_compile(&m, expanded, MATCH_MULTILINE));
	if (m != NULL && match_next(m, text, strlen(text), &at, &e) == 1)
		got = match_group(m, "value");
	is_str(got, want, text);
	free(got);
	free(expanded);
	match_free(m);
}

static void
test_numbers(void)
{
	number("1", 1, 1);
	number("-1.5e-3", 1, -1.5e-3);
	number(".5", 1, .5);
	number("5.", 1, 5);
	number("1.25D+02", 1, 125);
	number("1e999", 1, INFINITY);
	number("NaN", 1, NAN);
	number("-inf", 1, -INFINITY);
	number("Infinity", 1, INFINITY);
	number("", 0, 0);
	number("0x10", 0, 0);
	number(" 1", 0, 0);
	number("1 ", 0, 0);
	number("1,5", 0, 0);
	number("e5", 0, 0);
	number("--1", 0, 0);
	number("nan(1)", 0, 0);
	takes("x=(?<value>{num})", "x=1.5e-3, y", "1.5e-3");
	takes("x=(?<value>{num})", "x=-nan", "-nan");
	takes("x=(?<value>{num})", "x=+Infinity.", "+Infinity");
	takes("x=(?<value>{num})", "x=nano", NULL);
	takes("x=(?<value>{num})", "x=1.5-101", NULL);
	takes("x=(?<value>{num})", "x=1.2.3", NULL);
	takes("x=(?<value>{num})", "x=0.125D-02", "0.125D-02");
	takes("x=(?<value>{num})", "x=3.", "3.");
	takes("x.*=.*(?<value>{num})", "x = 1.57e-12", "1.57e-12");
	takes("^a,(?<value>{num}),", "a,0.5,-0.7", "0.5");
	takes("time-(?<value>{num})", "time-5", "5");
}

int
main(void)
{
	struct project p;

	test_all();
	test_errors();
	test_identity();
	test_numbers();
	project_init(&p);
	is_err(project_read(&p, "/nonexistent"), ERR_NOTFOUND,
	    "git agent init", "no file");
	project_release(&p);
	return done_testing();
}
