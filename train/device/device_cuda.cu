/* A GPU as a device: one stream, memory from the driver, uploads through pinned memory, those of
 * large inputs on a stream of their own.
 *
 * An upload copies the caller's bytes into a piece of pinned memory and queues the copy to the
 * device, so the caller may go on at once; pieces are used in turn, and only when all are still
 * on their way does the host wait for the oldest. */
#include "train/device/gpu.cuh"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "train/device/plugin.h"

/* ---- Weights in bfloat16 ------------------------------------------------------------- */

static __global__ void narrow_kernel(__nv_bfloat16 *y, const float *x, size_t n)
{
    const size_t stride = (size_t)gridDim.x * blockDim.x;
    for (size_t i = (size_t)blockIdx.x * blockDim.x + threadIdx.x; i < n; i += stride)
        y[i] = __float2bfloat16(x[i]);
}

static void narrow_values(vs_device *dev, __nv_bfloat16 *y, const float *x, size_t n)
{
    const size_t blocks = (n + 255) / 256;
    if (n == 0)
        return;
    VS_LAUNCH(narrow_kernel, (unsigned)(blocks < 65536 ? blocks : 65536), 256, 0, stream_of(dev),
              y, x, n);
    VS_CUDA_NOTE(dev, cudaGetLastError());
}

static vs_narrow_copy *find_copy(const vs_device *dev, const float *w)
{
    for (int i = 0; i < dev->gpu->n_copies; i++) {
        vs_narrow_copy *const c = &dev->gpu->copy[i];
        if (w >= c->of && w < c->of + c->count)
            return c;
    }
    return NULL;
}

__nv_bfloat16 *vs_cuda_narrow_copy_of(const vs_device *dev, const float *w)
{
    const vs_narrow_copy *const c = find_copy(dev, w);
    return c ? c->at + (w - c->of) : NULL;
}

void vs_cuda_narrow_refresh(vs_device *dev, const float *w, size_t count)
{
    __nv_bfloat16 *const at = vs_cuda_narrow_copy_of(dev, w);
    if (at && !vs_device_failed(dev))
        narrow_values(dev, at, w, count);
}

static const vs_device_block *block_of(const vs_device *dev, const void *at)
{
    for (int i = 0; i < dev->n_blocks; i++) {
        const char *const start = (const char *)dev->block[i].at;
        if ((const char *)at >= start && (const char *)at < start + dev->block[i].bytes)
            return &dev->block[i];
    }
    return NULL;
}

const __nv_bfloat16 *vs_cuda_narrow_weight(vs_device *dev, const float *w)
{
    const __nv_bfloat16 *const known = vs_cuda_narrow_copy_of(dev, w);
    if (known)
        return known;
    const vs_device_block *const block = block_of(dev, w);
    VS_ASSERT(block);
    vs_narrow_copy c = { (const float *)block->at, block->bytes / sizeof(float), NULL };
    vs_gpu *const gpu = dev->gpu;
    vs_narrow_copy *const list =
        (vs_narrow_copy *)realloc(gpu->copy, sizeof(c) * (size_t)(gpu->n_copies + 1));
    if (list)
        gpu->copy = list;
    if (!list || cudaMalloc((void **)&c.at, c.count * sizeof(*c.at)) != cudaSuccess) {
        (void)cudaGetLastError();
        vs_device_note(dev, VS_FAIL(VS_ERR_NOMEM, "%s: no room for %.1f MB of weights in bfloat16",
                                    dev->name, (double)c.count * 2e-6));
        return NULL;
    }
    gpu->copy[gpu->n_copies++] = c;
    dev->age++;
    dev->beside += c.count * sizeof(*c.at);
    narrow_values(dev, c.at, c.of, c.count);
    return c.at + (w - c.of);
}

static void drop_copy(vs_device *dev, const void *block)
{
    vs_narrow_copy *const c = find_copy(dev, (const float *)block);
    if (!c)
        return;
    cudaFree(c->at);
    dev->beside -= c->count * sizeof(*c->at);
    *c = dev->gpu->copy[--dev->gpu->n_copies];
}

/* ---- The device's functions ---------------------------------------------------------- */

static void *cuda_take(vs_device *dev, size_t bytes)
{
    void *at = NULL;
    if (cudaMalloc(&at, bytes) != cudaSuccess) {
        (void)cudaGetLastError();              /* said by who asked; the next call is new */
        return NULL;
    }
    VS_CUDA_NOTE(dev, cudaMemsetAsync(at, 0, bytes, stream_of(dev)));
    return at;
}

static void cuda_give(vs_device *dev, void *block)
{
    drop_copy(dev, block);
    VS_CUDA_NOTE(dev, cudaFree(block));
}

