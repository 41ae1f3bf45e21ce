/* What every .cu of train/ops shares: names, stream, error note, warp sums.
 *
 * Each .cu is compiled once per precision: VS_CUDA(layernorm_fwd) is
 * vs_layernorm_fwd_cuda_f32 in one object and vs_layernorm_fwd_cuda_bf16 in the other. */
#ifndef VSYN_TRAIN_OPS_CUDA_CUH
#define VSYN_TRAIN_OPS_CUDA_CUH

#include <cuda_bf16.h>
#include <cuda_runtime.h>

#include "train/device/device_priv.h"
#include "train/ops/ops.h"

#define VS_CAT_(a, b, c) a##b##c
#define VS_CAT(a, b, c) VS_CAT_(a, b, c)
#define VS_CUDA(op) VS_CAT(vs_, op, VS_SUFFIX)

static inline cudaStream_t stream_of(const vs_device *dev)
{
    return (cudaStream_t)dev->stream;
}

static inline int ceil_div(int a, int b)
{
    return (a + b - 1) / b;
}

/* Keep the first failure in the device; see train/device/device.h. */
#define VS_CUDA_NOTE(dev, call)                                                            \
    do {                                                                                   \
        const cudaError_t e_ = (call);                                                     \
        if (e_ != cudaSuccess)                                                             \
            vs_device_note((dev), VS_FAIL(VS_ERR_DEVICE, "%s", cudaGetErrorString(e_)));   \
    } while (0)

/* Sum over the 32 lanes, given to every lane. */
static __device__ inline float warp_sum(float v)
{
    for (int d = 16; d > 0; d >>= 1)
        v += __shfl_xor_sync(0xffffffffu, v, d);
    return v;
}

#endif /* VSYN_TRAIN_OPS_CUDA_CUH */
