/* Mean over tokens and the two losses on the CPU. Contract: train/ops/ops.h */
#include "train/ops/cpu.h"

VS_KERNEL static void mean_clip(float *y, const float *x, int S, int C)
{
    memset(y, 0, sizeof(float) * (size_t)C);
    for (int s = 0; s < S; s++) {
        const float *xs = x + (int64_t)s * C;
        VS_SIMD
        for (int c = 0; c < C; c++)
            y[c] += xs[c];
    }
    const float inv = 1.0f / (float)S;
    VS_SIMD
    for (int c = 0; c < C; c++)
        y[c] *= inv;
}

void VS_CPU(mean_fwd)(vs_device *dev, vs_real *y, const vs_real *x, int B, int S, int C)
{
    if (vs_device_failed(dev))
        return;
    VS_PARALLEL(dev, (int64_t)B * S * C)
    for (int b = 0; b < B; b++)
        mean_clip(y + (int64_t)b * C, x + (int64_t)b * S * C, S, C);
}

VS_KERNEL static void spread_row(float *dx, const float *dy, float inv, int C)
{
    VS_SIMD
    for (int c = 0; c < C; c++)
        dx[c] = dy[c] * inv;
}

void VS_CPU(mean_bwd)(vs_device *dev, vs_real *dx, const vs_real *dy, int B, int S, int C)
{
    if (vs_device_failed(dev))
        return;
    VS_PARALLEL(dev, (int64_t)B * S * C)
    for (int n = 0; n < B * S; n++)
        spread_row(dx + (int64_t)n * C, dy + (int64_t)(n / S) * C, 1.0f / (float)S, C);
}

VS_KERNEL static double squared_distance(const float *y, const float *t, int64_t n)
{
    double sum = 0.0;
#pragma omp simd reduction(+ : sum)
    for (int64_t i = 0; i < n; i++) {
        const float d = y[i] - t[i];
        sum += (double)d * (double)d;
    }
    return sum;
}

void VS_CPU(mse_fwd)(vs_device *dev, float *loss, const vs_real *y, const float *t, int64_t n)
{
    const int64_t pieces = vs_ceil_div(n, VS_CHUNK);
    double *part = vs_device_scratch(dev, sizeof(double) * (size_t)pieces), sum = 0.0;
    if (!part)
        return;
    VS_PARALLEL(dev, n)
    for (int64_t i = 0; i < pieces; i++)
        part[i] = squared_distance(y + i * VS_CHUNK, t + i * VS_CHUNK,
                                   vs_piece(n, i * VS_CHUNK, VS_CHUNK));
    for (int64_t i = 0; i < pieces; i++)
        sum += part[i];
    *loss = (float)(sum / (double)n);
}

VS_KERNEL static void difference(vs_narrow *dy, const float *y, const float *t, float a, int64_t n)
{
    VS_SIMD
    for (int64_t i = 0; i < n; i++)
        dy[i] = vs_narrowed(a * (y[i] - t[i]));
}

void VS_CPU(mse_bwd)(vs_device *dev, vs_narrow *dy, const vs_real *y, const float *t, float scale,
                    int64_t n)
{
    if (vs_device_failed(dev))
        return;
    const float a = (float)(2.0 * (double)scale / (double)n);
    VS_PARALLEL(dev, n)
    for (int64_t at = 0; at < n; at += VS_CHUNK)
        difference(dy + at, y + at, t + at, a, vs_piece(n, at, VS_CHUNK));
}

/* Few values (B x classes): plain loops in double precision. */
void VS_CPU(softmax_ce_fwd)(vs_device *dev, float *loss, float *p, const vs_real *y,
                           const float *t, int B, int K)
{
    if (vs_device_failed(dev))
        return;
    double total = 0.0;
    for (int b = 0; b < B; b++) {
        const float *yb = y + (int64_t)b * K, *tb = t + (int64_t)b * K;
        float *pb = p + (int64_t)b * K, top = yb[0];
        double sum = 0.0;
        for (int k = 1; k < K; k++)
            top = yb[k] > top ? yb[k] : top;
        for (int k = 0; k < K; k++)
            sum += exp((double)yb[k] - top);
        const double lse = top + log(sum);
        for (int k = 0; k < K; k++) {
            pb[k] = (float)exp(yb[k] - lse);
            total -= (double)tb[k] * (yb[k] - lse);
        }
    }
    *loss = (float)(total / B);
}

void VS_CPU(softmax_ce_bwd)(vs_device *dev, vs_narrow *dy, const float *p, const float *t,
                           float scale, int B, int K)
{
    if (vs_device_failed(dev))
        return;
    difference(dy, p, t, scale / (float)B, (int64_t)B * K);
}
