/* Attention on CUDA. Contract and formulas: train/ops/ops.h
 *
 * In bfloat16 it is cuDNN's (sdpa.h), where that is installed and has an engine for the shape.
 * Else, and in float, it is written out here: the tiles of the CPU, in shared memory, and products
 * in float. VSYN_CUDNN=off leaves cuDNN out.
 *
 *   forward    a block has T queries of a head and goes past all keys, T at a time, with a
 *              running maximum and sum
 *   backward   once with a block per T keys (dk, dv), once with a block per T queries (dq): the
 *              scores are made twice, so that every gradient has one writer and no atomics
 *
 * Threads are (T/4)^2; each has 4 x 4 scores and 4 rows x COLS columns of a result, rows and
 * columns T/4 apart. Rows of shared memory are one value longer than a multiple of 32 banks. */
#include "train/ops/cuda.cuh"
#include "train/ops/normal.h"
#include "train/ops/sdpa.h"

#include <stdlib.h>

#include "base/log.h"

/* Where the rows of a (clip, head) lie. */
struct head {
    int64_t qkv, y, row;           /* its first values in qkv, in y, and in lse */
    int S, D, C;
};

static __device__ inline head head_of(int S, int H, int D)
{
    const int C = H * D, job = blockIdx.y;
    const int64_t b = job / H, h = job % H;
    const head hd = { b * S * 3 * C + h * D, b * S * C + h * D, (int64_t)job * S, S, D, C };
    return hd;
}

/* Sizes that follow from those of a tile: T queries or keys, COLS columns a thread. */
template <int T, int COLS> struct tile {
    static const int R = T / 4;                /* threads along a side */
    static const int threads = R * R;
    static const int D = R * COLS;             /* columns, some of them zeros */
    static const int ld = D + 1;
    static const int lds = T + 1;              /* of scores */
    static const int values = T * ld, scores = T * lds;
};

/* T rows of D values from row `first`, `stride` apart; zeros behind the last row and column. */
template <int T, int COLS>
static __device__ void load_rows(float *to, const vs_narrow *x, int64_t stride, int first,
                                 const head &hd)
{
    typedef tile<T, COLS> t;
    for (int i = threadIdx.x; i < T * t::D; i += t::threads) {
        const int r = i / t::D, c = i % t::D, row = first + r;
        to[r * t::ld + c] = row < hd.S && c < hd.D ? widened(x[row * stride + c]) : 0.0f;
    }
}

/* s[i][j] = a[i,:] . b[j,:] for the thread's rows and columns. */
template <int T, int COLS>
static __device__ void row_by_row(float (&s)[4][4], const float *a, const float *b)
{
    typedef tile<T, COLS> t;
    const int ty = threadIdx.x / t::R, tx = threadIdx.x % t::R;
    for (int i = 0; i < 4; i++)
        for (int j = 0; j < 4; j++)
            s[i][j] = 0.0f;
    for (int c = 0; c < t::D; c++) {
        float x[4], y[4];
        for (int i = 0; i < 4; i++) {
            x[i] = a[(ty + t::R * i) * t::ld + c];
            y[i] = b[(tx + t::R * i) * t::ld + c];
        }
        for (int i = 0; i < 4; i++)
            for (int j = 0; j < 4; j++)
                s[i][j] += x[i] * y[j];
    }
}

/* o += p x, or p^T x: p (T, T) scores, x (T, D). */
template <int T, int COLS, bool TURNED>
static __device__ void add_product(float (&o)[4][COLS], const float *p, const float *x)
{
    typedef tile<T, COLS> t;
    const int ty = threadIdx.x / t::R, tx = threadIdx.x % t::R;
    for (int l = 0; l < T; l++) {
        float a[4];
        for (int i = 0; i < 4; i++)
            a[i] = TURNED ? p[l * t::lds + ty + t::R * i] : p[(ty + t::R * i) * t::lds + l];
#pragma unroll
        for (int j = 0; j < COLS; j++) {
            const float b = x[l * t::ld + tx + t::R * j];
            for (int i = 0; i < 4; i++)
                o[i][j] += a[i] * b;
        }
    }
}

