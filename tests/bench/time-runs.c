/*
 * time-runs N [-p TEXT] COMMAND… -- COMMAND…: run both commands N times,
 * taking turns, and print the medians of their wall-clock times in µs, the ratio, and the
 * memory of the first one at its peak in KiB.
 * Whole processes, from fork to exit.  What the caller has on standard input
 * is read anew by each (a file, or /dev/null); their output is thrown away.
 * An argument that is only `;` (quoted) separates programs run one after the
 * other as one command; `{}` in an argument becomes the number of the run.
 * TEXT is what a shell runs before each pair, and is not measured.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void
fail(const char *what)
{
	perror(what);
	exit(1);
}

/* In the child: what it leaks ends with the exec. */
static void
number(char **argv, size_t round)
{
	char *at, *word;

	for (; *argv != NULL; argv++) {
		at = strstr(*argv, "{}");
		if (at == NULL)
			continue;
		if (asprintf(&word, "%.*s%zu%s", (int)(at - *argv), *argv,
		    round, at + 2) < 0)
			_exit(126);
		*argv = word;
	}
}

static void
run(char **argv, size_t round, long *peak)
{
	struct rusage used;
	int status;
	pid_t pid;

	(void)lseek(STDIN_FILENO, 0, SEEK_SET);
	pid = fork();
	if (pid < 0)
		fail("fork");
	if (pid == 0) {
		int null = open("/dev/null", O_WRONLY);

		if (null < 0 || dup2(null, 1) < 0 ||
		    dup2(null, 2) < 0)
			_exit(126);
		number(argv, round);
		execvp(argv[0], argv);
		_exit(127);
	}
	if (wait4(pid, &status, 0, &used) < 0)
		fail("wait4");
	if (used.ru_maxrss > *peak)
		*peak = used.ru_maxrss;
	if (status != 0) {
		fprintf(stderr, "time-runs: '%s' failed\n", argv[0]);
		exit(1);
	}
}

/* Programs separated by ";" in turn; the words end with NULL. */
static long
run_all(char **words, size_t round)
{
	long peak = 0;
	char **end = words, *last;

	while (*words != NULL) {
		while (*end != NULL && strcmp(*end, ";") != 0)
			end++;
		last = *end;
		*end = NULL;
		run(words, round, &peak);
		*end = last;
		words = last == NULL ? end : ++end;
	}
	return peak;
}

static void
prepare(char *text, size_t round)
{
	char bash[] = "bash", option[] = "-c";
	char *words[] = { bash, option, text, NULL };
	long peak = 0;

	if (text != NULL)
		run(words, round, &peak);
}

static double
seconds(void)
{
	struct timespec t;

	if (clock_gettime(CLOCK_MONOTONIC, &t) < 0)
		fail("clock_gettime");
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static double
timed(char **words, size_t round)
{
	double start = seconds();

	(void)run_all(words, round);
	return seconds() - start;
}

static int
compare(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static double
median(double *t, size_t n)
{
	qsort(t, n, sizeof(*t), compare);
	return (t[(n - 1) / 2] + t[n / 2]) / 2;
}

int
main(int argc, char **argv)
{
	char **first = argv + 2, **second, *before = NULL;
	double *a, *b, x, y;
	size_t i, n;
	long peak;

	if (argc < 3 || (n = strtoul(argv[1], NULL, 10)) == 0)
		return 129;
	if (argc > 4 && strcmp(*first, "-p") == 0) {
		before = first[1];
		first += 2;
	}
	for (second = first; *second != NULL; second++)
		if (strcmp(*second, "--") == 0)
			break;
	if (*second == NULL)
		return 129;
	*second++ = NULL;
	a = calloc(n, sizeof(*a));
	b = calloc(n, sizeof(*b));
	if (a == NULL || b == NULL)
		fail("calloc");
	prepare(before, 0);
	peak = run_all(first, n);	/* once each, to warm the caches */
	(void)run_all(second, n);
	for (i = 0; i < n; i++) {
		prepare(before, i + 1);
		a[i] = timed(first, i);
		b[i] = timed(second, i);
	}
	x = median(a, n);
	y = median(b, n);
	printf("%.0f %.0f %.2f %ld\n", x * 1e6, y * 1e6, x / y, peak);
	free(a);
	free(b);
	return 0;
}
