/*
 * The reference solution of Robertson's problem
 *
 * Usage:
 *	reference POINTS		print the table (reference.tsv)
 *	reference POINTS TABLE		recompute and compare with the table
 *
 * y1 + y2 + y3 = 1 always, so two variables describe the state: z = y1 + y2
 * and y2.  In them z' = -k2 y2^2 is free of cancellation, and y1 keeps its
 * relative accuracy when it is eight orders of magnitude below y3.
 *
 *	z'  = -k2 y2^2
 *	y2' =  k1 (z - y2) - k3 y2 (1 - z) - k2 y2^2
 *
 * Method: Radau IIA, three stages, order 5, in long double.  The steps are
 * uniform in log(t + 1e-4), STEPS of them from one output time to the next.
 * The run is repeated with half as many steps; the largest relative difference
 * between the two must not exceed REFINEMENT.  The value at t = 1e11 must agree
 * with the published one to PUBLISHED.
 *
 * The published value is that of problem ROBER in
 * F. Mazzia and C. Magherini, Test Set for Initial Value Problem Solvers,
 * release 2.4, February 2008, Department of Mathematics, University of Bari
 * and INdAM, Research Unit of Bari, http://www.dm.uniba.it/~testset
 * It is what the table holds at t = 1e11.
 *
 * Exit status: 0 when everything agrees, 1 when not, 2 for a usage error.
 */
#include <errno.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	MAX_POINTS = 64,
	STAGES = 3,
	DIM = 2 * STAGES,
	STEPS = 4000,
	NEWTON_MAX = 12
};

#define REFINEMENT	1e-15L
#define PUBLISHED	1e-13L
#define TABLE		1e-15L
#define ONSET		1e-4L

_Static_assert(LDBL_MANT_DIG >= 64, "needs an extended long double");

static const long double k1 = 0.04L, k2 = 3e7L, k3 = 1e4L;

static const double published_t = 1e11;
static const char *const published_text[] = {
	"0.2083340149701255e-07",
	"0.8333360770334713e-13",
	"0.9999999791665050"
};

struct state {
	long double z, y2;
};

struct species {
	long double y[3];
};

struct tableau {
	long double a[STAGES][STAGES];
};

/* Hairer and Wanner, Solving Ordinary Differential Equations II, IV.5 */
static struct tableau
radau(void)
{
	const long double q = sqrtl(6.0L);

	return (struct tableau){ {
		{ (88 - 7 * q) / 360, (296 - 169 * q) / 1800,
		    (-2 + 3 * q) / 225 },
		{ (296 + 169 * q) / 1800, (88 + 7 * q) / 360,
		    (-2 - 3 * q) / 225 },
		{ (16 - q) / 36, (16 + q) / 36, 1.0L / 9 }
	} };
}

static struct state
rhs(struct state s)
{
	const long double burn = k2 * s.y2 * s.y2;

	return (struct state){
		.z = -burn,
		.y2 = k1 * (s.z - s.y2) - k3 * s.y2 * (1 - s.z) - burn
	};
}

static void
jacobian(struct state s, long double j[2][2])
{
	j[0][0] = 0;
	j[0][1] = -2 * k2 * s.y2;
	j[1][0] = k1 + k3 * s.y2;
	j[1][1] = -k1 - k3 * (1 - s.z) - 2 * k2 * s.y2;
}

/* Solves m x = r in place; x ends up in r. */
static int
gauss(long double m[DIM][DIM], long double r[DIM])
{
	for (int c = 0; c < DIM; c++) {
		int p = c;

		for (int i = c + 1; i < DIM; i++)
			if (fabsl(m[i][c]) > fabsl(m[p][c]))
				p = i;
		if (m[p][c] == 0)
			return -1;
		for (int j = 0; j < DIM; j++) {
			const long double swap = m[c][j];

			m[c][j] = m[p][j];
			m[p][j] = swap;
		}
		const long double swap = r[c];

		r[c] = r[p];
		r[p] = swap;
		for (int i = c + 1; i < DIM; i++) {
			const long double l = m[i][c] / m[c][c];

			for (int j = c; j < DIM; j++)
				m[i][j] -= l * m[c][j];
			r[i] -= l * r[c];
		}
	}
	for (int i = DIM - 1; i >= 0; i--) {
		for (int j = i + 1; j < DIM; j++)
			r[i] -= m[i][j] * r[j];
		r[i] /= m[i][i];
	}
	return 0;
}

