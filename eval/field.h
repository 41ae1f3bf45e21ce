/* Random fields and their smoothing, for weather and warps. Internal to eval.
 *
 * A field is (H, W) doubles, row by row. Smoothing is SciPy's gaussian_filter1d, down the columns
 * first, then along each row: weights exp(-i^2 / 2 s^2) over their sum, for
 * |i| <= r = floor(truncate s + 1/2), added from the outside in, so that bytes agree with the
 * programs that define these corruptions.
 */
#ifndef VSYN_EVAL_FIELD_H
#define VSYN_EVAL_FIELD_H

#include <stddef.h>

#include "base/err.h"
#include "base/rng.h"

/* n values, one 32-bit draw each: (u + 1/2) / 2^32, and the standard normal quantile of that. */
void vs_field_uniform(double *out, size_t n, vs_rng *rng);
void vs_field_normal(double *out, size_t n, vs_rng *rng);

typedef enum vs_border {
    VS_BORDER_NEAREST,             /* a a | a b c | c c */
    VS_BORDER_REFLECT,             /* b a | a b c | c b */
    VS_BORDER_MIRROR               /* c b | a b c | b a */
} vs_border;

/* The place inside 0..n-1 that stands for place i. */
static inline int vs_border_index(int i, int n, vs_border border)
{
    if (i >= 0 && i < n)
        return i;
    if (border == VS_BORDER_NEAREST || n == 1)
        return i < 0 ? 0 : n - 1 < i ? n - 1 : i;
    const int period = border == VS_BORDER_REFLECT ? 2 * n : 2 * (n - 1);
    i %= period;
    i = i < 0 ? i + period : i;
    return i < n ? i : border == VS_BORDER_REFLECT ? period - 1 - i : period - i;
}

typedef struct vs_gaussian {
    int radius;
    double weight[];               /* (2 * radius + 1) */
} vs_gaussian;

/* One free() releases it; NULL when there is no memory. */
vs_gaussian *vs_gaussian_new(double sigma, double truncate);

/* sum = middle * weight; sum += (a + b) * weight: n values. The same on every machine. */
void vs_sum_start(double *sum, const double *middle, double weight, int n);
void vs_sum_pair(double *sum, const double *a, const double *b, double weight, int n);

/* In place. */
vs_err vs_field_smooth(double *field, int H, int W, double sigma, double truncate,
                       vs_border border);

/* ---- Zoom -------------------------------------------------------------------------------- */

/* Where an output of one axis is sampled: between i and j, at fraction f. */
typedef struct vs_axis {
    int i, j;
    double f;
} vs_axis;

/* axis[0..size-1]: the central ceil(size / zoom) places enlarged, corner on corner, to
 * round(ceil(size / zoom) zoom) and cut to the central `size`. */
void vs_zoom_axis(vs_axis *axis, int size, double zoom);

#endif /* VSYN_EVAL_FIELD_H */
