#include "store/last.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"

void
last_note(const struct lock *lock, const char *ref, const struct oid *id)
{
	char hex[OID_HEX_SIZE], *line;

	oid_hex(id, hex);
	line = xasprintf("%s %s\n", hex, ref);
	/* In place: what stays behind the first line does not count. */
	(void)!pwrite(lock->fd, line, strlen(line), 0);
	free(line);
}

int
last_read(struct repo *r, char **ref, struct oid *id)
{
	char *path = repo_shared_path(r, "lock"), *name, *stop;
	struct buf text = BUF_INIT;
	int any = 0;

	err_free(file_read(path, &text));
	stop = text.len > OID_HEX_SIZE ? strchr(text.p, '\n') : NULL;
	if (stop != NULL && text.p[OID_HEX_SIZE - 1] == ' ') {
		text.p[OID_HEX_SIZE - 1] = *stop = '\0';
		name = text.p + OID_HEX_SIZE;
		any = oid_parse(text.p, id) == 0 && stop > name;
		if (any)
			*ref = xstrdup(name);
	}
	buf_release(&text);
	free(path);
	return any;
}
