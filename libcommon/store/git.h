/* What repo.c, object.c, ref.c and ref-read.c share; nobody else includes libgit2. */
#ifndef STORE_GIT_H
#define STORE_GIT_H

#include <git2.h>
#include <string.h>

#include "base/lock.h"
#include "base/strvec.h"
#include "store/packed-refs.h"
#include "store/repo.h"

struct repo {
	git_repository *git;
	git_odb *odb;		/* opened when first needed */
	git_odb *packs;		/* the same; alone of what is borrowed, too */
	git_config *config;
	char *gitdir, *commondir, *workdir, *objects;
	char *remote, *prefix;	/* answers kept; NULL: not asked yet */
	size_t abbrev;		/* as core.abbrev says; 0: not asked yet */
	struct abbrev *abbrevs;	/* see abbrevs_use() */
	size_t abbrev_count;
	struct strvec keys, values;	/* read by `git config --list`, or … */
	struct strvec kept;	/* … values handed out, for their lifetime */
	int listed;		/* keys and values are filled in */
	struct strvec elsewhere, nowhere;	/* keys asked for: git.h, below */
	char loose_folders[256];	/* 'y', 'n'; 0: not looked for yet */
	int64_t loose_looked;	/* when they were; clock_monotonic() */
	struct strvec alternates, absent;	/* as in alternates_list(), … */
	int alternates_known;	/* … once they are looked for */
	uint64_t lenders;	/* alternates_stamp() of those */
	struct packed_refs packed;	/* as last read */
	char *damage;		/* what was found first; see repo.h */
	char *looked;		/* see index_looked() in index-file.h */
	uint64_t looked_id;
	int64_t looked_until;
	int misses;		/* objects that were looked for in vain */
	const git_odb *missed_in;	/* the last of them, and … */
	uint64_t missed_packs;	/* … packs_stamp() before that; 0: none */
	struct unreached *unreached;	/* see store/unreached.h */
	size_t unreached_count, unreached_cap, unreached_bytes;
	char *unreached_keep;	/* the .keep file of their pack, or NULL */
	struct lock unreached_lock;	/* on that file */
};

/* Before anything of it, once for each repo_open(); below 0: an error. */
int	 libgit2_start(void);
void	 libgit2_end(void);
/* An error with libgit2's own words at the end. */
struct err *err_git(const char *, ...) PRINTF_LIKE(1, 2);

static inline void
oid_to_git(git_oid *g, const struct oid *o)
{
	git_oid_fromraw(g, o->b);
}

static inline void
oid_from_git(struct oid *o, const git_oid *g)
{
	memcpy(o->b, g->id, sizeof(o->b));
}

struct err *repo_odb(struct repo *, git_odb **);
/* ERR_DAMAGED for the packed-refs file, with the command that mends it. */
struct err *packed_refs_error(const struct repo *);
/* Settings of ours that cannot be used: ERR_CONFIG names key and value. */
struct err *settings_check(struct repo *);
/* Each key, until the callback returns 1, which is then returned. */
int	 settings_each(struct repo *, int (*)(void *, const char *), void *);
/*
 * 1 if another worktree of the clone has it, by a configuration of its own:
 * git is asked once for each.
 */
int	 settings_elsewhere(struct repo *, const char *key);

#endif