static void send(vs_device *dev, cudaStream_t stream, void *dst, const void *host, size_t bytes)
{
    vs_gpu *const gpu = dev->gpu;
    VS_ASSERT(!dev->recording);
    for (size_t at = 0; at < bytes && !vs_device_failed(dev); at += VS_STAGE_BYTES) {
        const size_t n = bytes - at < VS_STAGE_BYTES ? bytes - at : VS_STAGE_BYTES;
        const vs_pinned *const s = &gpu->stage[gpu->next_stage++ % VS_STAGES];
        gpu->next_stage %= VS_STAGES;
        VS_CUDA_NOTE(dev, cudaEventSynchronize(s->empty));
        memcpy(s->at, (const char *)host + at, n);
        VS_CUDA_NOTE(dev, cudaMemcpyAsync((char *)dst + at, s->at, n, cudaMemcpyHostToDevice,
                                          stream));
        VS_CUDA_NOTE(dev, cudaEventRecord(s->empty, stream));
    }
}

static void cuda_upload(vs_device *dev, void *dst, const void *host, size_t bytes)
{
    send(dev, stream_of(dev), dst, host, bytes);
    vs_cuda_narrow_refresh(dev, (const float *)dst, bytes / sizeof(float));
}

static bool make_landing(vs_device *dev, size_t bytes)
{
    vs_landing *const l = &dev->gpu->landing;
    if (bytes <= l->bytes)
        return true;
    VS_CUDA_NOTE(dev, cudaStreamSynchronize(stream_of(dev)));
    if (l->at)
        cudaFree(l->at);
    dev->beside -= l->bytes;
    l->bytes = 0;
    l->at = dev->kind->take(dev, bytes);
    if (!l->at)
        return false;
    l->bytes = bytes;
    dev->beside += bytes;
    /* It was set to zero in the other stream. */
    VS_CUDA_NOTE(dev, cudaEventRecord(l->empty, stream_of(dev)));
    return true;
}

/* Without room for the landing, as any upload. */
static void cuda_upload_ahead(vs_device *dev, void *dst, const void *host, size_t bytes)
{
    const vs_landing *const l = &dev->gpu->landing;
    if (!make_landing(dev, bytes)) {
        cuda_upload(dev, dst, host, bytes);
        return;
    }
    VS_CUDA_NOTE(dev, cudaStreamWaitEvent(l->stream, l->empty, 0));
    send(dev, l->stream, l->at, host, bytes);
    VS_CUDA_NOTE(dev, cudaEventRecord(l->full, l->stream));
    VS_CUDA_NOTE(dev, cudaStreamWaitEvent(stream_of(dev), l->full, 0));
    VS_CUDA_NOTE(dev, cudaMemcpyAsync(dst, l->at, bytes, cudaMemcpyDeviceToDevice,
                                      stream_of(dev)));
    VS_CUDA_NOTE(dev, cudaEventRecord(l->empty, stream_of(dev)));
}

static void cuda_zero(vs_device *dev, void *dst, size_t bytes)
{
    VS_CUDA_NOTE(dev, cudaMemsetAsync(dst, 0, bytes, stream_of(dev)));
    vs_cuda_narrow_refresh(dev, (const float *)dst, bytes / sizeof(float));
}

static void cuda_download(vs_device *dev, void *host, const void *src, size_t bytes)
{
    VS_CUDA_NOTE(dev, cudaMemcpyAsync(host, src, bytes, cudaMemcpyDeviceToHost, stream_of(dev)));
}

static void cuda_wait(vs_device *dev)
{
    VS_CUDA_NOTE(dev, cudaStreamSynchronize(stream_of(dev)));
}

/* ---- Its clock ----------------------------------------------------------------------- */

static void cuda_mark(vs_device *dev, int i)
{
    vs_gpu *const gpu = dev->gpu;
    if (vs_device_failed(dev))
        return;
    if (!gpu->mark)
        gpu->mark = (cudaEvent_t *)calloc(VS_DEVICE_MARKS, sizeof(*gpu->mark));
    VS_ASSERT(gpu->mark && i < VS_DEVICE_MARKS);
    if (!gpu->mark[i])
        VS_CUDA_NOTE(dev, cudaEventCreate(&gpu->mark[i]));
    if (gpu->mark[i])
        VS_CUDA_NOTE(dev, cudaEventRecord(gpu->mark[i], gpu->stream));
}

static double cuda_between(vs_device *dev, int from, int to)
{
    float ms = 0.0f;
    VS_CUDA_NOTE(dev, cudaEventElapsedTime(&ms, dev->gpu->mark[from], dev->gpu->mark[to]));
    return 1e-3 * (double)ms;
}

