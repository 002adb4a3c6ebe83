/*
 * What a client writes into the hook: its parser as it is.  Cutting the
 * input in two at any place must not change what is understood.
 */
#include <stddef.h>
#include <stdint.h>

int hook_main(int, char **);
#define main hook_main
#include "../../cmd/git-agent-hook.c"
#undef main

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
understand(struct input *in, const char *p, size_t n, size_t cut)
{
	static struct walk w;

	memset(in, 0, sizeof(*in));
	memset(&w, 0, sizeof(w));
	walk_on(&w, in, p, cut);
	walk_on(&w, in, p + cut, n - cut);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct input whole, parts;
	const char *text = (const char *)data;

	understand(&whole, text, size, 0);
	understand(&parts, text, size, size / 2);
	if (strcmp(whole.event, parts.event) != 0 ||
	    strcmp(whole.source, parts.source) != 0 ||
	    strcmp(whole.cwd, parts.cwd) != 0 ||
	    whole.subagent != parts.subagent)
		abort();
	(void)hook_main;
	return 0;
}
