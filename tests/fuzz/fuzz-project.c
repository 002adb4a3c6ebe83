/* .gitagent comes with the repository: the parser and its checks. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "work/project.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct project p;
	struct err *e;
	char *text = xmalloc(size + 1);

	memcpy(text, data, size);
	text[size] = '\0';
	project_init(&p);
	e = project_parse(&p, ".gitagent", text, size);
	if (e != NULL && strstr(e->msg, ".gitagent") == NULL)
		abort();	/* an error that does not name the file */
	err_free(e);
	project_release(&p);
	free(text);
	return 0;
}
