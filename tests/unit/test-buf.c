#include "base/buf.h"

#include <stdlib.h>

#include "tap.h"

int
main(void)
{
	struct buf b = BUF_INIT;
	char *s;
	int i;

	is_str(b.p, "", "an empty buf is an empty string");
	s = buf_steal(&b);
	is_str(s, "", "stealing from an empty buf gives an empty string");
	free(s);
	buf_add(&b, "a\0b", 3);
	is_int((long long)b.len, 3, "bytes may be NUL");
	is_int(b.p[3], '\0', "and there is a NUL behind them");
	buf_clear(&b);
	for (i = 0; i < 1000; i++)
		buf_addf(&b, "%d,", i % 10);
	is_int((long long)b.len, 2000, "it grows");
	ok(b.cap > b.len, "with room for the NUL");
	buf_truncate(&b, 5000);
	is_int((long long)b.len, 2000, "truncating to more changes nothing");
	buf_truncate(&b, 3);
	is_str(b.p, "0,1", "truncating cuts");
	buf_addstr(&b, " \t\r\n");
	buf_rtrim(&b);
	is_str(b.p, "0,1", "white space at the end is dropped");
	buf_clear(&b);
	buf_addstr(&b, " \n ");
	buf_rtrim(&b);
	is_int((long long)b.len, 0, "and may be all there is");
	buf_add(&b, NULL, 0);
	is_str(b.p, "", "adding nothing adds nothing");
	s = buf_steal(&b);
	is_str(s, "", "stealing hands over the string");
	is_int((long long)b.cap, 0, "and leaves an empty buf");
	free(s);
	buf_release(&b);
	return done_testing();
}
