/* LayerNorm on CUDA. Contract and formulas: train/ops/ops.h
 *
 * A warp has a row: each lane holds K times four neighbouring columns in registers, so that x is
 * read once from memory. Rows that are too long or not a multiple of four columns take the plain
 * kernels, a lane seeing columns lane, lane + 32, ...
 *
 * The backward pass goes over its inputs once, too: a warp walks over rows of its piece and adds
 * up dw and db of its columns in registers; a block adds those of its warps, add_pieces() those
 * of the blocks. */
#include "train/ops/cuda.cuh"

/* Columns that lane and K leave to the registers: 4 * 32 * K. */
#define COLUMNS 128
/* The longest row in registers: 1536 columns, whose sums fill 48 KB of shared memory. */
#define MOST 12

/* ---- Forward ------------------------------------------------------------------------- */

template <int K>
static __global__ void fwd_kernel(vs_narrow *y, float *mean, float *rstd, const vs_real *x,
                                  const vs_real *w, const vs_real *b, float eps, int N, int C)
{
    const int n = blockIdx.x * blockDim.y + threadIdx.y, lane = threadIdx.x;
    if (n >= N)
        return;
    const vs_real *xn = x + (int64_t)n * C;
    vs_narrow *yn = y + (int64_t)n * C;
    vs_four v[K];

    /* (1) mean */
    float sum = 0.0f;
#pragma unroll
    for (int k = 0; k < K; k++) {
        const int c = COLUMNS * k + 4 * lane;
        if (c >= C)
            break;
        v[k] = load4(xn + c);
        sum += (v[k].v[0] + v[k].v[1]) + (v[k].v[2] + v[k].v[3]);
    }
    const float m = warp_sum(sum) / (float)C;

    /* (2) rstd, two passes: subtracting first keeps the digits */
    float sq = 0.0f;
#pragma unroll
    for (int k = 0; k < K; k++) {
        if (COLUMNS * k + 4 * lane >= C)
            break;
        for (int j = 0; j < 4; j++)
            sq += (v[k].v[j] - m) * (v[k].v[j] - m);
    }
    const float s = 1.0f / sqrtf(warp_sum(sq) / (float)C + eps);

    /* (3) scale and shift */
#pragma unroll
    for (int k = 0; k < K; k++) {
        const int c = COLUMNS * k + 4 * lane;
        if (c >= C)
            break;
        const vs_four wc = load4(w + c), bc = load4(b + c);
        for (int j = 0; j < 4; j++)
            v[k].v[j] = (v[k].v[j] - m) * s * wc.v[j] + bc.v[j];
        store4(yn + c, v[k]);
    }
    if (lane == 0) {
        mean[n] = m;
        rstd[n] = s;
    }
}

static __global__ void fwd_plain_kernel(vs_narrow *y, float *mean, float *rstd, const vs_real *x,
                                        const vs_real *w, const vs_real *b, float eps, int N,
                                        int C)
{
    const int n = blockIdx.x * blockDim.y + threadIdx.y, lane = threadIdx.x;
    if (n >= N)
        return;
    const vs_real *xn = x + (int64_t)n * C;
    vs_narrow *yn = y + (int64_t)n * C;

    /* (1) mean */
    float sum = 0.0f;
    for (int c = lane; c < C; c += 32)
        sum += xn[c];
    const float m = warp_sum(sum) / (float)C;

    /* (2) rstd, two passes: subtracting first keeps the digits */
    float sq = 0.0f;
    for (int c = lane; c < C; c += 32)
        sq += (xn[c] - m) * (xn[c] - m);
    const float s = 1.0f / sqrtf(warp_sum(sq) / (float)C + eps);

    /* (3) scale and shift */
    for (int c = lane; c < C; c += 32)
        put(yn + c, (xn[c] - m) * s * w[c] + b[c]);

    if (lane == 0) {
        mean[n] = m;
        rstd[n] = s;
    }
}

