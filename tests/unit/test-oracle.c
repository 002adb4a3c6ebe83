#include "work/oracle.h"

#include <math.h>
#include <stdlib.h>

#include "base/clock.h"
#include "tap.h"

static struct project p;
static struct oracle_result r;

static void
configure(const char *metrics)
{
	struct buf b = BUF_INIT;

	project_release(&p);
	project_init(&p);
	buf_addf(&b, "[oracle]\ncommand = true\n%s", metrics);
	no_err(project_parse(&p, "f", b.p, b.len), metrics);
	buf_release(&b);
}

static void
judges(const char *output, int exit_status, enum oracle_state want,
    const char *reason)
{
	oracle_result_release(&r);
	no_err(oracle_judge(&p, output, strlen(output), exit_status, &r),
	    output);
	is_str(oracle_state_name(r.state), oracle_state_name(want),
	    "its state");
	if (reason == NULL)
		is_str(r.reason, NULL, "no reason");
	else if (!ok(r.reason != NULL && strstr(r.reason, reason) != NULL,
	    reason))
		printf("# got '%s'\n", r.reason == NULL ? "(null)" :
		    r.reason);
}

static void
test_exit(void)
{
	configure("");
	judges("", 0, ORACLE_PASS, NULL);
	judges("", 1, ORACLE_ERROR, "exited with status 1");
	judges("", 139, ORACLE_ERROR, "signal 11");
	judges("", 127, ORACLE_ABORT, "command not found");
	judges("", 126, ORACLE_ABORT, "not executable");
	configure("sanity = ^done$\n");
	judges("done\r\n", 0, ORACLE_PASS, NULL);
	judges("not done\n", 0, ORACLE_ERROR, "sanity");
	configure("[metric \"m\"]\npattern = m=(?<value>{num})\n"
	    "target = 1\n");
	judges("m=0.5\n", 1, ORACLE_ERROR, "status 1");
	ok(r.metric_count == 1 && r.metrics[0].value == 0.5 &&
	    r.metrics[0].state == ORACLE_PASS,
	    "a failing run keeps its values");
}

static void
test_pattern(void)
{
	configure("[metric \"m\"]\nunit = rel\ntarget = 1\n"
	    "pattern = m=(?<value>\\S+)(?: (?<unit>\\w+))?\n");
	judges("m=1\n", 0, ORACLE_PASS, NULL);
	judges("m=1.0000001 rel\n", 0, ORACLE_FAIL, NULL);
	judges("m=-5\n", 0, ORACLE_PASS, NULL);
	judges("", 0, ORACLE_ERROR, "metric 'm': it is missing");
	ok(isnan(r.metrics[0].value), "and has no value");
	judges("m=nan\n", 0, ORACLE_ERROR, "not a number");
	judges("m=-inf\n", 0, ORACLE_ERROR, "infinite");
	judges("m=1e999\n", 0, ORACLE_ERROR, "infinite");
	judges("m=**** rel\n", 0, ORACLE_ERROR, "'****' is not a number");
	judges("m=0,5\n", 0, ORACLE_ERROR, "'0,5' is not a number");
	judges("m=1\nm=1\n", 0, ORACLE_ERROR, "2 times");
	judges("m=1 abs\n", 0, ORACLE_ERROR, "its unit is 'abs'");
	configure("[metric \"m\"]\npattern = m=(?<value>{num})\n"
	    "direction = higher\ntransform = abs\ntarget = 3\n");
	judges("m=-3", 0, ORACLE_PASS, NULL);
	ok(r.metrics[0].value == 3, "the absolute value");
	judges("m=2.9", 0, ORACLE_FAIL, NULL);
	configure("[metric \"m\"]\npattern = (a+)+b|m=(?<value>{num})\n");
	judges("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaac m=1", 0,
	    ORACLE_ERROR, "too hard");
}

static void
test_rules(void)
{
	static const char three[] = "1 m=1\n2 m=-9\n3 m=4\n";

#define RULE(rule) \
	"[metric \"m\"]\npattern = ^(?<at>\\d) m=(?<value>{num})$\n" \
	"target = 3\nmatch = " rule "\n"
	configure(RULE("first"));
	judges(three, 0, ORACLE_PASS, NULL);
	configure(RULE("last"));
	judges(three, 0, ORACLE_FAIL, NULL);
	configure(RULE("worst"));
	judges(three, 0, ORACLE_FAIL, NULL);
	is_str(r.metrics[0].at, "3", "where");
	judges("1 m=nan\n2 m=1e300\n", 0, ORACLE_ERROR, "not a number");
	is_str(r.metrics[0].at, "1", "a NaN is the worst");
	judges("1 m=2\n2 m=-inf\n", 0, ORACLE_ERROR, "infinite");
	configure(RULE("worst") "transform = abs\n");
	judges(three, 0, ORACLE_FAIL, NULL);
	is_str(r.metrics[0].at, "2", "the worst by its size");
	configure(RULE("worst") "direction = higher\n");
	judges(three, 0, ORACLE_FAIL, NULL);
	is_str(r.metrics[0].at, "2", "the lowest where higher is better");
	judges("1 m=3\n2 m=7\n", 0, ORACLE_PASS, NULL);
}

