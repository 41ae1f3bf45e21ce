/* Linear layers on CUDA: products of cuBLASLt, and what becomes of them. Contract: train/ops/ops.h
 *
 * cuBLASLt sees a row-major (R, C) as its column-major C x R, so that
 *
 *     y  (N, K) = x w^T        is   K x N = (C x K)^T (C x N)      A = w turned, B = x
 *     dx (N, C) = dy w         is   C x N = (C x K) (K x N)        A = w,        B = dy
 *     dw (K, C) += dy^T x      is   C x K += (C x N) (K x N)^T     A = x,        B = dy turned
 *
 * where biases run along the rows of D, and sums of dy along its columns: both are epilogues.
 *
 * The library's GELU is the approximation by tanh, up to 5e-4 away from the one of this page,
 * 100 times what bfloat16 makes of small values. So GELU and its slope are passes of their own:
 * h is rounded (once) by the product, y from it; backward the product is rounded, then dh.
 *
 * In bfloat16 the bias of an output in bfloat16 is rounded, too, where the library wants it in
 * the type of its output. Where it has no algorithm at all (odd sizes), plain kernels step in. */
#include "train/ops/cuda.cuh"
#include "train/ops/normal.h"
#include "train/ops/product.cuh"

static const bool narrow = sizeof(vs_narrow) == 2;
static const cudaDataType_t in_type = narrow ? CUDA_R_16BF : CUDA_R_32F;

/* ---- Weights in the type of the products ---------------------------------------------- */

typedef vs_narrow weight;

static const weight *weights(vs_device *dev, const float *w)
{
    if (narrow && w && !vs_device_failed(dev))
        return (const weight *)vs_cuda_narrow_weight(dev, w);
    return (const weight *)w;
}

/* ---- Products ------------------------------------------------------------------------- */

static vs_product forward(int N, int C, int K, cudaDataType_t out)
{
    vs_product p = {};
    p.m = K;
    p.n = N;
    p.k = C;
    p.in = in_type;
    p.out = out;
    p.a_turned = true;
    return p;
}

static vs_product backward(int N, int C, int K)
{
    vs_product p = {};
    p.m = C;
    p.n = N;
    p.k = K;
    p.in = p.out = in_type;
    return p;
}

static vs_product gradient(int N, int C, int K)
{
    vs_product p = {};
    p.m = C;
    p.n = K;
    p.k = N;
    p.in = in_type;
    p.out = CUDA_R_32F;
    p.b_turned = p.add = true;
    return p;
}

/* The same product by plain loops, a thread per value of D: at(i, j) of a turned matrix and of
 * one that is not. */
struct plain {
    int64_t m, n, k;
    bool a_turned, b_turned, add;
};

template <class T>
static __global__ void plain_kernel(T *d, const vs_narrow *a, const vs_narrow *b, const float *bias,
                                    plain p)
{
    VS_EACH(at, p.m * p.n) {
        const int64_t i = at % p.m, j = at / p.m;
        float sum = 0.0f;
        for (int64_t l = 0; l < p.k; l++)
            sum += widened(a[p.a_turned ? i * p.k + l : l * p.m + i]) *
                   widened(b[p.b_turned ? l * p.n + j : j * p.k + l]);
        sum += bias ? bias[i] : 0.0f;
        put(d + at, p.add ? widened(d[at]) + sum : sum);
    }
}

/* Without a vector but the bias, in float; C is D. */
template <class T>
static void plain_product(vs_device *dev, const vs_product *p, T *d, const vs_narrow *a,
                          const vs_narrow *b, const float *bias)
{
    const plain how = { p->m, p->n, p->k, p->a_turned, p->b_turned, p->add };
    VS_LAUNCH(plain_kernel<T>, blocks_for(p->m * p->n), VS_THREADS, 0, stream_of(dev), d, a, b,
              bias, how);
    VS_LAUNCHED(dev);
}

/* y (N, K) in vs_narrow = x w^T + b */
static void biased(vs_device *dev, vs_narrow *y, const vs_narrow *x, const vs_real *w,
                   const vs_real *b, int N, int C, int K)
{
    const weight *const a = weights(dev, w);
    vs_product p = forward(N, C, K, in_type);
    if (vs_device_failed(dev))
        return;
    p.vec = b ? VS_VEC_BIAS : VS_VEC_NONE;
    p.vec_type = CUDA_R_32F;
    if (vs_cuda_product(dev, &p, y, a, x, NULL, (void *)b))
        return;
    if (narrow && b) {
        p.vec_type = CUDA_R_16BF;
        if (vs_cuda_product(dev, &p, y, a, x, NULL, (void *)weights(dev, b)))
            return;
    }
    plain_product(dev, &p, y, a, x, b);
}

