/* Attention on the CPU. Contract and formulas: train/ops/ops.h
 *
 * The scores of a whole head would take S^2 values (10 MB at S = 1568). Queries go through
 * in tiles of TILE rows instead: one tile of scores stays in the cache of its core between
 * the two products, and only lse survives the forward pass.
 *
 *   forward    tiles are independent: shared out over (clip, head, tile)
 *   backward   dk and dv sum over all tiles of a head: shared out over (clip, head), tiles in
 *              order, so no atomics and the same bits for any number of threads
 *
 * The loops run on all threads however small they are: inside a parallel region each product
 * stays on its own thread.
 */
#include "train/ops/cpu.h"

#include <omp.h>

#define TILE 64

/* Where the rows of one (clip, head) lie. */
struct head {
    const float *q, *k, *v;
    int64_t stride;                /* from token to token in qkv */
    int S, D, C;
    float scale;
};

static struct head head_of(const float *qkv, int b, int h, int S, int H, int D)
{
    const int C = H * D;
    const float *q = qkv + (int64_t)b * S * 3 * C + (int64_t)h * D;
    return (struct head){ q, q + C, q + 2 * C, 3 * (int64_t)C, S, D, C, 1.0f / sqrtf((float)D) };
}

/* s = scale * q k^T for the rows of a tile: (rows, S). */
static void scores(vs_device *dev, float *s, const struct head *hd, int first, int rows)
{
    const vs_gemm g = { 'N', 'T', rows, hd->S, hd->D, hd->stride, hd->stride, hd->S,
                        hd->scale, 0.0f };
    vs_gemm_cpu(dev, s, hd->q + first * hd->stride, hd->k, &g);
}

/* s becomes exp(s - max); returns the sum, and lse. */
VS_KERNEL static float exp_row(float *s, float *lse, int S)
{
    float top = s[0], sum = 0.0f;
#pragma omp simd reduction(max : top)
    for (int j = 0; j < S; j++)
        top = s[j] > top ? s[j] : top;
#pragma omp simd reduction(+ : sum)
    for (int j = 0; j < S; j++) {
        const float e = vs_expf(s[j] - top);
        s[j] = e;
        sum += e;
    }
    *lse = top + logf(sum);
    return sum;
}

VS_KERNEL static void scale_row(float *y, float a, int D)
{
    VS_SIMD
    for (int c = 0; c < D; c++)
        y[c] *= a;
}

static void fwd_tile(vs_device *dev, float *y, float *lse, float *s, const struct head *hd,
                     int first, int rows)
{
    float sum[TILE];
    scores(dev, s, hd, first, rows);
    for (int i = 0; i < rows; i++)
        sum[i] = exp_row(s + (int64_t)i * hd->S, lse + first + i, hd->S);

    /* Dividing D values of y by the sum is cheaper than S of p. */
    float *const yt = y + (int64_t)first * hd->C;
    const vs_gemm g = { 'N', 'N', rows, hd->D, hd->S, hd->S, hd->stride, hd->C, 1.0f, 0.0f };
    vs_gemm_cpu(dev, yt, s, hd->v, &g);
    for (int i = 0; i < rows; i++)
        scale_row(yt + (int64_t)i * hd->C, 1.0f / sum[i], hd->D);
}

void vs_attention_fwd_cpu(vs_device *dev, vs_real *y, float *lse, const vs_real *qkv, int B,
                          int S, int H, int D)
{
    const int tiles = (int)vs_ceil_div(S, TILE), tile = S < TILE ? S : TILE;
    const size_t each = (size_t)tile * (size_t)S;
    float *const scratch = vs_device_scratch(dev, sizeof(float) * each * (size_t)dev->threads);
    if (!scratch)
        return;
    omp_set_num_threads(dev->threads);
    VS_PARALLEL(dev, VS_CHUNK)
    for (int64_t job = 0; job < (int64_t)B * H * tiles; job++) {
        const int t = (int)(job % tiles), h = (int)(job / tiles % H), b = (int)(job / tiles / H);
        const struct head hd = head_of(qkv, b, h, S, H, D);
        fwd_tile(dev, y + (int64_t)b * S * hd.C + (int64_t)h * D, lse + ((int64_t)b * H + h) * S,
                 scratch + each * (size_t)omp_get_thread_num(), &hd, t * TILE,
                 (int)vs_piece(S, t * TILE, TILE));
    }
}