/* The Newton matrix and right hand side for the stage increments v. */
static void
newton_system(const struct tableau *rk, struct state s, long double h,
    const long double v[DIM], long double m[DIM][DIM], long double r[DIM])
{
	for (int i = 0; i < DIM; i++)
		r[i] = -v[i];
	for (int j = 0; j < STAGES; j++) {
		const struct state y = { s.z + v[2 * j], s.y2 + v[2 * j + 1] };
		const struct state f = rhs(y);
		long double jac[2][2];

		jacobian(y, jac);
		for (int i = 0; i < STAGES; i++) {
			const long double ha = h * rk->a[i][j];

			r[2 * i] += ha * f.z;
			r[2 * i + 1] += ha * f.y2;
			for (int p = 0; p < 2; p++)
				for (int q = 0; q < 2; q++)
					m[2 * i + p][2 * j + q] =
					    (i == j && p == q) -
					    ha * jac[p][q];
		}
	}
}

/*
 * One step.  Newton's iteration goes on until the correction is lost in
 * rounding or no longer shrinks.
 */
static int
step(const struct tableau *rk, long double h, struct state *s)
{
	long double v[DIM] = { 0 };
	long double last = INFINITY;

	for (int it = 0; it < NEWTON_MAX; it++) {
		long double m[DIM][DIM], d[DIM], size = 0;

		newton_system(rk, *s, h, v, m, d);
		if (gauss(m, d) == -1)
			return -1;
		for (int i = 0; i < DIM; i++) {
			const long double y = i % 2 == 0 ? s->z : s->y2;

			v[i] += d[i];
			size = fmaxl(size, fabsl(d[i] / (y + v[i])));
		}
		if (size <= LDBL_EPSILON || (size >= last && size < 1e-12L)) {
			s->z += v[DIM - 2];
			s->y2 += v[DIM - 1];
			return 0;
		}
		last = size;
	}
	return -1;
}

/* From one output time to the next in n steps, uniform in log(t + ONSET). */
static int
advance(const struct tableau *rk, long double t0, long double t1, int n,
    struct state *s)
{
	const long double a = logl(t0 + ONSET), b = logl(t1 + ONSET);
	long double t = t0;

	for (int i = 1; i <= n; i++) {
		const long double next = i == n ? t1 :
		    expl(a + (b - a) * i / n) - ONSET;

		if (step(rk, next - t, s) == -1)
			return -1;
		t = next;
	}
	return 0;
}

static int
solve(const double *t, int n, int steps, struct species *out)
{
	const struct tableau rk = radau();
	struct state s = { .z = 1, .y2 = 0 };
	double from = 0;

	for (int i = 0; i < n; i++) {
		if (advance(&rk, from, t[i], steps, &s) == -1) {
			fprintf(stderr, "reference: no convergence before "
			    "t=%g\n", t[i]);
			return -1;
		}
		from = t[i];
		out[i] = (struct species){ { s.z - s.y2, s.y2, 1 - s.z } };
	}
	return 0;
}

/* The largest relative difference; NaN and infinity count as infinite. */
static long double
distance(const struct species *a, const struct species *b, int n)
{
	long double worst = 0;

	for (int i = 0; i < n; i++) {
		for (int j = 0; j < 3; j++) {
			const long double d = fabsl(a[i].y[j] / b[i].y[j] - 1);

			if (!isfinite(d))
				return INFINITY;
			worst = fmaxl(worst, d);
		}
	}
	return worst;
}

