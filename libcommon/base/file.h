/*
 * Small files, whole.  Every descriptor is opened with O_CLOEXEC.
 */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/err.h"

/*
 * Append the file's contents; ERR_NOTFOUND if it is not there.  Regular files
 * alone, so that a link to a device or a FIFO neither fills the memory nor
 * waits, and of FILE_MAX bytes at most: ERR_INPUT.
 */
struct err *file_read(const char *path, struct buf *);
#define FILE_MAX ((size_t)1 << 30)
/* The same of a descriptor, which may have been opened with O_NONBLOCK. */
struct err *file_read_fd(int fd, const char *name, struct buf *);
/*
 * A descriptor of such a file alone, to read or to write it; with O_CREAT it
 * is made if it is not there.  *fd is -1 if there is an error.
 */
struct err *file_open(const char *path, const char *name, int flags, int *fd);
/* For files that strangers can make: at most `max` bytes, whole MiB. */
struct err *file_read_max(const char *path, const char *name, size_t max,
		struct buf *);
/*
 * Standard input to its end; ERR_INPUT as soon as there is more than `max`
 * bytes, whole MiB: "… `what` holds at most 1 MiB".
 */
struct err *file_read_input(const char *what, size_t max, struct buf *);
/*
 * Replace a file at once: a reader, or a crash at any instant, sees the old
 * contents or the new, never a part.  Missing folders are made.
 */
struct err *file_write(const char *path, const void *, size_t);
/* The same without waiting for the disk: for what can be derived again. */
struct err *file_write_cache(const char *path, const void *, size_t);
/* Create with O_EXCL semantics: *made is 0 if it was there already. */
struct err *file_create(const char *path, const void *, size_t, int mode,
		int *made);
struct err *file_mkdirs(const char *dir);	/* as mkdir -p */
/* All bytes to a descriptor, whatever write(2) takes at a time. */
struct err *file_write_fd(int fd, const char *name, const void *, size_t);
/*
 * When its status changed last, µs since 1970: unlike the time of its contents
 * nobody can set that back, as a backup does.
 */
int64_t	 file_changed_at(const struct stat *);

#endif