template <int T, int COLS> static __device__ void clear(float (&o)[4][COLS])
{
    for (int i = 0; i < 4; i++)
        for (int j = 0; j < COLS; j++)
            o[i][j] = 0.0f;
}

/* Rows first.. of y, `stride` apart, = o * scale of the row (NULL: 1). */
template <int T, int COLS>
static __device__ void store_rows(vs_narrow *y, int64_t stride, int first, const head &hd,
                                  const float (&o)[4][COLS], const float *scale)
{
    typedef tile<T, COLS> t;
    const int ty = threadIdx.x / t::R, tx = threadIdx.x % t::R;
    for (int i = 0; i < 4; i++) {
        const int r = ty + t::R * i, row = first + r;
        for (int j = 0; j < COLS; j++) {
            const int c = tx + t::R * j;
            if (row < hd.S && c < hd.D)
                put(y + row * stride + c, scale ? o[i][j] * scale[r] : o[i][j]);
        }
    }
}

/* ---- Forward --------------------------------------------------------------------------- */

/* Sum or maximum over the T/16 lanes that share a row. */
template <int T, bool MAX> static __device__ float of_row(float v)
{
    for (int d = 1; d < T / 16; d *= 2) {
        const float other = __shfl_xor_sync(0xffffffffu, v, d);
        v = MAX ? fmaxf(v, other) : v + other;
    }
    return v;
}

/* One row of scores becomes exp(s - max): T/16 threads, 16 scores each. `keys` are there. The
 * maximum and the sum run on; what was added so far shrinks by the result. */
template <int T> static __device__ float exp_row(float *s, float *top, float *sum, int keys)
{
    const int part = threadIdx.x % (T / 16);
    float most = *top, add = 0.0f;
    for (int j = part; j < keys; j += T / 16)
        most = fmaxf(most, s[j]);
    most = of_row<T, true>(most);
    for (int j = part; j < T; j += T / 16) {
        s[j] = j < keys ? vs_expf(s[j] - most) : 0.0f;
        add += s[j];
    }
    const float shrink = *top == -INFINITY ? 0.0f : vs_expf(*top - most);
    *top = most;
    *sum = *sum * shrink + of_row<T, false>(add);
    return shrink;
}

template <int T, int COLS>
static __global__ void fwd_kernel(vs_narrow *y, float *lse, const vs_narrow *qkv, int S, int H,
                                  int D, float scale)
{
    typedef tile<T, COLS> t;
    VS_SHARED_BYTES(float, q);
    float *const k = q + t::values, *const v = k + t::values, *const p = v + t::values;
    float *const factor = p + t::scores;
    const head hd = head_of(S, H, D);
    const vs_narrow *const at = qkv + hd.qkv;
    const int64_t stride = 3 * (int64_t)hd.C;
    const int first = blockIdx.x * T, row = threadIdx.x / (T / 16);
    const int ty = threadIdx.x / t::R, tx = threadIdx.x % t::R;
    float o[4][COLS], top = -INFINITY, sum = 0.0f;
    clear<T, COLS>(o);
    load_rows<T, COLS>(q, at, stride, first, hd);
    for (int from = 0; from < S; from += T) {
        load_rows<T, COLS>(k, at + hd.C, stride, from, hd);
        load_rows<T, COLS>(v, at + 2 * hd.C, stride, from, hd);
        __syncthreads();

        /* (1) scores */
        float s[4][4];
        row_by_row<T, COLS>(s, q, k);
        for (int i = 0; i < 4; i++)
            for (int j = 0; j < 4; j++)
                p[(ty + t::R * i) * t::lds + tx + t::R * j] = s[i][j] * scale;
        __syncthreads();

        /* (2) exp(s - max) */
        const float shrink = exp_row<T>(p + row * t::lds, &top, &sum, S - from < T ? S - from : T);
        factor[row] = shrink;
        __syncthreads();

        /* (3) times v */
        for (int i = 0; i < 4; i++)
            for (int j = 0; j < COLS; j++)
                o[i][j] *= factor[ty + t::R * i];
        add_product<T, COLS, false>(o, p, v);
        __syncthreads();
    }
    factor[row] = 1.0f / sum;
    if (threadIdx.x % (T / 16) == 0 && first + row < S)
        lse[hd.row + first + row] = top + logf(sum);
    __syncthreads();
    store_rows<T, COLS>(y + hd.y, hd.C, first, hd, o, factor);
}