void VS_CUDA(matmul_fwd)(vs_device *dev, vs_narrow *y, const vs_narrow *x, const vs_real *w,
                         const vs_real *b, int N, int C, int K)
{
    biased(dev, y, x, w, b, N, C, K);
}

/* ---- Into the residual stream ---------------------------------------------------------- */

/* y = r + (a + b) scale of the clip; y may be a or r. A warp has a row; `wide`: four values at a
 * time. */
static __global__ void residual_kernel(float *y, const float *a, const float *b, const float *r,
                                       const float *scale, int S, int N, int K, bool wide)
{
    const int n = blockIdx.x * blockDim.y + threadIdx.y;
    if (n >= N)
        return;
    const int64_t row = (int64_t)n * K;
    const float s = scale ? scale[n / S] : 1.0f;
    const vs_four none = { { 0.0f, 0.0f, 0.0f, 0.0f } };
    if (!wide) {
        for (int k = threadIdx.x; k < K; k += 32)
            y[row + k] = (r ? r[row + k] : 0.0f) + (a[row + k] + (b ? b[k] : 0.0f)) * s;
        return;
    }
    for (int k = 4 * threadIdx.x; k < K; k += 4 * 32) {
        const vs_four bias = b ? load4(b + k) : none, rest = r ? load4(r + row + k) : none;
        vs_four v = load4(a + row + k);
        for (int j = 0; j < 4; j++)
            v.v[j] = rest.v[j] + (v.v[j] + bias.v[j]) * s;
        store4(y + row + k, v);
    }
}

static void residual(vs_device *dev, float *y, const float *a, const float *b, const float *r,
                     const float *scale, int S, int N, int K)
{
    const bool wide = K % 4 == 0 && aligned_to(y, 16) && aligned_to(a, 16) && aligned_to(b, 16) &&
                      aligned_to(r, 16);
    const dim3 block(32, VS_WARPS);
    VS_LAUNCH(residual_kernel, (unsigned)ceil_div(N, VS_WARPS), block, 0, stream_of(dev), y, a, b,
              r, scale, S, N, K, wide);
    VS_LAUNCHED(dev);
}

/* Without drop path all of it is an epilogue; else the product comes first, in float. */
void VS_CUDA(matmul_add_fwd)(vs_device *dev, vs_real *y, const vs_narrow *x, const vs_real *w,
                             const vs_real *b, const vs_real *r, const float *scale, int S,
                             int N, int C, int K)
{
    const weight *const a = weights(dev, w);
    vs_product p = forward(N, C, K, CUDA_R_32F);
    if (vs_device_failed(dev))
        return;
    p.add = r != NULL;
    p.vec = b ? VS_VEC_BIAS : VS_VEC_NONE;
    p.vec_type = CUDA_R_32F;
    if (!scale && vs_cuda_product(dev, &p, y, a, x, r, (void *)b))
        return;

    float *const product =
        r == y ? (float *)vs_device_scratch(dev, sizeof(float) * (size_t)N * (size_t)K) : y;
    if (!product)
        return;
    p.add = false;
    p.vec = VS_VEC_NONE;
    if (!vs_cuda_product(dev, &p, product, a, x, NULL, NULL))
        plain_product(dev, &p, product, a, x, NULL);
    if (!vs_device_failed(dev))
        residual(dev, y, product, b, r, scale, S, N, K);
}

/* ---- GELU ------------------------------------------------------------------------------ */

/* In bfloat16 the hardware's exponential and quotient are exact enough by far. */
static __device__ inline void normal(float *F, float *f, float x)
{
    if (narrow)
        vs_normal_of(F, f, x, __expf(-0.5f * x * x),
                     __fdividef(1.0f, 1.0f + VS_NORMAL_T * fabsf(x)));
    else
        vs_normal(F, f, x);
}

/* y = h F(h); dh (NULL: forward) = dh (F(h) + h f(h)), in place */
static __global__ void gelu_kernel(vs_narrow *y, vs_narrow *dh, const vs_narrow *h, int64_t n,
                                   int64_t fours)
{
    VS_EACH(i, fours) {
        vs_four v = load4(h + 4 * i), d = dh ? load4(dh + 4 * i) : v;
        for (int j = 0; j < 4; j++) {
            float F, f;
            normal(&F, &f, v.v[j]);
            d.v[j] *= F + v.v[j] * f;
            v.v[j] *= F;
        }
        store4(y + 4 * i, v);
        if (dh)
            store4(dh + 4 * i, d);
    }
    VS_EACH(i, n - 4 * fours) {
        const int64_t at = 4 * fours + i;
        const float x = widened(h[at]);
        float F, f;
        normal(&F, &f, x);
        put(y + at, x * F);
        if (dh)
            put(dh + at, widened(dh[at]) * (F + x * f));
    }
}

