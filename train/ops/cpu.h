/* What every CPU operation shares: precision, threads, vector code.
 *
 * Each file is compiled once per precision: VS_CPU(layernorm_fwd) is vs_layernorm_fwd_cpu in
 * one object and vs_layernorm_fwd_cpu_bf16 in the other, where vs_narrow is vs_bf16.
 *
 * Threads split work by fixed pieces (rows, chunks), never by atomics, and partial sums are
 * added in order: the bits depend on the inputs and the number of threads at most.
 */
#ifndef VSYN_TRAIN_OPS_CPU_H
#define VSYN_TRAIN_OPS_CPU_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "train/device/device_priv.h"
#include "train/ops/normal.h"
#include "train/ops/ops.h"

#define VS_CAT_(a, b, c) a##b##c
#define VS_CAT(a, b, c) VS_CAT_(a, b, c)
#define VS_CPU(op) VS_CAT(vs_, op, VS_SUFFIX)

/* Between float and vs_narrow; rounds to the nearest, ties to even, and keeps NaN. */
static inline float vs_widened(vs_narrow x)
{
#ifdef VS_CPU_BF16
    const uint32_t bits = (uint32_t)x << 16;
    float y;
    memcpy(&y, &bits, 4);
    return y;
#else
    return x;
#endif
}

static inline vs_narrow vs_narrowed(float x)
{
#ifdef VS_CPU_BF16
    uint32_t bits;
    memcpy(&bits, &x, 4);
    const uint32_t rounded = (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
    return (vs_narrow)((bits & 0x7fffffff) > 0x7f800000 ? 0x7fc0 : rounded);
#else
    return x;
#endif
}

/* A kernel compiled for several instruction sets, the best one chosen at load. Sanitizers
 * start after the choice would run, and other compilers or machines take the plain code. */
#if defined(__GNUC__) && __GNUC__ >= 12 && !defined(__clang__) && defined(__x86_64__) && \
    !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define VS_KERNEL __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define VS_KERNEL
#endif

#define VS_PRAGMA(text) _Pragma(#text)
/* Iterations of the next loop are shared out evenly among the device's threads, where `work`
 * (values touched) is worth waking them. */
#define VS_PARALLEL(dev, work) \
    VS_PRAGMA(omp parallel for schedule(static) num_threads(vs_team(dev, work)))
#define VS_SIMD VS_PRAGMA(omp simd)

/* Rows of a partial sum: small enough to share out, the same for any number of threads. */
#define VS_ROWS 64
/* Values of a partial sum or of one piece of an element-wise operation. */
#define VS_CHUNK 16384

/* A sleeping thread needs some microseconds to start: the time of a few thousand values. */
static inline int vs_team(const vs_device *dev, int64_t work)
{
    return work < VS_CHUNK ? 1 : dev->threads;
}

static inline int64_t vs_ceil_div(int64_t a, int64_t b)
{
    return (a + b - 1) / b;
}

/* How many of the n values lie in the piece that starts at `from`. */
static inline int64_t vs_piece(int64_t n, int64_t from, int64_t size)
{
    return n - from < size ? n - from : size;
}

/* sum[c] += sum_n x[n,c], in order of rows within fixed pieces; stride: from row to row
 * (matmul.c). */
void VS_CPU(column_sum)(vs_device *dev, float *sum, const vs_narrow *x, int N, int C,
                        int64_t stride);

#endif /* VSYN_TRAIN_OPS_CPU_H */