/* ---- Backward -------------------------------------------------------------------------- */

/* r[i] = dy[i,:] . y[i,:] for every row of every head: a warp has a row. */
static __global__ void row_dots_kernel(float *r, const vs_narrow *dy, const vs_narrow *y,
                                       int64_t rows, int S, int H, int D)
{
    const int64_t at = (int64_t)blockIdx.x * blockDim.y + threadIdx.y;
    if (at >= rows)
        return;
    const int64_t job = at / S, s = at - job * S, b = job / H, h = job - b * H;
    const int64_t from = ((b * S + s) * H + h) * D;
    float sum = 0.0f;
    for (int c = threadIdx.x; c < D; c += 32)
        sum += widened(dy[from + c]) * widened(y[from + c]);
    sum = warp_sum(sum);
    if (threadIdx.x == 0)
        r[at] = sum;
}

/* What a block of the backward pass has in shared memory. */
template <int T, int COLS> struct bwd_room {
    float *q, *dy, *k, *v, *p, *ds;
    __device__ bwd_room(float *at)
    {
        typedef tile<T, COLS> t;
        q = at;
        dy = q + t::values;
        k = dy + t::values;
        v = k + t::values;
        p = v + t::values;
        ds = p + t::scores;
    }
};

/* p and ds of queries first.. and keys from..; zero where there are none. */
template <int T, int COLS>
static __device__ void scores(const bwd_room<T, COLS> &m, const head &hd, const float *lse,
                              const float *r, int first, int from, float scale)
{
    typedef tile<T, COLS> t;
    const int ty = threadIdx.x / t::R, tx = threadIdx.x % t::R;
    float s[4][4], ds[4][4];
    row_by_row<T, COLS>(s, m.q, m.k);
    row_by_row<T, COLS>(ds, m.dy, m.v);
    for (int i = 0; i < 4; i++) {
        const int row = first + ty + t::R * i;
        const bool there = row < hd.S;
        const float l = there ? lse[hd.row + row] : 0.0f, dot = there ? r[hd.row + row] : 0.0f;
        for (int j = 0; j < 4; j++) {
            const int col = tx + t::R * j, at = (ty + t::R * i) * t::lds + col;
            const float p = there && from + col < hd.S ? vs_expf(s[i][j] * scale - l) : 0.0f;
            m.p[at] = p;
            m.ds[at] = p * (ds[i][j] - dot) * scale;
        }
    }
}

