/* Mean over tokens and the two losses on CUDA. Contract: train/ops/ops.h */
#include "train/ops/cuda.cuh"

/* A block has 32 columns of a clip; each of its warps adds every eighth token. */
static __global__ void mean_fwd_kernel(vs_real *y, const vs_real *x, int B, int S, int C)
{
    __shared__ float sums[VS_WARPS][32];
    const int c = blockIdx.x * 32 + threadIdx.x;
    for (int b = blockIdx.y; b < B; b += gridDim.y) {
        const vs_real *const xb = x + (int64_t)b * S * C;
        float sum = 0.0f;
        if (c < C) {
#pragma unroll 4
            for (int s = threadIdx.y; s < S; s += VS_WARPS)
                sum += xb[(int64_t)s * C + c];
        }
        sums[threadIdx.y][threadIdx.x] = sum;
        __syncthreads();
        for (int i = 1; threadIdx.y == 0 && i < VS_WARPS; i++)
            sum += sums[i][threadIdx.x];
        if (threadIdx.y == 0 && c < C)
            y[(int64_t)b * C + c] = sum * (1.0f / (float)S);
        __syncthreads();
    }
}

void VS_CUDA(mean_fwd)(vs_device *dev, vs_real *y, const vs_real *x, int B, int S, int C)
{
    const dim3 grid((unsigned)ceil_div(C, 32), (unsigned)(B < 65535 ? B : 65535));
    if (vs_device_failed(dev))
        return;
    VS_LAUNCH(mean_fwd_kernel, grid, dim3(32, VS_WARPS), 0, stream_of(dev), y, x, B, S, C);
    VS_LAUNCHED(dev);
}

/* One thread per column, tokens along y and z of the grid. */
static __global__ void mean_bwd_kernel(vs_real *dx, const vs_real *dy, int B, int S, int C)
{
    const int c = blockIdx.x * blockDim.x + threadIdx.x;
    if (c >= C)
        return;
    for (int b = blockIdx.z; b < B; b += gridDim.z) {
        const float d = dy[(int64_t)b * C + c] * (1.0f / (float)S);
        for (int s = blockIdx.y; s < S; s += gridDim.y)
            dx[((int64_t)b * S + s) * C + c] = d;
    }
}

void VS_CUDA(mean_bwd)(vs_device *dev, vs_real *dx, const vs_real *dy, int B, int S, int C)
{
    const dim3 grid((unsigned)ceil_div(C, 128), (unsigned)ceil_div(S, 16),
                    (unsigned)(B < 65535 ? B : 65535));
    if (vs_device_failed(dev))
        return;
    VS_LAUNCH(mean_bwd_kernel, grid, 128, 0, stream_of(dev), dx, dy, B, S, C);
    VS_LAUNCHED(dev);
}

/* part[block] = sum of (y - t)^2 over its piece */
static __global__ void mse_fwd_kernel(double *part, const vs_real *y, const float *t, int64_t n,
                                      int64_t piece)
{
    __shared__ double warps[VS_THREADS / 32];
    const int64_t first = blockIdx.x * piece, end = first + piece < n ? first + piece : n;
    double sum = 0.0;
#pragma unroll 4
    for (int64_t i = first + threadIdx.x; i < end; i += VS_THREADS) {
        const float d = y[i] - t[i];
        sum += (double)d * (double)d;
    }
    sum = block_sum(sum, warps);
    if (threadIdx.x == 0)
        part[blockIdx.x] = sum;
}

void VS_CUDA(mse_fwd)(vs_device *dev, float *loss, const vs_real *y, const float *t, int64_t n)
{
    const int64_t piece = values_of_piece(n), pieces = ceil_div(n, piece);
    double *const part = (double *)vs_device_scratch(dev, sizeof(double) * (size_t)pieces);
    if (!part)
        return;
    VS_LAUNCH(mse_fwd_kernel, (unsigned)pieces, VS_THREADS, 0, stream_of(dev), part, y, t, n,
              piece);
    VS_LAUNCHED(dev);
    VS_CUDA(add_up)(dev, loss, NULL, part, (int)pieces, (double)n);
}

static __global__ void difference_kernel(vs_narrow *dy, const float *y, const float *t, float a,
                                         int64_t n, int64_t fours)
{
    VS_EACH(i, fours) {
        vs_four v = load4(y + 4 * i);
        const vs_four b = load4(t + 4 * i);
        for (int j = 0; j < 4; j++)
            v.v[j] = a * (v.v[j] - b.v[j]);
        store4(dy + 4 * i, v);
    }
    VS_EACH(i, n - 4 * fours) {
        const int64_t k = 4 * fours + i;
        put(dy + k, a * (y[k] - t[k]));
    }
}

static void difference(vs_device *dev, vs_narrow *dy, const float *y, const float *t, float a,
                       int64_t n)
{
    if (vs_device_failed(dev))
        return;
    VS_LAUNCH(difference_kernel, blocks_for(ceil_div(n, 4)), VS_THREADS, 0, stream_of(dev), dy, y,
              t, a, n, fours_of(n, dy, y, t));
    VS_LAUNCHED(dev);
}

void VS_CUDA(mse_bwd)(vs_device *dev, vs_narrow *dy, const vs_real *y, const float *t, float scale,
                      int64_t n)
{
    difference(dev, dy, y, t, (float)(2.0 * (double)scale / (double)n), n);
}

/* A warp per clip, in double precision as on the CPU: few values. part[b]: its loss. */
static __global__ void softmax_ce_kernel(double *part, float *p, const vs_real *y, const float *t,
                                         int B, int K)
{
    const int b = blockIdx.x * VS_WARPS + threadIdx.y, lane = threadIdx.x;
    if (b >= B)
        return;
    const float *yb = y + (int64_t)b * K, *tb = t + (int64_t)b * K;
    float top = yb[0];
    double sum = 0.0, loss = 0.0;
    for (int k = lane; k < K; k += 32)
        top = yb[k] > top ? yb[k] : top;
    top = warp_max(top);
    for (int k = lane; k < K; k += 32)
        sum += exp((double)yb[k] - top);
    const double lse = top + log(warp_sum(sum));
    for (int k = lane; k < K; k += 32) {
        p[(int64_t)b * K + k] = (float)exp(yb[k] - lse);
        loss -= (double)tb[k] * (yb[k] - lse);
    }
    loss = warp_sum(loss);
    if (lane == 0)
        part[b] = loss;
}

void VS_CUDA(softmax_ce_fwd)(vs_device *dev, float *loss, float *p, const vs_real *y,
                             const float *t, int B, int K)
{
    double *const part = (double *)vs_device_scratch(dev, sizeof(double) * (size_t)B);
    if (!part)
        return;
    VS_LAUNCH(softmax_ce_kernel, (unsigned)ceil_div(B, VS_WARPS), dim3(32, VS_WARPS), 0,
              stream_of(dev), part, p, y, t, B, K);
    VS_LAUNCHED(dev);
    VS_CUDA(add_up)(dev, loss, NULL, part, B, (double)B);
}

void VS_CUDA(softmax_ce_bwd)(vs_device *dev, vs_narrow *dy, const float *p, const float *t,
                             float scale, int B, int K)
{
    difference(dev, dy, p, t, scale / (float)B, (int64_t)B * K);
}
