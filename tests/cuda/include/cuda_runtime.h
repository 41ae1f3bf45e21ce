/* The part of CUDA that this project's .cu files use, for the CPU: the same files compiled as
 * C++ with this folder before the toolkit's become a device that CI can test on any machine.
 *
 * What is checked on the way (the emulator stops the program with the kernel's name):
 *   - threads of a block at different barriers, lanes of a warp at different shuffles, a lane
 *     that a mask names and that never comes;
 *   - shared memory is filled with NaN before each block, device memory when it is handed out;
 *   - a block of device memory ends at a page that cannot be touched, and none of it can be
 *     touched from outside a kernel or copy;
 *   - work is queued as on a GPU and done when somebody waits, so memory that is given back
 *     or reused too early shows;
 *   - launches that a GPU refuses (empty grids, 1025 threads, too much shared memory) fail.
 * Atomics of floating point are left out on purpose: the house rules forbid them.
 *
 * VSYN_EMULATED_ORDER=reverse runs blocks and threads from last to first: a missing barrier
 * gives other results, or NaN. One host thread at a time.
 */
#ifndef VSYN_TESTS_CUDA_INCLUDE_CUDA_RUNTIME_H
#define VSYN_TESTS_CUDA_INCLUDE_CUDA_RUNTIME_H

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <type_traits>

/* ---- Words of the language ----------------------------------------------------------- */

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __restrict__ __restrict
#define __align__(n) alignas(n)
#define __launch_bounds__(...)
#define __constant__ static
#define __shared__ static __attribute__((section("vs_shared")))

struct alignas(8) float2 { float x, y; };
struct alignas(16) float4 { float x, y, z, w; };
struct alignas(8) int2 { int x, y; };
struct alignas(16) int4 { int x, y, z, w; };
struct alignas(8) uint2 { unsigned x, y; };
struct alignas(16) uint4 { unsigned x, y, z, w; };
struct alignas(4) uchar4 { unsigned char x, y, z, w; };
struct alignas(16) double2 { double x, y; };
struct uint3 { unsigned x, y, z; };
struct dim3 {
    unsigned x, y, z;
    constexpr dim3(unsigned x_ = 1, unsigned y_ = 1, unsigned z_ = 1) : x(x_), y(y_), z(z_) {}
};

static inline float2 make_float2(float x, float y) { return { x, y }; }
static inline float4 make_float4(float x, float y, float z, float w) { return { x, y, z, w }; }
static inline int2 make_int2(int x, int y) { return { x, y }; }
static inline int4 make_int4(int x, int y, int z, int w) { return { x, y, z, w }; }
static inline uint2 make_uint2(unsigned x, unsigned y) { return { x, y }; }
static inline uint4 make_uint4(unsigned x, unsigned y, unsigned z, unsigned w)
{
    return { x, y, z, w };
}
static inline uchar4 make_uchar4(unsigned char x, unsigned char y, unsigned char z,
                                 unsigned char w)
{
    return { x, y, z, w };
}

/* ---- Functions of the device --------------------------------------------------------- */

template <class To, class From> static inline To vs_emulated_bits(From x)
{
    static_assert(sizeof(To) == sizeof(From), "the same bits");
    To y;
    memcpy(&y, &x, sizeof(y));
    return y;
}

static inline unsigned __float_as_uint(float x) { return vs_emulated_bits<unsigned>(x); }
static inline int __float_as_int(float x) { return vs_emulated_bits<int>(x); }
static inline float __uint_as_float(unsigned x) { return vs_emulated_bits<float>(x); }
static inline float __int_as_float(int x) { return vs_emulated_bits<float>(x); }
static inline float rsqrtf(float x) { return 1.0f / sqrtf(x); }
#define __expf(x) expf(x)            /* names that the C library has, too */
#define __logf(x) logf(x)
static inline float __fdividef(float x, float y) { return x / y; }
static inline float __frcp_rn(float x) { return 1.0f / x; }
static inline float __fmaf_rn(float x, float y, float z) { return fmaf(x, y, z); }
static inline int __ffs(int x) { return __builtin_ffs(x); }
static inline int __ffsll(long long x) { return __builtin_ffsll(x); }
static inline int __popc(unsigned x) { return __builtin_popcount(x); }
static inline int __popcll(unsigned long long x) { return __builtin_popcountll(x); }
static inline int __clz(int x) { return x ? __builtin_clz((unsigned)x) : 32; }
template <class T> static inline T __ldg(const T *x) { return *x; }
template <class T> static inline T min(T a, T b) { return b < a ? b : a; }
template <class T> static inline T max(T a, T b) { return a < b ? b : a; }

