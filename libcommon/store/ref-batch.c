/* Removing many refs at once; see repo.h. */
#include "store/git.h"

#include "base/proc.h"

/*
 * libgit2 writes packed-refs anew for each ref that it removes.  git does it
 * once for all of a transaction.
 */
struct err *
refs_remove(struct repo *r, const struct reflist *list)
{
	struct strvec argv = STRVEC_INIT;
	struct buf input = BUF_INIT, output = BUF_INIT;
	struct proc p = PROC_INIT;
	char hex[OID_HEX_SIZE];
	struct err *e = NULL;
	int status = 0;
	size_t i;

	strvec_pushl(&argv, "git", "--git-dir", r->commondir, "update-ref",
	    "--stdin", (char *)NULL);
	for (i = 0; i < list->n; i++) {
		oid_hex(&list->v[i].id, hex);
		buf_addf(&input, "delete %s %s\n", list->v[i].name, hex);
	}
	p.argv = &argv;
	p.flags = PROC_MERGE_STDERR;
	refs_moved(r);
	if (list->n > 0)
		e = proc_capture(&p, &input, &output, NULL, &status);
	buf_rtrim(&output);
	if (e == NULL && status != 0)
		e = err_new(ERR_MOVED, "cannot remove refs: %s", output.p);
	buf_release(&input);
	buf_release(&output);
	strvec_release(&argv);
	return e;
}
