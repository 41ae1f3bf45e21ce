/* Correlations over data sets, with intervals.
 *
 *     Pearson     r of the values; 95%: tanh(atanh r +- 1.96 / sqrt(n - 3)) (Fisher 1921)
 *     Spearman    r of the ranks, equal values sharing their mean rank; 95%: the same with
 *                 sqrt((1 + rho^2 / 2) / (n - 3)) (Bonett and Wright 2000)
 *
 * Both intervals suppose independent data sets, and are wide: with eight of them r = 0.7 lies
 * anywhere from -0.01 to 0.94. Undefined values are NaN: fewer than 3 pairs, or one side constant;
 * the interval also with 3 pairs, and it is a point where |r| = 1.
 */
#ifndef VSYN_EVAL_SETS_CORRELATE_H
#define VSYN_EVAL_SETS_CORRELATE_H

#include "base/err.h"

typedef struct vs_correlation {
    int n;                         /* pairs in which both are finite */
    double pearson, pearson_lo, pearson_hi;
    double spearman, spearman_lo, spearman_hi;
} vs_correlation;

/* NOMEM. */
vs_err vs_correlate(vs_correlation *out, const double *x, const double *y, int n);

#endif /* VSYN_EVAL_SETS_CORRELATE_H */