template <class T> static inline T atomicAdd(T *x, T a)
{
    static_assert(std::is_integral<T>::value, "sums of floating point by atomics change their "
                                              "bits from run to run");
    const T old = *x;
    *x += a;
    return old;
}

/* ---- A thread of a block ------------------------------------------------------------- */

/* Of the thread that runs now. */
struct vs_emulated_thread {
    uint3 thread, block;
    dim3 threads, blocks;
    void *shared;
};
extern vs_emulated_thread vs_emulated;

#define threadIdx vs_emulated.thread
#define blockIdx vs_emulated.block
#define blockDim vs_emulated.threads
#define gridDim vs_emulated.blocks
#define VS_SHARED_BYTES(type, name) type *const name = (type *)vs_emulated.shared

enum vs_emulated_meeting { VS_MEET, VS_SHUFFLE, VS_BALLOT };
/* The lanes of `mask` come together; gives the value of lane `from`, or a bit per lane. */
uint64_t vs_emulated_meet(vs_emulated_meeting what, unsigned mask, int from, uint64_t value,
                          const char *file, int line);
void vs_emulated_barrier(const char *file, int line);
int vs_emulated_lane();

template <class T>
static inline T vs_emulated_shuffle(unsigned mask, T v, int from, const char *file, int line)
{
    static_assert(sizeof(T) <= 8, "at most 8 bytes");
    uint64_t bits = 0;
    memcpy(&bits, &v, sizeof(v));
    bits = vs_emulated_meet(VS_SHUFFLE, mask, from, bits, file, line);
    memcpy(&v, &bits, sizeof(v));
    return v;
}

/* The lane that a shuffle reads; its own where that lies outside its group of `width`. */
static inline int vs_emulated_from(int lane, int from, int width)
{
    return from >= 0 && from / width == lane / width ? from : lane;
}

#define VS_SHUFFLE_FROM(mask, v, from, width)                                              \
    vs_emulated_shuffle((mask), (v),                                                       \
                        vs_emulated_from(vs_emulated_lane(), (from), (width)), __FILE__, __LINE__)
#define VS_WIDTH(_1, _2, _3, width, ...) width
#define __shfl_xor_sync(mask, v, ...) \
    VS_SHUFFLE_XOR(mask, v, __VA_ARGS__, 32, 0)
#define VS_SHUFFLE_XOR(mask, v, d, width, ...) \
    VS_SHUFFLE_FROM(mask, v, vs_emulated_lane() ^ (d), width)
#define __shfl_down_sync(mask, v, ...) \
    VS_SHUFFLE_DOWN(mask, v, __VA_ARGS__, 32, 0)
#define VS_SHUFFLE_DOWN(mask, v, d, width, ...) \
    VS_SHUFFLE_FROM(mask, v, vs_emulated_lane() + (int)(d), width)
#define __shfl_up_sync(mask, v, ...) \
    VS_SHUFFLE_UP(mask, v, __VA_ARGS__, 32, 0)
#define VS_SHUFFLE_UP(mask, v, d, width, ...) \
    VS_SHUFFLE_FROM(mask, v, vs_emulated_lane() - (int)(d), width)
#define __shfl_sync(mask, v, ...) \
    VS_SHUFFLE_AT(mask, v, __VA_ARGS__, 32, 0)
#define VS_SHUFFLE_AT(mask, v, at, width, ...) \
    VS_SHUFFLE_FROM(mask, v, vs_emulated_lane() / (width) * (width) + (at) % (width), width)

static inline unsigned vs_emulated_mask(unsigned mask = 0xffffffffu) { return mask; }
#define __syncwarp(...)                                                                    \
    ((void)vs_emulated_meet(VS_MEET, vs_emulated_mask(__VA_ARGS__), 0, 0, __FILE__, __LINE__))
#define __ballot_sync(mask, v) \
    ((unsigned)vs_emulated_meet(VS_BALLOT, (mask), 0, (v) ? 1 : 0, __FILE__, __LINE__))
#define __any_sync(mask, v) (__ballot_sync(mask, v) != 0)
#define __all_sync(mask, v) (__ballot_sync(mask, v) == (mask))
#define __syncthreads() vs_emulated_barrier(__FILE__, __LINE__)
#define __threadfence() ((void)0)

/* ---- The runtime --------------------------------------------------------------------- */