template <int T, int COLS>
static __global__ void bwd_keys_kernel(vs_narrow *dqkv, const vs_narrow *dy, const vs_narrow *qkv,
                                       const float *lse, const float *r, int S, int H, int D,
                                       float scale)
{
    VS_SHARED_BYTES(float, room);
    const bwd_room<T, COLS> m(room);
    const head hd = head_of(S, H, D);
    const vs_narrow *const at = qkv + hd.qkv;
    const int64_t stride = 3 * (int64_t)hd.C;
    const int from = blockIdx.x * T;
    float dk[4][COLS], dv[4][COLS];
    clear<T, COLS>(dk);
    clear<T, COLS>(dv);
    load_rows<T, COLS>(m.k, at + hd.C, stride, from, hd);
    load_rows<T, COLS>(m.v, at + 2 * hd.C, stride, from, hd);
    for (int first = 0; first < S; first += T) {
        load_rows<T, COLS>(m.q, at, stride, first, hd);
        load_rows<T, COLS>(m.dy, dy + hd.y, hd.C, first, hd);
        __syncthreads();
        scores<T, COLS>(m, hd, lse, r, first, from, scale);
        __syncthreads();
        add_product<T, COLS, true>(dv, m.p, m.dy);
        add_product<T, COLS, true>(dk, m.ds, m.q);
        __syncthreads();
    }
    store_rows<T, COLS>(dqkv + hd.qkv + hd.C, stride, from, hd, dk, NULL);
    store_rows<T, COLS>(dqkv + hd.qkv + 2 * hd.C, stride, from, hd, dv, NULL);
}

template <int T, int COLS>
static __global__ void bwd_queries_kernel(vs_narrow *dqkv, const vs_narrow *dy,
                                          const vs_narrow *qkv, const float *lse, const float *r,
                                          int S, int H, int D, float scale)
{
    VS_SHARED_BYTES(float, room);
    const bwd_room<T, COLS> m(room);
    const head hd = head_of(S, H, D);
    const vs_narrow *const at = qkv + hd.qkv;
    const int64_t stride = 3 * (int64_t)hd.C;
    const int first = blockIdx.x * T;
    float dq[4][COLS];
    clear<T, COLS>(dq);
    load_rows<T, COLS>(m.q, at, stride, first, hd);
    load_rows<T, COLS>(m.dy, dy + hd.y, hd.C, first, hd);
    for (int from = 0; from < S; from += T) {
        load_rows<T, COLS>(m.k, at + hd.C, stride, from, hd);
        load_rows<T, COLS>(m.v, at + 2 * hd.C, stride, from, hd);
        __syncthreads();
        scores<T, COLS>(m, hd, lse, r, first, from, scale);
        __syncthreads();
        add_product<T, COLS, false>(dq, m.ds, m.k);
        __syncthreads();
    }
    store_rows<T, COLS>(dqkv + hd.qkv, stride, first, hd, dq, NULL);
}

/* ---- Launches -------------------------------------------------------------------------- */

struct attention {
    vs_narrow *y, *dqkv;
    const vs_narrow *dy, *qkv;
    float *lse, *r;
    int B, S, H, D;
};

/* A kernel with more shared memory than the 48 KB that need no asking. */
#define LAUNCH_WIDE(dev, kernel, grid, threads, bytes, ...)                                  \
    do {                                                                                     \
        const cudaFuncAttribute most_ = cudaFuncAttributeMaxDynamicSharedMemorySize;         \
        VS_CUDA_NOTE(dev, cudaFuncSetAttribute(kernel, most_, (int)(bytes)));                \
        if (!vs_device_failed(dev))                                                          \
            VS_LAUNCH(kernel, grid, threads, bytes, stream_of(dev), __VA_ARGS__);            \
        VS_LAUNCHED(dev);                                                                    \
    } while (0)

template <int T, int COLS> static void run(vs_device *dev, const attention &a)
{
    typedef tile<T, COLS> t;
    const dim3 grid((unsigned)ceil_div(a.S, T), (unsigned)(a.B * a.H));
    const float scale = 1.0f / sqrtf((float)a.D);
    const size_t fwd = sizeof(float) * (3 * t::values + t::scores + T);
    const size_t bwd = sizeof(float) * (4 * t::values + 2 * t::scores);
    if (!a.dqkv) {
        LAUNCH_WIDE(dev, (fwd_kernel<T, COLS>), grid, t::threads, fwd, a.y, a.lse, a.qkv, a.S, a.H,
                    a.D, scale);
        return;
    }
    LAUNCH_WIDE(dev, (bwd_keys_kernel<T, COLS>), grid, t::threads, bwd, a.dqkv, a.dy, a.qkv, a.lse,
                a.r, a.S, a.H, a.D, scale);
    LAUNCH_WIDE(dev, (bwd_queries_kernel<T, COLS>), grid, t::threads, bwd, a.dqkv, a.dy, a.qkv,
                a.lse, a.r, a.S, a.H, a.D, scale);
}

