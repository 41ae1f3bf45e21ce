/* From frames to tokens and back, on CUDA. Contract and formulas: train/ops/ops.h
 *
 * Patches: a block has a token at a time. Rows of tokens: a warp has a row, four columns to a
 * lane where rows are aligned so. */
#include "train/ops/cuda.cuh"

/* What the CPU works out in double precision for each of 256 bytes of 3 colours: looked up here,
 * so that the patches are the CPU's to the bit. */
static const float *byte_table(vs_device *dev)
{
    static const double mean[3] = { 0.485, 0.456, 0.406 }, std[3] = { 0.229, 0.224, 0.225 };
    vs_gpu_keep *const keep = &dev->gpu->keep[VS_GPU_TOKENS];
    if (keep->state || vs_device_failed(dev))
        return (const float *)keep->state;
    float host[3 * 256];
    for (int i = 0; i < 3 * 256; i++)
        host[i] = (float)((i % 256 / 255.0 - mean[i / 256]) / std[i / 256]);
    keep->state = dev->kind->take(dev, sizeof(host));
    keep->close = dev->kind->give;
    if (keep->state)
        vs_device_upload(dev, keep->state, host, sizeof(host));
    else
        vs_device_note(dev, VS_FAIL(VS_ERR_NOMEM, "%s: no room for a table", dev->name));
    return (const float *)keep->state;
}

/* The first byte of a token's tubelet. */
static __device__ const uint8_t *corner(const uint8_t *frames, int64_t n, int S, int token,
                                        vs_grid g)
{
    const int across = g.W / g.patch, down = g.H / g.patch;
    const int t = token / (across * down), y = token / across % down, x = token % across;
    const int64_t clip = (int64_t)g.T * g.H * g.W;
    return frames + 3 * (n / S * clip +
                         ((int64_t)t * g.tubelet * g.H + (int64_t)y * g.patch) * g.W +
                         (int64_t)x * g.patch);
}

static int tokens_of(const vs_grid *g)
{
    return g->T / g->tubelet * (g->H / g->patch) * (g->W / g->patch);
}

/* Blocks for N tokens: enough to fill a GPU several times over. */
static unsigned token_blocks(int64_t N)
{
    return (unsigned)(N < 4096 ? N : 4096);
}

/* Four values of a row at a time, or one. */
template <int WIDE>
static __global__ void gather_kernel(vs_narrow *x, const uint8_t *frames, const int32_t *index,
                                     const float *table, int64_t N, int S, vs_grid g)
{
    __shared__ float value[3 * 256];
    const int p = g.patch, plane = g.tubelet * p * p, P = 3 * plane;
    for (int i = threadIdx.x; i < 3 * 256; i += VS_THREADS)
        value[i] = table[i];
    __syncthreads();
    for (int64_t n = blockIdx.x; n < N; n += gridDim.x) {
        const uint8_t *from = corner(frames, n, S, index ? index[n] : (int)(n % S), g);
        vs_narrow *const to = x + n * P;
        for (int k = WIDE * threadIdx.x; k < P; k += WIDE * VS_THREADS) {
            const int c = k / plane, f = k % plane / (p * p), r = k / p % p, i = k % p;
            const uint8_t *const at = from + 3 * (((int64_t)f * g.H + r) * g.W + i) + c;
            if (WIDE == 4) {
                vs_four v;
                for (int j = 0; j < 4; j++)
                    v.v[j] = value[256 * c + at[3 * j]];
                store4(to + k, v);
            } else {
                put(to + k, value[256 * c + at[0]]);
            }
        }
    }
}

void VS_CUDA(patch_gather)(vs_device *dev, vs_narrow *x, const uint8_t *frames,
                           const int32_t *index, int B, int S, const vs_grid *grid)
{
    const float *const table = byte_table(dev);
    const int64_t N = (int64_t)B * S;
    if (vs_device_failed(dev))
        return;
    VS_ASSERT(index || S == tokens_of(grid));
    if (grid->patch % 4 == 0 && aligned_to(x, 16))
        VS_LAUNCH(gather_kernel<4>, token_blocks(N), VS_THREADS, 0, stream_of(dev), x, frames,
                  index, table, N, S, *grid);
    else
        VS_LAUNCH(gather_kernel<1>, token_blocks(N), VS_THREADS, 0, stream_of(dev), x, frames,
                  index, table, N, S, *grid);
    VS_LAUNCHED(dev);
}

/* Threads of a block for targets, a multiple of 3: a thread sees one colour only, and halving
 * 96, 48, ... 3 adds like to like. */
#define TARGET_THREADS 192

struct vs_moments {
    unsigned long long sum, squares;
};

/* Mean and factor of the token's three colours, in shared memory. Whole-number sums, so that
 * the variance of a flat patch is exactly 0; its targets are 0, too. */
