/*
 * Numbers as programs print them, read the same in every locale.
 */
#ifndef WORK_NUMBER_H
#define WORK_NUMBER_H

/*
 * The whole of a text as a number: decimal, with an exponent of e, E, or
 * Fortran's d, D; nan, inf, infinity in any case, with a sign.  What is too
 * large is inf.  0, or -1 if it is anything else.
 */
int	 number_parse(const char *, double *);
/*
 * A copy of a pattern with each `{num}` replaced by a pattern of what
 * number_parse() takes, nan and inf included, so that a NaN is seen and not
 * "missing".  It never matches the first part of a longer number.
 */
char	*number_expand(const char *pattern);

#endif
