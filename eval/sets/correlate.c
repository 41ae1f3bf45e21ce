/* Pearson and Spearman. See correlate.h. */
#include "eval/sets/correlate.h"

#include <math.h>
#include <stdlib.h>

#define Z95 1.959963984540054

static double pearson(const double *x, const double *y, int n)
{
    double mx = 0, my = 0, xx = 0, yy = 0, xy = 0;
    for (int i = 0; i < n; i++) {
        mx += x[i] / n;
        my += y[i] / n;
    }
    for (int i = 0; i < n; i++) {
        xx += (x[i] - mx) * (x[i] - mx);
        yy += (y[i] - my) * (y[i] - my);
        xy += (x[i] - mx) * (y[i] - my);
    }
    if (n < 3 || !(xx > 0) || !(yy > 0))
        return NAN;
    return fmax(-1, fmin(1, xy / sqrt(xx * yy)));
}

/* Mean ranks, from 1. */
static void ranks(double *rank, const double *x, int n)
{
    for (int i = 0; i < n; i++) {
        int less = 0, equal = 0;
        for (int k = 0; k < n; k++) {
            less += x[k] < x[i];
            equal += x[k] == x[i];
        }
        rank[i] = less + (equal + 1) / 2.0;
    }
}

static void interval(double *lo, double *hi, double r, double factor, int n)
{
    const double wide = n > 3 ? Z95 * sqrt(factor / (n - 3)) : NAN;
    const bool exact = n > 3 && fabs(r) >= 1;
    *lo = exact ? r : tanh(atanh(r) - wide);
    *hi = exact ? r : tanh(atanh(r) + wide);
}

vs_err vs_correlate(vs_correlation *out, const double *x, const double *y, int n)
{
    double *scratch = malloc(sizeof(*scratch) * ((size_t)n * 4 + 1));
    if (!scratch)
        return VS_FAIL(VS_ERR_NOMEM, "no memory for %d pairs", n);
    double *a = scratch, *b = a + n, *ra = b + n, *rb = ra + n;
    *out = (vs_correlation){ 0 };
    for (int i = 0; i < n; i++)
        if (isfinite(x[i]) && isfinite(y[i])) {
            a[out->n] = x[i];
            b[out->n++] = y[i];
        }
    ranks(ra, a, out->n);
    ranks(rb, b, out->n);
    out->pearson = pearson(a, b, out->n);
    out->spearman = pearson(ra, rb, out->n);
    interval(&out->pearson_lo, &out->pearson_hi, out->pearson, 1, out->n);
    interval(&out->spearman_lo, &out->spearman_hi, out->spearman,
             1 + out->spearman * out->spearman / 2, out->n);
    free(scratch);
    return VS_OK;
}