static void
test_lines(void)
{
	configure("[metric \"m\"]\ntarget = 1\nunit = rel\n");
	judges("metric m 0.5 rel at=l=7\r\nmetric tensor is fine\n", 0,
	    ORACLE_PASS, NULL);
	is_str(r.metrics[0].at, "l=7", "where");
	is_int((long long)r.metric_count, 1, "prose is no metric");
	judges("metric m 0.5\nmetric other 3 s\n", 0, ORACLE_PASS, NULL);
	ok(r.metric_count == 2 && !r.metrics[1].has_target,
	    "an undeclared one is recorded");
	is_str(r.metrics[1].unit, "s", "with its unit");
	judges("metric m 0.5 ms\n", 0, ORACLE_ERROR, "its unit is 'ms'");
	judges("metric m abc\n", 0, ORACLE_ERROR, "not a number");
	judges("metric m\n", 0, ORACLE_ERROR, "no value");
	judges("metric m 1 rel at=3 more\n", 0, ORACLE_ERROR, "'more'");
	judges("metric mm 1\n", 0, ORACLE_ERROR, "missing");
	judges(" metric m 1\n", 0, ORACLE_ERROR, "missing");
	judges("metric m 0.5\nmetric o nan\n", 0, ORACLE_ERROR,
	    "metric 'o'");
	configure("");
	judges("metric a 1\nmetric b 2\n", 0, ORACLE_PASS, NULL);
	is_int((long long)r.metric_count, 2, "only undeclared ones");
	judges("metric a 1\n", 2, ORACLE_ERROR, "status 2");
	judges("metric a 1\nmetric a 1\n", 0, ORACLE_ERROR, "2 times");
}

static void
runs(const char *config, enum oracle_state want, const char *reason)
{
	struct err *e;

	project_release(&p);
	project_init(&p);
	no_err(project_parse(&p, "f", config, strlen(config)), config);
	oracle_result_release(&r);
	e = oracle_run(&p, "/tmp", NULL, &r);
	no_err(e, "runs");
	is_str(oracle_state_name(r.state), oracle_state_name(want),
	    "its state");
	if (!ok(reason == NULL ? r.reason == NULL : r.reason != NULL &&
	    strstr(r.reason, reason) != NULL, reason == NULL ? "no reason" :
	    reason))
		printf("# got '%s'\n", r.reason == NULL ? "(null)" :
		    r.reason);
}

static void
test_run(void)
{
	volatile int stop = 1;

	runs("[oracle]\nbuild = echo built\ncommand = pwd; echo metric m 1\n"
	    "[metric \"m\"]\ntarget = 2\n", ORACLE_PASS, NULL);
	is_str(r.output.p, "/tmp\nmetric m 1\n", "the command's output");
	ok(r.wall > 0 && r.exit_status == 0, "and its time");
	runs("[oracle]\nbuild = echo bad; exit 2\ncommand = touch /x/y\n",
	    ORACLE_UNTESTABLE, "the build failed with exit status 2");
	is_str(r.output.p, "bad\n", "the build's output");
	runs("[oracle]\ncommand = echo metric m 1; sleep 60\ntimeout = 0.3s\n"
	    "[metric \"m\"]\ntarget = 2\n", ORACLE_ERROR,
	    "timed out after 0.3s");
	ok(r.metric_count == 1 && r.metrics[0].value == 1, "with its values");
	runs("[oracle]\nbuild = sleep 60\ntimeout = 0.3s\ncommand = true\n",
	    ORACLE_UNTESTABLE, "the build timed out");
	runs("[oracle]\ncommand = ./no-such-program-here\n", ORACLE_ABORT,
	    "command not found");
	runs("[oracle]\ncommand = kill -9 $$\n", ORACLE_ERROR, "signal 9");
	runs("[oracle]\ncommand = seq 1 100000\n", ORACLE_PASS, NULL);
	ok(r.output.len < 200000, "the output is bounded");
	oracle_result_release(&r);
	is_err(oracle_run(&p, "/tmp", &stop, &r), ERR_SYSTEM, "interrupted",
	    "interrupted");
	project_release(&p);
	project_init(&p);
	is_err(oracle_run(&p, "/tmp", NULL, &r), ERR_CONFIG, "[oracle]",
	    "no oracle");
}

static void
test_states(void)
{
	enum oracle_state s;

	ok(oracle_state_parse("UNTESTABLE", &s) == 0 &&
	    s == ORACLE_UNTESTABLE, "a name");
	is_int(oracle_state_parse("pass", &s), -1, "not a name");
	is_int(oracle_state_exit(ORACLE_PASS), 0, "PASS");
	is_int(oracle_state_exit(ORACLE_FAIL), 1, "FAIL");
	is_int(oracle_state_exit(ORACLE_ERROR), 3, "ERROR");
	is_int(oracle_state_exit(ORACLE_UNTESTABLE), 125, "UNTESTABLE");
	is_int(oracle_state_exit(ORACLE_ABORT), 255, "ABORT");
}

int
main(void)
{
	project_init(&p);
	oracle_result_init(&r);
	test_exit();
	test_pattern();
	test_rules();
	test_lines();
	test_run();
	test_states();
	oracle_result_release(&r);
	project_release(&p);
	return done_testing();
}
