/* Memory, streams, events and graphs of the emulated GPU: the host half of
 * tests/cuda/include/cuda_runtime.h.
 *
 * A stream is a list of work that is done when somebody waits for it. Device memory lies at the
 * end of pages that are open while work is done and closed otherwise. */
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <map>
#include <vector>

#include <sys/mman.h>

#include "emulate.h"

typedef std::function<void()> work;

struct vs_emulated_graph {
    std::vector<work> list;
    bool spoiled;
};

struct vs_emulated_stream {
    std::deque<work> queue;
    vs_emulated_graph *captured;   /* NULL: work is queued */
};

struct vs_emulated_event {
    vs_emulated_stream *of;
    uint64_t recorded, reached;
    bool timed;
    std::chrono::steady_clock::time_point when;
};

struct block {
    char *pages;
    size_t bytes, mapped;          /* with the closed page */
    char *at;
};

static struct {
    cudaError_t last;
    std::map<const void *, block> memory;      /* by `at` */
    std::map<const void *, size_t> pinned, shared;
    std::vector<vs_emulated_stream *> streams;
    vs_emulated_stream standard;
    int open;                      /* depth of work being done */
} gpu;

static cudaError_t result(cudaError_t e)
{
    if (e != cudaSuccess)
        gpu.last = e;
    return e;
}

[[noreturn]] static void stop(const char *what)
{
    fprintf(stderr, "emulated GPU: %s\n", what);
    abort();
}

/* What would wait or take memory while any stream is being captured, by this one thread, is
 * refused there, and the capture is of no use any more. */
static cudaError_t refuse_capture()
{
    bool any = false;
    for (vs_emulated_stream *s : gpu.streams)
        if (s->captured) {
            s->captured->spoiled = any = true;
        }
    return any ? result(cudaErrorStreamCaptureUnsupported) : cudaSuccess;
}

/* ---- Memory -------------------------------------------------------------------------- */

#define PAGE ((size_t)4096)

static void protect(const block &b, int how)
{
    if (mprotect(b.pages, b.mapped - PAGE, how) != 0)
        stop("its memory cannot be opened or closed");
}

static void open_memory()
{
    if (gpu.open++ == 0)
        for (auto &m : gpu.memory)
            protect(m.second, PROT_READ | PROT_WRITE);
}

static void close_memory()
{
    if (--gpu.open == 0)
        for (auto &m : gpu.memory)
            protect(m.second, PROT_NONE);
}

bool vs_emulated_on_device(const void *p, size_t bytes)
{
    auto m = gpu.memory.upper_bound(p);
    if (m == gpu.memory.begin())
        return false;
    --m;
    const char *const at = (const char *)p;
    return at >= m->second.at && at + bytes <= m->second.at + m->second.bytes;
}

