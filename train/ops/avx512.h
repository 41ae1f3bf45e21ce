/* What the bfloat16 operations write by hand for AVX-512: 2^x, the normal distribution, pairs.
 *
 * Compilers vectorise the plain loops beside them, but know no bfloat16: rounding costs them
 * seven instructions instead of half of one, and an exponential 25 instead of eight.
 *
 * VS_AVX512_BF16 is 1 where such code is compiled; whether it may run: vs_fast().
 */
#ifndef VSYN_TRAIN_OPS_AVX512_H
#define VSYN_TRAIN_OPS_AVX512_H

#include "train/ops/cpu.h"

#if defined(VS_CPU_BF16) && defined(__x86_64__) && defined(__GNUC__)
#define VS_AVX512_BF16 1
#include <immintrin.h>

#define VS_AVX512 __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16")))
#define VS_AVX512_INLINE \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16"), always_inline)) \
    static inline

static inline bool vs_fast(void)
{
    return vs_cpu_has_bf16();
}

/* The lowest n of 16 lanes; n may lie outside 0..16. */
VS_AVX512_INLINE __mmask16 vs_lanes(int64_t n)
{
    return n >= 16 ? 0xffff : n <= 0 ? 0 : (__mmask16)((1u << n) - 1);
}

/* 2^x in the lanes of k, 0 elsewhere. x = whole + r, 0 <= r <= 1; a minimax polynomial of 2^r
 * with both ends exact: relative error below 3.4e-6. Below 2^-126 it fades to 0. */
VS_AVX512_INLINE __m512 vs_exp2(__mmask16 k, __m512 x)
{
    const __m512 r = _mm512_reduce_ps(x, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);
    __m512 p = _mm512_set1_ps(1.3555747e-2f);
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(5.2032368e-2f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(2.4137976e-1f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(6.9303212e-1f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.0f));
    return _mm512_maskz_scalef_ps(k, p, x);              /* p 2^(whole part of x) */
}

/* The upper tail of the normal distribution, T(|x|) = 1 - F(|x|), and its density: the formula
 * of vs_normal() with a quotient of 14 bits. T is off by less than 4e-4 of itself and 1e-7, the
 * density by 4e-4 of itself: a tenth of a rounding to bfloat16. */
VS_AVX512_INLINE __m512 vs_normal_tail(__m512 *density, __m512 x)
{
    const __m512 size = _mm512_abs_ps(x);
    const __m512 e = vs_exp2(0xffff, _mm512_mul_ps(_mm512_mul_ps(x, x),
                                                   _mm512_set1_ps(-0.72134752f)));
    const __m512 t = _mm512_rcp14_ps(_mm512_fmadd_ps(size, _mm512_set1_ps(0.23164189f),
                                                     _mm512_set1_ps(1.0f)));
    __m512 p = _mm512_set1_ps(0.5307027145f);
    p = _mm512_fmadd_ps(p, t, _mm512_set1_ps(-0.7265760135f));
    p = _mm512_fmadd_ps(p, t, _mm512_set1_ps(0.7107068705f));
    p = _mm512_fmadd_ps(p, t, _mm512_set1_ps(-0.142248368f));
    p = _mm512_fmadd_ps(p, t, _mm512_set1_ps(0.1274147960f));
    *density = _mm512_mul_ps(e, _mm512_set1_ps(0.39894228f));
    return _mm512_mul_ps(_mm512_mul_ps(p, t), e);
}

/* a in the lower halves of 16 units, b in the upper: neighbours of an inner axis. */
VS_AVX512_INLINE __m512i vs_pairs(__m512bh both)
{
    static const uint16_t order[32] __attribute__((aligned(64))) = {
        0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23,
        8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31,
    };
    return _mm512_permutexvar_epi16(_mm512_load_si512(order), (__m512i)both);
}

/* 16 values of bfloat16 as floats. */
VS_AVX512_INLINE __m512 vs_wide16(__mmask16 k, const vs_narrow *x)
{
    return (__m512)_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(k, x)), 16);
}

/* x as it is after a rounding to bfloat16. */
VS_AVX512_INLINE __m512 vs_rounded(__m512 x)
{
    return (__m512)_mm512_slli_epi32(
        _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(x)), 16);
}

VS_AVX512_INLINE void vs_narrow16(vs_narrow *y, __mmask16 k, __m512 x)
{
    _mm256_mask_storeu_epi16(y, k, (__m256i)_mm512_cvtneps_pbh(x));
}

#else
#define VS_AVX512_BF16 0
#endif

#endif /* VSYN_TRAIN_OPS_AVX512_H */
