/* What becomes of a tile of a product, row by row. Formulas: train/ops/ops.h
 *
 * Plain loops for every machine and for fp32; by hand for bfloat16 with AVX-512.
 */
#include "train/ops/avx512.h"
#include "train/ops/gemm.h"

/* ---- What becomes of a row of a tile: n values from column `at` ----------------------- */

VS_KERNEL static void out_narrow(vs_narrow *y, const float *a, const float *b, int n)
{
    if (b) {
        VS_SIMD
        for (int j = 0; j < n; j++)
            y[j] = vs_narrowed(a[j] + b[j]);
        return;
    }
    VS_SIMD
    for (int j = 0; j < n; j++)
        y[j] = vs_narrowed(a[j]);
}

VS_KERNEL static void out_add(float *y, const float *a, const float *b, const float *r, float scale,
                              int n)
{
    VS_SIMD
    for (int j = 0; j < n; j++) {
        const float x = b ? a[j] + b[j] : a[j];
        y[j] = r ? r[j] + x * scale : x * scale;
    }
}

VS_KERNEL static void out_gelu(vs_narrow *y, vs_narrow *h, const float *a, const float *b, int n)
{
    VS_SIMD
    for (int j = 0; j < n; j++) {
        const vs_narrow kept = vs_narrowed(b ? a[j] + b[j] : a[j]);
        float F, f;
        h[j] = kept;
        vs_normal(&F, &f, vs_widened(kept));
        y[j] = vs_narrowed(vs_widened(kept) * F);
    }
}

VS_KERNEL static void out_gelu_bwd(vs_narrow *dh, vs_narrow *y, const float *a, const vs_narrow *h,
                                   int n)
{
    VS_SIMD
    for (int j = 0; j < n; j++) {
        const float x = vs_widened(h[j]);
        float F, f;
        vs_normal(&F, &f, x);
        dh[j] = vs_narrowed(a[j] * (F + x * f));
        y[j] = vs_narrowed(x * F);
    }
}

VS_KERNEL static void out_accumulate(float *y, const float *a, int n)
{
    VS_SIMD
    for (int j = 0; j < n; j++)
        y[j] += a[j];
}

#if VS_AVX512_BF16
/* gelu(x) = max(x, 0) - |x| T(|x|): small values keep their digits. */
VS_AVX512_INLINE __m512 gelu_of(__m512 x, __m512 tail)
{
    return _mm512_fnmadd_ps(_mm512_abs_ps(x), tail, _mm512_max_ps(x, _mm512_setzero_ps()));
}

/* 16 values each, those in the lanes of k. */
VS_AVX512_INLINE void narrow_16(vs_narrow *y, const float *a, const float *b, __mmask16 k)
{
    const __m512 x = _mm512_maskz_loadu_ps(k, a);
    vs_narrow16(y, k, b ? _mm512_add_ps(x, _mm512_maskz_loadu_ps(k, b)) : x);
}

VS_AVX512_INLINE void gelu_16(vs_narrow *y, vs_narrow *h, const float *a, const float *b,
                              __mmask16 k)
{
    __m512 density, x = _mm512_maskz_loadu_ps(k, a);
    if (b)
        x = _mm512_add_ps(x, _mm512_maskz_loadu_ps(k, b));
    vs_narrow16(h, k, x);
    x = vs_rounded(x);
    vs_narrow16(y, k, gelu_of(x, vs_normal_tail(&density, x)));
}

VS_AVX512_INLINE void gelu_bwd_16(vs_narrow *dh, vs_narrow *y, const float *a, const vs_narrow *h,
                                  __mmask16 k)
{
    const __m512 x = vs_wide16(k, h);
    __m512 density;
    const __m512 tail = vs_normal_tail(&density, x);
    const __mmask16 below = _mm512_cmp_ps_mask(x, _mm512_setzero_ps(), _CMP_LT_OQ);
    const __m512 F = _mm512_mask_mov_ps(_mm512_sub_ps(_mm512_set1_ps(1.0f), tail), below, tail);
    const __m512 slope = _mm512_fmadd_ps(x, density, F);
    vs_narrow16(dh, k, _mm512_mul_ps(_mm512_maskz_loadu_ps(k, a), slope));
    vs_narrow16(y, k, gelu_of(x, tail));
}

/* Whole vectors without a mask: a load that meets the place of a masked store, modulo a page,
 * waits for it. */
#define EACH_16(n, call)                        \
    int j = 0;                                  \
    for (; j + 16 <= (n); j += 16) {            \
        const __mmask16 k = 0xffff;             \
        call;                                   \
    }                                           \
    if (j < (n)) {                              \
        const __mmask16 k = vs_lanes((n) - j);  \
        call;                                   \
    }

VS_AVX512 static void narrow_avx512(vs_narrow *y, const float *a, const float *b, int n)
{
    EACH_16(n, narrow_16(y + j, a + j, b ? b + j : NULL, k))
}

VS_AVX512 static void gelu_avx512(vs_narrow *y, vs_narrow *h, const float *a, const float *b, int n)
{
    EACH_16(n, gelu_16(y + j, h + j, a + j, b ? b + j : NULL, k))
}

VS_AVX512 static void gelu_bwd_avx512(vs_narrow *dh, vs_narrow *y, const float *a,
                                      const vs_narrow *h, int n)
{
    EACH_16(n, gelu_bwd_16(dh + j, y + j, a + j, h + j, k))
}
#endif

/* What there is by hand; false: nothing. */
static bool put_fast(const vs_out *o, const float *a, const float *bias, int64_t at, int n)
{
#if VS_AVX512_BF16
    if (!vs_fast())
        return false;
    switch (o->kind) {
    case VS_OUT_NARROW:
        narrow_avx512((vs_narrow *)o->y + at, a, bias, n);
        return true;
    case VS_OUT_GELU:
        gelu_avx512((vs_narrow *)o->y + at, o->h + at, a, bias, n);
        return true;
    case VS_OUT_GELU_BWD:
        gelu_bwd_avx512((vs_narrow *)o->y + at, o->act + at, a, o->h + at, n);
        return true;
    default:
        break;
    }
#endif
    return false;
}

void VS_CPU(put_row)(const vs_out *o, const float *a, int64_t row, int col, int n, int N)
{
    const int64_t at = row * N + col;
    const float *const bias = o->bias ? o->bias + col : NULL;
    if (put_fast(o, a, bias, at, n))
        return;
    switch (o->kind) {
    case VS_OUT_NARROW:
        out_narrow((vs_narrow *)o->y + at, a, bias, n);
        break;
    case VS_OUT_ADD:
        out_add((float *)o->y + at, a, bias, o->r ? o->r + at : NULL,
                o->scale ? o->scale[row / o->S] : 1.0f, n);
        break;
    case VS_OUT_GELU:
        out_gelu((vs_narrow *)o->y + at, o->h + at, a, bias, n);
        break;
    case VS_OUT_GELU_BWD:
        out_gelu_bwd((vs_narrow *)o->y + at, o->act + at, a, o->h + at, n);
        break;
    case VS_OUT_ACCUMULATE:
        out_accumulate((float *)o->y + at, a, n);
        break;
    }
}