/* The smallest tile that holds a head. At T = 64 and more than 64 channels, a block of the
 * backward pass would want more shared memory than an sm_80 has. */
static void run_any(vs_device *dev, const attention &a)
{
    if (a.D <= 16)
        run<64, 1>(dev, a);
    else if (a.D <= 32)
        run<64, 2>(dev, a);
    else if (a.D <= 64)
        run<64, 4>(dev, a);
    else if (a.D <= 96)
        run<32, 12>(dev, a);
    else if (a.D <= 128)
        run<32, 16>(dev, a);
    else if (a.D <= 256)
        run<32, 32>(dev, a);
    else
        vs_device_note(dev, VS_FAIL(VS_ERR_UNSUPPORTED, "%s: heads of %d channels; at most 256 on "
                                    "CUDA", dev->name, a.D));
}

/* ---- cuDNN ----------------------------------------------------------------------------- */

struct fused {
    vs_sdpa *cudnn;                /* NULL: there is none */
    bool said;
};

static void close_fused(vs_device *dev, void *state)
{
    fused *const f = (fused *)state;
    (void)dev;
    vs_sdpa_close(&f->cudnn);
    free(f);
}

/* Said once: a run that is slower than it could be should not be silent about it. */
static void say_why(vs_device *dev, fused *f)
{
    const char *const told = getenv("VSYN_CUDNN");
    if (!f->said && !(told && strcmp(told, "off") == 0))
        vs_warn("%s: attention without cuDNN, which is slower: %s", dev->name, vs_err_detail());
    f->said = true;
}

static fused *fused_of(vs_device *dev)
{
    vs_gpu_keep *const keep = &dev->gpu->keep[VS_GPU_ATTENTION];
    if (keep->state)
        return (fused *)keep->state;
    fused *const f = (fused *)calloc(1, sizeof(*f));
    VS_ASSERT(f);
    keep->state = f;
    keep->close = close_fused;
    if (vs_sdpa_open(&f->cudnn, NULL) != VS_OK)
        say_why(dev, f);
    return f;
}

/* Clips of a call: a part of B in which every tensor of every call begins at a multiple of 16
 * bytes (those of vs_narrow do where the first does, as D % 8 is 0). 0: there is none. */
static int clips_of_call(const vs_sdpa_shape *shape, char *const at[VS_SDPA_BOUND + 1])
{
    const int B = shape->B, rows = shape->H * shape->S;
    int clips = shape->backward ? vs_sdpa_clips(shape) : B;
    for (int id = 1; id <= VS_SDPA_BOUND; id++)
        if (!aligned_to(at[id], 16))
            return 0;
    while (clips > 0 && (B % clips != 0 || (clips < B && (int64_t)clips * rows % 4 != 0)))
        clips--;
    return clips;
}

/* All clips, as many at a time as vs_sdpa_clips() says, all calls alike. False, and nothing is
 * done, where cuDNN cannot. at: of the first clip; r is taken here. */