static __device__ void colour_statistics(double *mean, double *factor, vs_moments *part,
                                         vs_moments mine, int64_t n)
{
    const int me = threadIdx.x;
    part[me] = mine;
    __syncthreads();
    for (int half = TARGET_THREADS / 2; half >= 3; half /= 2) {
        if (me < half) {
            part[me].sum += part[me + half].sum;
            part[me].squares += part[me + half].squares;
        }
        __syncthreads();
    }
    if (me < 3) {
        const int64_t total = (int64_t)part[me].sum, squares = (int64_t)part[me].squares;
        const double spread = (double)(n * squares - total * total);
        const double var = spread / ((double)n * (double)(n - 1));
        mean[me] = (double)total / (double)n;
        factor[me] = spread > 0.0 ? 1.0 / 255.0 / (sqrt(var) / 255.0 + 1e-6) : 0.0;
    }
    __syncthreads();
}

static __global__ void __launch_bounds__(TARGET_THREADS)
    target_kernel(float *t, const uint8_t *frames, const int32_t *index, int64_t N, int S,
                  vs_grid g)
{
    __shared__ vs_moments part[TARGET_THREADS];
    __shared__ double mean[3], factor[3];
    const int row = 3 * g.patch, P = g.tubelet * g.patch * row, colour = threadIdx.x % 3;
    for (int64_t n = blockIdx.x; n < N; n += gridDim.x) {
        const uint8_t *from = corner(frames, n, S, index ? index[n] : (int)(n % S), g);
        const auto byte = [&](int k) {
            return from[3 * ((int64_t)(k / (row * g.patch)) * g.H + k / row % g.patch) * g.W +
                        k % row];
        };
        vs_moments mine = { 0, 0 };
        for (int k = threadIdx.x; k < P; k += TARGET_THREADS) {
            const unsigned u = byte(k);
            mine.sum += u;
            mine.squares += u * u;
        }
        colour_statistics(mean, factor, part, mine, P / 3);
        const double m = mean[colour], a = factor[colour];
        for (int k = threadIdx.x; k < P; k += TARGET_THREADS)
            t[n * P + k] = (float)(((double)byte(k) - m) * a);
        __syncthreads();           /* before the next token writes its statistics */
    }
}

void VS_CUDA(patch_target)(vs_device *dev, float *t, const uint8_t *frames, const int32_t *index,
                           int B, int S, const vs_grid *grid)
{
    const int64_t N = (int64_t)B * S;
    if (vs_device_failed(dev))
        return;
    VS_ASSERT(index || S == tokens_of(grid));
    VS_LAUNCH(target_kernel, token_blocks(N), TARGET_THREADS, 0, stream_of(dev), t, frames, index,
              N, S, *grid);
    VS_LAUNCHED(dev);
}

/* ---- Rows of tokens ------------------------------------------------------------------ */

/* y = x + a, x or a NULL: zeros; a row of C columns by the lanes of a warp. */
template <class T>
static __device__ void add_row(T *y, const float *x, const float *a, int C, bool wide)
{
    const int lane = threadIdx.x;
    for (int c = 4 * lane; wide && c < C; c += 128) {
        vs_four v = { { 0.0f, 0.0f, 0.0f, 0.0f } };
        if (x)
            v = load4(x + c);
        if (a) {
            const vs_four b = load4(a + c);
            for (int j = 0; j < 4; j++)
                v.v[j] += b.v[j];
        }
        store4(y + c, v);
    }
    for (int c = lane; !wide && c < C; c += 32)
        put(y + c, (x ? x[c] : 0.0f) + (a ? a[c] : 0.0f));
}

/* Whether all rows of C columns begin at an address that load4() can take. */
static bool wide_rows(int C, const void *a, const void *b, const void *c, const void *d)
{
    return C % 4 == 0 && aligned_to(a, 16) && aligned_to(b, 16) && aligned_to(c, 16) &&
           aligned_to(d, 16);
}

/* The rows of a kernel that gives each warp one. */
#define LAUNCH_ROWS(dev, kernel, rows, ...)                                               \
    do {                                                                                  \
        VS_LAUNCH(kernel, (unsigned)ceil_div((rows), VS_WARPS), dim3(32, VS_WARPS), 0,    \
                  stream_of(dev), __VA_ARGS__);                                           \
        VS_LAUNCHED(dev);                                                                 \
    } while (0)

static __device__ int64_t my_row()
{
    return (int64_t)blockIdx.x * VS_WARPS + threadIdx.y;
}

static __global__ void position_kernel(vs_real *x, const float *pos, const int32_t *index,
                                       int64_t N, int S, int C, bool wide)
{
    const int64_t n = my_row();
    if (n >= N)
        return;
    const int64_t place = index ? index[n] : n % S;
    add_row(x + n * C, x + n * C, pos + place * C, C, wide);
}

