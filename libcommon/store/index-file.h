/* Inside the index: an open one, and where its files are. */
#ifndef STORE_INDEX_FILE_H
#define STORE_INDEX_FILE_H

#include "base/lock.h"
#include "store/index-batch.h"
#include "store/index.h"
#include "store/repo.h"

struct index {
	struct repo *repo;
	/*
	 * The newest file, with what was added of late and where refs moved
	 * to, and the older and larger one that it adds to; NULL: there is
	 * none.
	 */
	struct segment *file[2];
	struct segment *refs;	/* the file with their names; see index_ref_at() */
	struct index_meta meta;	/* of the newest */
	int plain;		/* see index_open_plain() */
	int changed;		/* it is not as it was when it was opened */
	int unsaved;		/* nor as the files are */
	/* What the newest records say, once it was asked for; or NULL. */
	struct segment *texts;
	int texts_known;
};

/* The files as they are; without any, index->file stays empty. */
void	 index_load(struct index *);
void	 index_unload(struct index *);
/* Put these images in place of what is open and, if `save`, of the files.
 * NULL: that one stays.  Takes the images' contents. */
void	 index_replace(struct index *, struct buf *head, struct buf *base,
	    struct buf *refs, int save);
/* Put what was made anew without `save` in the place of the files. */
void	 index_save(struct index *);
/* The kind of an entry of that file. */
void	 index_kind_name(struct segment *, const struct index_entry *,
	    char name[KIND_SIZE]);
/* The number of a kind in that file, or KIND_BAD. */
size_t	 index_kind_number(struct segment *, const char *kind);
/* 1 if nothing that was missing, as far as `max` in each file, has come. */
int	 index_is_still_missing(struct index *, size_t max);
/*
 * 1 if the refs are where they were when the newest file was made, as the
 * times of their folders prove.
 */
int	 index_state_holds(struct index *);
/* The same by whatever way is the cheapest one. */
int	 index_holds(struct index *);
/*
 * The refs were read, and the index is what they say.  If they changed a
 * moment ago that proves nothing to others; but for a second, and unless it
 * moves a ref itself (refs_moved()), this process need not read ten thousand
 * of them once more.
 */
void	 index_looked(struct index *, const char *state);
/*
 * Now by the clock of the file system that this lock is on, in ns; 0 if it is
 * not held.  1 if what changed then cannot change now without a trace.
 */
int64_t	 index_now(const struct lock *);
int	 index_is_old(int64_t newest, int64_t now);
/*
 * Where the refs are, by those in files of their own alone, if nothing that is
 * packed has changed; by a state that was just taken.  0: that does not tell,
 * and all have to be read.
 */
int	 index_look(struct index *, const char *state, struct index_moves *);
/*
 * Read the refs; where they are not what the files say, read what is new.
 * `anew` 1: everything.
 */
struct err *index_refresh(struct index *, int anew);

#endif
