/* What a command that is offered may do: run words, whatever they hold. */
#include "base/shell.h"

#include <stdlib.h>

#include "tap.h"

static void
word(const char *in, const char *want)
{
	struct buf b = BUF_INIT;

	shell_add_word(&b, in);
	is_str(b.p, want, in);
	buf_release(&b);
}

int
main(void)
{
	char *s;

	word("/home/ada/a-b_c.d+e,f=g@h:i^j", "/home/ada/a-b_c.d+e,f=g@h:i^j");
	word("", "''");
	word("a b", "'a b'");
	word("$(touch x)", "'$(touch x)'");
	word("`x`\\\"!*?~;&|<>", "'`x`\\\"!*?~;&|<>'");
	word("it's", "'it'\\''s'");
	word("gr\303\274n", "'gr\303\274n'");
	s = shell_format("rm -f %s/x && git push %s", "/a b", "origin");
	is_str(s, "rm -f '/a b'/x && git push origin", "a command");
	free(s);
	return done_testing();
}
