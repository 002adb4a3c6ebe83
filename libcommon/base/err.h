/*
 * Errors as values: a function that can fail returns a struct err pointer,
 * and NULL means success.  The error carries its own complete sentence (lower
 * case, no full stop, the subject in single quotes, what to do next), so that
 * only cmd_main() has to print it and to choose the exit status.
 *
 *	struct err *e = NULL;
 *
 *	e = file_read(path, &text);
 *	if (e != NULL)
 *		goto done;
 *
 * The caller owns a returned error: it passes it up, or drops it with
 * err_free().
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <stdarg.h>

#if defined(__GNUC__)
#define PRINTF_LIKE(f, a) __attribute__((format(printf, f, a)))
#else
#define PRINTF_LIKE(f, a)
#endif

/* What went wrong, for callers that react to it; the text is for people. */
enum err_code {
	ERR_SYSTEM,	/* the operating system said no; see the text */
	ERR_GIT,	/* libgit2 or git said no */
	ERR_USAGE,	/* the command line is wrong: exit status 129 */
	ERR_NOREPO,	/* not inside a git repository */
	ERR_BARE,	/* a work tree is needed and there is none */
	ERR_UNBORN,	/* a commit is needed and there is none yet */
	ERR_IDENTITY,	/* no user.name or user.email */
	ERR_CONFIG,	/* a configuration file is malformed */
	ERR_INPUT,	/* text or a value from the user is not usable */
	ERR_NOTFOUND,	/* no such record, commit, ref, file */
	ERR_DAMAGED,	/* a ref or an object is, as by a power loss */
	ERR_AMBIGUOUS,	/* an abbreviation fits more than one thing */
	ERR_MOVED,	/* a ref moved under us: read again and retry */
	ERR_LOCKED,	/* somebody else holds the lock */
	ERR_NETWORK,	/* the remote could not be reached or refused */
};

struct err {
	enum err_code code;
	char msg[];		/* NUL-terminated, no newline at its end */
};

/* A new error; the text is made as by printf(3). */
struct err	*err_new(enum err_code, const char *, ...) PRINTF_LIKE(2, 3);
struct err	*err_vnew(enum err_code, const char *, va_list);
/* The same with ": " and strerror(errno) at the end, code ERR_SYSTEM. */
struct err	*err_errno(const char *, ...) PRINTF_LIKE(1, 2);
/*
 * Put "text: " before the sentence of an error.  Takes the error and returns
 * the new one; NULL stays NULL.
 */
struct err	*err_prefix(struct err *, const char *, ...) PRINTF_LIKE(2, 3);
/* Keep the first of two errors, free the later one; either may be NULL. */
struct err	*err_first(struct err *, struct err *);
void		 err_free(struct err *);

#endif
