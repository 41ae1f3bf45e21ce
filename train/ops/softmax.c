/* Rows of attention's softmax on the CPU. Contract: train/ops/softmax.h
 *
 * Plain loops for every machine and for fp32; by hand for bfloat16 with AVX-512.
 */
#include "train/ops/softmax.h"

#include "train/ops/avx512.h"

/* ---- Plain ------------------------------------------------------------------------------ */

VS_KERNEL static float fwd_plain(vs_narrow *p, float *top, float *sum, const float *s, float scale,
                                 int keys)
{
    float most = s[0], add = 0.0f;
#pragma omp simd reduction(max : most)
    for (int j = 0; j < keys; j++)
        most = s[j] > most ? s[j] : most;
    most = *top > most * scale ? *top : most * scale;
#pragma omp simd reduction(+ : add)
    for (int j = 0; j < keys; j++) {
        const vs_narrow e = vs_narrowed(vs_expf(s[j] * scale - most));
        p[j] = e;
        add += vs_widened(e);
    }
    p[keys] = 0;
    const float shrink = vs_expf(*top - most);
    *sum = *sum * shrink + add;
    *top = most;
    return shrink;
}

/* p and ds of one query as floats, ds also as a row. */
VS_KERNEL static void bwd_row(float *p, float *ds, vs_narrow *row, const float *s, const float *dp,
                              float lse, float r, float scale, int keys)
{
    VS_SIMD
    for (int j = 0; j < keys; j++) {
        const float e = vs_expf(s[j] * scale - lse), d = e * (dp[j] - r);
        p[j] = e;
        ds[j] = d;
        row[j] = vs_narrowed(d);
    }
}

/* Two rows side by side, or one: as units of the axis that runs over rows. */
VS_KERNEL static void pair_rows(vs_unit *to, const float *a, const float *b, int n)
{
    VS_SIMD
    for (int j = 0; j < n; j++) {
#ifdef VS_CPU_BF16
        to[j] = (vs_unit)vs_narrowed(a[j]) |
                (vs_unit)(b ? vs_narrowed(b[j]) : 0) << 16;
#else
        memcpy(&to[j], &a[j], sizeof(*to));
#endif
    }
}

static void bwd_plain(const vs_softmax_bwd *t)
{
    float p[2][VS_PANEL], ds[2][VS_PANEL];
    for (int i = 0; i < t->rows; i++) {
        vs_narrow *const row = t->row + i * t->next;
        bwd_row(p[i], ds[i], row, t->s + i * t->next, t->dp + i * t->next, t->lse[i], t->r[i],
                t->scale, t->keys);
        memset(row + t->keys, 0, sizeof(vs_narrow) * (size_t)(VS_PANEL - t->keys));
    }
    for (int i = 0; i < t->rows; i += VS_GROUP) {
        const bool two = VS_GROUP == 2 && t->rows == 2;
        pair_rows(t->p + i * VS_PANEL, p[i], two ? p[1] : NULL, t->keys);
        pair_rows(t->ds + i * VS_PANEL, ds[i], two ? ds[1] : NULL, t->keys);
    }
}

/* ---- AVX-512 ---------------------------------------------------------------------------- */

#if VS_AVX512_BF16
#define LOG2_E 1.44269504f

VS_AVX512 static float row_max(const float *s, int keys)
{
    __m512 a = _mm512_set1_ps(-INFINITY), b = a;
    int j = 0;
    for (; j + 32 <= keys; j += 32) {
        a = _mm512_max_ps(a, _mm512_loadu_ps(s + j));
        b = _mm512_max_ps(b, _mm512_loadu_ps(s + j + 16));
    }
    for (; j < keys; j += 16) {
        const __mmask16 k = vs_lanes(keys - j);
        a = _mm512_mask_max_ps(a, k, a, _mm512_maskz_loadu_ps(k, s + j));
    }
    return _mm512_reduce_max_ps(_mm512_max_ps(a, b));
}