void VS_CUDA(layernorm_fwd)(vs_device *dev, vs_narrow *y, float *mean, float *rstd,
                            const vs_real *x, const vs_real *w, const vs_real *b, float eps,
                            int N, int C)
{
    const dim3 block(32, VS_WARPS);
    const unsigned grid = (unsigned)ceil_div(N, VS_WARPS);
    const bool wide = C % 4 == 0 && C <= COLUMNS * MOST && aligned_to(x, 16) &&
                      aligned_to(y, 16) && aligned_to(w, 16) && aligned_to(b, 16);
    if (vs_device_failed(dev))
        return;
#define FWD(K)                                                                               \
    VS_LAUNCH(fwd_kernel<K>, grid, block, 0, stream_of(dev), y, mean, rstd, x, w, b, eps, N, C)
    if (!wide)
        VS_LAUNCH(fwd_plain_kernel, grid, block, 0, stream_of(dev), y, mean, rstd, x, w, b, eps, N,
                  C);
    else if (C <= COLUMNS * 1)
        FWD(1);
    else if (C <= COLUMNS * 3)
        FWD(3);
    else if (C <= COLUMNS * 6)
        FWD(6);
    else if (C <= COLUMNS * 8)
        FWD(8);
    else
        FWD(MOST);
#undef FWD
    VS_LAUNCHED(dev);
}

/* ---- Backward ------------------------------------------------------------------------ */

/* sum[c] = what the warps of the block hold of column c, one after the other. */
template <int K> static __device__ void add_warps(float *sum, float *sums, const vs_four *v, int C)
{
#pragma unroll
    for (int k = 0; k < K; k++) {
        const int c = COLUMNS * k + 4 * threadIdx.x;
        if (c < C)
            store4(sums + threadIdx.y * C + c, v[k]);
    }
    __syncthreads();
    for (int c = 32 * threadIdx.y + threadIdx.x; c < C; c += 32 * VS_WARPS) {
        float total = 0.0f;
        for (int i = 0; i < VS_WARPS; i++)
            total += sums[i * C + c];
        sum[c] = total;
    }
    __syncthreads();
}

/* One block per piece of rows; part: (pieces, 2, C), dw before db. Shared memory: C values of
 * each warp. */
template <int K>
static __global__ void __launch_bounds__(32 * VS_WARPS)
    bwd_kernel(vs_real *dx, float *part, const vs_narrow *dy, const vs_real *x, const vs_real *w,
               const float *mean, const float *rstd, int rows, int N, int C)
{
    VS_SHARED_BYTES(float, sums);
    const int lane = threadIdx.x, first = blockIdx.x * rows;
    const int end = first + rows < N ? first + rows : N;
    vs_four dw[K], db[K];
#pragma unroll
    for (int k = 0; k < K; k++)
        for (int j = 0; j < 4; j++)
            dw[k].v[j] = db[k].v[j] = 0.0f;

    for (int n = first + threadIdx.y; n < end; n += VS_WARPS) {
        const float m = mean[n], s = rstd[n];
        vs_four h[K], g[K];

        /* (1) the two means over the row */
        float g_mean = 0.0f, gh_mean = 0.0f;
#pragma unroll
        for (int k = 0; k < K; k++) {
            const int c = COLUMNS * k + 4 * lane;
            if (c >= C)
                break;
            const vs_four d = load4(dy + (int64_t)n * C + c), wc = load4(w + c);
            h[k] = load4(x + (int64_t)n * C + c);
            for (int j = 0; j < 4; j++) {
                h[k].v[j] = (h[k].v[j] - m) * s;
                g[k].v[j] = d.v[j] * wc.v[j];
                g_mean += g[k].v[j];
                gh_mean += g[k].v[j] * h[k].v[j];
                db[k].v[j] += d.v[j];
                dw[k].v[j] += d.v[j] * h[k].v[j];
            }
        }
        g_mean = warp_sum(g_mean) / (float)C;
        gh_mean = warp_sum(gh_mean) / (float)C;

        /* (2) accumulate */
#pragma unroll
        for (int k = 0; k < K; k++) {
            const int c = COLUMNS * k + 4 * lane;
            if (c >= C)
                break;
            vs_four d = load4(dx + (int64_t)n * C + c);
            for (int j = 0; j < 4; j++)
                d.v[j] += s * (g[k].v[j] - g_mean - h[k].v[j] * gh_mean);
            store4(dx + (int64_t)n * C + c, d);
        }
    }

    /* (3) the block's share of dw and db */
    float *const at = part + (int64_t)blockIdx.x * 2 * C;
    add_warps<K>(at, sums, dw, C);
    add_warps<K>(at + C, sums, db, C);
}

