/* How fast the spectrum of a picture falls: alpha of A / |f|^alpha.
 *
 *     picture    a square of N x N pixels; luma Y' = 0.299 R + 0.587 G + 0.114 B of the stored
 *                (gamma-coded) values, 0..1; its mean is taken off
 *     window     Hann in both directions, against the edges of the square
 *     amplitude  |F(fx, fy)| of the discrete Fourier transform / N^2. The power |F|^2 falls with
 *                2 alpha
 *     ring j     from 4 * 2^(j/4) to 4 * 2^((j+1)/4) cycles a picture, while that is at most a
 *                quarter of a cycle a pixel (N / 4): finer detail is what resampling and
 *                compression change most. 16 rings for N = 256
 *     fit        least squares of a line through (mean ln |f|, ln mean amplitude) of the rings,
 *                each ring the same weight, so each octave counts as much; alpha is minus its slope
 *
 * Natural pictures have alpha of about 1 (0.5 to 2; Torralba and Oliva, "Statistics of natural
 * image categories", 2003). Noise made with alpha 0, 1 and 2 is found within 0.15 from one picture
 * of 256 x 256 (the coarsest rings hold few numbers), the mean of 16 within 0.05, of which 0.04 at
 * alpha 2 is what the window spreads (tests/unit/test_eval_sets.c).
 *
 * Thread-safety: one thread per vs_falloff.
 */
#ifndef VSYN_EVAL_SETS_FALLOFF_H
#define VSYN_EVAL_SETS_FALLOFF_H

#include <stdint.h>

#include "base/err.h"

enum {
    VS_FALLOFF_LEAST = 64,         /* least N: two octaves */
    VS_FALLOFF_MOST = 1024,
    VS_FALLOFF_RINGS = 24          /* of the largest N */
};

typedef struct vs_falloff vs_falloff;

/* N even, between the limits. NOMEM. */
vs_err vs_falloff_open(vs_falloff **out, int N);
void vs_falloff_close(vs_falloff **f);
/* Rings that a picture of N has. */
int vs_falloff_rings(int N);
/* Cycles a picture in the middle of ring j. */
double vs_falloff_cycles(int j);

void vs_falloff_luma(float *luma, const uint8_t *rgb, int N);
/* alpha of luma (N, N); NaN for a picture of one colour. log_amplitude (rings), or NULL: the
 * logarithms that were fitted. */
double vs_falloff_fit(vs_falloff *f, const float *luma, double *log_amplitude);

#endif /* VSYN_EVAL_SETS_FALLOFF_H */