enum cudaError_t {
    cudaSuccess, cudaErrorInvalidValue, cudaErrorMemoryAllocation, cudaErrorInvalidConfiguration,
    cudaErrorNotReady, cudaErrorInvalidDevice, cudaErrorNotSupported,
    cudaErrorStreamCaptureUnsupported, cudaErrorStreamCaptureInvalidated
};
enum cudaMemcpyKind {
    cudaMemcpyHostToHost, cudaMemcpyHostToDevice, cudaMemcpyDeviceToHost, cudaMemcpyDeviceToDevice,
    cudaMemcpyDefault
};
enum cudaDeviceAttr { cudaDevAttrMultiProcessorCount, cudaDevAttrMaxSharedMemoryPerBlockOptin };
enum cudaFuncAttribute { cudaFuncAttributeMaxDynamicSharedMemorySize };
enum cudaStreamCaptureMode {
    cudaStreamCaptureModeGlobal, cudaStreamCaptureModeThreadLocal, cudaStreamCaptureModeRelaxed
};
enum { cudaStreamNonBlocking = 1, cudaEventDisableTiming = 2, cudaHostAllocDefault = 0 };
struct cudaDeviceProp {
    char name[256];
    size_t totalGlobalMem;
    int major, minor, multiProcessorCount;
};
typedef struct vs_emulated_stream *cudaStream_t;
typedef struct vs_emulated_event *cudaEvent_t;
typedef struct vs_emulated_graph *cudaGraph_t;
typedef struct vs_emulated_graph *cudaGraphExec_t;

const char *cudaGetErrorString(cudaError_t e);
cudaError_t cudaGetLastError();
cudaError_t cudaPeekAtLastError();
cudaError_t cudaGetDeviceCount(int *n);
cudaError_t cudaSetDevice(int index);
cudaError_t cudaGetDevice(int *index);
cudaError_t cudaGetDeviceProperties(cudaDeviceProp *about, int index);
cudaError_t cudaDeviceGetAttribute(int *value, cudaDeviceAttr which, int index);
cudaError_t cudaDeviceSynchronize();
cudaError_t cudaMemGetInfo(size_t *unused, size_t *total);
cudaError_t cudaMalloc(void **at, size_t bytes);
cudaError_t cudaFree(void *at);
cudaError_t cudaMallocHost(void **at, size_t bytes);
cudaError_t cudaHostAlloc(void **at, size_t bytes, unsigned flags);
cudaError_t cudaFreeHost(void *at);
cudaError_t cudaMemcpy(void *dst, const void *src, size_t bytes, cudaMemcpyKind kind);
cudaError_t cudaMemcpyAsync(void *dst, const void *src, size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t stream = nullptr);
cudaError_t cudaMemset(void *dst, int value, size_t bytes);
cudaError_t cudaMemsetAsync(void *dst, int value, size_t bytes, cudaStream_t stream = nullptr);
cudaError_t cudaStreamCreate(cudaStream_t *stream);
cudaError_t cudaStreamCreateWithFlags(cudaStream_t *stream, unsigned flags);
cudaError_t cudaStreamDestroy(cudaStream_t stream);
cudaError_t cudaStreamSynchronize(cudaStream_t stream);
cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned flags = 0);
cudaError_t cudaEventCreate(cudaEvent_t *event);
cudaError_t cudaEventCreateWithFlags(cudaEvent_t *event, unsigned flags);
cudaError_t cudaEventDestroy(cudaEvent_t event);
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream = nullptr);
cudaError_t cudaEventSynchronize(cudaEvent_t event);
cudaError_t cudaEventQuery(cudaEvent_t event);
cudaError_t cudaEventElapsedTime(float *ms, cudaEvent_t from, cudaEvent_t to);
cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode mode);
cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t *graph);
cudaError_t cudaGraphInstantiate(cudaGraphExec_t *exec, cudaGraph_t graph,
                                 unsigned long long flags = 0);
cudaError_t cudaGraphLaunch(cudaGraphExec_t exec, cudaStream_t stream);
cudaError_t cudaGraphDestroy(cudaGraph_t graph);
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t exec);
cudaError_t vs_emulated_allow_shared(const void *kernel, size_t bytes);

template <class F> cudaError_t cudaFuncSetAttribute(F *kernel, cudaFuncAttribute which, int value)
{
    (void)which;
    return vs_emulated_allow_shared((const void *)kernel, (size_t)value);
}

/* Queue a kernel: body() is one thread. */
void vs_emulated_launch(const char *name, const void *kernel, dim3 blocks, dim3 threads,
                        size_t shared, cudaStream_t stream, std::function<void()> body);

template <class... P, class... A>
static inline void vs_emulated_call(const char *name, dim3 blocks, dim3 threads, size_t shared,
                                    cudaStream_t stream, void (*kernel)(P...), A... args)
{
    vs_emulated_launch(name, (const void *)kernel, blocks, threads, shared, stream,
                       [=]() { kernel(args...); });
}

#define VS_LAUNCH(kernel, blocks, threads, shared, stream, ...) \
    vs_emulated_call(#kernel, (blocks), (threads), (shared), (stream), kernel, __VA_ARGS__)

#endif /* VSYN_TESTS_CUDA_INCLUDE_CUDA_RUNTIME_H */
