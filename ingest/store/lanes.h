/* The inner loops of a view (view.h), in the variants that a processor may know. All give the same
 * bytes (test_store_view.c compares them on extremes and noise).
 *
 *     times(a, b) = (a * b / 2^14 + 1) / 2, rounded down both times: one instruction of x86
 */
#ifndef VSYN_INGEST_STORE_LANES_H
#define VSYN_INGEST_STORE_LANES_H

#include <stdint.h>

#include "ingest/store/view.h"

#define VS_LANES 32                /* rows of the picture side by side */

typedef struct vs_lanes {
    const char *name;
    /* to[c] = 2 min(16383, sum over t of times(from[t][c] * 2^7, weight[t])), c < n: 7 bits of
     * fraction, at most 255.99. The rows of `from` are `stride` bytes apart. */
    void (*rows)(int16_t *restrict to, const uint8_t *restrict from, int stride,
                 const int16_t *weight, int taps, int n);
    /* Weighted columns and their colours: out (3 n, VS_LANES) from luma and chroma of
     * (end - from, VS_LANES). x: the axes of luma and of chroma. */
    void (*columns)(uint8_t *restrict out, const vs_view_axis x[2], const int16_t *restrict luma,
                    const int16_t *restrict cb, const int16_t *restrict cr);
} vs_lanes;

/* Variant i, the plainest first; NULL when this processor does not know it, or there is no such
 * variant: then *name is NULL, too. */
const vs_lanes *vs_lanes_variant(const char **name, int i);
const vs_lanes *vs_lanes_best(void);

#endif /* VSYN_INGEST_STORE_LANES_H */
