/*
 * Do the coefficients in kvaerno5.c make a method of order 5?
 *
 * A Runge-Kutta method has order p when b . g(t) = 1 / gamma(t) for every
 * rooted tree t with up to p nodes, where g(t) is the product, stage by stage,
 * of A g(u) over the subtrees u at the root, and gamma(t) is the number of
 * nodes times gamma(u) over the same subtrees (E. Hairer, S. P. Norsett and
 * G. Wanner, Solving Ordinary Differential Equations I, II.2).
 * Checked: the last stage to order 5, the one before it to order 4 and not 5.
 */
#define main	solver_main
#include "kvaerno5.c"
#undef main

static const char *const trees[] = {
	"()", "(())",
	"(()())", "((()))",
	"(()()())", "(()(()))", "((()()))", "(((())))",
	"(()()()())", "(()()(()))", "((())(()))", "(()(()()))", "(()((())))",
	"((()()()))", "((()(())))", "(((()())))", "((((()))))"
};

struct weight {
	double g[STAGES], gamma;
	int nodes;
};

/* Reads one tree from *p, which points to its opening parenthesis. */
static struct weight
weigh(const char **p)
{
	struct weight t = { .gamma = 1, .nodes = 1 };

	for (int i = 0; i < STAGES; i++)
		t.g[i] = 1;
	for ((*p)++; **p == '(';) {
		const struct weight u = weigh(p);

		for (int i = 0; i < STAGES; i++) {
			double sum = 0;

			for (int j = 0; j < STAGES; j++)
				sum += a[i][j] * u.g[j];
			t.g[i] *= sum;
		}
		t.nodes += u.nodes;
		t.gamma *= u.gamma;
	}
	(*p)++;
	t.gamma *= t.nodes;
	return t;
}

/* The largest residual of the conditions for row b over the given order. */
static double
residual(const double b[STAGES], int order)
{
	double worst = 0;

	for (size_t i = 0; i < sizeof(trees) / sizeof(trees[0]); i++) {
		const char *p = trees[i];
		const struct weight t = weigh(&p);
		double sum = 0;

		if (t.nodes > order)
			continue;
		for (int j = 0; j < STAGES; j++)
			sum += b[j] * t.g[j];
		worst = fmax(worst, fabs(sum - 1 / t.gamma));
	}
	return worst;
}

static int
expect(const char *what, double value, int good)
{
	printf("%s: %.2e%s\n", what, value, good ? "" : ": wrong");
	return good ? 0 : 1;
}

int
main(void)
{
	const double *const last = a[STAGES - 1], *const before = a[STAGES - 2];
	const double r5 = residual(last, 5), r4 = residual(before, 4);
	const double off = residual(before, 5);

	return expect("order 5, last stage", r5, r5 < 1e-14) +
	    expect("order 4, stage 6", r4, r4 < 1e-14) +
	    expect("order 5, stage 6: must not hold", off, off > 1e-6);
}
