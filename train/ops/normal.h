/* The exponential and the normal distribution, for GELU and softmax: one text for the CPU and
 * CUDA. */
#ifndef VSYN_TRAIN_OPS_NORMAL_H
#define VSYN_TRAIN_OPS_NORMAL_H

#include <stdint.h>
#include <string.h>

#include "base/hd.h"

/* e^x with a relative error below 2e-7. x < -87 gives a value near 1e-38, not zero.
 * x = k ln 2 + r, |r| <= ln 2 / 2; a polynomial for e^r; k goes into the exponent. Not a
 * number gives not a number. */
VS_HD float vs_expf(float x)
{
    x = x < -87.0f ? -87.0f : x;
    x = x > 88.0f ? 88.0f : x;
    const float shift = 12582912.0f;                     /* 1.5 * 2^23: rounds to whole */
    const float shifted = x * 1.44269504f + shift;       /* k stands in its lowest bits */
    const float k = shifted - shift;
    const float r = (x - k * 0.693359375f) - k * -2.12194440e-4f;   /* ln 2 in two parts */
    float p = 1.394111641e-03f;
    p = p * r + 8.375132781e-03f;
    p = p * r + 4.166635280e-02f;
    p = p * r + 1.666641544e-01f;
    p = p * r + 5.000000047e-01f;
    p = p * r + 1.0f;
    p = p * r + 1.0f;
    uint32_t bits;
    float power;
    memcpy(&bits, &shifted, 4);
    bits = (bits + 127) << 23;
    memcpy(&power, &bits, 4);
    return p * power;
}

/* The normal distribution F and its density f (Abramowitz and Stegun 7.1.26, absolute error of
 * F below 1e-7), of e = e^(-x^2/2), which serves both, and t = 1 / (1 + VS_NORMAL_T |x|):
 * 1 - F(|x|) = t (a1 + a2 t + ... + a5 t^4) e / 2. */
#define VS_NORMAL_T 0.23164189f    /* 0.3275911 / sqrt 2 */
VS_HD void vs_normal_of(float *F, float *f, float x, float e, float t)
{
    float p = 0.5307027145f;
    p = p * t + -0.7265760135f;
    p = p * t + 0.7107068705f;
    p = p * t + -0.142248368f;
    p = p * t + 0.1274147960f;
    const float rest = p * t * e;
    *F = x < 0 ? rest : 1.0f - rest;
    *f = 0.39894228040143268f * e;
}

VS_HD void vs_normal(float *F, float *f, float x)
{
    const float size = x < 0 ? -x : x;
    vs_normal_of(F, f, x, vs_expf(-0.5f * x * x), 1.0f / (1.0f + VS_NORMAL_T * size));
}

#endif /* VSYN_TRAIN_OPS_NORMAL_H */
