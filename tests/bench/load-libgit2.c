/*
 * A program that links what ours link and does nothing: what the dynamic
 * linker costs on this machine, which no command of ours can go below.
 */
#include "store/git.h"

int
main(void)
{
	int major, minor, revision;

	return git_libgit2_version(&major, &minor, &revision) < 0;
}