cudaError_t cudaMalloc(void **at, size_t bytes)
{
    const size_t rounded = (bytes + 255) / 256 * 256;
    const size_t mapped = (rounded + PAGE - 1) / PAGE * PAGE + PAGE;
    *at = nullptr;
    if (bytes == 0 || refuse_capture() != cudaSuccess)
        return bytes == 0 ? cudaSuccess : cudaErrorStreamCaptureUnsupported;
    if (bytes > (size_t)1 << 36)
        return result(cudaErrorMemoryAllocation);
    void *const pages = mmap(nullptr, mapped, PROT_READ | PROT_WRITE,
                             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (pages == MAP_FAILED)
        return result(cudaErrorMemoryAllocation);
    const block b = { (char *)pages, rounded, mapped, (char *)pages + mapped - PAGE - rounded };
    memset(b.at, -1, rounded);
    if (mprotect(b.pages + mapped - PAGE, PAGE, PROT_NONE) != 0)
        stop("no closed page");
    if (!gpu.open)
        protect(b, PROT_NONE);
    gpu.memory[b.at] = b;
    *at = b.at;
    return cudaSuccess;
}

static void drain_all();

cudaError_t cudaFree(void *at)
{
    if (!at)
        return cudaSuccess;
    if (refuse_capture() != cudaSuccess)
        return cudaErrorStreamCaptureUnsupported;
    drain_all();
    auto m = gpu.memory.find(at);
    if (m == gpu.memory.end())
        return result(cudaErrorInvalidValue);
    munmap(m->second.pages, m->second.mapped);
    gpu.memory.erase(m);
    return cudaSuccess;
}

cudaError_t cudaMallocHost(void **at, size_t bytes)
{
    *at = malloc(bytes);
    if (!*at)
        return result(cudaErrorMemoryAllocation);
    memset(*at, -1, bytes);
    gpu.pinned[*at] = bytes;
    return cudaSuccess;
}

cudaError_t cudaHostAlloc(void **at, size_t bytes, unsigned flags)
{
    (void)flags;
    return cudaMallocHost(at, bytes);
}

cudaError_t cudaFreeHost(void *at)
{
    if (refuse_capture() != cudaSuccess)
        return cudaErrorStreamCaptureUnsupported;
    drain_all();
    if (at && !gpu.pinned.erase(at))
        return result(cudaErrorInvalidValue);
    free(at);
    return cudaSuccess;
}

cudaError_t cudaMemGetInfo(size_t *unused, size_t *total)
{
    *unused = *total = (size_t)1 << 36;
    return cudaSuccess;
}

static bool is_pinned(const void *p)
{
    auto m = gpu.pinned.upper_bound(p);
    if (m == gpu.pinned.begin())
        return false;
    --m;
    return (const char *)p < (const char *)m->first + m->second;
}

/* ---- Streams ------------------------------------------------------------------------- */

static vs_emulated_stream *stream_or_standard(cudaStream_t s)
{
    return s ? s : &gpu.standard;
}

/* The oldest piece of work. */
static void step(vs_emulated_stream *s)
{
    const work w = s->queue.front();
    s->queue.pop_front();
    w();
}

static void drain(vs_emulated_stream *s)
{
    open_memory();
    while (!s->queue.empty())
        step(s);
    close_memory();
}

static void drain_all()
{
    drain(&gpu.standard);
    for (vs_emulated_stream *s : gpu.streams)
        drain(s);
}

static void enqueue(cudaStream_t stream, const work &w)
{
    vs_emulated_stream *const s = stream_or_standard(stream);
    if (s->captured)
        s->captured->list.push_back(w);
    else
        s->queue.push_back(w);
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t *stream, unsigned flags)
{
    (void)flags;
    *stream = new vs_emulated_stream();
    gpu.streams.push_back(*stream);
    return cudaSuccess;
}

cudaError_t cudaStreamCreate(cudaStream_t *stream)
{
    return cudaStreamCreateWithFlags(stream, 0);
}

cudaError_t cudaStreamDestroy(cudaStream_t stream)
{
    drain(stream);
    for (size_t i = 0; i < gpu.streams.size(); i++)
        if (gpu.streams[i] == stream) {
            gpu.streams.erase(gpu.streams.begin() + (long)i);
            break;
        }
    delete stream;
    return cudaSuccess;
}

cudaError_t cudaStreamSynchronize(cudaStream_t stream)
{
    if (refuse_capture() != cudaSuccess)
        return cudaErrorStreamCaptureUnsupported;
    drain(stream_or_standard(stream));
    return cudaSuccess;
}

cudaError_t cudaDeviceSynchronize()
{
    if (refuse_capture() != cudaSuccess)
        return cudaErrorStreamCaptureUnsupported;
    drain_all();
    return cudaSuccess;
}

/* ---- Events -------------------------------------------------------------------------- */

cudaError_t cudaEventCreateWithFlags(cudaEvent_t *event, unsigned flags)
{
    *event = new vs_emulated_event();
    (*event)->timed = !(flags & cudaEventDisableTiming);
    return cudaSuccess;
}

cudaError_t cudaEventCreate(cudaEvent_t *event)
{
    return cudaEventCreateWithFlags(event, 0);
}

cudaError_t cudaEventDestroy(cudaEvent_t event)
{
    if (event->reached < event->recorded)
        drain(event->of);
    delete event;
    return cudaSuccess;
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream)
{
    const uint64_t at = ++event->recorded;
    event->of = stream_or_standard(stream);
    enqueue(stream, [=]() {
        event->reached = at;
        event->when = std::chrono::steady_clock::now();
    });
    return cudaSuccess;
}

/* As on a GPU: of events that have a clock, were recorded and are reached. */
cudaError_t cudaEventElapsedTime(float *ms, cudaEvent_t from, cudaEvent_t to)
{
    if (!from->timed || !to->timed || !from->recorded || !to->recorded)
        return result(cudaErrorInvalidValue);
    if (from->reached < from->recorded || to->reached < to->recorded)
        return result(cudaErrorNotReady);
    *ms = std::chrono::duration<float, std::milli>(to->when - from->when).count();
    return cudaSuccess;
}

static void reach(cudaEvent_t event, uint64_t at)
{
    open_memory();
    while (event->reached < at) {
        if (event->of->queue.empty())
            stop("an event that never comes is waited for");
        step(event->of);
    }
    close_memory();
}

cudaError_t cudaEventSynchronize(cudaEvent_t event)
{
    if (refuse_capture() != cudaSuccess)
        return cudaErrorStreamCaptureUnsupported;
    reach(event, event->recorded);
    return cudaSuccess;
}

cudaError_t cudaEventQuery(cudaEvent_t event)
{
    return event->reached < event->recorded ? cudaErrorNotReady : cudaSuccess;
}

cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned flags)
{
    const uint64_t at = event->recorded;
    (void)flags;
    enqueue(stream, [=]() { reach(event, at); });
    return cudaSuccess;
}

