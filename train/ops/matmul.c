/* Linear layers on the CPU: which product, and what becomes of it. Contract: train/ops/ops.h
 *
 * Weights stay in fp32 and are packed (and rounded, in bf16) where they are used: once in the
 * forward and once, the other way round, in the backward pass. That is one pass over them for
 * each of hundreds of rows that meet them, and there is no copy that could be out of date. */
#include "train/ops/gemm.h"

static vs_gemm forward(const vs_narrow *x, const vs_real *w, int N, int C, int K)
{
    return (vs_gemm){ N, K, C, { x, C, false }, { w, C, true }, false, true };
}

static vs_gemm backward(const vs_narrow *dy, const vs_real *w, int N, int C, int K)
{
    return (vs_gemm){ N, C, K, { dy, K, false }, { w, C, true }, false, false };
}

void VS_CPU(matmul_fwd)(vs_device *dev, vs_narrow *y, const vs_narrow *x, const vs_real *w,
                        const vs_real *b, int N, int C, int K)
{
    const vs_out out = { .kind = VS_OUT_NARROW, .y = y, .bias = b };
    const vs_gemm g = forward(x, w, N, C, K);
    VS_CPU(gemm)(dev, &out, &g);
}

void VS_CPU(matmul_add_fwd)(vs_device *dev, vs_real *y, const vs_narrow *x, const vs_real *w,
                            const vs_real *b, const vs_real *r, const float *scale, int S,
                            int N, int C, int K)
{
    const vs_out out = { .kind = VS_OUT_ADD, .y = y, .bias = b, .r = r, .scale = scale, .S = S };
    const vs_gemm g = forward(x, w, N, C, K);
    VS_CPU(gemm)(dev, &out, &g);
}

void VS_CPU(matmul_gelu_fwd)(vs_device *dev, vs_narrow *h, vs_narrow *y, const vs_narrow *x,
                             const vs_real *w, const vs_real *b, int N, int C, int K)
{
    const vs_out out = { .kind = VS_OUT_GELU, .y = y, .bias = b, .h = h };
    const vs_gemm g = forward(x, w, N, C, K);
    VS_CPU(gemm)(dev, &out, &g);
}

void VS_CPU(matmul_bwd_x)(vs_device *dev, vs_narrow *dx, const vs_narrow *dy, const vs_real *w,
                          int N, int C, int K)
{
    const vs_out out = { .kind = VS_OUT_NARROW, .y = dx };
    const vs_gemm g = backward(dy, w, N, C, K);
    VS_CPU(gemm)(dev, &out, &g);
}

void VS_CPU(matmul_gelu_bwd)(vs_device *dev, vs_narrow *dh, vs_narrow *y, const vs_narrow *dy,
                             const vs_real *w, const vs_narrow *h, int N, int C, int K)
{
    /* The rows of h are only read here; vs_out has one field for both directions. */
    const vs_out out = { .kind = VS_OUT_GELU_BWD, .y = dh, .h = (vs_narrow *)h, .act = y };
    const vs_gemm g = backward(dy, w, N, C, K);
    VS_CPU(gemm)(dev, &out, &g);
}

/* The sum of some rows, one column beside the other. */
VS_KERNEL static void sum_rows(float *sum, const vs_narrow *x, int rows, int C, int64_t stride)
{
    memset(sum, 0, sizeof(float) * (size_t)C);
    for (int n = 0; n < rows; n++) {
        const vs_narrow *const xn = x + n * stride;
        VS_SIMD
        for (int c = 0; c < C; c++)
            sum[c] += vs_widened(xn[c]);
    }
}

void VS_CPU(column_sum)(vs_device *dev, float *sum, const vs_narrow *x, int N, int C,
                        int64_t stride)
{
    const int pieces = (int)vs_ceil_div(N, VS_ROWS);
    float *part = vs_device_scratch(dev, sizeof(float) * (size_t)pieces * (size_t)C);
    if (!part)
        return;
    VS_PARALLEL(dev, (int64_t)N * C)
    for (int i = 0; i < pieces; i++)
        sum_rows(part + (int64_t)i * C, x + (int64_t)i * VS_ROWS * stride,
                 (int)vs_piece(N, (int64_t)i * VS_ROWS, VS_ROWS), C, stride);
    for (int i = 0; i < pieces; i++)
        for (int c = 0; c < C; c++)
            sum[c] += part[(int64_t)i * C + c];
}

void VS_CPU(matmul_bwd_w)(vs_device *dev, float *dw, float *db, const vs_narrow *dy,
                          const vs_narrow *x, int N, int C, int K)
{
    const vs_out out = { .kind = VS_OUT_ACCUMULATE, .y = dw };
    const vs_gemm g = { K, C, N, { dy, K, false }, { x, C, false }, true, false };
    VS_CPU(gemm)(dev, &out, &g);
    if (db)
        VS_CPU(column_sum)(dev, db, dy, N, K, K);
}
