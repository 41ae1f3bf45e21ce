/* LayerNorm on the CPU. Contract and formulas: train/ops/ops.h */
#include "train/ops/cpu.h"

/* One row: its statistics and its values. */
VS_KERNEL static void fwd_row(vs_narrow *y, float *mean, float *rstd, const float *x,
                              const float *w, const float *b, float eps, int C)
{
    /* (1) mean */
    float sum = 0.0f;
#pragma omp simd reduction(+ : sum)
    for (int c = 0; c < C; c++)
        sum += x[c];
    const float m = sum / (float)C;

    /* (2) rstd, two passes: subtracting first keeps the digits */
    float sq = 0.0f;
#pragma omp simd reduction(+ : sq)
    for (int c = 0; c < C; c++)
        sq += (x[c] - m) * (x[c] - m);
    const float s = 1.0f / sqrtf(sq / (float)C + eps);

    /* (3) scale and shift */
    VS_SIMD
    for (int c = 0; c < C; c++)
        y[c] = vs_narrowed((x[c] - m) * s * w[c] + b[c]);

    *mean = m;
    *rstd = s;
}

void VS_CPU(layernorm_fwd)(vs_device *dev, vs_narrow *y, float *mean, float *rstd,
                           const vs_real *x, const vs_real *w, const vs_real *b, float eps,
                           int N, int C)
{
    if (vs_device_failed(dev))
        return;
    VS_PARALLEL(dev, (int64_t)N * C)
    for (int n = 0; n < N; n++)
        fwd_row(y + (int64_t)n * C, mean + n, rstd + n, x + (int64_t)n * C, w, b, eps, C);
}

/* One row of dx; its share of dw and db goes to the sums of its piece. */
VS_KERNEL static void bwd_row(float *dx, float *dw, float *db, const vs_narrow *dy, const float *x,
                              const float *w, float mean, float rstd, int C)
{
    /* (1) the two means over the row */
    float g_mean = 0.0f, gh_mean = 0.0f;
#pragma omp simd reduction(+ : g_mean, gh_mean)
    for (int c = 0; c < C; c++) {
        const float g = vs_widened(dy[c]) * w[c];
        g_mean += g;
        gh_mean += g * ((x[c] - mean) * rstd);
    }
    g_mean /= (float)C;
    gh_mean /= (float)C;

    /* (2) accumulate */
    VS_SIMD
    for (int c = 0; c < C; c++) {
        const float h = (x[c] - mean) * rstd;
        const float d = vs_widened(dy[c]), g = d * w[c];
        db[c] += d;
        dw[c] += d * h;
        dx[c] += rstd * (g - g_mean - h * gh_mean);
    }
}

void VS_CPU(layernorm_bwd)(vs_device *dev, vs_real *dx, float *dw, float *db,
                           const vs_narrow *dy, const vs_real *x, const vs_real *w,
                           const float *mean, const float *rstd, int N, int C)
{
    const int pieces = (int)vs_ceil_div(N, VS_ROWS);
    float *part = vs_device_scratch(dev, sizeof(float) * 2 * (size_t)pieces * (size_t)C);
    if (!part)
        return;
    VS_PARALLEL(dev, (int64_t)N * C)
    for (int i = 0; i < pieces; i++) {
        float *const pw = part + (int64_t)i * 2 * C, *const pb = pw + C;
        const int first = i * VS_ROWS, end = first + (int)vs_piece(N, first, VS_ROWS);
        memset(pw, 0, sizeof(float) * 2 * (size_t)C);
        for (int n = first; n < end; n++) {
            const int64_t at = (int64_t)n * C;
            bwd_row(dx + at, pw, pb, dy + at, x + at, w, mean[n], rstd[n], C);
        }
    }
    for (int i = 0; i < pieces; i++)
        for (int c = 0; c < C; c++) {
            dw[c] += part[(int64_t)i * 2 * C + c];
            db[c] += part[(int64_t)i * 2 * C + C + c];
        }
}
