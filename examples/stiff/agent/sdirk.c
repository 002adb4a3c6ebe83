/*
 * Robertson's stiff kinetics problem
 *
 *	y1' = -k1 y1              + k3 y2 y3
 *	y2' =  k1 y1 - k2 y2 y2   - k3 y2 y3
 *	y3' =          k2 y2 y2			y(0) = (1, 0, 0)
 *
 * Usage: solver [RTOL]
 * Prints 13 lines "t y1 y2 y3", 17 significant digits, for the times below.
 * Reports the work on stderr.  Exits with 1 when it cannot reach t = 1e11
 * within MAX_STEPS steps, accepted and rejected ones together.
 *
 * Method: SDIRK2, two stages, order 2, L-stable and stiffly accurate:
 * R. Alexander, Diagonally implicit Runge-Kutta methods for stiff O.D.E.'s,
 * SIAM Journal on Numerical Analysis 14 (1977) 1006-1021.
 * The step size follows the difference from the embedded value of order 1.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	N = 3,
	POINTS = 13,
	MAX_STEPS = 500,
	NEWTON_MAX = 10
};

/* 1 - 1/sqrt(2) */
#define GAMMA	0.29289321881345248

static const double k1 = 0.04, k2 = 3e7, k3 = 1e4;

/* Near zero, where y2 and y3 start, the accuracy is absolute. */
static const double floors[N] = { 0, 1e-16, 1e-12 };

static const double times[POINTS] = {
	0.4, 4, 40, 400, 4e3, 4e4, 4e5, 4e6, 4e7, 4e8, 4e9, 4e10, 1e11
};

struct solution {
	double t, y[N];
	double h, rtol;
	int steps, rejected, newton;
};

struct trial {
	double y[N], error;
};

static void
rhs(const double y[N], double f[N])
{
	const double r1 = k1 * y[0], r2 = k2 * y[1] * y[1];
	const double r3 = k3 * y[1] * y[2];

	f[0] = r3 - r1;
	f[2] = r2;
	f[1] = -f[0] - f[2];
}

/* The matrix 1 - g df/dy of Newton's method. */
static void
newton_matrix(const double y[N], double g, double m[N][N])
{
	const double j[N][N] = {
		{ -k1, k3 * y[2], k3 * y[1] },
		{ k1, -k3 * y[2] - 2 * k2 * y[1], -k3 * y[1] },
		{ 0, 2 * k2 * y[1], 0 }
	};

	for (int p = 0; p < N; p++)
		for (int q = 0; q < N; q++)
			m[p][q] = (p == q) - g * j[p][q];
}

/* Solves m x = b; x ends up in b. */
static int
linear_solve(double m[N][N], double b[N])
{
	for (int c = 0; c < N; c++) {
		int p = c;

		for (int i = c + 1; i < N; i++)
			if (fabs(m[i][c]) > fabs(m[p][c]))
				p = i;
		if (!(fabs(m[p][c]) > 0))
			return -1;
		for (int j = 0; j <= N; j++) {
			double *const x = j < N ? &m[c][j] : &b[c];
			double *const y = j < N ? &m[p][j] : &b[p];
			const double swap = *x;

			*x = *y;
			*y = swap;
		}
		for (int i = c + 1; i < N; i++) {
			const double l = m[i][c] / m[c][c];

			for (int j = c; j < N; j++)
				m[i][j] -= l * m[c][j];
			b[i] -= l * b[c];
		}
	}
	for (int i = N - 1; i >= 0; i--) {
		for (int j = i + 1; j < N; j++)
			b[i] -= m[i][j] * b[j];
		b[i] /= m[i][i];
	}
	return 0;
}

/* The largest component of d in units of the tolerance at y. */
static double
norm(const struct solution *s, const double y[N], const double d[N])
{
	double worst = 0;

	for (int i = 0; i < N; i++)
		worst = fmax(worst, fabs(d[i]) /
		    (s->rtol * fabs(y[i]) + floors[i]));
	return worst;
}

/* Solves y = base + g f(y), starting from y. */
static int
solve_stage(struct solution *s, const double base[N], double g, double y[N])
{
	for (int it = 0; it < NEWTON_MAX; it++) {
		double m[N][N], d[N], f[N];

		rhs(y, f);
		for (int i = 0; i < N; i++)
			d[i] = base[i] + g * f[i] - y[i];
		newton_matrix(y, g, m);
		if (linear_solve(m, d) == -1)
			return -1;
		for (int i = 0; i < N; i++)
			y[i] += d[i];
		s->newton++;
		if (norm(s, y, d) <= 0.01)
			return 0;
	}
	return -1;
}

/*
 * One step.  A stage's slope is (y - base) / g and not f(y): f would blow up
 * what Newton's method left over by h times the largest eigenvalue.
 */
static int
try_step(struct solution *s, double h, struct trial *new)
{
	const double g = h * GAMMA;
	double base[N], f[N], y[N], error[N];

	memcpy(y, s->y, sizeof(y));
	if (solve_stage(s, s->y, g, y) == -1)
		return -1;
	for (int p = 0; p < N; p++) {
		f[p] = (y[p] - s->y[p]) / g;
		base[p] = s->y[p] + h * (1 - GAMMA) * f[p];
	}
	if (solve_stage(s, base, g, y) == -1)
		return -1;
	for (int p = 0; p < N; p++)
		error[p] = (y[p] - base[p]) - g * f[p];
	new->error = norm(s, y, error);
	memcpy(new->y, y, sizeof(new->y));
	return 0;
}

/* Takes s->y from s->t to end; -1 and a message when it cannot. */
static int
advance(struct solution *s, double end)
{
	while (s->t < end) {
		const int last = s->h >= end - s->t;
		const double h = last ? end - s->t : s->h;
		struct trial new;

		if (s->steps++ == MAX_STEPS) {
			fprintf(stderr, "solver: %d steps used up at t=%g, "
			    "h=%g\n", MAX_STEPS, s->t, s->h);
			return -1;
		}
		if (try_step(s, h, &new) == -1) {
			s->h = h / 4;
			s->rejected++;
			continue;
		}
		const double grow = fmin(5, fmax(0.2,
		    0.9 / sqrt(new.error)));

		if (new.error > 1) {
			s->h = h * grow;
			s->rejected++;
			continue;
		}
		s->t = last ? end : s->t + h;
		s->h = last ? fmax(s->h, h * grow) : h * grow;
		memcpy(s->y, new.y, sizeof(s->y));
	}
	return 0;
}

int
main(int argc, char **argv)
{
	struct solution s = { .y = { 1, 0, 0 }, .h = 1e-6, .rtol = 1e-2 };

	if (argc > 1 && !((s.rtol = strtod(argv[1], NULL)) > 0)) {
		fprintf(stderr, "usage: solver [RTOL]\n");
		return 2;
	}
	for (int i = 0; i < POINTS; i++) {
		if (advance(&s, times[i]) == -1)
			return 1;
		printf("%.16e %.16e %.16e %.16e\n", s.t, s.y[0], s.y[1],
		    s.y[2]);
	}
	fprintf(stderr, "solver: %d steps, %d of them rejected, %d Newton "
	    "iterations\n", s.steps, s.rejected, s.newton);
	return fflush(stdout) == EOF;
}