/* ---- Copies -------------------------------------------------------------------------- */

static void check_copy(const void *dst, const void *src, size_t bytes, cudaMemcpyKind kind)
{
    const bool to = kind == cudaMemcpyHostToDevice || kind == cudaMemcpyDeviceToDevice;
    const bool from = kind == cudaMemcpyDeviceToHost || kind == cudaMemcpyDeviceToDevice;
    if (kind != cudaMemcpyDefault &&
        (vs_emulated_on_device(dst, bytes) != to || vs_emulated_on_device(src, bytes) != from))
        stop("a copy's memory is not where its direction says, or too small");
}

cudaError_t cudaMemcpyAsync(void *dst, const void *src, size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t stream)
{
    if (bytes == 0)
        return cudaSuccess;
    check_copy(dst, src, bytes, kind);
    if (vs_emulated_on_device(src, bytes) || is_pinned(src)) {
        enqueue(stream, [=]() { memcpy(dst, src, bytes); });
        return cudaSuccess;
    }
    if (stream_or_standard(stream)->captured)
        return refuse_capture();
    /* Pageable memory is read before the call returns. */
    const std::vector<char> kept((const char *)src, (const char *)src + bytes);
    enqueue(stream, [=]() { memcpy(dst, kept.data(), bytes); });
    return cudaSuccess;
}

cudaError_t cudaMemcpy(void *dst, const void *src, size_t bytes, cudaMemcpyKind kind)
{
    drain_all();
    const cudaError_t bad = cudaMemcpyAsync(dst, src, bytes, kind, nullptr);
    drain_all();
    return bad;
}

cudaError_t cudaMemsetAsync(void *dst, int value, size_t bytes, cudaStream_t stream)
{
    if (bytes && !vs_emulated_on_device(dst, bytes))
        stop("memory that is not the device's is set");
    enqueue(stream, [=]() { memset(dst, value, bytes); });
    return cudaSuccess;
}

cudaError_t cudaMemset(void *dst, int value, size_t bytes)
{
    drain_all();
    return cudaMemsetAsync(dst, value, bytes, nullptr);
}

/* ---- Launches ------------------------------------------------------------------------ */

#define SHARED_BYTES ((size_t)48 << 10)

cudaError_t vs_emulated_allow_shared(const void *kernel, size_t bytes)
{
    if (bytes > (size_t)160 << 10)             /* the least of sm_80, sm_90 and sm_100: 163 KB */
        return result(cudaErrorInvalidValue);
    gpu.shared[kernel] = bytes;
    return cudaSuccess;
}

