#include "store/alternates.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/file.h"

void
alternates_each(const char *objects, int (*each)(void *, const char *,
    const char *), void *arg)
{
	char *path = xasprintf("%s/info/alternates", objects);
	char *line, *rest, *folder;
	struct buf text = BUF_INIT;
	int end = 0;

	err_free(file_read(path, &text));
	rest = text.p;
	while (text.len > 0 && !end && (line = strsep(&rest, "\n")) != NULL) {
		if (*line == '\0' || *line == '#' || *line == '"')
			continue;
		folder = *line == '/' ? xstrdup(line) :
		    xasprintf("%s/%s", objects, line);
		end = each(arg, folder, path);
		free(folder);
	}
	buf_release(&text);
	free(path);
}

struct listing {
	struct strvec *folders;
	int depth;
};

static int
add(void *arg, const char *folder, const char *list)
{
	struct listing *l = arg;
	struct listing behind = { l->folders, l->depth - 1 };

	(void)list;
	if (strvec_has(l->folders, folder))
		return 0;
	strvec_push(l->folders, folder);
	if (behind.depth > 0)
		alternates_each(folder, add, &behind);
	return 0;
}

void
alternates_list(struct repo *r, struct strvec *folders)
{
	struct listing l = { folders, ALTERNATES_DEPTH };
	const char *more = getenv("GIT_ALTERNATE_OBJECT_DIRECTORIES");
	char *objects = xasprintf("%s/objects", repo_commondir(r));
	char *copy, *rest, *folder;

	alternates_each(objects, add, &l);
	free(objects);
	if (more == NULL)
		return;
	rest = copy = xstrdup(more);
	while ((folder = strsep(&rest, ":")) != NULL)
		if (*folder != '\0')
			(void)add(&l, folder, "");
	free(copy);
}