static void gpu_free(vs_gpu *gpu)
{
    for (int i = 0; gpu->mark && i < VS_DEVICE_MARKS && gpu->mark[i]; i++)
        cudaEventDestroy(gpu->mark[i]);
    free(gpu->mark);
    for (int i = 0; i < gpu->n_copies; i++)
        cudaFree(gpu->copy[i].at);
    for (int i = 0; i < VS_STAGES; i++) {
        if (gpu->stage[i].at)
            cudaFreeHost(gpu->stage[i].at);
        if (gpu->stage[i].empty)
            cudaEventDestroy(gpu->stage[i].empty);
    }
    if (gpu->landing.at)
        cudaFree(gpu->landing.at);
    if (gpu->landing.full)
        cudaEventDestroy(gpu->landing.full);
    if (gpu->landing.empty)
        cudaEventDestroy(gpu->landing.empty);
    if (gpu->landing.stream)
        cudaStreamDestroy(gpu->landing.stream);
    if (gpu->stream)
        cudaStreamDestroy(gpu->stream);
    free(gpu->copy);
    free(gpu);
}

static void cuda_close(vs_device *dev)
{
    for (int i = 0; i < VS_GPU_KEEPS; i++)
        if (dev->gpu->keep[i].state)
            dev->gpu->keep[i].close(dev, dev->gpu->keep[i].state);
    vs_cuda_group_leave(dev);
    if (dev->slot)
        cudaFreeHost(dev->slot);
    dev->slot = NULL;
    if (dev->gpu->args.device)
        cudaFree(dev->gpu->args.device);
    free(dev->gpu->args.host);
    gpu_free(dev->gpu);
}

static const vs_device_kind cuda_kind = {
    cuda_take, cuda_give, cuda_upload, cuda_zero, cuda_download, cuda_wait, cuda_close,
    vs_cuda_group_id, vs_cuda_group_join, vs_cuda_mean_begin, vs_cuda_mean_end,
    cuda_mark, cuda_between,
    vs_cuda_record, vs_cuda_recorded, vs_cuda_say, vs_cuda_replay, vs_cuda_forget,
    cuda_upload_ahead,
};

/* ---- Opening ------------------------------------------------------------------------- */

static cudaError_t open_gpu(vs_gpu *gpu, int index)
{
    cudaError_t bad = cudaSetDevice(index);
    gpu->index = index;
    if (bad == cudaSuccess)
        bad = cudaDeviceGetAttribute(&gpu->processors, cudaDevAttrMultiProcessorCount, index);
    if (bad == cudaSuccess)
        bad = cudaStreamCreateWithFlags(&gpu->stream, cudaStreamNonBlocking);
    if (bad == cudaSuccess)
        bad = cudaStreamCreateWithFlags(&gpu->landing.stream, cudaStreamNonBlocking);
    if (bad == cudaSuccess)
        bad = cudaEventCreateWithFlags(&gpu->landing.full, cudaEventDisableTiming);
    if (bad == cudaSuccess)
        bad = cudaEventCreateWithFlags(&gpu->landing.empty, cudaEventDisableTiming);
    for (int i = 0; i < VS_STAGES && bad == cudaSuccess; i++) {
        bad = cudaMallocHost(&gpu->stage[i].at, VS_STAGE_BYTES);
        if (bad == cudaSuccess)
            bad = cudaEventCreateWithFlags(&gpu->stage[i].empty, cudaEventDisableTiming);
    }
    return bad;
}

/* In words; empty where the device may be opened. A negative index is counted round. */
static void look_for_gpu(int *index, char *why, size_t bytes)
{
    int devices = 0;
    const cudaError_t bad = cudaGetDeviceCount(&devices);
    *why = 0;
    if (bad != cudaSuccess || devices < 1)
        snprintf(why, bytes, "no GPU can be used (%s)",
                 bad == cudaSuccess ? "there is none" : cudaGetErrorString(bad));
    else if (*index < 0)
        *index = (-1 - *index) % devices;
    else if (*index >= devices)
        snprintf(why, bytes, "this machine has %d GPU%s, from cuda:0 on", devices,
                 devices == 1 ? "" : "s");
}

vs_err vs_cuda_open(vs_device **out, int index, char *why, size_t bytes)
{
    struct cudaDeviceProp about;
    double *slot = NULL;
    char name[128];
    look_for_gpu(&index, why, bytes);
    if (*why)
        return VS_ERR_DEVICE;
    vs_gpu *const gpu = (vs_gpu *)calloc(1, sizeof(*gpu));
    VS_ASSERT(gpu);
    cudaError_t bad = open_gpu(gpu, index);
    if (bad == cudaSuccess)
        bad = cudaGetDeviceProperties(&about, index);
    if (bad == cudaSuccess)
        bad = cudaMallocHost((void **)&slot, sizeof(*slot) * VS_DEVICE_SLOTS);
    if (bad != cudaSuccess) {
        snprintf(why, bytes, "%s", cudaGetErrorString(bad));
        gpu_free(gpu);
        return VS_ERR_DEVICE;
    }
    snprintf(name, sizeof(name), "cuda:%d, %.64s, %.0f GB", index, about.name,
             (double)about.totalGlobalMem / 1e9);
    *out = vs_device_new(&cuda_kind, true, 1, name);
    (*out)->gpu = gpu;
    (*out)->slot = slot;
    return VS_OK;
}
