/* Device: where tensors live and operations run.
 *
 *     vs_device_open_cpu()    the reference: every test trusts it
 *     vs_device_open_cuda()   a GPU, through the plugin vsyn-cuda.so (open.c, device_cuda.cu)
 *
 * Calls are asynchronous: they return when the work is queued (the CPU does it at
 * once). Like a stdio stream, a device remembers its first failure; later work is
 * skipped and vs_device_sync() reports it. So a model reads as formulas, and one
 * check a step is enough.
 *
 * Ownership: the device owns all memory it hands out and frees it in
 * vs_device_close(), or block by block with vs_device_free() when a model closes.
 * Thread-safety: one thread at a time.
 */
#ifndef VSYN_TRAIN_DEVICE_H
#define VSYN_TRAIN_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct vs_device vs_device;

/* n_threads: 0 = the CPUs of the affinity mask. *out is owned: vs_device_close(). */
vs_err vs_device_open_cpu(vs_device **out, int n_threads);

/* index: as nvidia-smi counts; -1 - k: GPU k of those that are
 * visible, counted round. Errors: DEVICE (no GPU, or it failed), NOMEM, UNSUPPORTED (no
 * CUDA backend is installed). */
vs_err vs_device_open_cuda(vs_device **out, int index);

/* "auto" (CUDA if it is there, else the CPU), "cpu", "cuda", "cuda:1". USAGE otherwise. */
vs_err vs_device_open(vs_device **out, const char *name, int n_threads);
/* The same for process `local` of this machine, from 0: where the name says no number, it gets
 * that GPU of those that it sees, counted round. */
vs_err vs_device_open_local(vs_device **out, const char *name, int local, int n_threads);

/* What the operations on a device compute in. BF16: products take bfloat16 and add in float;
 * weights, the residual stream, statistics and the optimiser stay in float. AUTO: BF16 where
 * the machine multiplies it faster (AVX-512 BF16, CUDA), else FP32. In the order of the
 * choices of --precision. */
typedef enum vs_precision { VS_FP32, VS_BF16, VS_PRECISION_AUTO } vs_precision;
#define VS_PRECISION_CHOICES "fp32|bf16|auto"

/* Before a model is opened on it; FP32 until then. */
void vs_device_set_precision(vs_device *dev, vs_precision precision);
vs_precision vs_device_precision(const vs_device *dev);       /* FP32 or BF16 */
const char *vs_precision_name(vs_precision precision);        /* "fp32" */
/* Does this machine multiply bfloat16 in hardware? */
bool vs_cpu_has_bf16(void);
/* Has it AMX for bfloat16, beside AVX-512, and may this process use it? No, too, where the
 * environment says VSYN_CPU=avx512. */
bool vs_cpu_has_amx(void);

/* Wait, free everything. *dev may be NULL; it is NULL afterwards. */
void vs_device_close(vs_device **dev);

bool vs_device_is_cuda(const vs_device *dev);
int vs_device_threads(const vs_device *dev);
const char *vs_device_name(const vs_device *dev);     /* "cpu, 2 threads" */
size_t vs_device_allocated(const vs_device *dev);     /* bytes handed out now */
/* And what the device took for itself: working space, weights in bfloat16. */
size_t vs_device_memory(const vs_device *dev);

/* Zeroed, aligned to 256 bytes. Returns NULL and remembers NOMEM when there is no room. */
void *vs_device_alloc(vs_device *dev, size_t bytes);
void vs_device_free(vs_device *dev, void *block);

/* The host memory may be reused when the call returns. */
void vs_device_upload(vs_device *dev, void *dst, const void *host, size_t bytes);
/* The same for the large inputs of a step: they travel while work that was queued before still
 * runs, and only then move to dst. Takes `bytes` of the device beside dst. */
void vs_device_upload_ahead(vs_device *dev, void *dst, const void *host, size_t bytes);
void vs_device_zero(vs_device *dev, void *dst, size_t bytes);

/* Waits for the queue, then copies. */
vs_err vs_device_download(vs_device *dev, void *host, const void *src, size_t bytes);

/* Wait for everything queued; report and clear the first failure. */
vs_err vs_device_sync(vs_device *dev);

