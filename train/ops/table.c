/* The tables of the CPU; the list is VS_OP_MAP in train/ops/ops.h. */
#include "train/device/device_priv.h"
#include "train/ops/ops.h"

const vs_ops vs_ops_cpu = {
#define X(op) .op = vs_##op##_cpu,
    VS_OP_MAP(X)
#undef X
};

const vs_ops vs_ops_cpu_bf16 = {
#define X(op) .op = vs_##op##_cpu_bf16,
    VS_OP_MAP(X)
#undef X
};

const vs_ops *vs_ops_of(const vs_device *dev)
{
    VS_ASSERT(!vs_device_is_cuda(dev));    /* this build links no CUDA operations */
    if (dev->times)
        return &vs_ops_timed;
    return vs_device_precision(dev) == VS_BF16 ? &vs_ops_cpu_bf16 : &vs_ops_cpu;
}
