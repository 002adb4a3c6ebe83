#include "store/garbage.h"

#include "base/proc.h"
#include "base/strvec.h"
#include "store/unreached.h"

void
garbage_collect(struct repo *r)
{
	struct strvec argv = STRVEC_INIT;
	struct proc p = PROC_INIT;
	struct buf output = BUF_INIT;
	int status;

	if (unreached_gc_runs(r) || !repo_config_bool(r, "maintenance.auto", 1))
		return;
	strvec_pushl(&argv, "git", "gc", "--auto", "--quiet", (char *)NULL);
	p.argv = &argv;
	p.flags = PROC_MERGE_STDERR;
	err_free(proc_capture(&p, NULL, &output, NULL, &status));
	buf_release(&output);
	strvec_release(&argv);
}
