/*
 * A git repository: its folders, configuration, identity, objects and refs.
 * The only interface to libgit2; repo.c, object.c, ref.c, … implement it.
 * Nothing here runs anything from the repository or touches the network,
 * but for git itself, which brings what a partial clone has left out when
 * repo_commit_file() or an _entry() asks for it.
 */
#ifndef STORE_REPO_H
#define STORE_REPO_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/pool.h"
#include "base/strvec.h"
#include "store/oid.h"

struct repo;

/* The project's settings, tracked with it: gitagent(5). */
#define PROJECT_FILE ".gitagent"
#define PROJECT_FILE_MAX ((size_t)1 << 20)	/* bytes */

/*
 * Open the repository around the current folder, as git would find it
 * (GIT_DIR, GIT_WORK_TREE, linked worktrees, safe.directory and
 * safe.bareRepository).
 * ERR_NOREPO: there is none; ERR_GIT: there is one that is not supported
 * (SHA-256 objects, reftable) or that git refuses; ERR_DAMAGED: git would,
 * for its HEAD; ERR_CONFIG: a setting of ours in git's configuration cannot
 * be used.
 */
struct err *repo_open(struct repo **);
void	 repo_close(struct repo *);

/* Folders without a slash at the end, borrowed. */
const char *repo_gitdir(const struct repo *);	/* of this work tree */
const char *repo_commondir(const struct repo *); /* shared by all worktrees */
const char *repo_objects(const struct repo *);	/* GIT_OBJECT_DIRECTORY */
const char *repo_workdir(const struct repo *);	/* NULL: bare */
struct err *repo_need_workdir(const struct repo *);	/* ERR_BARE */
int	 repo_is_shallow(const struct repo *);
int	 repo_is_partial(struct repo *);	/* git fetches what it misses */

/*
 * Paths of our own state files, malloc'd: <common dir>/agent/NAME, shared by
 * the clone, <common dir>/agent/WHAT/<remote>, one for each remote, and
 * <git dir>/agent/NAME, of one work tree.  The folder is made by the first
 * writer.  In the name of a remote '^' stands there for '/', as there may be
 * remotes "a" and "a/b": repo_remote_name(), malloc'd.
 */
char	*repo_shared_path(const struct repo *, const char *name);
char	*repo_remote_path(const struct repo *, const char *what,
	    const char *remote);
char	*repo_remote_name(const char *remote);
char	*repo_local_path(const struct repo *, const char *name);
struct err *repo_make_state(const struct repo *);	/* make both folders */

/*
 * A value of git's configuration, borrowed, or NULL.  The key in canonical
 * form (section and variable in lower case).  Sees what git sees, `git -c`
 * and GIT_CONFIG_* included.  _bool: `otherwise` also if it is no boolean.
 */
const char *repo_config(struct repo *, const char *key);
int	 repo_config_bool(struct repo *, const char *key, int otherwise);
/*
 * The remote that records travel by: agent.remote, else the upstream of the
 * current branch, else origin, else the only one, or the only one from which
 * a plain fetch brings records (store/remote.c).  Borrowed; NULL: none.
 */
const char *repo_remote(struct repo *);
/*
 * NULL, or, where there are several remotes and none of that chooses, a
 * sentence that names them and says how to; malloc'd.
 */
char	*repo_remote_unclear(struct repo *);
int	 repo_remote_ok(const char *name);	/* 1: neither option nor URL */
int	 repo_has_remote(struct repo *, const char *name);	/* by its url */
/*
 * Where records live on the remote, borrowed: agent.prefix; else `prefix` in
 * [records] of the .gitagent in the work tree (of a bare repository, at
 * HEAD), else of the one on the remote's main branch; else the default.
 * ERR_CONFIG: a .gitagent has a value that cannot be used.
 */
struct err *repo_prefix(struct repo *, const char **prefix);
#define REPO_PREFIX_DEFAULT "refs/agent"
/*
 * 1 if a ref name may begin so, and none does that a clone has for another
 * use (its own logs, what it fetched); what to say if not.
 */
int	 repo_prefix_ok(const char *);
#define REPO_PREFIX_WANTED "the beginning of a ref's name that is not in " \
	"use for other refs, such as refs/heads/agent"
/*
 * Make sure that the remote's fetch refspecs name these; *added counts.
 * Those that have another source for the same destination are taken away:
 * with both, git could fetch neither.
 */
struct err *repo_add_refspecs(struct repo *, const char *remote,
		const char *const *specs, int *added);
