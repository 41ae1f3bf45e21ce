/* Element-wise operations on the CPU. Contract and formulas: train/ops/ops.h */
#include "train/ops/cpu.h"

/* Calls kernel(piece) for fixed pieces of n values, shared among the threads. */
#define EACH_PIECE(dev, n, at, count, call)                                \
    VS_PARALLEL(dev, n)                                                    \
    for (int64_t at = 0; at < (n); at += VS_CHUNK) {                       \
        const int64_t count = vs_piece((n), at, VS_CHUNK);                 \
        call;                                                              \
    }

VS_KERNEL static void gelu(float *y, const float *x, int64_t n)
{
    VS_SIMD
    for (int64_t i = 0; i < n; i++)
        y[i] = x[i] * vs_normal_cdf(x[i]);
}

void vs_gelu_fwd_cpu(vs_device *dev, vs_real *y, const vs_real *x, int64_t n)
{
    if (vs_device_failed(dev))
        return;
    EACH_PIECE(dev, n, at, count, gelu(y + at, x + at, count))
}

VS_KERNEL static void gelu_slope(float *dx, const float *dy, const float *x, int64_t n)
{
    VS_SIMD
    for (int64_t i = 0; i < n; i++)
        dx[i] = dy[i] * (vs_normal_cdf(x[i]) + x[i] * vs_normal_pdf(x[i]));
}

void vs_gelu_bwd_cpu(vs_device *dev, vs_real *dx, const vs_real *dy, const vs_real *x, int64_t n)
{
    if (vs_device_failed(dev))
        return;
    EACH_PIECE(dev, n, at, count, gelu_slope(dx + at, dy + at, x + at, count))
}

VS_KERNEL static void add(float *y, const float *x, const float *a, float scale, int64_t n)
{
    VS_SIMD
    for (int64_t i = 0; i < n; i++)
        y[i] = x[i] + a[i] * scale;
}

void vs_add_scaled_cpu(vs_device *dev, vs_real *y, const vs_real *x, const vs_real *a,
                       const float *scale, int B, int64_t n)
{
    if (vs_device_failed(dev))
        return;
    if (!scale) {
        EACH_PIECE(dev, B * n, at, count, add(y + at, x + at, a + at, 1.0f, count))
        return;
    }
    VS_PARALLEL(dev, B * n)
    for (int b = 0; b < B; b++)
        add(y + b * n, x + b * n, a + b * n, scale[b], n);
}

VS_KERNEL static void times(float *y, const float *x, float a, int64_t n)
{
    VS_SIMD
    for (int64_t i = 0; i < n; i++)
        y[i] = x[i] * a;
}

void vs_scale_clips_cpu(vs_device *dev, vs_real *y, const vs_real *x, const float *scale, int B,
                        int64_t n)
{
    if (vs_device_failed(dev))
        return;
    VS_PARALLEL(dev, B * n)
    for (int b = 0; b < B; b++)
        times(y + b * n, x + b * n, scale[b], n);
}

void vs_scale_cpu(vs_device *dev, float *x, float a, int64_t n)
{
    if (vs_device_failed(dev))
        return;
    EACH_PIECE(dev, n, at, count, times(x + at, x + at, a, count))
}

VS_KERNEL static void product(float *y, const float *x, const float *m, int64_t n)
{
    VS_SIMD
    for (int64_t i = 0; i < n; i++)
        y[i] = x[i] * m[i];
}

void vs_multiply_cpu(vs_device *dev, vs_real *y, const vs_real *x, const float *m, int64_t n)
{
    if (vs_device_failed(dev))
        return;
    EACH_PIECE(dev, n, at, count, product(y + at, x + at, m + at, count))
}