static bool run_fused(vs_device *dev, vs_sdpa_shape shape, char *const at[VS_SDPA_BOUND + 1])
{
    const vs_sdpa_plan *plan;
    fused *const f = fused_of(dev);
    const int B = shape.B;
    if (!f->cudnn || shape.D % 8 != 0)
        return false;
    shape.B = clips_of_call(&shape, at);
    if (shape.B == 0)
        return false;
    if (vs_sdpa_plan_of(&plan, f->cudnn, &shape) != VS_OK) {
        say_why(dev, f);
        return false;
    }
    const size_t rows = (size_t)shape.H * shape.S, half = 2;          /* of a clip */
    const size_t r = VS_DEVICE_ALIGN *
                     (size_t)ceil_div((int64_t)(sizeof(float) * rows) * shape.B, VS_DEVICE_ALIGN);
    char *const room = (char *)vs_device_scratch(dev, r + vs_sdpa_workspace(plan));
    for (int b = 0; room && b < B && !vs_device_failed(dev); b += shape.B) {
        void *now[VS_SDPA_BOUND + 1] = { NULL };
        for (int id = 1; id <= VS_SDPA_BOUND; id++) {
            const size_t parts = id == VS_SDPA_Y || id == VS_SDPA_DY ? 1 : 3;
            const size_t clip = id == VS_SDPA_LSE ? sizeof(float) * rows
                                                  : half * rows * shape.D * parts;
            now[id] = at[id] ? at[id] + clip * b : NULL;
        }
        now[VS_SDPA_R] = room;
        vs_device_note(dev, vs_sdpa_run(f->cudnn, plan, stream_of(dev), now, room + r));
    }
    return true;
}

static char *bytes_of(const void *x)
{
    return (char *)x;
}

/* Where q, k, v (or their gradients) begin in qkv. */
static void place_parts(char **at, const vs_narrow *qkv, int H, int D)
{
    for (int part = 0; part < 3; part++)
        at[part] = bytes_of(qkv + (int64_t)part * H * D);
}

/* ---- The operations -------------------------------------------------------------------- */

static const bool narrow = sizeof(vs_narrow) == 2;

void VS_CUDA(attention_fwd)(vs_device *dev, vs_narrow *y, float *lse, const vs_narrow *qkv, int B,
                            int S, int H, int D)
{
    const vs_sdpa_shape shape = { B, S, H, D, false };
    char *at[VS_SDPA_BOUND + 1] = { NULL };
    if (vs_device_failed(dev))
        return;
    place_parts(at + VS_SDPA_Q, qkv, H, D);
    at[VS_SDPA_Y] = bytes_of(y);
    at[VS_SDPA_LSE] = bytes_of(lse);
    if (narrow && run_fused(dev, shape, at))
        return;
    const attention a = { y, NULL, NULL, qkv, lse, NULL, B, S, H, D };
    run_any(dev, a);
}

void VS_CUDA(attention_bwd)(vs_device *dev, vs_narrow *dqkv, const vs_narrow *dy,
                            const vs_narrow *y, const vs_narrow *qkv, const float *lse, int B,
                            int S, int H, int D)
{
    const vs_sdpa_shape shape = { B, S, H, D, true };
    const int64_t rows = (int64_t)B * H * S;
    const dim3 block(32, VS_WARPS);
    char *at[VS_SDPA_BOUND + 1] = { NULL };
    if (vs_device_failed(dev))
        return;
    place_parts(at + VS_SDPA_Q, qkv, H, D);
    place_parts(at + VS_SDPA_DQ, dqkv, H, D);
    at[VS_SDPA_Y] = bytes_of(y);
    at[VS_SDPA_DY] = bytes_of(dy);
    at[VS_SDPA_LSE] = bytes_of(lse);
    if (narrow && run_fused(dev, shape, at))
        return;
    float *const r = (float *)vs_device_scratch(dev, sizeof(float) * (size_t)rows);
    if (!r || vs_device_failed(dev))
        return;
    VS_LAUNCH(row_dots_kernel, (unsigned)ceil_div(rows, VS_WARPS), block, 0, stream_of(dev), r, dy,
              y, rows, S, H, D);
    VS_LAUNCHED(dev);
    const attention a = { NULL, dqkv, dy, qkv, (float *)lse, r, B, S, H, D };
    run_any(dev, a);
}
