/* Which table, and those of the CPU; the list is VS_OP_MAP in train/ops/ops.h. */
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

const vs_ops *vs_ops_untimed(const vs_device *dev)
{
    const vs_precision precision = vs_device_precision(dev);
    if (dev->roof)
        return &vs_ops_counted;
    if (vs_device_is_cuda(dev))
        return dev->cuda_ops[precision];
    return precision == VS_BF16 ? &vs_ops_cpu_bf16 : &vs_ops_cpu;
}

const vs_ops *vs_ops_of(const vs_device *dev)
{
    return dev->times && !dev->roof ? &vs_ops_timed : vs_ops_untimed(dev);
}
