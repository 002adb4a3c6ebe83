/*
 * The ids of writers, which are the last parts of their refs' names.
 */
#ifndef STORE_WRITER_NAME_H
#define STORE_WRITER_NAME_H

#include "base/err.h"

/* 1 if the name is one that a writer may have (of a ref from anywhere). */
int	 writer_name_ok(const char *);
/* "ada-laptop-7f3c9d02b8": who, where, and what makes it unique; malloc'd. */
struct err *writer_name_mint(char **id);

#endif
