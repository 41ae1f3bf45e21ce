/* What every CPU operation shares: threads, vector code, exp and erf.
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

/* erf with an absolute error below 2e-7: x P(x^2) up to 1, then 1 - exp(-|x| Q(|x|)), both
 * polynomials fitted at Chebyshev points. Beyond 4 it is 1 to the last bit. */
static inline float vs_erff(float x)
{
    const float s = x * x;
    float p = 7.875875050e-05f;
    p = p * s + -8.016864283e-04f;
    p = p * s + 5.189087423e-03f;
    p = p * s + -2.685421201e-02f;
    p = p * s + 1.128359472e-01f;
    p = p * s + -3.761262667e-01f;
    p = p * s + 1.128379166e+00f;
    float t = x < 0 ? -x : x;
    t = t > 4.0f ? 4.0f : t;
    float q = -1.166032501e-06f;
    q = q * t + 3.659301183e-05f;
    q = q * t + -5.157455639e-04f;
    q = q * t + 4.373922625e-03f;
    q = q * t + -2.530860120e-02f;
    q = q * t + 1.080919126e-01f;
    q = q * t + 6.339714476e-01f;
    q = q * t + 1.128957243e+00f;
    const float far = 1.0f - vs_expf(-t * q);
    return t <= 1.0f ? x * p : x < 0 ? -far : far;
}

/* The normal distribution and its density: GELU and its derivative. */
static inline float vs_normal_cdf(float x)
{
    return 0.5f * (1.0f + vs_erff(x * 0.70710678118654752f));
}

static inline float vs_normal_pdf(float x)
{
    return 0.39894228040143268f * vs_expf(-0.5f * x * x);
}

/* C = alpha * op(A) op(B) + beta * C in row-major order, on the device's threads or, inside
 * a parallel region, on the calling one (matmul.c). lda..ldc: values from row to row. */
typedef struct vs_gemm {
    char ta, tb;                   /* 'N' or 'T' */
    int64_t M, N, K, lda, ldb, ldc;
    float alpha, beta;
} vs_gemm;
void vs_gemm_cpu(vs_device *dev, float *c, const float *a, const float *b, const vs_gemm *g);

/* sum[c] += sum_n x[n,c], in order of rows within fixed pieces (matmul.c). */
void vs_column_sum_cpu(vs_device *dev, float *sum, const float *x, int N, int C, int64_t stride);

#endif /* VSYN_TRAIN_OPS_CPU_H */
