/* Inside of a device: for train/device and the operations of train/ops only.
 *
 * A kind (CPU, CUDA) is a table of functions; what both share (the list of blocks, the
 * first failure, the scratch space) is kept here and written once in device.c.
 */
#ifndef VSYN_TRAIN_DEVICE_PRIV_H
#define VSYN_TRAIN_DEVICE_PRIV_H

#include "train/device/device.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Every function may assume valid pointers inside blocks of this device. */
typedef struct vs_device_kind {
    void *(*take)(vs_device *dev, size_t bytes);       /* aligned, zeroed; NULL: no room */
    void (*give)(vs_device *dev, void *block);
    void (*upload)(vs_device *dev, void *dst, const void *host, size_t bytes);
    void (*zero)(vs_device *dev, void *dst, size_t bytes);
    void (*download)(vs_device *dev, void *host, const void *src, size_t bytes);
    void (*wait)(vs_device *dev);
    void (*close)(vs_device *dev);                     /* may be NULL */
    /* As in device.h; NULL: this kind forms no groups. */
    void (*group_id)(vs_device *dev, char id[VS_GROUP_ID]);
    void (*group_join)(vs_device *dev, const char id[VS_GROUP_ID], int rank, int size);
    void (*mean_begin)(vs_device *dev, float *x, int64_t n);
    void (*mean_end)(vs_device *dev);
    /* The device's own clock: mark i is behind what is queued now; seconds between two of them,
     * after a wait. NULL: work is done when a call returns. */
    void (*mark)(vs_device *dev, int i);
    double (*between)(vs_device *dev, int from, int to);
    /* Of vs_device_repeat(); NULL: it records nothing. record: what is queued from here on is not
     * done; recorded: the end of that, NULL when it cannot be repeated; say: operations only note
     * their arguments; replay sends what they noted and queues the graph. */
    bool (*record)(vs_device *dev, bool args);
    void *(*recorded)(vs_device *dev);
    void (*say)(vs_device *dev);
    void (*replay)(vs_device *dev, void *graph, bool args);
    void (*forget)(vs_device *dev, void *graph);
    void (*upload_ahead)(vs_device *dev, void *dst, const void *host, size_t bytes);   /* or NULL */
} vs_device_kind;

#define VS_DEVICE_MARKS 4096

typedef struct vs_device_block {
    void *at;
    size_t bytes;
} vs_device_block;

struct vs_device {
    const vs_device_kind *kind;
    bool cuda;
    int threads;
    vs_precision precision;
    char name[128];
    vs_err err;                    /* the first failure since the last sync */
    char detail[512];
    vs_device_block *block;
    int n_blocks;
    size_t allocated, beside;      /* bytes of the blocks; of what a kind took beside them */
    void *scratch;                 /* see vs_device_scratch() */
    size_t scratch_bytes;
    struct vs_gpu *gpu;            /* of a CUDA device (gpu.cuh); NULL on the CPU */
    const struct vs_ops *cuda_ops[2];     /* by precision; NULL on the CPU */
    const vs_roof *roof;           /* of a device that only counts (device_roof.c); else NULL */
    double roof_zeroed, roof_uploaded;             /* bytes */
    double *slot;                  /* (VS_DEVICE_SLOTS); pinned on CUDA; NULL until first used */
    uint64_t age;                  /* grows whenever memory that work may use is taken or freed */
    bool recording, no_repeat;
    int64_t repeated;
    struct vs_op_time *times;      /* of vs_ops_time(), borrowed; NULL: nothing is timed */
    struct vs_op_note *notes;      /* calls between marks that are not in `times` yet (timed.c) */
    int n_notes;
};

#define VS_DEVICE_ALIGN 256

vs_device *vs_device_new(const vs_device_kind *kind, bool cuda, int threads, const char *name);

/* Remember `err` with its message if it is the first failure. */
void vs_device_note(vs_device *dev, vs_err err);

/* True once something failed: an operation then returns without touching anything. */
static inline bool vs_device_failed(const vs_device *dev)
{
    return dev->err != VS_OK;
}

/* Working space of one operation, undefined content, valid until the next operation asks.
 * It grows to the largest wish and stays, so steps after the first allocate nothing.
 * NULL and NOMEM remembered when there is no room. */
void *vs_device_scratch(vs_device *dev, size_t bytes);

#ifdef __cplusplus
}
#endif
#endif /* VSYN_TRAIN_DEVICE_PRIV_H */