static bool launchable(const void *kernel, dim3 blocks, dim3 threads, size_t shared)
{
    const auto more = gpu.shared.find(kernel);
    const size_t most = more == gpu.shared.end() ? SHARED_BYTES : more->second;
    return blocks.x > 0 && blocks.y > 0 && blocks.z > 0 && blocks.x <= 0x7fffffff &&
           blocks.y <= 65535 && blocks.z <= 65535 && threads.x > 0 && threads.y > 0 &&
           threads.z > 0 && threads.z <= 64 &&
           (uint64_t)threads.x * threads.y * threads.z <= 1024 &&
           shared <= (most > SHARED_BYTES ? most : SHARED_BYTES);
}

void vs_emulated_launch(const char *name, const void *kernel, dim3 blocks, dim3 threads,
                        size_t shared, cudaStream_t stream, std::function<void()> body)
{
    if (!launchable(kernel, blocks, threads, shared)) {
        (void)result(cudaErrorInvalidConfiguration);
        return;
    }
    const vs_emulated_kernel k = { name, blocks, threads, shared, body };
    enqueue(stream, [=]() { vs_emulated_run(&k); });
}

/* ---- Graphs -------------------------------------------------------------------------- */

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode mode)
{
    (void)mode;
    if (!stream || stream->captured)
        return result(cudaErrorInvalidValue);
    stream->captured = new vs_emulated_graph();
    return cudaSuccess;
}

cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t *graph)
{
    *graph = stream->captured;
    stream->captured = nullptr;
    if (*graph && (*graph)->spoiled) {
        delete *graph;
        *graph = nullptr;
        return result(cudaErrorStreamCaptureInvalidated);
    }
    return *graph ? cudaSuccess : result(cudaErrorInvalidValue);
}

cudaError_t cudaGraphInstantiate(cudaGraphExec_t *exec, cudaGraph_t graph,
                                 unsigned long long flags)
{
    (void)flags;
    *exec = new vs_emulated_graph(*graph);
    return cudaSuccess;
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t exec, cudaStream_t stream)
{
    for (const work &w : exec->list)
        enqueue(stream, w);
    return cudaSuccess;
}

cudaError_t cudaGraphDestroy(cudaGraph_t graph)
{
    delete graph;
    return cudaSuccess;
}

cudaError_t cudaGraphExecDestroy(cudaGraphExec_t exec)
{
    delete exec;
    return cudaSuccess;
}

/* ---- The device ---------------------------------------------------------------------- */

const char *cudaGetErrorString(cudaError_t e)
{
    static const char *const text[] = { "no error", "invalid argument", "out of memory",
                                        "invalid configuration argument", "device not ready",
                                        "invalid device ordinal", "operation not supported",
                                        "operation not permitted when stream is capturing",
                                        "operation failed due to a previous error during capture" };
    return text[e];
}

cudaError_t cudaGetLastError()
{
    const cudaError_t e = gpu.last;
    gpu.last = cudaSuccess;
    return e;
}

cudaError_t cudaPeekAtLastError()
{
    return gpu.last;
}

cudaError_t cudaGetDeviceCount(int *n)
{
    *n = 1;
    return cudaSuccess;
}

cudaError_t cudaSetDevice(int index)
{
    return index == 0 ? cudaSuccess : result(cudaErrorInvalidDevice);
}

cudaError_t cudaGetDevice(int *index)
{
    *index = 0;
    return cudaSuccess;
}

cudaError_t cudaGetDeviceProperties(cudaDeviceProp *about, int index)
{
    *about = cudaDeviceProp();
    snprintf(about->name, sizeof(about->name), "emulated on the CPU");
    about->totalGlobalMem = (size_t)1 << 36;
    about->major = 9;
    about->multiProcessorCount = 2;
    return cudaSetDevice(index);
}

cudaError_t cudaDeviceGetAttribute(int *value, cudaDeviceAttr which, int index)
{
    *value = which == cudaDevAttrMultiProcessorCount ? 2 : 160 << 10;
    return cudaSetDevice(index);
}
