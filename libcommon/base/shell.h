/*
 * Commands that a person is told to run, or a program finds in JSON.  Names
 * of files and remotes are other people's: pasted into a shell, none of them
 * may be more than a word.
 */
#ifndef BASE_SHELL_H
#define BASE_SHELL_H

#include "base/buf.h"
#include "base/err.h"

/*
 * Append it as a word of a POSIX shell: as it is where no character of it
 * means anything there (as git has it in its own messages), else in single
 * quotes.
 */
void	 shell_add_word(struct buf *, const char *);
/*
 * A command, malloc'd.  Of printf(3) it takes but %s, and each such argument
 * is a word or a part of one; what stands in the format is for the shell.
 */
char	*shell_format(const char *, ...) PRINTF_LIKE(1, 2);

#endif
