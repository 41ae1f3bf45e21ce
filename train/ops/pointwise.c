/* Element-wise operations on the CPU. Contract and formulas: train/ops/ops.h */
#include "train/ops/cpu.h"

#include <math.h>

/* Calls kernel(piece) for fixed pieces of n values, shared among the threads. */
#define EACH_PIECE(dev, n, at, count, call)                                \
    VS_PARALLEL(dev, n)                                                    \
    for (int64_t at = 0; at < (n); at += VS_CHUNK) {                       \
        const int64_t count = vs_piece((n), at, VS_CHUNK);                 \
        call;                                                              \
    }

/* y = a x */
VS_KERNEL static void narrow(vs_narrow *y, const float *x, float a, int64_t n)
{
    VS_SIMD
    for (int64_t i = 0; i < n; i++)
        y[i] = vs_narrowed(x[i] * a);
}

void VS_CPU(scale_clips)(vs_device *dev, vs_narrow *y, const vs_real *x, const float *scale,
                         int B, int64_t n)
{
    if (vs_device_failed(dev))
        return;
    const int64_t pieces = vs_ceil_div(n, VS_CHUNK);
    VS_PARALLEL(dev, B * n)
    for (int64_t i = 0; i < B * pieces; i++) {
        const int64_t b = i / pieces, at = i % pieces * VS_CHUNK;
        narrow(y + b * n + at, x + b * n + at, scale ? scale[b] : 1.0f,
               vs_piece(n, at, VS_CHUNK));
    }
}

VS_KERNEL static void widen(float *y, const vs_narrow *x, int64_t n)
{
    VS_SIMD
    for (int64_t i = 0; i < n; i++)
        y[i] = vs_widened(x[i]);
}

void VS_CPU(widen)(vs_device *dev, float *y, const vs_narrow *x, int64_t n)
{
    if (vs_device_failed(dev))
        return;
    EACH_PIECE(dev, n, at, count, widen(y + at, x + at, count))
}

VS_KERNEL static void times(float *x, float a, int64_t n)
{
    VS_SIMD
    for (int64_t i = 0; i < n; i++)
        x[i] *= a;
}

void VS_CPU(clip)(vs_device *dev, float *x, const double *sumsq, float limit, int64_t n)
{
    if (vs_device_failed(dev) || !(sqrt(*sumsq) > (double)limit))
        return;
    const float a = (float)((double)limit / sqrt(*sumsq));
    EACH_PIECE(dev, n, at, count, times(x + at, a, count))
}

VS_KERNEL static void product(vs_narrow *y, const vs_narrow *x, const float *m, int64_t n)
{
    VS_SIMD
    for (int64_t i = 0; i < n; i++)
        y[i] = vs_narrowed(vs_widened(x[i]) * m[i]);
}

void VS_CPU(multiply)(vs_device *dev, vs_narrow *y, const vs_narrow *x, const float *m,
                      int64_t n)
{
    if (vs_device_failed(dev))
        return;
    EACH_PIECE(dev, n, at, count, product(y + at, x + at, m + at, count))
}
