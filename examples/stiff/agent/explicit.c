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
 * Method: the explicit Runge-Kutta pair of orders 5 and 4 with 7 stages of
 * J. R. Dormand and P. J. Prince, A family of embedded Runge-Kutta formulae,
 * Journal of Computational and Applied Mathematics 6 (1980) 19-26.
 * To learn how far it would get, it goes on to TRIAL_STEPS steps.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	N = 3,
	POINTS = 13,
	MAX_STEPS = 500,
	TRIAL_STEPS = 1000 * MAX_STEPS,
	STAGES = 7
};

/* The last row is the value of order 5, lower the value of order 4. */
static const double a[STAGES][STAGES] = {
	{ 0 },
	{ 1.0 / 5 },
	{ 3.0 / 40, 9.0 / 40 },
	{ 44.0 / 45, -56.0 / 15, 32.0 / 9 },
	{ 19372.0 / 6561, -25360.0 / 2187, 64448.0 / 6561, -212.0 / 729 },
	{ 9017.0 / 3168, -355.0 / 33, 46732.0 / 5247, 49.0 / 176,
	    -5103.0 / 18656 },
	{ 35.0 / 384, 0, 500.0 / 1113, 125.0 / 192, -2187.0 / 6784,
	    11.0 / 84 }
};

static const double lower[STAGES] = {
	5179.0 / 57600, 0, 7571.0 / 16695, 393.0 / 640, -92097.0 / 339200,
	187.0 / 2100, 1.0 / 40
};

static const double k1 = 0.04, k2 = 3e7, k3 = 1e4;

/* Near zero, where y2 and y3 start, the accuracy is absolute. */
static const double floors[N] = { 0, 1e-16, 1e-12 };

static const double times[POINTS] = {
	0.4, 4, 40, 400, 4e3, 4e4, 4e5, 4e6, 4e7, 4e8, 4e9, 4e10, 1e11
};

struct solution {
	double t, y[N], f[N];	/* f: the slope at t, from the last stage */
	double h, rtol;
	int steps, rejected;
};

struct trial {
	double y[N], f[N], error;
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

/* One step; the last stage is the new value, its slope the next first one. */
static void
try_step(const struct solution *s, double h, struct trial *new)
{
	double f[STAGES][N], y[N], d[N];

	memcpy(f[0], s->f, sizeof(f[0]));
	for (int i = 1; i < STAGES; i++) {
		memcpy(y, s->y, sizeof(y));
		for (int j = 0; j < i; j++)
			for (int p = 0; p < N; p++)
				y[p] += h * a[i][j] * f[j][p];
		rhs(y, f[i]);
	}
	for (int p = 0; p < N; p++) {
		d[p] = y[p] - s->y[p];
		for (int j = 0; j < STAGES; j++)
			d[p] -= h * lower[j] * f[j][p];
	}
	new->error = norm(s, y, d);
	memcpy(new->y, y, sizeof(new->y));
	memcpy(new->f, f[STAGES - 1], sizeof(new->f));
}

static void
report(const struct solution *s)
{
	fprintf(stderr, "solver: %d steps used up at t=%g, h=%.2g: t=1e11 is "
	    "%.0e steps away\n", s->steps, s->t, s->h, (1e11 - s->t) / s->h);
}

/* Takes s->y from s->t to end; -1 and a message when it cannot. */
static int
advance(struct solution *s, double end)
{
	while (s->t < end) {
		const int last = s->h >= end - s->t;
		const double h = last ? end - s->t : s->h;
		struct trial new;

		if (s->steps == MAX_STEPS || s->steps == TRIAL_STEPS)
			report(s);
		if (s->steps++ == TRIAL_STEPS)
			return -1;
		try_step(s, h, &new);

		const double grow = fmin(5, fmax(0.2,
		    0.9 * pow(new.error, -0.2)));

		if (new.error > 1) {
			s->h = h * grow;
			s->rejected++;
			continue;
		}
		s->t = last ? end : s->t + h;
		s->h = last ? fmax(s->h, h * grow) : h * grow;
		memcpy(s->y, new.y, sizeof(s->y));
		memcpy(s->f, new.f, sizeof(s->f));
	}
	return 0;
}

int
main(int argc, char **argv)
{
	struct solution s = { .y = { 1, 0, 0 }, .h = 1e-6, .rtol = 1e-4 };

	if (argc > 1 && !((s.rtol = strtod(argv[1], NULL)) > 0)) {
		fprintf(stderr, "usage: solver [RTOL]\n");
		return 2;
	}
	rhs(s.y, s.f);
	for (int i = 0; i < POINTS; i++) {
		if (advance(&s, times[i]) == -1)
			return 1;
		printf("%.16e %.16e %.16e %.16e\n", s.t, s.y[0], s.y[1],
		    s.y[2]);
	}
	fprintf(stderr, "solver: %d steps, %d of them rejected\n", s.steps,
	    s.rejected);
	return fflush(stdout) == EOF;
}
