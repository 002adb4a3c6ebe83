/*
 * A repository that several people write to: core.sharedRepository, as git
 * follows it.  libgit2 does so in `git init` alone.
 */
#ifndef STORE_SHARE_H
#define STORE_SHARE_H

#include "store/repo.h"

/*
 * From now on what this process makes in the repository has the permissions
 * that the setting asks for: they are in the umask, so that they are in one
 * place for libgit2's files and for ours.  Children are not concerned.
 * Folders get their group from the one they are in, as `git init --shared`
 * has left that.
 */
void	 share_begin(struct repo *);

#endif
