#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"

static struct err *
too_large(const char *name, size_t max)
{
	return err_new(ERR_INPUT, "'%s' is larger than %zu MiB", name,
	    max >> 20);
}

/* To the end, or to the first bytes beyond `max`. */
static struct err *
read_all(int fd, const char *name, size_t max, struct buf *b)
{
	const size_t begin = b->len;
	ssize_t n;

	while (b->len - begin <= max) {
		buf_grow(b, 65536);
		n = read(fd, b->p + b->len, 65536);
		if (n == 0)
			return NULL;
		if (n > 0) {
			b->len += (size_t)n;
			b->p[b->len] = '\0';
		} else if (errno != EINTR) {
			return err_errno("cannot read '%s'", name);
		}
	}
	return too_large(name, max);
}

static struct err *
check_regular(int fd, const char *name, size_t max)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return err_errno("cannot read '%s'", name);
	if (!S_ISREG(st.st_mode))
		return err_new(ERR_INPUT, "'%s' is not a regular file", name);
	/* Some of /proc have no size, and others one that is not theirs. */
	return (uintmax_t)st.st_size > max ? too_large(name, max) : NULL;
}

struct err *
file_read_fd(int fd, const char *name, struct buf *b)
{
	struct err *e = check_regular(fd, name, FILE_MAX);

	return e != NULL ? e : read_all(fd, name, FILE_MAX, b);
}

struct err *
file_open(const char *path, const char *name, int flags, int *fd)
{
	struct err *e;

	/* Otherwise a FIFO is waited for before one knows that it is one. */
	*fd = open(path, flags | O_NONBLOCK | O_CLOEXEC, 0666);
	if (*fd < 0 && errno == ENOENT && (flags & O_CREAT) == 0)
		return err_new(ERR_NOTFOUND, "'%s' does not exist", name);
	/* A socket, a device without a driver, a FIFO that nobody reads. */
	if (*fd < 0 && (errno == ENXIO || errno == EISDIR))
		return err_new(ERR_INPUT, "'%s' is not a regular file", name);
	if (*fd < 0)
		return err_errno("cannot open '%s'", name);
	e = check_regular(*fd, name, SIZE_MAX);
	if (e != NULL) {
		close(*fd);
		*fd = -1;
	}
	return e;
}

struct err *
file_read_max(const char *path, const char *name, size_t max, struct buf *b)
{
	struct err *e;
	int fd;

	e = file_open(path, name, O_RDONLY, &fd);
	if (e == NULL)
		e = check_regular(fd, name, max);
	if (e == NULL)
		e = read_all(fd, name, max, b);
	if (fd >= 0)
		close(fd);
	return e;
}

struct err *
file_read(const char *path, struct buf *b)
{
	return file_read_max(path, path, FILE_MAX, b);
}

struct err *
file_read_input(const char *what, size_t max, struct buf *b)
{
	const size_t begin = b->len;
	struct err *e;

	e = read_all(STDIN_FILENO, "standard input", max, b);
	if (b->len - begin > max) {
		err_free(e);
		e = err_new(ERR_INPUT, "standard input is too long: %s holds "
		    "at most %zu MiB", what, max >> 20);
	}
	return e;
}

struct err *
file_write_fd(int fd, const char *name, const void *data, size_t len)
{
	const char *p = data;
	ssize_t n;

	while (len > 0) {
		n = write(fd, p, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno("cannot write '%s'", name);
		p += n;
		len -= (size_t)n;
	}
	return NULL;
}

struct err *
file_mkdirs(const char *dir)
{
	struct err *e = NULL;
	char *path = xstrdup(dir), *p;

	for (p = path + 1; e == NULL; p++) {
		if (*p != '/' && *p != '\0')
			continue;
		char saved = *p;
		*p = '\0';
		if (mkdir(path, 0777) != 0 && errno != EEXIST)
			e = err_errno("cannot make the folder '%s'", path);
		*p = saved;
		if (saved == '\0')
			break;
	}
	free(path);
	return e;
}

static struct err *
make_parent(const char *path)
{
	struct err *e = NULL;
	const char *slash = strrchr(path, '/');
	char *dir;

	if (slash == NULL || slash == path)
		return NULL;
	dir = xstrndup(path, (size_t)(slash - path));
	if (access(dir, F_OK) != 0)
		e = file_mkdirs(dir);
	free(dir);
	return e;
}

/* So that a rename survives a power loss, not only the file's bytes. */
static void
sync_parent(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *dir = slash == NULL ? xstrdup(".") :
	    xstrndup(path, (size_t)(slash - path));
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd >= 0) {
		(void)fsync(fd);
		close(fd);
	}
	free(dir);
}

static struct err *
write_renamed(const char *path, const void *data, size_t len, int durable)
{
	struct err *e;
	char *tmp;
	int fd;

	e = make_parent(path);
	if (e != NULL)
		return e;
	tmp = xasprintf("%s.XXXXXX", path);
	fd = mkostemp(tmp, O_CLOEXEC);
	if (fd < 0) {
		e = err_errno("cannot create a file beside '%s'", path);
		goto done;
	}
	(void)fchmod(fd, 0644);
	e = file_write_fd(fd, path, data, len);
	if (e == NULL && durable && fsync(fd) != 0)
		e = err_errno("cannot sync '%s'", path);
	if (close(fd) != 0 && e == NULL)
		e = err_errno("cannot close '%s'", path);
	if (e == NULL && rename(tmp, path) != 0)
		e = err_errno("cannot replace '%s'", path);
	if (e != NULL)
		(void)unlink(tmp);
	else if (durable)
		sync_parent(path);
done:
	free(tmp);
	return e;
}

struct err *
file_write(const char *path, const void *data, size_t len)
{
	return write_renamed(path, data, len, 1);
}

struct err *
file_write_cache(const char *path, const void *data, size_t len)
{
	return write_renamed(path, data, len, 0);
}

struct err *
file_create(const char *path, const void *data, size_t len, int mode, int *made)
{
	struct err *e;
	char *tmp = NULL;
	int fd;

	*made = 0;
	e = make_parent(path);
	if (e != NULL)
		return e;
	tmp = xasprintf("%s.XXXXXX", path);
	fd = mkostemp(tmp, O_CLOEXEC);
	if (fd < 0) {
		e = err_errno("cannot create a file beside '%s'", path);
		goto done;
	}
	(void)fchmod(fd, (mode_t)mode);
	e = file_write_fd(fd, path, data, len);
	if (close(fd) != 0 && e == NULL)
		e = err_errno("cannot close '%s'", path);
	/* link(2) refuses an existing name, where rename(2) would replace. */
	if (e == NULL && link(tmp, path) == 0)
		*made = 1;
	else if (e == NULL && errno != EEXIST)
		e = err_errno("cannot create '%s'", path);
	(void)unlink(tmp);
done:
	free(tmp);
	return e;
}

int64_t
file_changed_at(const struct stat *st)
{
	return st->st_ctim.tv_sec * CLOCK_SECOND + st->st_ctim.tv_nsec / 1000;
}
