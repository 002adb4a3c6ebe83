#include "store/writer-name.h"

#include <ctype.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"

static int
is_name_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
	    (c >= 'A' && c <= 'Z') || c == '_' || c == '.';
}

/* Of ten thousand names at once; strspn() would make a table for each. */
int
writer_name_ok(const char *s)
{
	size_t n = 0;

	while (is_name_char(s[n]))
		n++;
	/* What git refuses as the name of a ref, no writer has. */
	return n > 0 && n <= 128 && s[n] == '\0' && *s != '.' && *s != '-' &&
	    s[n - 1] != '.' && strstr(s, "..") == NULL &&
	    (n < 5 || strcmp(s + n - 5, ".lock") != 0);
}

/* Up to `max` lower-case letters and digits of s; `other` if it has none. */
static void
add_word(struct buf *b, const char *s, size_t max, const char *other)
{
	size_t before = b->len;

	for (; s != NULL && *s != '\0' && b->len - before < max; s++) {
		if (*s == '.' || *s == '@' || *s == ' ')
			break;
		if (isascii((unsigned char)*s) && isalnum((unsigned char)*s))
			buf_addch(b, tolower((unsigned char)*s));
	}
	if (b->len == before)
		buf_addstr(b, other);
}

static struct err *
random_bytes(unsigned char *p, size_t n)
{
	struct err *e = NULL;
	int fd = open("/dev/urandom", O_RDONLY | O_CLOEXEC);

	if (fd < 0 || read(fd, p, n) != (ssize_t)n)
		e = err_errno("cannot read '/dev/urandom'");
	if (fd >= 0)
		close(fd);
	return e;
}

struct err *
writer_name_mint(char **id)
{
	const struct passwd *pw = getpwuid(getuid());
	struct buf b = BUF_INIT;
	unsigned char rnd[5];
	char host[256];
	struct err *e;

	e = random_bytes(rnd, sizeof(rnd));
	if (e != NULL)
		return e;
	if (gethostname(host, sizeof(host)) != 0)
		host[0] = '\0';
	host[sizeof(host) - 1] = '\0';
	add_word(&b, pw == NULL ? getenv("USER") : pw->pw_name, 16, "user");
	buf_addch(&b, '-');
	add_word(&b, host, 16, "host");
	buf_addf(&b, "-%02x%02x%02x%02x%02x", rnd[0], rnd[1], rnd[2], rnd[3],
	    rnd[4]);
	*id = buf_steal(&b);
	return NULL;
}
