/* The weights of base/resize.c, for every device: the formulas are in that file.
 *
 * Whole numbers that sum to 2^14; the pass over columns keeps VS_RESAMPLE_KEEP fraction bits in 16,
 * rounded to the nearest, and so does the pass over rows, to 8 bits.
 */
#ifndef VSYN_BASE_RESAMPLE_CORE_H
#define VSYN_BASE_RESAMPLE_CORE_H

#include <math.h>
#include <stdint.h>

#include "base/hd.h"

enum { VS_RESAMPLE_BITS = 14, VS_RESAMPLE_KEEP = 6 };

/* One axis: `n` places over r0 <= x < r0 + r of `source` pixels. */
typedef struct vs_axis {
    int source, n, taps;           /* taps: source pixels of each place */
    double r0, scale, reach;
} vs_axis;

VS_HD vs_axis vs_axis_of(int source, double r0, double r, int n)
{
    vs_axis a;
    a.source = source;
    a.n = n;
    a.r0 = r0;
    a.scale = r / n;
    a.reach = a.scale > 1 ? a.scale : 1;
    a.taps = (int)ceil(2 * a.reach) + 1;
    if (a.taps > source)
        a.taps = source;
    return a;
}

/* weight (taps) of place i; returns the first source pixel that it weighs. */
VS_HD int vs_axis_weights(int32_t *weight, const vs_axis *a, int i)
{
    const int32_t one = 1 << VS_RESAMPLE_BITS;
    const double centre = a->r0 + (i + 0.5) * a->scale - 0.5;
    int first = (int)floor(centre - a->reach) + 1;
    first = first > a->source - a->taps ? a->source - a->taps : first;
    first = first < 0 ? 0 : first;
    double sum = 0;
    for (int t = 0; t < a->taps; t++)
        sum += fmax(0.0, 1 - fabs(first + t - centre) / a->reach);
    int32_t total = 0;
    int largest = 0;
    for (int t = 0; t < a->taps; t++) {
        const double v = fmax(0.0, 1 - fabs(first + t - centre) / a->reach);
        weight[t] = sum > 0 ? (int32_t)lround(v / sum * one) : 0;
        total += weight[t];
        if (weight[t] > weight[largest])
            largest = t;
    }
    if (sum <= 0)                  /* centre outside by half a pixel or more: the edge */
        largest = centre < first ? 0 : a->taps - 1;
    weight[largest] += one - total;
    return first;
}

#endif /* VSYN_BASE_RESAMPLE_CORE_H */
