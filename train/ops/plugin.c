/* What vsyn-cuda.so exports. Contract: train/device/plugin.h */
#include "train/device/plugin.h"
#include "train/ops/ops.h"

__attribute__((visibility("default"))) const vs_cuda_plugin *vs_cuda_plugin_get(void)
{
    static const vs_cuda_plugin plugin = {
        .abi = VS_CUDA_ABI,
        .device_bytes = sizeof(vs_device),
        .open = vs_cuda_open,
        .ops = { &vs_ops_cuda_f32, &vs_ops_cuda_bf16 },
    };
    return &plugin;
}