struct err *repo_drop_refspec(struct repo *, const char *remote,
		const char *spec);
/*
 * Append the folders of refs to which the refspecs of the records' remote
 * bring what is below the prefix, and git's pushes as well, besides those
 * below refs/agent-remotes and refs/notes: "refs/remotes/origin/agent".
 */
void	 repo_tracked(struct repo *, struct strvec *folders);
/* Append the remote's fetch refspecs; none where it is not in a file. */
struct err *repo_refspecs(struct repo *, const char *remote, struct strvec *);

/*
 * 1 if logs are fetched to refs/agent-remotes/<name>/: a remote has that
 * name, here or in another worktree of the clone, or had it until `git remote
 * rename`, which leaves our refspecs.
 */
int	 repo_has_view(struct repo *, const char *name);
/*
 * 1 if what is remembered of it is to stay: it has a view, or a log fetched
 * from it is here.  A remote of `git -c`, or of a branch (includeIf), is
 * unknown to the next command, which cannot tell that from one that was
 * removed: of that nothing is said or put back, but as long as its refs are
 * there, nothing is forgotten either.
 */
int	 repo_remembers(struct repo *, const char *name);
/*
 * `git remote rename` and `git remote remove` leave what was fetched there to
 * a remote that gets the same name afterwards.  The refspec that a sync adds
 * tells: the one that was renamed has it, malloc'd, or NULL.
 */
char	*repo_former_remote(struct repo *, const char *name);
/*
 * 1 if the remote of that name is in a file, and not that refspec: no sync has
 * added it yet, or somebody has taken it out.
 */
int	 repo_lacks_refspec(struct repo *, const char *name);

/*
 * "Name <mail>" of who writes now: role "AUTHOR" or "COMMITTER" (the
 * environment as in git(1), then user.name and user.email).  malloc'd.
 * ERR_IDENTITY where one is missing, or where the name is empty or has but
 * characters that git drops from its ends, as we do; an address that is set
 * may be empty, as for git.  Nothing is guessed from the host.
 */
struct err *repo_identity(struct repo *, const char *role, char **ident);

/* The commit that HEAD is on; ERR_UNBORN before the first one. */
struct err *repo_head(struct repo *, struct oid *);
/* The short name of the current branch, malloc'd; NULL: detached. */
char	*repo_branch(struct repo *);
/* A revision as in gitrevisions(7), to its commit.  ERR_NOTFOUND. */
struct err *repo_resolve(struct repo *, const char *rev, struct oid *commit);
struct err *repo_commit_tree(struct repo *, const struct oid *commit,
		struct oid *tree);
/*
 * Contents of a file in a commit, appended; ERR_NOTFOUND.  ERR_INPUT: it has
 * more than `max` bytes (whole MiB) and was not read, or is a folder; the
 * sentence has it as `name`.
 */
struct err *repo_commit_file(struct repo *, const struct oid *commit,
		const char *path, const char *name, size_t max, struct buf *);
/* The object a path has in a commit (a blob or a tree); ERR_NOTFOUND. */
struct err *repo_commit_entry(struct repo *, const struct oid *commit,
		const char *path, struct oid *);
/* The same in a tree. */
struct err *repo_tree_entry(struct repo *, const struct oid *tree,
		const char *path, struct oid *);
/* 1 if a tracked file differs from HEAD, or an untracked one is not ignored. */
struct err *repo_is_dirty(struct repo *, int *dirty);
/*
 * 1 if `id` is the commit, or in its history, as far as that is here and
 * whole.  Fast where they are near each other (reach.c).
 */
int	 repo_contains(struct repo *, const struct oid *commit,
		const struct oid *id);

/*
 * The first damaged thing that was met while reading went on without it: a
 * sentence with what to do, borrowed; NULL: none.  Takes note of another.
 */
const char *repo_damage(const struct repo *);
void	 repo_note_damage(struct repo *, const char *sentence);

/* Objects (object.c). */
enum object_type { OBJECT_COMMIT = 1, OBJECT_TREE, OBJECT_BLOB, OBJECT_TAG };

/* Append an object's bytes.  ERR_NOTFOUND: missing (shallow); ERR_DAMAGED. */
struct err *object_read(struct repo *, const struct oid *, enum object_type *,
		struct buf *);
/*
 * ERR_INPUT: it has more bytes than that.  With `ask` it was not read then;
 * without, one in a pack was, once: to ask for the size of each is a third
 * of the time that a long history takes.
 */
