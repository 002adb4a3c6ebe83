/*
 * Compares the solver's answer with the reference
 *
 * Usage: oracle/judge [SOLVER [ARG...]]	(default: ./solver)
 *
 * Runs SOLVER and reads the 13 lines "t y1 y2 y3" it must print at the times of
 * oracle/points.tsv; reports, for each species, the worst relative error and
 * the time it occurs at:
 *
 *	y1 worst=3.1415926535897931e-05 at=4e+06
 *
 * The last line, "comparison complete: 13 points, 3 species", appears only
 * when everything could be compared.  How large the errors may be is not
 * decided here.
 *
 * Exit status: 0 when the comparison is complete, however bad the numbers;
 * 1 when it is not: a line too few or too many, a number that is not finite or
 * not a number, a wrong time, a solver that failed, an unusable reference;
 * the reason is on stderr.
 */
#include <sys/types.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	POINTS = 13,
	SPECIES = 3,
	LINE_MAX_BYTES = 256
};

static const char points_path[] = "oracle/points.tsv";
static const char reference_path[] = "oracle/reference.tsv";

struct row {
	double t, y[SPECIES];
};

struct worst {
	double error, at;
};

static void __attribute__((format(printf, 1, 2)))
complain(const char *format, ...)
{
	va_list ap;

	fputs("judge: ", stderr);
	va_start(ap, format);
	vfprintf(stderr, format, ap);
	va_end(ap);
	fputc('\n', stderr);
}

/*
 * The next line without its newline.  1 when there is one, 0 at the end, -1 for
 * a line that is too long, has no newline or holds a NUL byte.
 */
static int
next_line(FILE *fp, char line[LINE_MAX_BYTES])
{
	int n = 0, c;

	while ((c = getc(fp)) != EOF && c != '\n') {
		if (n == LINE_MAX_BYTES - 1 || c == '\0')
			return -1;
		line[n++] = (char)c;
	}
	line[n] = '\0';
	if (c == '\n')
		return 1;
	return n == 0 && !ferror(fp) ? 0 : -1;
}

/* A finite number at *p, and blanks or the line's end behind it. */
static int
parse_number(const char **p, double *value)
{
	char *end;

	*value = strtod(*p, &end);
	if (end == *p || (*end != '\0' && strchr(" \t", *end) == NULL) ||
	    !isfinite(*value))
		return -1;
	*p = end + strspn(end, " \t");
	return 0;
}

/* "t y1 y2 y3"; *rest is what follows the numbers. */
static int
parse_row(const char *line, struct row *row, const char **rest)
{
	const char *p = line;

	if (parse_number(&p, &row->t) == -1)
		return -1;
	for (int j = 0; j < SPECIES; j++)
		if (parse_number(&p, &row->y[j]) == -1)
			return -1;
	*rest = p;
	return 0;
}

static int
same_time(double a, double b)
{
	return fabs(a - b) <= 1e-12 * b;
}

static int
read_points(double t[POINTS])
{
	FILE *fp = fopen(points_path, "re");
	char line[LINE_MAX_BYTES];
	int n = 0, more = 0;

	if (fp == NULL) {
		complain("cannot open '%s': %s", points_path, strerror(errno));
		return -1;
	}
	while (n < POINTS && (more = next_line(fp, line)) == 1) {
		const char *p = line;

		if (parse_number(&p, &t[n]) == -1 || *p != '\0' || t[n] <= 0)
			break;
		n++;
	}
	if (n == POINTS)
		more = next_line(fp, line);
	fclose(fp);
	if (n == POINTS && more == 0)
		return 0;
	complain("'%s' is not a list of %d times", points_path, POINTS);
	return -1;
}

/* A line of the reference: a row and where it comes from. */
static int
reference_row(const char *line, double t, struct row *row)
{
	const char *source;

	if (parse_row(line, row, &source) == -1 || row->t != t ||
	    (strcmp(source, "computed") != 0 &&
	    strcmp(source, "published") != 0))
		return -1;
	for (int j = 0; j < SPECIES; j++)
		if (row->y[j] <= 0)
			return -1;
	return 0;
}

static int
read_reference(const double t[POINTS], struct row rows[POINTS])
{
	FILE *fp = fopen(reference_path, "re");
	char line[LINE_MAX_BYTES];
	int n = 0, more = 0;

	if (fp == NULL) {
		complain("cannot open '%s': %s", reference_path,
		    strerror(errno));
		return -1;
	}
	while ((more = next_line(fp, line)) == 1) {
		if (line[0] == '#')
			continue;
		if (n == POINTS || reference_row(line, t[n], &rows[n]) == -1)
			break;
		n++;
	}
	fclose(fp);
	if (n == POINTS && more == 0)
		return 0;
	complain("'%s': row %d of %d is missing or wrong", reference_path,
	    n + 1, POINTS);
	return -1;
}

