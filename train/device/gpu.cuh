/* Inside of a CUDA device: for device_cuda.cu and the .cu files of train/ops only.
 *
 * All work goes to one stream, in order (frames come on another); nothing waits for the host.
 * Between two calls of
 * vs_device_sync() the operations only launch kernels and copies, so the passes of a step are
 * captured in CUDA graphs (vs_device_repeat()), once a first step has made everything grow to its
 * size (scratch, bfloat16 copies, handles).
 */
#ifndef VSYN_TRAIN_DEVICE_GPU_CUH
#define VSYN_TRAIN_DEVICE_GPU_CUH

#include <cuda_bf16.h>
#include <cuda_runtime.h>

#include "base/hd.h"
#include "train/device/device_priv.h"

/* Where caller's memory rests on its way to the device. */
#define VS_STAGES 4
#define VS_STAGE_BYTES ((size_t)8 << 20)

typedef struct vs_pinned {
    void *at;                      /* pinned, VS_STAGE_BYTES */
    cudaEvent_t empty;             /* the copy out of it is done */
} vs_pinned;

/* A block of weights and its copy in bfloat16, value by value. */
typedef struct vs_narrow_copy {
    const float *of;
    size_t count;
    __nv_bfloat16 *at;
} vs_narrow_copy;

/* What a group of operations keeps on the device from call to call: library handles, plans. */
enum { VS_GPU_PRODUCTS, VS_GPU_ATTENTION, VS_GPU_TOKENS, VS_GPU_SCENES, VS_GPU_KEEPS };
typedef struct vs_gpu_keep {
    void *state;                   /* NULL until the group makes it */
    void (*close)(vs_device *dev, void *state);
} vs_gpu_keep;

/* Arguments that change from step to step (the learning rate, corrections of AdamW), of a step
 * that is captured in a graph and replayed: they lie in device memory, call after call.
 *
 *   VS_GPU_LAUNCH    no graph: arguments go by value                       (from the start)
 *   VS_GPU_CAPTURE   operations launch kernels that read the device's      (while capturing)
 *   VS_GPU_REPLAY    operations only note arguments, nothing is launched   (before each replay)
 *
 * To replay: the calls that have such arguments, in the order in which they were captured
 * (vs_model_adamw()); vs_cuda_args_send(); launch the graph. graph.cu does so. */
typedef enum vs_gpu_mode { VS_GPU_LAUNCH, VS_GPU_CAPTURE, VS_GPU_REPLAY } vs_gpu_mode;
#define VS_ARGS_BYTES 64           /* of one call */
#define VS_ARGS_CALLS 1024

typedef struct vs_gpu_args {
    vs_gpu_mode mode;
    int calls;                     /* since the mode was set */
    char *host, *device;           /* (VS_ARGS_CALLS, VS_ARGS_BYTES); NULL until first captured */
} vs_gpu_args;

/* Where inputs of the next step wait on the device while this one runs. */
typedef struct vs_landing {
    cudaStream_t stream;
    void *at;                      /* NULL until first used */
    size_t bytes;
    cudaEvent_t full, empty;       /* all of it has come; it has moved on */
} vs_landing;

typedef struct vs_gpu {
    cudaStream_t stream;
    vs_landing landing;
    int index, processors;
    vs_pinned stage[VS_STAGES];
    int next_stage;
    vs_narrow_copy *copy;
    int n_copies;
    vs_gpu_keep keep[VS_GPU_KEEPS];
    struct vs_gpu_group *group;    /* NULL: alone (group.cu) */
    vs_gpu_args args;
    cudaEvent_t *mark;             /* (VS_DEVICE_MARKS), made when first used; NULL until then */
} vs_gpu;

static inline cudaStream_t stream_of(const vs_device *dev)
{
    return dev->gpu->stream;
}

/* ---- group.cu: the functions of vs_device_kind for groups --------------------------------- */
typedef struct vs_gpu_group vs_gpu_group;
void vs_cuda_group_id(vs_device *dev, char id[VS_GROUP_ID]);
void vs_cuda_group_join(vs_device *dev, const char id[VS_GROUP_ID], int rank, int size);
void vs_cuda_mean_begin(vs_device *dev, float *x, int64_t n);
void vs_cuda_mean_end(vs_device *dev);
void vs_cuda_group_leave(vs_device *dev);      /* before the stream goes */

/* ---- device_cuda.cu ----------------------------------------------------------------------- */
/* The bfloat16 copy of the weights at w, which lie in a block of vs_device_alloc(). It is made
 * when it is first asked for, of the whole block, and follows what is written to the block with
 * vs_device_upload(), vs_device_zero() and the operation adamw; whoever writes to weights in
 * another way calls vs_cuda_narrow_refresh(). NULL and NOMEM remembered when there is no room. */
const __nv_bfloat16 *vs_cuda_narrow_weight(vs_device *dev, const float *w);

/* The copy of w where there is one, else NULL: for adamw, which writes both. */
__nv_bfloat16 *vs_cuda_narrow_copy_of(const vs_device *dev, const float *w);

/* Round count values at w again, where their block has a copy. */
void vs_cuda_narrow_refresh(vs_device *dev, const float *w, size_t count);

/* ---- graph.cu: the functions of vs_device_kind for work that repeats ----------------------- */
bool vs_cuda_record(vs_device *dev, bool args);
void *vs_cuda_recorded(vs_device *dev);
void vs_cuda_say(vs_device *dev);
void vs_cuda_replay(vs_device *dev, void *graph, bool args);
void vs_cuda_forget(vs_device *dev, void *graph);
/* Before the capture begins (it takes memory), before a replay, and back to LAUNCH. */
void vs_cuda_args_mode(vs_device *dev, vs_gpu_mode mode);
/* Where a kernel finds this call's arguments; NULL: by value. For operations. */
const void *vs_cuda_args(vs_device *dev, const void *args, size_t bytes);
/* Queue what was noted, after the work that reads what was sent before. */
void vs_cuda_args_send(vs_device *dev);

/* Keep the first failure in the device; see train/device/device.h. */
#define VS_CUDA_NOTE(dev, call)                                                            \
    do {                                                                                   \
        const cudaError_t e_ = (call);                                                     \
        if (e_ != cudaSuccess)                                                             \
            vs_device_note((dev), VS_FAIL(VS_ERR_DEVICE, "%s: %s", (dev)->name,            \
                                          cudaGetErrorString(e_)));                        \
    } while (0)

#endif /* VSYN_TRAIN_DEVICE_GPU_CUH */