struct err *object_read_max(struct repo *, const struct oid *, size_t max,
		int ask, enum object_type *, struct buf *);
/* 1 if it is here; cheap, also where it is not. */
int	 object_exists(struct repo *, const struct oid *);
/* The same also of what came just now, as in a pack that a gc made. */
int	 object_is_here(struct repo *, const struct oid *);
struct err *object_write(struct repo *, enum object_type, const void *, size_t,
		struct oid *);
/* The shortest unique beginning, at least core.abbrev or 7 digits. */
void	 object_abbrev(struct repo *, const struct oid *,
	    char out[OID_HEX_SIZE]);
/* The name that bytes would have, without writing them. */
struct err *object_hash(enum object_type, const void *, size_t, struct oid *);

/* A tree: entries in any order; mode as in git (0100644, 040000). */
struct tree_entry {
	char *name;
	unsigned int mode;
	struct oid id;
};

struct tree {
	struct tree_entry *e;
	size_t n, cap;
};

#define TREE_INIT { NULL, 0, 0 }

struct err *tree_read(struct repo *, const struct oid *, struct tree *);
struct err *tree_write(struct repo *, const struct tree *, struct oid *);
/* Add or replace an entry by name. */
void	 tree_set(struct tree *, const char *name, unsigned int mode,
	    const struct oid *);
const struct tree_entry *tree_get(const struct tree *, const char *name);
void	 tree_release(struct tree *);

/* Refs (ref.c, ref-read.c). */
struct ref {
	char *name;
	struct oid id;
	int loose;		/* listed from a file of its own */
};

struct reflist {
	struct ref *v;
	size_t n, cap;
	size_t left_out;	/* of files, as symbolic or damaged ones */
	struct pool names;	/* where the names are */
};

#define REFLIST_INIT { NULL, 0, 0, 0, POOL_INIT }

/* 1 if git takes it as the whole name of a ref. */
int	 ref_name_ok(const char *);
/* Of records.  ERR_NOTFOUND; ERR_DAMAGED, also where it is symbolic. */
struct err *ref_read(struct repo *, const char *name, struct oid *);
/*
 * Append all refs whose name begins with the prefix, which ends in a slash,
 * sorted by name; without symbolic and damaged ones.
 */
struct err *ref_list(struct repo *, const char *prefix, struct reflist *);
/* The same of those in files of their own alone; what is packed is not read. */
struct err *ref_list_loose(struct repo *, const char *prefix,
	    struct reflist *);
void	 reflist_add(struct reflist *, const char *name, const struct oid *);
void	 reflist_sort(struct reflist *);	/* by name */
/* In a sorted list; borrowed, NULL: it has none of that name. */
const struct ref *reflist_find(const struct reflist *, const char *name);
void	 reflist_release(struct reflist *);
/* repo_contains() of any of them; they need not all be here. */
int	 reflist_contains(struct repo *, const struct reflist *,
		const struct oid *);
/*
 * Compare and swap: move the ref from `old` (NULL: it must not exist) to
 * `to`.  ERR_MOVED: it was not there; nothing has changed.  Retries by
 * itself while another process holds git's lock, for about a second.
 */
struct err *ref_swap(struct repo *, const char *name, const struct oid *old,
		const struct oid *to);
/*
 * 1 if the error is ERR_MOVED and the caller is to read the ref again and
 * swap it once more; the error is freed then.  0 when that is of no use any
 * more, or for another error, or none.  *tries begins with 0.
 */
int	 ref_try_again(struct err **, int *tries);
/* What was read of the refs is no longer true; for who has git move some. */
void	 refs_moved(struct repo *);
/*
 * ERR_GIT where no ref may be moved, since git has put what a push brings
 * into quarantine: the ref_ functions that move one refuse it themselves; for
 * who writes something before that.
 */
struct err *ref_check_quarantine(void);
/* All of these, as they are in the list, or none: ERR_MOVED. */
struct err *refs_remove(struct repo *, const struct reflist *);
struct err *ref_set(struct repo *, const char *name, const struct oid *to);
struct err *ref_remove(struct repo *, const char *name);	/* or absent */
/* If it is where it was, or absent; ERR_MOVED. */
struct err *ref_remove_at(struct repo *, const char *name,
		const struct oid *old);
/*
 * The file where git would have a folder for the reflog of this ref, so that
 * neither it nor we can move the ref; malloc'd, NULL: none.
 */
char	*ref_reflog_in_the_way(struct repo *, const char *name);

#endif
