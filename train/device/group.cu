/* GPUs of several processes as one group: NCCL, which is loaded when a group is made.
 *
 * A mean is queued on a stream of its own behind what the device's stream holds at that moment,
 * so that what is queued later runs beside it; vs_device_mean_end() puts the device's stream
 * behind it. Built without nccl.h (and in the emulator of the tests) there are no groups. */
#include "train/device/gpu.cuh"

#if defined(__has_include) && !defined(VS_NO_NCCL)
#if __has_include(<nccl.h>)
#define VS_HAVE_NCCL
#endif
#endif

#ifndef VS_HAVE_NCCL

static void refuse(vs_device *dev)
{
    vs_device_note(dev, VS_FAIL(VS_ERR_UNSUPPORTED, "%s: several GPUs need NCCL, which this build "
                                "of vsyn-cuda.so has not", dev->name));
}

void vs_cuda_group_id(vs_device *dev, char id[VS_GROUP_ID])
{
    refuse(dev);
}

void vs_cuda_group_join(vs_device *dev, const char id[VS_GROUP_ID], int rank, int size)
{
    refuse(dev);
}

void vs_cuda_mean_begin(vs_device *dev, float *x, int64_t n)
{
}

void vs_cuda_mean_end(vs_device *dev)
{
}

void vs_cuda_group_leave(vs_device *dev)
{
}

#else

#include <dlfcn.h>
#include <nccl.h>
#include <stdlib.h>
#include <string.h>

static_assert(sizeof(ncclUniqueId) == VS_GROUP_ID, "the size of NCCL's id");

/* What is used of the library. */
#define NCCL_MAP(X) X(GetUniqueId) X(CommInitRank) X(CommDestroy) X(CommAbort) X(AllReduce) \
    X(GetErrorString) X(CommGetAsyncError)

struct vs_gpu_group {
    void *library;
    ncclComm_t comm;
    cudaStream_t stream;
    cudaEvent_t made, met;         /* the values are complete; the means are */
#define X(name) decltype(&nccl##name) name;
    NCCL_MAP(X)
#undef X
};

static void note(vs_device *dev, ncclResult_t result, const char *what)
{
    const vs_gpu_group *const g = dev->gpu->group;
    if (result != ncclSuccess && result != ncclInProgress)
        vs_device_note(dev, VS_FAIL(VS_ERR_DEVICE, "%s: NCCL %s: %s", dev->name, what,
                                    g->GetErrorString(result)));
}

/* The group of the device, its functions found; NULL and UNSUPPORTED remembered without NCCL. */
static vs_gpu_group *group_of(vs_device *dev)
{
    const char *missing = NULL;
    if (dev->gpu->group)
        return dev->gpu->group;
    vs_gpu_group *const g = (vs_gpu_group *)calloc(1, sizeof(*g));
    VS_ASSERT(g);
    g->library = dlopen("libnccl.so.2", RTLD_NOW | RTLD_LOCAL);
    if (!g->library)
        missing = dlerror();
#define X(name)                                                                   \
    if (g->library && !missing) {                                                 \
        *(void **)&g->name = dlsym(g->library, "nccl" #name);                     \
        missing = g->name ? NULL : "libnccl.so.2 has no nccl" #name;              \
    }
    NCCL_MAP(X)
#undef X
    if (missing) {
        vs_device_note(dev, VS_FAIL(VS_ERR_UNSUPPORTED, "%s: several GPUs need NCCL: %s", dev->name,
                                    missing));
        free(g);
        return NULL;
    }
    return dev->gpu->group = g;
}

void vs_cuda_group_id(vs_device *dev, char id[VS_GROUP_ID])
{
    ncclUniqueId unique;
    vs_gpu_group *const g = group_of(dev);
    if (!g)
        return;
    note(dev, g->GetUniqueId(&unique), "cannot start");
    memcpy(id, &unique, sizeof(unique));
}

void vs_cuda_group_join(vs_device *dev, const char id[VS_GROUP_ID], int rank, int size)
{
    ncclUniqueId unique;
    vs_gpu_group *const g = group_of(dev);
    if (!g)
        return;
    memcpy(&unique, id, sizeof(unique));
    VS_CUDA_NOTE(dev, cudaSetDevice(dev->gpu->index));
    VS_CUDA_NOTE(dev, cudaStreamCreateWithFlags(&g->stream, cudaStreamNonBlocking));
    VS_CUDA_NOTE(dev, cudaEventCreateWithFlags(&g->made, cudaEventDisableTiming));
    VS_CUDA_NOTE(dev, cudaEventCreateWithFlags(&g->met, cudaEventDisableTiming));
    note(dev, g->CommInitRank(&g->comm, size, unique, rank), "cannot join");
}

void vs_cuda_mean_begin(vs_device *dev, float *x, int64_t n)
{
    vs_gpu_group *const g = dev->gpu->group;
    if (vs_device_failed(dev) || n == 0)
        return;
    VS_CUDA_NOTE(dev, cudaEventRecord(g->made, stream_of(dev)));
    VS_CUDA_NOTE(dev, cudaStreamWaitEvent(g->stream, g->made, 0));
    note(dev, g->AllReduce(x, x, (size_t)n, ncclFloat, ncclAvg, g->comm, g->stream),
         "all-reduce");
}

void vs_cuda_mean_end(vs_device *dev)
{
    vs_gpu_group *const g = dev->gpu->group;
    if (vs_device_failed(dev))
        return;
    VS_CUDA_NOTE(dev, cudaEventRecord(g->met, g->stream));
    VS_CUDA_NOTE(dev, cudaStreamWaitEvent(stream_of(dev), g->met, 0));
}

/* A failed device may wait for others that are gone: abort rather than say good-bye. */
void vs_cuda_group_leave(vs_device *dev)
{
    vs_gpu_group *const g = dev->gpu->group;
    if (!g)
        return;
    if (g->comm)
        (void)(vs_device_failed(dev) ? g->CommAbort(g->comm) : g->CommDestroy(g->comm));
    if (g->met)
        cudaEventDestroy(g->met);
    if (g->made)
        cudaEventDestroy(g->made);
    if (g->stream)
        cudaStreamDestroy(g->stream);
    free(g);                               /* the library stays, like the driver */
    dev->gpu->group = NULL;
}

#endif
