#include "store/barred.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/file.h"
#include "base/shell.h"
#include "store/alternates.h"
#include "store/git.h"

struct look {
	char *why, *remedy;
	int borrowed;		/* an alternate: not ours to mend */
};

static void
not_readable(struct look *l, const char *path)
{
	l->why = xasprintf("'%s' cannot be read: %s", path, strerror(errno));
	l->remedy = shell_format("chmod -R u+rX %s", path);
}

/* 1 if it could be opened, or is not there. */
static int
is_open(struct look *l, const char *path)
{
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	if (fd >= 0)
		close(fd);
	else if (errno != ENOENT)
		not_readable(l, path);
	return fd >= 0 || l->why == NULL;
}

static uint32_t
number(const unsigned char *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
	    (uint32_t)p[2] << 8 | p[3];
}

/*
 * As long as its number of objects asks for, which is the last of the 256
 * numbers at its beginning (gitformat-pack(5)).
 */
static int
is_index(int fd)
{
	static const unsigned char v2[8] = { 0xff, 't', 'O', 'c', 0, 0, 0, 2 };
	unsigned char head[8 + 1024];
	struct stat st;
	int64_t least;

	if (fstat(fd, &st) != 0 ||
	    read(fd, head, sizeof(head)) != (ssize_t)sizeof(head))
		return 0;
	if (memcmp(head, v2, sizeof(v2)) == 0)
		least = 1072 + 28 * (int64_t)number(head + 1028);
	else
		least = 1064 + 24 * (int64_t)number(head + 1020);
	return st.st_size >= least;
}

/*
 * A pack ends with a checksum, which its index has before its own: git uses
 * none where they differ.
 */
static int
is_cut_short(struct look *l, const char *pack, int idx)
{
	unsigned char has[20], wanted[20];
	int fd = open(pack, O_RDONLY | O_NONBLOCK | O_CLOEXEC), cut = 0;
	ssize_t n = 0, m = 0;
	struct stat st, is;

	if (fd >= 0 && fstat(fd, &st) == 0 && fstat(idx, &is) == 0) {
		cut = st.st_size < (off_t)sizeof(has);
		if (!cut && (n = pread(fd, has, 20, st.st_size - 20)) == 20 &&
		    (m = pread(idx, wanted, 20, is.st_size - 40)) == 20)
			cut = memcmp(has, wanted, sizeof(has)) != 0;
		if (n < 0 || m < 0)
			not_readable(l, pack);
	}
	if (fd >= 0)
		close(fd);
	return cut;
}

/* What is whole of it, git can take out once it is no pack of the store. */
static void
not_whole(struct look *l, const char *pack, const char *idx)
{
	char *away = xasprintf("%s.damaged", pack);

	l->why = xasprintf("the pack '%s' is cut short or overwritten, and "
	    "git uses nothing of it%s", pack, l->borrowed ? "" : "; to take "
	    "out what is whole ends with 'early EOF'");
	l->remedy = shell_format("rm -f %s && mv %s %s && git "
	    "unpack-objects -q -r <%s", idx, pack, away, away);
	free(away);
}

