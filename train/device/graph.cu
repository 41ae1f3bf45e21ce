/* Work that repeats, as CUDA graphs. Contract: vs_device_repeat() in train/device/device.h
 *
 * What the device's stream gets between record and recorded is captured instead of done; the graph
 * then stands for it. Kernels keep the addresses that they were captured with, so all memory
 * stays where it is as long as a graph lives (vs_device.age). Values that change lie in device
 * memory: inputs are uploaded before, arguments of the optimiser go through vs_cuda_args().
 * Means over a group (group.cu) are queued outside of graphs. */
#include <stdlib.h>
#include <string.h>

#include "train/device/gpu.cuh"

/* ---- Arguments of a step that is replayed ---------------------------------------------- */

void vs_cuda_args_mode(vs_device *dev, vs_gpu_mode mode)
{
    vs_gpu_args *const a = &dev->gpu->args;
    a->mode = mode;
    a->calls = 0;
    if (mode == VS_GPU_LAUNCH || a->device)
        return;
    a->host = (char *)calloc(VS_ARGS_CALLS, VS_ARGS_BYTES);
    a->device = a->host ? (char *)dev->kind->take(dev, VS_ARGS_CALLS * VS_ARGS_BYTES) : NULL;
    if (!a->device)
        vs_device_note(dev, VS_FAIL(VS_ERR_NOMEM, "%s: no room for the arguments of a step",
                                    dev->name));
}

const void *vs_cuda_args(vs_device *dev, const void *args, size_t bytes)
{
    vs_gpu_args *const a = &dev->gpu->args;
    if (a->mode == VS_GPU_LAUNCH || vs_device_failed(dev))
        return NULL;
    VS_ASSERT(bytes <= VS_ARGS_BYTES && a->calls < VS_ARGS_CALLS);
    const size_t at = (size_t)a->calls++ * VS_ARGS_BYTES;
    memcpy(a->host + at, args, bytes);
    return a->device + at;
}

void vs_cuda_args_send(vs_device *dev)
{
    const vs_gpu_args *const a = &dev->gpu->args;
    vs_device_upload(dev, a->device, a->host, (size_t)a->calls * VS_ARGS_BYTES);
}

/* ---- Graphs ---------------------------------------------------------------------------- */

/* Only calls of this thread are watched: others may have CUDA libraries of their own. */
bool vs_cuda_record(vs_device *dev, bool args)
{
    if (args)
        vs_cuda_args_mode(dev, VS_GPU_CAPTURE);
    if (vs_device_failed(dev))
        return false;
    VS_CUDA_NOTE(dev, cudaStreamBeginCapture(stream_of(dev), cudaStreamCaptureModeThreadLocal));
    return !vs_device_failed(dev);
}

void *vs_cuda_recorded(vs_device *dev)
{
    cudaGraph_t graph = NULL;
    cudaGraphExec_t exec = NULL;
    VS_CUDA_NOTE(dev, cudaStreamEndCapture(stream_of(dev), &graph));
    if (!vs_device_failed(dev))
        VS_CUDA_NOTE(dev, cudaGraphInstantiate(&exec, graph, 0));
    if (graph)
        cudaGraphDestroy(graph);
    if (vs_device_failed(dev)) {
        (void)cudaGetLastError();
        dev->gpu->args.mode = VS_GPU_LAUNCH;
    }
    return exec;
}

void vs_cuda_say(vs_device *dev)
{
    vs_cuda_args_mode(dev, VS_GPU_REPLAY);
}

void vs_cuda_replay(vs_device *dev, void *graph, bool args)
{
    if (args)
        vs_cuda_args_send(dev);
    if (!vs_device_failed(dev))
        VS_CUDA_NOTE(dev, cudaGraphLaunch((cudaGraphExec_t)graph, stream_of(dev)));
    dev->gpu->args.mode = VS_GPU_LAUNCH;
}

void vs_cuda_forget(vs_device *dev, void *graph)
{
    VS_CUDA_NOTE(dev, cudaGraphExecDestroy((cudaGraphExec_t)graph));
}
