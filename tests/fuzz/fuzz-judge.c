/* What an oracle prints: whatever it is, only what was measured passes. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "work/oracle.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static const char settings[] =
	"[oracle]\ncommand = true\n"
	"[metric \"error\"]\ntarget = 1e-4\n"
	"[metric \"tt\"]\n"
	"pattern = ^tt l=(?<at>\\d+) rel=(?<value>{num}) *(?<unit>\\w*)$\n"
	"match = worst\ntransform = abs\ntarget = 1e-3\n"
	"[metric \"speed\"]\npattern = ^speed (?<value>{num})\n"
	"match = last\ndirection = higher\ntarget = 2\n";

static void
must_hold(const struct oracle_result *res, const char *name, double most)
{
	size_t i;
	int found = 0;

	for (i = 0; i < res->metric_count; i++) {
		const struct metric_value *m = &res->metrics[i];

		if (strcmp(m->name, name) != 0)
			continue;
		found = 1;
		if (m->state != ORACLE_PASS || !isfinite(m->value) ||
		    (m->direction == HIGHER_IS_BETTER ? -m->value :
		    m->value) > most)
			abort();
	}
	if (!found)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct project p;
	static int is_read;
	struct oracle_result res;
	char *text = xmalloc(size + 1);
	int status;

	if (!is_read) {
		project_init(&p);
		if (project_parse(&p, "f", settings, strlen(settings)) != NULL)
			abort();
		is_read = 1;
	}
	memcpy(text, data, size);
	text[size] = '\0';
	for (status = 0; status < 2; status++) {
		oracle_result_init(&res);
		if (oracle_judge(&p, text, size, status, &res) != NULL ||
		    (status != 0 && res.state == ORACLE_PASS))
			abort();
		if (res.state == ORACLE_PASS) {
			must_hold(&res, "error", 1e-4);
			must_hold(&res, "tt", 1e-3);
			must_hold(&res, "speed", -2);
		}
		oracle_result_release(&res);
	}
	free(text);
	return 0;
}