/* At most 8 bytes at src, as they are when what is queued now is done: to be read after some later
 * vs_device_sync(), so that the loss of many steps costs one wait. A slot keeps its last value. */
#define VS_DEVICE_SLOTS 1024
void vs_device_read_later(vs_device *dev, int slot, const void *src, size_t bytes);
const void *vs_device_read(const vs_device *dev, int slot);

/* ---- Work that repeats ------------------------------------------------------------------
 *
 * The same operations on the same memory, step after step, are queued by one call where the device
 * can (a CUDA graph):
 *
 *     while (vs_device_repeat(dev, &r, key, args))
 *         ...queue the work...
 *
 * runs the body once to do the work, once to record it, and from then on not at all. `key` tells
 * apart what changes the work (the number of clips, a scale): with another key it is recorded
 * anew, and so it is when the device's own memory moved. `args`: the body has operations with
 * arguments that change from step to step (vs_adamw_args); it then runs every time, to say them.
 * The body uploads and downloads nothing, takes no memory and may run twice. Where recording fails,
 * the work is done without, with one warning. The results are the same bits either way. */
typedef struct vs_repeat {
    uint64_t key, age;
    int state;
    bool known;                    /* it ran with this key at this age */
    void *graph;                   /* NULL until recorded */
} vs_repeat;
bool vs_device_repeat(vs_device *dev, vs_repeat *r, uint64_t key, bool args);
void vs_device_repeat_free(vs_device *dev, vs_repeat *r);
/* Off: every body runs. On from the start, without $VSYN_GRAPHS=off. Does nothing where a device
 * cannot record. */
void vs_device_set_repeat(vs_device *dev, bool on);
/* Graphs queued so far in place of a body. */
int64_t vs_device_repeated(const vs_device *dev);

/* ---- A device that only counts ----------------------------------------------------------
 *
 * Its memory has addresses and no content: operations on it do nothing but add up what they
 * would cost (vs_ops_time() in train/ops/ops.h), downloads are zeros. A model runs its steps on
 * it as on any other, so what is counted is what it does. */
typedef struct vs_roof {
    const char *name, *title;      /* "h200"; "NVIDIA H200": how its driver begins its name */
    double peak[2];                /* flops per second by precision, by its data sheet */
    double flops[2];               /* that large products reach */
    double attention;              /* the share of it that attention reaches */
    double bytes;                  /* per second, of its memory, by its data sheet */
    double memory;                 /* bytes */
} vs_roof;

/* By what vs_device_name() says of a GPU, or a `name`; NULL where it is not known. */
const vs_roof *vs_roof_find(const char *name);
/* What a step may be expected to reach, instead of the bound: products and memory 0.85 of the
 * above; attention half, because a GPU makes exponentials more slowly than products. Guesses, until
 * they are measured. */
vs_roof vs_roof_expected(const vs_roof *roof);
/* roof outlives the device, which is owned: vs_device_close(). */
vs_err vs_device_open_roof(vs_device **out, const vs_roof *roof);
double vs_device_roof_zeroed(const vs_device *dev);        /* bytes set to zero so far */
double vs_device_roof_uploaded(const vs_device *dev);      /* bytes from the host so far */

/* ---- Several devices, one in each of several processes ----------------------------------
 *
 * One process makes the id of a group, tells it to the others (train/dist.c does, over MPI), and
 * all join. Only GPUs form groups; failures are remembered like those of any queued work.
 *
 *   mean_begin   x[i] becomes the mean over the group, i = 0..n-1: queued behind what is queued
 *                now, beside what is queued later, which may not touch x until
 *   mean_end     later work sees the means; the same bits on every device
 */
#define VS_GROUP_ID 128
bool vs_device_can_group(const vs_device *dev);
void vs_device_group_id(vs_device *dev, char id[VS_GROUP_ID]);
void vs_device_group_join(vs_device *dev, const char id[VS_GROUP_ID], int rank, int size);
void vs_device_mean_begin(vs_device *dev, float *x, int64_t n);
void vs_device_mean_end(vs_device *dev);

#ifdef __cplusplus
}
#endif
#endif /* VSYN_TRAIN_DEVICE_H */
