/* The table of the CPU; the list is VS_OP_MAP in train/ops/ops.h. */
#include "train/ops/ops.h"

const vs_ops vs_ops_cpu = {
#define X(op) .op = vs_##op##_cpu,
    VS_OP_MAP(X)
#undef X
};

const vs_ops *vs_ops_of(const vs_device *dev)
{
    VS_ASSERT(!vs_device_is_cuda(dev));    /* this build links no CUDA operations */
    return &vs_ops_cpu;
}
