/* A steerable pyramid in the frequency domain, and the spectrum of a square picture.
 *
 *     r, t       polar frequency; r = 1 at the Nyquist frequency of an axis
 *     lo_c(r)    1 below c / 2, 0 above c, cos(pi/2 log2(2 r / c)) between;  hi = sqrt(1 - lo^2)
 *     band       lo_{2^-k}(r) hi_{2^-k / 2}(r) |cos(t - j pi / 4)|^3 / sqrt(5/4), scale k,
 *                orientation j of 4
 *
 * Squares of all bands and of both residuals sum to 1, so a picture is the sum of its bands,
 * each filtered once more. Scale k is held at 1 / 2^k of the side: nothing of it lies higher.
 * The residuals (corners of the spectrum, and what is coarser than the coarsest scale) pass
 * through unchanged.
 *
 * Source of the idea: Simoncelli and Freeman, "The steerable pyramid", ICIP 1995.
 * Thread-safety: a pyramid belongs to one thread.
 */
#ifndef VSYN_GEN_TEXTURE_PYRAMID_H
#define VSYN_GEN_TEXTURE_PYRAMID_H

#include <stddef.h>

#include "base/err.h"

enum { VS_PYRAMID_ORIENTATIONS = 4, VS_PYRAMID_SCALES = 4 };

typedef struct vs_pyramid vs_pyramid;

/* N: 32 .. 1024, divisible by 16. */
vs_err vs_pyramid_new(vs_pyramid **out, int N, int scales);
void vs_pyramid_free(vs_pyramid **p);

/* Replaces x (N, N) by the sum of its bands after `change` had each of them: band (M, M),
 * `count` = M * M of them. */
typedef void vs_band_fn(void *ctx, int scale, int orientation, float *band, size_t count);
void vs_pyramid_change(vs_pyramid *p, float *x, vs_band_fn *change, void *ctx);

/* Gives x (N, N) the amplitudes 1 / (|fx / N|^sx + |fy / N|^sy), its phases, mean and variance
 * kept. */
void vs_spectrum_impose(vs_pyramid *p, float *x, double sx, double sy);
/* The slope s of the amplitudes f^-s of x (N, N): a line through the logarithms of the mean
 * amplitudes of rings of equal width in log f, from 2 to 16 cycles. Beyond, the rounding to 8
 * bits outweighs what steep spectra have left. */
double vs_spectrum_slope(vs_pyramid *p, const float *x);

#endif /* VSYN_GEN_TEXTURE_PYRAMID_H */
