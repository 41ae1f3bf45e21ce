/* LayerNorm on CUDA. Contract and formulas: train/ops/ops.h
 * One warp per row; a lane sees columns lane, lane + 32, ... */
#include "train/ops/cuda.cuh"

static __global__ void fwd_kernel(vs_real *y, float *mean, float *rstd, const vs_real *x,
                                  const vs_real *w, const vs_real *b, float eps, int N, int C)
{
    const int n = blockIdx.x * blockDim.y + threadIdx.y, lane = threadIdx.x;
    if (n >= N)
        return;
    const vs_real *xn = x + (int64_t)n * C;
    vs_real *yn = y + (int64_t)n * C;

    /* (1) mean */
    float sum = 0.0f;
    for (int c = lane; c < C; c += 32)
        sum += (float)xn[c];
    const float m = warp_sum(sum) / (float)C;

    /* (2) rstd, two passes: subtracting first keeps the digits */
    float sq = 0.0f;
    for (int c = lane; c < C; c += 32)
        sq += ((float)xn[c] - m) * ((float)xn[c] - m);
    const float s = rsqrtf(warp_sum(sq) / (float)C + eps);

    /* (3) scale and shift */
    for (int c = lane; c < C; c += 32)
        yn[c] = (vs_real)(((float)xn[c] - m) * s * (float)w[c] + (float)b[c]);

    if (lane == 0) {
        mean[n] = m;
        rstd[n] = s;
    }
}

void VS_CUDA(layernorm_fwd)(vs_device *dev, vs_real *y, float *mean, float *rstd,
                            const vs_real *x, const vs_real *w, const vs_real *b, float eps,
                            int N, int C)
{
    const dim3 block(32, 8);
    if (vs_device_failed(dev))
        return;
    fwd_kernel<<<ceil_div(N, 8), block, 0, stream_of(dev)>>>(y, mean, rstd, x, w, b, eps, N, C);
    VS_CUDA_NOTE(dev, cudaGetLastError());
}

static __global__ void bwd_dx_kernel(vs_real *dx, const vs_real *dy, const vs_real *x,
                                     const vs_real *w, const float *mean, const float *rstd,
                                     int N, int C)
{
    const int n = blockIdx.x * blockDim.y + threadIdx.y, lane = threadIdx.x;
    if (n >= N)
        return;
    const vs_real *xn = x + (int64_t)n * C, *dyn = dy + (int64_t)n * C;
    vs_real *dxn = dx + (int64_t)n * C;

    /* (1) the two means over the row */
    float g_mean = 0.0f, gh_mean = 0.0f;
    for (int c = lane; c < C; c += 32) {
        const float g = (float)dyn[c] * (float)w[c];
        g_mean += g;
        gh_mean += g * (((float)xn[c] - mean[n]) * rstd[n]);
    }
    g_mean = warp_sum(g_mean) / (float)C;
    gh_mean = warp_sum(gh_mean) / (float)C;

    /* (2) accumulate */
    for (int c = lane; c < C; c += 32) {
        const float h = ((float)xn[c] - mean[n]) * rstd[n];
        const float g = (float)dyn[c] * (float)w[c];
        dxn[c] = (vs_real)((float)dxn[c] + rstd[n] * (g - g_mean - h * gh_mean));
    }
}

/* One thread per column, rows in order: the sum is the same in every run. */
static __global__ void bwd_dwdb_kernel(float *dw, float *db, const vs_real *dy, const vs_real *x,
                                       const float *mean, const float *rstd, int N, int C)
{
    const int c = blockIdx.x * blockDim.x + threadIdx.x;
    if (c >= C)
        return;
    float w_sum = 0.0f, b_sum = 0.0f;
    for (int n = 0; n < N; n++) {
        const int64_t i = (int64_t)n * C + c;
        b_sum += (float)dy[i];
        w_sum += (float)dy[i] * ((float)x[i] - mean[n]) * rstd[n];
    }
    dw[c] += w_sum;
    db[c] += b_sum;
}

void VS_CUDA(layernorm_bwd)(vs_device *dev, vs_real *dx, float *dw, float *db, const vs_real *dy,
                            const vs_real *x, const vs_real *w, const float *mean,
                            const float *rstd, int N, int C)
{
    const dim3 block(32, 8);
    if (vs_device_failed(dev))
        return;
    bwd_dx_kernel<<<ceil_div(N, 8), block, 0, stream_of(dev)>>>(dx, dy, x, w, mean, rstd, N, C);
    bwd_dwdb_kernel<<<ceil_div(C, 256), 256, 0, stream_of(dev)>>>(dw, db, dy, x, mean, rstd, N, C);
    VS_CUDA_NOTE(dev, cudaGetLastError());
}
