#include "base/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"

struct err *
lock_take(struct lock *lock, const char *path, int wait_ms)
{
	const struct timespec pause = { 0, 5 * 1000 * 1000 };
	struct err *e;
	int waited = 0;

	/* That of a device would be everybody's. */
	e = file_open(path, path, O_RDWR | O_CREAT, &lock->fd);
	if (e != NULL)
		return e;
	while (flock(lock->fd, LOCK_EX | LOCK_NB) != 0) {
		if (errno != EWOULDBLOCK && errno != EINTR) {
			e = err_errno("cannot lock '%s'", path);
			lock_release(lock);
			return e;
		}
		if (waited >= wait_ms) {
			lock_release(lock);
			return err_new(ERR_LOCKED,
			    "'%s' is held by another process", path);
		}
		nanosleep(&pause, NULL);
		waited += 5;
	}
	return NULL;
}

void
lock_release(struct lock *lock)
{
	if (lock->fd >= 0)
		close(lock->fd);
	lock->fd = -1;
}

int
lock_held(const char *path)
{
	int fd, held;

	err_free(file_open(path, path, O_RDONLY, &fd));
	if (fd < 0)
		return 0;
	held = flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
	close(fd);
	return held;
}
