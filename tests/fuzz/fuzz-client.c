/* The agent client's output: lines of JSON, or of plain text. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "work/client.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char name[] = "agent", command[] = "true";
	struct client client = { .name = name, .command = command };
	const struct client_result *res;
	struct client_reader r;
	size_t cut = size / 3;

	for (client.claude = 0; client.claude < 2; client.claude++) {
		client_reader_init(&r, &client);
		client_feed(&r, (const char *)data, cut);
		client_feed(&r, (const char *)data + cut, size - cut);
		client_feed_errors(&r, (const char *)data, size);
		res = client_finish(&r, 0);
		/* Without a result of its own, the client did not succeed. */
		if (client.claude && res->outcome == CLIENT_WORKED &&
		    !r.has_result)
			abort();
		(void)client_promises(res->last_line, "DONE");
		client_reader_release(&r);
	}
	return 0;
}
