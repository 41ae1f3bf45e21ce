/* What every CPU operation shares: precision, threads, vector code, exp and the normal
 * distribution.
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

/* e^x with a relative error below 2e-7. x < -87 gives a value near 1e-38, not zero.
 * x = k ln 2 + r, |r| <= ln 2 / 2; a polynomial for e^r; k goes into the exponent. Not a
 * number gives not a number. */
static inline float vs_expf(float x)
{
    x = x < -87.0f ? -87.0f : x;
    x = x > 88.0f ? 88.0f : x;
    const float shift = 12582912.0f;                     /* 1.5 * 2^23: rounds to whole */
    const float shifted = x * 1.44269504f + shift;       /* k stands in its lowest bits */
    const float k = shifted - shift;
    const float r = (x - k * 0.693359375f) - k * -2.12194440e-4f;   /* ln 2 in two parts */
    float p = 1.394111641e-03f;
    p = p * r + 8.375132781e-03f;
    p = p * r + 4.166635280e-02f;
    p = p * r + 1.666641544e-01f;
    p = p * r + 5.000000047e-01f;
    p = p * r + 1.0f;
    p = p * r + 1.0f;
    uint32_t bits;
    float power;
    memcpy(&bits, &shifted, 4);
    bits = (bits + 127) << 23;
    memcpy(&power, &bits, 4);
    return p * power;
}

/* The normal distribution F and its density f, for GELU and its slope. One exponential serves
 * both (Abramowitz and Stegun 7.1.26, absolute error of F below 1e-7):
 * 1 - F(|x|) = t (a1 + a2 t + ... + a5 t^4) e^(-x^2/2) / 2,  t = 1 / (1 + p |x| / sqrt 2). */
static inline void vs_normal(float *F, float *f, float x)
{
    const float size = x < 0 ? -x : x, e = vs_expf(-0.5f * x * x);
    const float t = 1.0f / (1.0f + 0.23164189f * size);
    float p = 0.5307027145f;
    p = p * t + -0.7265760135f;
    p = p * t + 0.7107068705f;
    p = p * t + -0.142248368f;
    p = p * t + 0.1274147960f;
    const float rest = p * t * e;
    *F = x < 0 ? rest : 1.0f - rest;
    *f = 0.39894228040143268f * e;
}

/* sum[c] += sum_n x[n,c], in order of rows within fixed pieces; stride: from row to row
 * (matmul.c). */
void VS_CPU(column_sum)(vs_device *dev, float *sum, const vs_narrow *x, int N, int C,
                        int64_t stride);

#endif /* VSYN_TRAIN_OPS_CPU_H */