/* 32 values of p from 32 scores, and their sums in pairs, as they are rounded. */
VS_AVX512_INLINE __m512 fwd_32(vs_narrow *p, __m512 sum, const float *s, __m512 scale, __m512 most,
                               __mmask16 first, __mmask16 second)
{
    const __m512bh ones = (__m512bh)_mm512_set1_epi32(0x3f803f80);
    const __m512 a = _mm512_fmsub_ps(_mm512_maskz_loadu_ps(first, s), scale, most);
    const __m512 b = _mm512_fmsub_ps(_mm512_maskz_loadu_ps(second, s + 16), scale, most);
    const __m512bh e = _mm512_cvtne2ps_pbh(vs_exp2(second, b), vs_exp2(first, a));
    _mm512_storeu_si512(p, (__m512i)e);
    return _mm512_dpbf16_ps(sum, e, ones);
}

VS_AVX512 static float fwd_avx512(vs_narrow *p, float *top, float *sum, const float *s, float scale,
                                  int keys)
{
    const float here = row_max(s, keys) * scale, most = *top > here ? *top : here;
    const __m512 by = _mm512_set1_ps(scale * LOG2_E), from = _mm512_set1_ps(most * LOG2_E);
    __m512 a = _mm512_setzero_ps(), b = a;
    int j = 0;
    for (; j + 64 <= keys; j += 64) {
        a = fwd_32(p + j, a, s + j, by, from, 0xffff, 0xffff);
        b = fwd_32(p + j + 32, b, s + j + 32, by, from, 0xffff, 0xffff);
    }
    for (; j < keys; j += 32)
        a = fwd_32(p + j, a, s + j, by, from, vs_lanes(keys - j), vs_lanes(keys - j - 16));
    const float shrink = most > *top ? vs_expf(*top - most) : 1.0f;
    *sum = *sum * shrink + _mm512_reduce_add_ps(_mm512_add_ps(a, b));
    *top = most;
    return shrink;
}

VS_AVX512 static void bwd_avx512(const vs_softmax_bwd *t)
{
    /* A second row that is missing is the first one again, in no lane. */
    const int64_t next = t->rows == 2 ? t->next : 0;
    const int other = t->rows == 2 ? 1 : 0;
    const __m512 by = _mm512_set1_ps(t->scale * LOG2_E);
    const __m512 lse0 = _mm512_set1_ps(t->lse[0] * LOG2_E), r0 = _mm512_set1_ps(t->r[0]);
    const __m512 lse1 = _mm512_set1_ps(t->lse[other] * LOG2_E);
    const __m512 r1 = _mm512_set1_ps(t->r[other]);
    for (int j = 0; j < t->keys; j += 16) {
        const __mmask16 k = vs_lanes(t->keys - j), k1 = other ? k : 0;
        const float *const s = t->s + j, *const dp = t->dp + j;
        const __m512 p0 = vs_exp2(k, _mm512_fmsub_ps(_mm512_loadu_ps(s), by, lse0));
        const __m512 p1 = vs_exp2(k1, _mm512_fmsub_ps(_mm512_loadu_ps(s + next), by, lse1));
        const __m512 d0 = _mm512_mul_ps(p0, _mm512_sub_ps(_mm512_loadu_ps(dp), r0));
        const __m512 d1 = _mm512_mul_ps(p1, _mm512_sub_ps(_mm512_loadu_ps(dp + next), r1));
        const __m512bh p = _mm512_cvtne2ps_pbh(p1, p0), d = _mm512_cvtne2ps_pbh(d1, d0);
        _mm512_storeu_si512(t->p + j, vs_pairs(p));
        _mm512_storeu_si512(t->ds + j, vs_pairs(d));
        if (other)
            _mm256_storeu_si256((__m256i *)(t->row + next + j),
                                _mm512_extracti64x4_epi64((__m512i)d, 1));
        _mm256_storeu_si256((__m256i *)(t->row + j), _mm512_castsi512_si256((__m512i)d));
    }
}
#endif

float VS_CPU(softmax_fwd)(vs_narrow *p, float *top, float *sum, const float *s, float scale,
                          int keys)
{
#if VS_AVX512_BF16
    if (vs_fast())
        return fwd_avx512(p, top, sum, s, scale, keys);
#endif
    return fwd_plain(p, top, sum, s, scale, keys);
}

void VS_CPU(softmax_bwd)(const vs_softmax_bwd *t)
{
#if VS_AVX512_BF16
    if (vs_fast()) {
        bwd_avx512(t);
        return;
    }
#endif
    bwd_plain(t);
}
