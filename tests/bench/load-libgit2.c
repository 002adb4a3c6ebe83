/*
 * A program that links what ours link, starts libgit2 and ends: what no
 * command of ours can go below on this machine.
 */
#include "store/git.h"

int
main(void)
{
	if (libgit2_start() < 0)
		return 1;
	libgit2_end();
	return 0;
}