static pid_t
start(char *const argv[], FILE **from)
{
	int fd[2];
	pid_t pid;

	if (pipe(fd) == -1) {
		complain("cannot make a pipe: %s", strerror(errno));
		return -1;
	}
	if ((pid = fork()) == 0) {
		if (dup2(fd[1], STDOUT_FILENO) == -1)
			_exit(127);
		close(fd[0]);
		close(fd[1]);
		execv(argv[0], argv);
		complain("cannot run '%s': %s", argv[0], strerror(errno));
		_exit(127);
	}
	close(fd[1]);
	if (pid == -1) {
		complain("cannot start '%s': %s", argv[0], strerror(errno));
		close(fd[0]);
	} else if ((*from = fdopen(fd[0], "r")) == NULL) {
		complain("cannot read from '%s': %s", argv[0], strerror(errno));
		close(fd[0]);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		pid = -1;
	}
	return pid;
}

static int
solver_row(const char *line, int n, double t, struct row *row)
{
	const char *rest;

	if (parse_row(line, row, &rest) == -1 || *rest != '\0') {
		complain("line %d is not four finite numbers", n);
		return -1;
	}
	if (!same_time(row->t, t)) {
		complain("line %d has t=%.17g instead of t=%g", n, row->t, t);
		return -1;
	}
	return 0;
}

/* -1 and a message when the answer is not the POINTS lines it must be. */
static int
read_answer(FILE *fp, const double t[POINTS], struct row rows[POINTS])
{
	char line[LINE_MAX_BYTES];
	int more;

	for (int i = 0; i < POINTS; i++) {
		if ((more = next_line(fp, line)) != 1) {
			complain("line %d of %d is %s", i + 1, POINTS,
			    more == 0 ? "missing" : "broken");
			return -1;
		}
		if (solver_row(line, i + 1, t[i], &rows[i]) == -1)
			return -1;
	}
	if (next_line(fp, line) != 0) {
		complain("more than %d lines", POINTS);
		return -1;
	}
	return 0;
}

/* Waits for the solver; -1 and a message unless it exited with 0. */
static int
finish(pid_t pid, const char *name)
{
	int status;

	while (waitpid(pid, &status, 0) == -1) {
		if (errno != EINTR) {
			complain("cannot wait for '%s': %s", name,
			    strerror(errno));
			return -1;
		}
	}
	if (WIFSIGNALED(status))
		complain("'%s' was killed by signal %d", name,
		    WTERMSIG(status));
	else if (WEXITSTATUS(status) != 0)
		complain("'%s' exited with %d", name, WEXITSTATUS(status));
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -1;
}

static int
run_solver(char *const argv[], const double t[POINTS], struct row rows[POINTS])
{
	FILE *from = NULL;
	const pid_t pid = start(argv, &from);
	int e;

	if (pid == -1)
		return -1;
	if ((e = read_answer(from, t, rows)) == -1 && !feof(from)) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	} else if (finish(pid, argv[0]) == -1) {
		e = -1;
	}
	fclose(from);
	return e;
}

static int
find_worst(const struct row answer[POINTS], const struct row reference[POINTS],
    int species, struct worst *worst)
{
	*worst = (struct worst){ .error = -1 };
	for (int i = 0; i < POINTS; i++) {
		const double r = reference[i].y[species];
		const double error = fabs(answer[i].y[species] - r) / r;

		if (!isfinite(error)) {
			complain("y%d at t=%g cannot be compared", species + 1,
			    reference[i].t);
			return -1;
		}
		if (error > worst->error)
			*worst = (struct worst){ error, reference[i].t };
	}
	return 0;
}

int
main(int argc, char **argv)
{
	char *const plain[] = { "./solver", NULL };
	struct row answer[POINTS], reference[POINTS];
	struct worst worst[SPECIES];
	double t[POINTS];

	if (read_points(t) == -1 || read_reference(t, reference) == -1 ||
	    run_solver(argc > 1 ? argv + 1 : plain, t, answer) == -1)
		return 1;
	for (int j = 0; j < SPECIES; j++)
		if (find_worst(answer, reference, j, &worst[j]) == -1)
			return 1;
	for (int j = 0; j < SPECIES; j++)
		printf("y%d worst=%.17g at=%g\n", j + 1, worst[j].error,
		    worst[j].at);
	printf("comparison complete: %d points, %d species\n", POINTS, SPECIES);
	if (fflush(stdout) == EOF) {
		complain("cannot write: %s", strerror(errno));
		return 1;
	}
	return 0;
}