static __global__ void bwd_dx_plain_kernel(vs_real *dx, const vs_narrow *dy, const vs_real *x,
                                           const vs_real *w, const float *mean, const float *rstd,
                                           int N, int C)
{
    const int n = blockIdx.x * blockDim.y + threadIdx.y, lane = threadIdx.x;
    if (n >= N)
        return;
    const vs_real *xn = x + (int64_t)n * C;
    const vs_narrow *dyn = dy + (int64_t)n * C;
    vs_real *dxn = dx + (int64_t)n * C;

    /* (1) the two means over the row */
    float g_mean = 0.0f, gh_mean = 0.0f;
    for (int c = lane; c < C; c += 32) {
        const float g = widened(dyn[c]) * w[c];
        g_mean += g;
        gh_mean += g * ((xn[c] - mean[n]) * rstd[n]);
    }
    g_mean = warp_sum(g_mean) / (float)C;
    gh_mean = warp_sum(gh_mean) / (float)C;

    /* (2) accumulate */
    for (int c = lane; c < C; c += 32) {
        const float h = (xn[c] - mean[n]) * rstd[n];
        dxn[c] += rstd[n] * (widened(dyn[c]) * w[c] - g_mean - h * gh_mean);
    }
}

/* (3) one thread per column and piece, rows in order */
static __global__ void bwd_w_plain_kernel(float *part, const vs_narrow *dy, const vs_real *x,
                                          const float *mean, const float *rstd, int rows, int N,
                                          int C)
{
    const int c = blockIdx.x * blockDim.x + threadIdx.x, first = blockIdx.y * rows;
    const int end = first + rows < N ? first + rows : N;
    if (c >= C)
        return;
    float dw = 0.0f, db = 0.0f;
    for (int n = first; n < end; n++) {
        const float d = widened(dy[(int64_t)n * C + c]);
        db += d;
        dw += d * ((x[(int64_t)n * C + c] - mean[n]) * rstd[n]);
    }
    part[(int64_t)blockIdx.y * 2 * C + c] = dw;
    part[(int64_t)blockIdx.y * 2 * C + C + c] = db;
}

static void bwd_plain(vs_device *dev, vs_real *dx, float *part, const vs_narrow *dy,
                      const vs_real *x, const vs_real *w, const float *mean, const float *rstd,
                      int rows, int N, int C)
{
    const dim3 block(32, VS_WARPS), grid((unsigned)ceil_div(C, VS_THREADS),
                                         (unsigned)ceil_div(N, rows));
    VS_LAUNCH(bwd_w_plain_kernel, grid, VS_THREADS, 0, stream_of(dev), part, dy, x, mean, rstd,
              rows, N, C);
    VS_LAUNCH(bwd_dx_plain_kernel, (unsigned)ceil_div(N, VS_WARPS), block, 0, stream_of(dev), dx,
              dy, x, w, mean, rstd, N, C);
}

void VS_CUDA(layernorm_bwd)(vs_device *dev, vs_real *dx, float *dw, float *db, const vs_narrow *dy,
                            const vs_real *x, const vs_real *w, const float *mean,
                            const float *rstd, int N, int C)
{
    const int rows = rows_of_piece(N), pieces = (int)ceil_div(N, rows);
    const dim3 block(32, VS_WARPS);
    const size_t shared = sizeof(float) * VS_WARPS * (size_t)C;
    const bool wide = C % 4 == 0 && C <= COLUMNS * MOST && aligned_to(x, 16) &&
                      aligned_to(dx, 16) && aligned_to(dy, 16) && aligned_to(w, 16);
    float *const part = (float *)vs_device_scratch(dev, sizeof(float) * 2 * (size_t)pieces * C);
    if (!part)
        return;
#define BWD(K)                                                                              \
    VS_LAUNCH(bwd_kernel<K>, (unsigned)pieces, block, shared, stream_of(dev), dx, part, dy, x, w, \
              mean, rstd, rows, N, C)
    if (!wide)
        bwd_plain(dev, dx, part, dy, x, w, mean, rstd, rows, N, C);
    else if (C <= COLUMNS * 1)
        BWD(1);
    else if (C <= COLUMNS * 3)
        BWD(3);
    else if (C <= COLUMNS * 6)
        BWD(6);
    else if (C <= COLUMNS * 8)
        BWD(8);
    else
        BWD(MOST);
#undef BWD
    VS_LAUNCHED(dev);
    VS_CUDA(add_pieces)(dev, dw, part, pieces, C, 2 * C);
    VS_CUDA(add_pieces)(dev, db, part + C, pieces, C, 2 * C);
}
