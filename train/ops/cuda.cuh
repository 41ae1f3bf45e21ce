/* What every .cu of train/ops shares: names, sizes of launches, wide loads and stores, sums.
 *
 * Each .cu is compiled once per precision: VS_CUDA(layernorm_fwd) is
 * vs_layernorm_fwd_cuda_f32 in one object and vs_layernorm_fwd_cuda_bf16 in the other, where
 * vs_narrow is __nv_bfloat16.
 *
 * Sums are made in two stages, by fixed pieces and in order, never by atomics: the bits depend
 * on the inputs and the sizes alone, not on the GPU.
 */
#ifndef VSYN_TRAIN_OPS_CUDA_CUH
#define VSYN_TRAIN_OPS_CUDA_CUH

#include "base/hd.h"
#include "train/device/gpu.cuh"
#include "train/ops/ops.h"

#define VS_CAT_(a, b, c) a##b##c
#define VS_CAT(a, b, c) VS_CAT_(a, b, c)
#define VS_CUDA(op) VS_CAT(vs_, op, VS_SUFFIX)

/* Threads of a block where nothing else decides. */
#define VS_THREADS 256
/* Rows of a block of 8 warps that take a row each. */
#define VS_WARPS 8

static inline int64_t ceil_div(int64_t a, int64_t b)
{
    return (a + b - 1) / b;
}

/* Blocks that cover n items with VS_THREADS each, or walk over them (VS_EACH) when there are
 * more than a GPU holds at once many times over. */
static inline unsigned blocks_for(int64_t n)
{
    const int64_t blocks = ceil_div(n, VS_THREADS);
    return (unsigned)(blocks < 1 ? 1 : blocks < 16384 ? blocks : 16384);
}

/* Rows of a piece of a sum over N rows: enough pieces to fill a GPU, few enough to add up. */
static inline int rows_of_piece(int64_t N)
{
    const int64_t rows = ceil_div(N, 512);
    return (int)(ceil_div(rows, VS_WARPS) * VS_WARPS);
}

/* The same for a sum over n values. */
static inline int64_t values_of_piece(int64_t n)
{
    const int64_t values = ceil_div(n, 1024);
    return values < 16 * VS_THREADS ? 16 * VS_THREADS : values;
}

/* Inside a kernel: this thread's items of n. */
#define VS_EACH(i, n)                                                              \
    for (int64_t i = (int64_t)blockIdx.x * blockDim.x + threadIdx.x; i < (n);      \
         i += (int64_t)gridDim.x * blockDim.x)

/* After a launch. */
#define VS_LAUNCHED(dev) VS_CUDA_NOTE(dev, cudaGetLastError())

static inline bool aligned_to(const void *p, size_t bytes)
{
    return (uintptr_t)p % bytes == 0;
}

/* How many times four values of n can be taken together: none where a pointer is not aligned. */
static inline int64_t fours_of(int64_t n, const void *a, const void *b, const void *c)
{
    return aligned_to(a, 16) && aligned_to(b, 16) && aligned_to(c, 16) ? n / 4 : 0;
}

static inline const float *product_weight(vs_device *dev, const float *w, float)
{
    return vs_device_failed(dev) ? NULL : w;
}

static inline const __nv_bfloat16 *product_weight(vs_device *dev, const float *w, __nv_bfloat16)
{
    return vs_device_failed(dev) ? NULL : vs_cuda_narrow_weight(dev, w);
}

/* The weights w as products take them: themselves in fp32, the device's copy in bf16. NULL when
 * the device has failed. */
static inline const vs_narrow *vs_product_weight(vs_device *dev, const float *w)
{
    return product_weight(dev, w, vs_narrow());
}

/* ---- Between float and vs_narrow ---------------------------------------------------- */

static __device__ inline float widened(float x)
{
    return x;
}

static __device__ inline float widened(__nv_bfloat16 x)
{
    return __bfloat162float(x);
}

static __device__ inline void put(float *y, float x)
{
    *y = x;
}

static __device__ inline void put(__nv_bfloat16 *y, float x)
{
    *y = __float2bfloat16(x);
}

/* ---- Four values at a time ------------------------------------------------- */

/* Four values in one access: 16 bytes of float, 8 of bfloat16, aligned so. */
struct vs_four {
    float v[4];
};

static __device__ inline vs_four load4(const float *x)
{
    const float4 a = *(const float4 *)x;
    const vs_four y = { { a.x, a.y, a.z, a.w } };
    return y;
}

static __device__ inline vs_four load4(const __nv_bfloat16 *x)
{
    const uint2 a = *(const uint2 *)x;
    const vs_four y = { { __uint_as_float(a.x << 16), __uint_as_float(a.x & 0xffff0000u),
                          __uint_as_float(a.y << 16), __uint_as_float(a.y & 0xffff0000u) } };
    return y;
}

static __device__ inline void store4(float *y, vs_four x)
{
    *(float4 *)y = make_float4(x.v[0], x.v[1], x.v[2], x.v[3]);
}

static __device__ inline unsigned two_narrow(float low, float high)
{
    return (unsigned)__bfloat16_as_ushort(__float2bfloat16(low)) |
           (unsigned)__bfloat16_as_ushort(__float2bfloat16(high)) << 16;
}

static __device__ inline void store4(__nv_bfloat16 *y, vs_four x)
{
    *(uint2 *)y = make_uint2(two_narrow(x.v[0], x.v[1]), two_narrow(x.v[2], x.v[3]));
}

/* ---- Sums ---------------------------------------------------------------------------- */

/* Over the 32 lanes, given to every lane. */
static __device__ inline float warp_sum(float v)
{
    for (int d = 16; d > 0; d >>= 1)
        v += __shfl_xor_sync(0xffffffffu, v, d);
    return v;
}

static __device__ inline double warp_sum(double v)
{
    for (int d = 16; d > 0; d >>= 1)
        v += __shfl_xor_sync(0xffffffffu, v, d);
    return v;
}

static __device__ inline float warp_max(float v)
{
    for (int d = 16; d > 0; d >>= 1)
        v = fmaxf(v, __shfl_xor_sync(0xffffffffu, v, d));
    return v;
}

/* Over the VS_THREADS threads of a block, given to thread 0. `part` holds one value per warp. */
static __device__ inline double block_sum(double v, double *part)
{
    const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
    v = warp_sum(v);
    if (lane == 0)
        part[warp] = v;
    __syncthreads();
    if (threadIdx.x == 0)
        for (int i = 1; i < VS_THREADS / 32; i++)
            v += part[i];
    return v;
}

/* out[c] += sum over the pieces, in order, of part[piece * stride + c]. reduce.cu */
void VS_CUDA(add_pieces)(vs_device *dev, float *out, const float *part, int pieces, int C,
                         int64_t stride);

/* The sum of part[pieces], in a fixed order: *mean = sum / n, *total += sum; either may be NULL. */
void VS_CUDA(add_up)(vs_device *dev, float *mean, double *total, const double *part, int pieces,
                     double n);

#endif /* VSYN_TRAIN_OPS_CUDA_CUH */
