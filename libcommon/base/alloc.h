/*
 * Allocation that does not fail: out of memory ends the process with exit
 * status 128 and a message, since no caller could do anything better.
 * What these return is freed with free(3).
 */
#ifndef BASE_ALLOC_H
#define BASE_ALLOC_H

#include <stdarg.h>
#include <stddef.h>

#if defined(__GNUC__)
#define ALLOC_PRINTF(f, a) __attribute__((format(printf, f, a)))
#else
#define ALLOC_PRINTF(f, a)
#endif

void	*xmalloc(size_t);
void	*xcalloc(size_t count, size_t size);
/* Room for `count` items of `size` bytes; an overflow is out of memory. */
void	*xreallocarray(void *, size_t count, size_t size);
char	*xstrdup(const char *);
/* At most n bytes of s, NUL-terminated. */
char	*xstrndup(const char *s, size_t n);
char	*xasprintf(const char *, ...) ALLOC_PRINTF(1, 2);
char	*xvasprintf(const char *, va_list);

/*
 * Make room for one more item in an array that grows by doubling:
 * `cap` counts the allocated items.
 */
#define ALLOC_GROW(array, used, cap) do {				\
	if ((used) == (cap)) {						\
		(cap) = (cap) == 0 ? 8 : (cap) * 2;			\
		(array) = xreallocarray((array), (cap), sizeof(*(array))); \
	}								\
} while (0)

#endif