static int
judge(const char *what, long double value, long double limit)
{
	const int good = value <= limit;

	fprintf(stderr, "reference: %s: %.2Le (limit %.0Le)%s\n", what, value,
	    limit, good ? "" : ": too large");
	return good ? 0 : -1;
}

static int
read_points(const char *path, double *t)
{
	FILE *fp = fopen(path, "re");
	int n = 0;

	if (fp == NULL) {
		fprintf(stderr, "reference: cannot open '%s': %s\n", path,
		    strerror(errno));
		return -1;
	}
	while (n < MAX_POINTS && fscanf(fp, "%lf", &t[n]) == 1)
		n++;
	if (n == 0 || n == MAX_POINTS || ferror(fp) || !feof(fp)) {
		fprintf(stderr, "reference: '%s' is not a list of times\n",
		    path);
		n = -1;
	}
	fclose(fp);
	return n;
}

static int
compare_table(const char *path, const double *t, int n,
    const struct species *mine)
{
	struct species table[MAX_POINTS];
	FILE *fp = fopen(path, "re");
	char line[256];
	int rows = 0;

	if (fp == NULL) {
		fprintf(stderr, "reference: cannot open '%s': %s\n", path,
		    strerror(errno));
		return -1;
	}
	while (rows < n && fgets(line, sizeof(line), fp) != NULL) {
		double at;
		long double *y = table[rows].y;

		if (line[0] == '#')
			continue;
		if (sscanf(line, "%lf %Lf %Lf %Lf", &at, &y[0], &y[1],
		    &y[2]) != 4 || at != t[rows])
			break;
		rows++;
	}
	fclose(fp);
	if (rows != n) {
		fprintf(stderr, "reference: '%s': row %d is missing or wrong\n",
		    path, rows + 1);
		return -1;
	}
	/* The last row is the published one, and has only its digits. */
	if (judge("table", distance(mine, table, n - 1), TABLE) == -1)
		return -1;
	return judge("table at t=1e11", distance(&mine[n - 1], &table[n - 1],
	    1), PUBLISHED);
}

static void
print_table(const double *t, int n, const struct species *y)
{
	printf("# t\ty1\ty2\ty3\tsource\n");
	for (int i = 0; i < n; i++) {
		if (t[i] == published_t)
			printf("%g\t%s\t%s\t%s\tpublished\n", t[i],
			    published_text[0], published_text[1],
			    published_text[2]);
		else
			printf("%g\t%.21Lg\t%.21Lg\t%.21Lg\tcomputed\n", t[i],
			    y[i].y[0], y[i].y[1], y[i].y[2]);
	}
}

int
main(int argc, char **argv)
{
	struct species fine[MAX_POINTS], coarse[MAX_POINTS], end;
	double t[MAX_POINTS];
	int n;

	if (argc != 2 && argc != 3) {
		fprintf(stderr, "usage: reference POINTS [TABLE]\n");
		return 2;
	}
	if ((n = read_points(argv[1], t)) == -1)
		return 1;
	if (t[n - 1] != published_t) {
		fprintf(stderr, "reference: the last time must be 1e11, the "
		    "published one\n");
		return 1;
	}
	for (int j = 0; j < 3; j++)
		end.y[j] = strtold(published_text[j], NULL);
	if (solve(t, n, STEPS, fine) == -1 ||
	    solve(t, n, STEPS / 2, coarse) == -1)
		return 1;
	if (judge("refinement", distance(coarse, fine, n), REFINEMENT) == -1 ||
	    judge("published value", distance(&fine[n - 1], &end, 1),
	    PUBLISHED) == -1)
		return 1;
	if (argc == 3)
		return compare_table(argv[2], t, n, fine) == -1;
	print_table(t, n, fine);
	return fflush(stdout) == EOF;
}