static void gelu(vs_device *dev, vs_narrow *y, vs_narrow *dh, const vs_narrow *h, int64_t n)
{
    const bool wide = aligned_to(y, 16) && aligned_to(dh, 16) && aligned_to(h, 16);
    if (vs_device_failed(dev))
        return;
    VS_LAUNCH(gelu_kernel, blocks_for(ceil_div(n, 4)), VS_THREADS, 0, stream_of(dev), y, dh, h, n,
              wide ? n / 4 : 0);
    VS_LAUNCHED(dev);
}

void VS_CUDA(matmul_gelu_fwd)(vs_device *dev, vs_narrow *h, vs_narrow *y, const vs_narrow *x,
                              const vs_real *w, const vs_real *b, int N, int C, int K)
{
    biased(dev, h, x, w, b, N, C, K);
    gelu(dev, y, NULL, h, (int64_t)N * K);
}

/* ---- Backward -------------------------------------------------------------------------- */

void VS_CUDA(matmul_bwd_x)(vs_device *dev, vs_narrow *dx, const vs_narrow *dy, const vs_real *w,
                           int N, int C, int K)
{
    const weight *const a = weights(dev, w);
    const vs_product p = backward(N, C, K);
    if (vs_device_failed(dev))
        return;
    if (!vs_cuda_product(dev, &p, dx, a, dy, NULL, NULL))
        plain_product(dev, &p, dx, a, dy, NULL);
}

void VS_CUDA(matmul_gelu_bwd)(vs_device *dev, vs_narrow *dh, vs_narrow *y, const vs_narrow *dy,
                              const vs_real *w, const vs_narrow *h, int N, int C, int K)
{
    VS_CUDA(matmul_bwd_x)(dev, dh, dy, w, N, C, K);
    gelu(dev, y, dh, h, (int64_t)N * C);
}

/* Rows that a thread adds up. */
#define ROWS 128

/* part[piece, k]: sums of the piece's rows, in order */
static __global__ void sum_rows_kernel(float *part, const vs_narrow *x, int N, int K)
{
    const int k = blockIdx.x * blockDim.x + threadIdx.x, first = blockIdx.y * ROWS;
    const int end = first + ROWS < N ? first + ROWS : N;
    float sum = 0.0f;
    if (k >= K)
        return;
    for (int n = first; n < end; n++)
        sum += widened(x[(int64_t)n * K + k]);
    part[(int64_t)blockIdx.y * K + k] = sum;
}

/* db += sums of the rows of dy */
static void sum_rows(vs_device *dev, float *db, const vs_narrow *dy, int N, int K)
{
    const int pieces = (int)ceil_div(N, ROWS);
    const dim3 grid((unsigned)ceil_div(K, VS_THREADS), (unsigned)pieces);
    float *const part = (float *)vs_device_scratch(dev, sizeof(float) * (size_t)pieces * (size_t)K);
    if (!part)
        return;
    VS_LAUNCH(sum_rows_kernel, grid, VS_THREADS, 0, stream_of(dev), part, dy, N, K);
    VS_LAUNCHED(dev);
    VS_CUDA(add_pieces)(dev, db, part, pieces, K, K);
}

void VS_CUDA(matmul_bwd_w)(vs_device *dev, float *dw, float *db, const vs_narrow *dy,
                           const vs_narrow *x, int N, int C, int K)
{
    vs_product p = gradient(N, C, K);
    if (vs_device_failed(dev))
        return;
    if (db) {
        /* The epilogue writes its sums: they are added to db afterwards. */
        float *const sums = (float *)vs_device_scratch(dev, sizeof(float) * (size_t)K);
        p.vec = VS_VEC_SUMS;
        p.vec_type = CUDA_R_32F;
        if (!sums)
            return;
        if (vs_cuda_product(dev, &p, dw, x, dy, dw, sums)) {
            VS_CUDA(add_pieces)(dev, db, sums, 1, K, K);
            return;
        }
        p.vec = VS_VEC_NONE;
    }
    if (!vs_cuda_product(dev, &p, dw, x, dy, dw, NULL))
        plain_product(dev, &p, dw, x, dy, NULL);
    if (db)
        sum_rows(dev, db, dy, N, K);
}