VS_KERNEL static float dot_row(const float *a, const float *b, int D)
{
    float sum = 0.0f;
#pragma omp simd reduction(+ : sum)
    for (int c = 0; c < D; c++)
        sum += a[c] * b[c];
    return sum;
}

/* s becomes p; dp becomes ds. */
VS_KERNEL static void bwd_row(float *s, float *dp, float lse, float r, float scale, int S)
{
    VS_SIMD
    for (int j = 0; j < S; j++) {
        const float p = vs_expf(s[j] - lse);
        dp[j] = p * (dp[j] - r) * scale;
        s[j] = p;
    }
}

/* What a tile of queries adds to dq, dk, dv of its head. dqkv has the strides of qkv. */
static void bwd_tile(vs_device *dev, float *dq, float *s, float *dp, const float *dy,
                     const float *y, const float *lse, const struct head *hd, int first,
                     int rows)
{
    float *const dk = dq + hd->C, *const dv = dk + hd->C;
    const float *const dyt = dy + (int64_t)first * hd->C, *const yt = y + (int64_t)first * hd->C;
    const float add = first ? 1.0f : 0.0f;
    const int S = hd->S, D = hd->D;

    /* (1) p and ds */
    scores(dev, s, hd, first, rows);
    const vs_gemm g_dp = { 'N', 'T', rows, S, D, hd->C, hd->stride, S, 1.0f, 0.0f };
    vs_gemm_cpu(dev, dp, dyt, hd->v, &g_dp);
    for (int i = 0; i < rows; i++) {
        const float r = dot_row(dyt + (int64_t)i * hd->C, yt + (int64_t)i * hd->C, D);
        bwd_row(s + (int64_t)i * S, dp + (int64_t)i * S, lse[first + i], r, hd->scale, S);
    }

    /* (2) the three products */
    const vs_gemm g_dv = { 'T', 'N', S, D, rows, S, hd->C, hd->stride, 1.0f, add };
    const vs_gemm g_dk = { 'T', 'N', S, D, rows, S, hd->stride, hd->stride, 1.0f, add };
    const vs_gemm g_dq = { 'N', 'N', rows, D, S, S, hd->stride, hd->stride, 1.0f, 0.0f };
    vs_gemm_cpu(dev, dv, s, dyt, &g_dv);
    vs_gemm_cpu(dev, dk, dp, hd->q + first * hd->stride, &g_dk);
    vs_gemm_cpu(dev, dq + first * hd->stride, dp, hd->k, &g_dq);
}

void vs_attention_bwd_cpu(vs_device *dev, vs_real *dqkv, const vs_real *dy, const vs_real *y,
                          const vs_real *qkv, const float *lse, int B, int S, int H, int D)
{
    const int tile = S < TILE ? S : TILE;
    const size_t each = (size_t)tile * (size_t)S;
    float *const scratch = vs_device_scratch(dev, sizeof(float) * 2 * each *
                                                      (size_t)dev->threads);
    if (!scratch)
        return;
    omp_set_num_threads(dev->threads);
    VS_PARALLEL(dev, VS_CHUNK)
    for (int job = 0; job < B * H; job++) {
        const int h = job % H, b = job / H;
        const struct head hd = head_of(qkv, b, h, S, H, D);
        const int64_t at = (int64_t)b * S * hd.C + (int64_t)h * D;
        float *const s = scratch + 2 * each * (size_t)omp_get_thread_num();
        float *const dq = dqkv + (hd.q - qkv);
        for (int first = 0; first < S; first += TILE)
            bwd_tile(dev, dq, s, s + each, dy + at, y + at, lse + (int64_t)job * S, &hd, first,
                     (int)vs_piece(S, first, TILE));
    }
}
