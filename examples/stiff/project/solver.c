/*
 * Robertson's stiff kinetics problem
 *
 *	y1' = -k1 y1              + k3 y2 y3
 *	y2' =  k1 y1 - k2 y2 y2   - k3 y2 y3
 *	y3' =          k2 y2 y2			y(0) = (1, 0, 0)
 *
 * with k1 = 0.04, k2 = 3e7, k3 = 1e4.
 *
 * Usage: solver [RTOL]
 * Prints 13 lines "t y1 y2 y3", 17 significant digits, for the times below.
 * Reports the work on stderr.  Exits with 1 when it cannot reach t = 1e11
 * within MAX_STEPS steps, accepted and rejected ones together.
 */
#include <stdio.h>
#include <stdlib.h>

enum {
	N = 3,
	POINTS = 13,
	MAX_STEPS = 500
};

static const double times[POINTS] = {
	0.4, 4, 40, 400, 4e3, 4e4, 4e5, 4e6, 4e7, 4e8, 4e9, 4e10, 1e11
};

struct solution {
	double t, y[N], rtol;
};

/* Takes s->y from s->t to end; -1 and a message when it cannot. */
static int
advance(struct solution *s, double end)
{
	fprintf(stderr, "solver: integrator not implemented: cannot go from "
	    "t=%g to t=%g in %d steps\n", s->t, end, MAX_STEPS);
	return -1;
}

int
main(int argc, char **argv)
{
	struct solution s = { .y = { 1, 0, 0 }, .rtol = 1e-4 };

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
	return fflush(stdout) == EOF;
}
