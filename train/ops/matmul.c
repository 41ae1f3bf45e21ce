/* Linear layers on the CPU: oneDNN's sgemm and a bias. Contract: train/ops/ops.h
 *
 * sgemm takes the shapes as they are and needs no packed copy of the weights, which change
 * in every step; on the shapes of the models here it reaches 80 to 95 % of the fp32 peak. */
#include "train/ops/cpu.h"

#include <dnnl.h>
#include <omp.h>

void vs_gemm_cpu(vs_device *dev, float *c, const float *a, const float *b, const vs_gemm *g)
{
    if (!omp_in_parallel())
        omp_set_num_threads(dev->threads);
    const dnnl_status_t status = dnnl_sgemm(g->ta, g->tb, g->M, g->N, g->K, g->alpha, a, g->lda,
                                            b, g->ldb, g->beta, c, g->ldc);
    if (status != dnnl_success) {
#pragma omp critical
        vs_device_note(dev, VS_FAIL(VS_ERR_NOMEM, "oneDNN: sgemm %lldx%lldx%lld failed (%d)",
                                    (long long)g->M, (long long)g->N, (long long)g->K,
                                    (int)status));
    }
}

static void fill_rows(vs_device *dev, float *y, const float *b, int N, int K)
{
    VS_PARALLEL(dev, (int64_t)N * K)
    for (int n = 0; n < N; n++)
        memcpy(y + (int64_t)n * K, b, sizeof(float) * (size_t)K);
}

void vs_matmul_fwd_cpu(vs_device *dev, vs_real *y, const vs_real *x, const vs_real *w,
                       const vs_real *b, int N, int C, int K)
{
    if (vs_device_failed(dev))
        return;
    if (b)
        fill_rows(dev, y, b, N, K);
    const vs_gemm g = { 'N', 'T', N, K, C, C, C, K, 1.0f, b ? 1.0f : 0.0f };
    vs_gemm_cpu(dev, y, x, w, &g);
}

void vs_matmul_bwd_x_cpu(vs_device *dev, vs_real *dx, const vs_real *dy, const vs_real *w,
                         int N, int C, int K)
{
    if (vs_device_failed(dev))
        return;
    const vs_gemm g = { 'N', 'N', N, C, K, K, C, C, 1.0f, 0.0f };
    vs_gemm_cpu(dev, dx, dy, w, &g);
}

/* The sum of some rows, one column beside the other. */
VS_KERNEL static void sum_rows(float *sum, const float *x, int rows, int C, int64_t stride)
{
    memset(sum, 0, sizeof(float) * (size_t)C);
    for (int n = 0; n < rows; n++) {
        const float *xn = x + n * stride;
        VS_SIMD
        for (int c = 0; c < C; c++)
            sum[c] += xn[c];
    }
}

void vs_column_sum_cpu(vs_device *dev, float *sum, const float *x, int N, int C, int64_t stride)
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

void vs_matmul_bwd_w_cpu(vs_device *dev, float *dw, float *db, const vs_real *dy,
                         const vs_real *x, int N, int C, int K)
{
    if (vs_device_failed(dev))
        return;
    const vs_gemm g = { 'T', 'N', K, C, N, K, C, C, 1.0f, 1.0f };
    vs_gemm_cpu(dev, dw, dy, x, &g);
    if (db)
        vs_column_sum_cpu(dev, db, dy, N, K, K);
}