void VS_CUDA(position_add)(vs_device *dev, vs_real *x, const float *pos, const int32_t *index,
                           int B, int S, int C)
{
    const int64_t N = (int64_t)B * S;
    if (vs_device_failed(dev))
        return;
    LAUNCH_ROWS(dev, position_kernel, N, x, pos, index, N, S, C, wide_rows(C, x, pos, x, x));
}

static __global__ void join_kernel(vs_real *y, const vs_real *x, const vs_real *token,
                                   const float *pos, const int32_t *visible,
                                   const int32_t *masked, int B, int V, int M, int C, bool wide)
{
    const int64_t n = my_row(), b = n / (V + M);
    if (b >= B)
        return;
    const int s = (int)(n % (V + M));
    const bool seen = s < V;
    const int64_t place = seen ? visible[b * V + s] : masked[b * M + s - V];
    add_row(y + n * C, seen ? x + (b * V + s) * C : token, pos + place * C, C, wide);
}

void VS_CUDA(join_fwd)(vs_device *dev, vs_real *y, const vs_real *x, const vs_real *token,
                       const float *pos, const int32_t *visible, const int32_t *masked, int B,
                       int V, int M, int C)
{
    if (vs_device_failed(dev))
        return;
    LAUNCH_ROWS(dev, join_kernel, (int64_t)B * (V + M), y, x, token, pos, visible, masked, B, V, M,
                C, wide_rows(C, y, x, token, pos));
}

static __global__ void visible_kernel(vs_narrow *dx, const vs_real *dy, int B, int V, int M, int C,
                                      bool wide)
{
    const int64_t n = my_row(), b = n / V;
    if (b < B)
        add_row(dx + n * C, dy + (b * (V + M) + n % V) * C, NULL, C, wide);
}

/* One mask token takes part in every masked row: one thread per column and piece of rows. */
static __global__ void masked_kernel(float *part, const vs_real *dy, int rows, int64_t N, int V,
                                     int M, int C)
{
    const int c = blockIdx.x * blockDim.x + threadIdx.x;
    const int64_t first = (int64_t)blockIdx.y * rows, end = first + rows < N ? first + rows : N;
    if (c >= C)
        return;
    float sum = 0.0f;
    for (int64_t n = first; n < end; n++)
        sum += dy[(n / M * (V + M) + V + n % M) * C + c];
    part[(int64_t)blockIdx.y * C + c] = sum;
}

void VS_CUDA(join_bwd)(vs_device *dev, vs_narrow *dx, float *dtoken, const vs_real *dy, int B,
                       int V, int M, int C)
{
    const int64_t N = (int64_t)B * M;
    const int rows = rows_of_piece(N), pieces = (int)ceil_div(N, rows);
    float *const part = (float *)vs_device_scratch(dev, sizeof(float) * (size_t)pieces * C);
    if (!part)
        return;
    LAUNCH_ROWS(dev, visible_kernel, (int64_t)B * V, dx, dy, B, V, M, C,
                wide_rows(C, dx, dy, dy, dy));
    VS_LAUNCH(masked_kernel, dim3((unsigned)ceil_div(C, 128), (unsigned)pieces), 128, 0,
              stream_of(dev), part, dy, rows, N, V, M, C);
    VS_LAUNCHED(dev);
    VS_CUDA(add_pieces)(dev, dtoken, part, pieces, C, C);
}

static __global__ void tail_fwd_kernel(vs_real *y, const vs_real *x, int B, int S, int M, int C,
                                       bool wide)
{
    const int64_t n = my_row(), b = n / M;
    if (b < B)
        add_row(y + n * C, x + (b * S + S - M + n % M) * C, NULL, C, wide);
}

void VS_CUDA(tail_fwd)(vs_device *dev, vs_real *y, const vs_real *x, int B, int S, int M, int C)
{
    if (vs_device_failed(dev))
        return;
    LAUNCH_ROWS(dev, tail_fwd_kernel, (int64_t)B * M, y, x, B, S, M, C, wide_rows(C, y, x, x, x));
}

static __global__ void tail_bwd_kernel(vs_real *dx, const vs_real *dy, int B, int S, int M, int C,
                                       bool wide)
{
    const int64_t n = my_row(), b = n / S;
    const int s = (int)(n % S) - (S - M);
    if (b < B)
        add_row(dx + n * C, s < 0 ? (const float *)NULL : dy + (b * M + s) * C, NULL, C, wide);
}

void VS_CUDA(tail_bwd)(vs_device *dev, vs_real *dx, const vs_real *dy, int B, int S, int M, int C)
{
    if (vs_device_failed(dev))
        return;
    LAUNCH_ROWS(dev, tail_bwd_kernel, (int64_t)B * S, dx, dy, B, S, M, C,
                wide_rows(C, dx, dy, dx, dy));
}