/* "<dir>/pack-….pack"; the index has its name, but for the end. */
static void
look_at_pack(struct look *l, const char *dir, const char *name, size_t len)
{
	char *pack = xasprintf("%s/%s", dir, name);
	char *idx = xasprintf("%s/%.*s.idx", dir, (int)len, name);
	int fd = -1;

	if (is_open(l, pack) && is_open(l, idx))
		fd = open(idx, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (l->why == NULL && (fd < 0 || !is_index(fd))) {
		l->why = xasprintf("the pack '%s' has no index%s", pack,
		    fd < 0 ? "" : " that is whole");
		l->remedy = shell_format("rm -f %s && git index-pack %s",
		    idx, pack);
	}
	if (l->why == NULL && is_cut_short(l, pack, fd))
		not_whole(l, pack, idx);
	if (fd >= 0)
		close(fd);
	free(pack);
	free(idx);
}

/* An index whose pack is not there, as where only a part was put back. */
static void
look_for_pack(struct look *l, const char *dir, const char *name, size_t len)
{
	char *pack = xasprintf("%s/%.*s.pack", dir, (int)len, name);

	if (access(pack, F_OK) != 0 && errno == ENOENT)
		l->why = l->borrowed ? xasprintf("'%s' is not here, and its "
		    "index is", pack) : xasprintf("'%s' is not here, and its "
		    "index is; put it back, or remove '%s/%s' if it is gone "
		    "for good", pack, dir, name);
	free(pack);
}

static void
look_at_packs(struct look *l, const char *dir)
{
	DIR *open = opendir(dir);
	struct dirent *d;
	const char *dot;

	if (open == NULL && errno != ENOENT)
		not_readable(l, dir);
	while (l->why == NULL && open != NULL && (d = readdir(open)) != NULL) {
		dot = strrchr(d->d_name, '.');
		if (dot == NULL || strncmp(d->d_name, "pack-", 5) != 0)
			continue;
		if (strcmp(dot, ".pack") == 0)
			look_at_pack(l, dir, d->d_name,
			    (size_t)(dot - d->d_name));
		else if (strcmp(dot, ".idx") == 0)
			look_for_pack(l, dir, d->d_name,
			    (size_t)(dot - d->d_name));
	}
	if (open != NULL)
		closedir(open);
}

/* The folders "00" to "ff", and the objects in them. */
static void
look_at_loose(struct look *l, const char *objects)
{
	char *dir = NULL, *path = NULL;
	struct dirent *d;
	DIR *open;
	int i;

	for (i = 0; i < 256 && l->why == NULL; i++) {
		free(dir);
		dir = xasprintf("%s/%02x", objects, i);
		open = opendir(dir);
		if (open == NULL && errno != ENOENT)
			not_readable(l, dir);
		while (l->why == NULL && open != NULL &&
		    (d = readdir(open)) != NULL) {
			if (strlen(d->d_name) != 38)
				continue;
			free(path);
			path = xasprintf("%s/%s", dir, d->d_name);
			(void)is_open(l, path);
		}
		if (open != NULL)
			closedir(open);
	}
	free(dir);
	free(path);
}

static void
look_at_objects(struct look *l, const char *objects)
{
	char *packs = xasprintf("%s/pack", objects);

	if (is_open(l, objects))
		look_at_packs(l, packs);
	if (l->why == NULL)
		look_at_loose(l, objects);
	free(packs);
}

static void
look_at_borrowed(struct look *l, struct repo *r)
{
	struct strvec folders = STRVEC_INIT;
	size_t i;

	alternates_list(r, &folders, NULL, &l->why);
	for (i = 0; i < folders.n && l->why == NULL; i++) {
		l->borrowed = 1;
		look_at_objects(l, folders.v[i]);
	}
	strvec_release(&folders);
}

/* What is another repository's is its owner's to mend. */
static void
leave_to_owner(struct look *l)
{
	char *why = l->why;

	l->why = xasprintf("%s; it is another repository's, from which this "
	    "one borrows objects", why);
	free(why);
	free(l->remedy);
	l->remedy = NULL;
}

char *
objects_barred(struct repo *r, char **remedy)
{
	struct look l = { NULL, NULL, 0 };

	look_at_objects(&l, repo_objects(r));
	if (l.why == NULL)
		look_at_borrowed(&l, r);
	if (l.why != NULL && l.borrowed)
		leave_to_owner(&l);
	*remedy = l.remedy;
	return l.why;
}

char *
objects_lender_gone(struct repo *r)
{
	struct strvec folders = STRVEC_INIT;
	char *why;

	alternates_list(r, &folders, NULL, &why);
	strvec_release(&folders);
	return why;
}
