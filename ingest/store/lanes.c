/* Inner loops of views: plain, AVX2, AVX-512. Formulas: lanes.h */
#include "ingest/store/lanes.h"

#include <stddef.h>

#if defined(__x86_64__) || defined(__i386__)
#define HAVE_X86 1
#include <immintrin.h>
#else
#define HAVE_X86 0
#endif

#define LANES VS_LANES
#define WHITE 16383                /* of a sum of rows, before it is doubled */
#define GREY (128 << 6)

/* Of colours, in 1/2^15: R = Y + Cr + 0.402 Cr, G = Y - 0.344136 Cb - 0.714136 Cr,
 * B = Y + 2 (Cb - 0.114 Cb) */
#define RED_CR 13173
#define GREEN_CB 11277
#define GREEN_CR 23401
#define BLUE_CB 3736

/* ---- Plain ---------------------------------------------------------------------------------- */

static inline int16_t times(int16_t a, int16_t b)
{
    return (int16_t)(((((int32_t)a * b) >> 14) + 1) >> 1);
}

static inline void row_plain(int16_t *to, const uint8_t *from, int stride, const int16_t *weight,
                             int taps, int c)
{
    int16_t sum = 0;
    for (int t = 0; t < taps; t++)
        sum = (int16_t)(sum + times((int16_t)(from[(ptrdiff_t)t * stride + c] << 7), weight[t]));
    to[c] = (int16_t)((sum < WHITE ? sum : WHITE) * 2);
}

static void rows_plain(int16_t *restrict to, const uint8_t *restrict from, int stride,
                       const int16_t *weight, int taps, int n)
{
    for (int c = 0; c < n; c++)
        row_plain(to, from, stride, weight, taps, c);
}

/* Where the sum of column i begins, and its weights. */
static inline const int16_t *column(const int16_t *columns, const vs_view_axis *x, int i)
{
    return columns + (size_t)(x->first[i] - x->from) * LANES;
}

static inline const int16_t *weights(const vs_view_axis *x, int i)
{
    return x->weight + (size_t)i * (size_t)x->taps;
}

static inline int16_t sum_plain(const int16_t *at, const int16_t *weight, int taps)
{
    int16_t sum = 0;
    for (int t = 0; t < taps; t++)
        sum = (int16_t)(sum + times(at[t * LANES], weight[t]));
    return sum;
}

static inline uint8_t level_plain(int16_t v)
{
    const int level = (v + 32) >> 6;
    return (uint8_t)(level < 0 ? 0 : level > 255 ? 255 : level);
}

static void columns_plain(uint8_t *restrict out, const vs_view_axis x[2],
                          const int16_t *restrict luma, const int16_t *restrict cb,
                          const int16_t *restrict cr)
{
    for (int i = 0; i < x[0].n; i++, out += 3 * LANES)
        for (int l = 0; l < LANES; l++) {
            const int16_t *const w = weights(&x[1], i);
            const int16_t y = sum_plain(column(luma, &x[0], i) + l, weights(&x[0], i), x[0].taps);
            const int16_t b = (int16_t)(sum_plain(column(cb, &x[1], i) + l, w, x[1].taps) - GREY);
            const int16_t r = (int16_t)(sum_plain(column(cr, &x[1], i) + l, w, x[1].taps) - GREY);
            const int16_t half = (int16_t)(b - times(b, BLUE_CB));
            out[l] = level_plain((int16_t)(y + r + times(r, RED_CR)));
            out[LANES + l] = level_plain((int16_t)(y - times(b, GREEN_CB) - times(r, GREEN_CR)));
            out[2 * LANES + l] = level_plain((int16_t)(y + 2 * half));
        }
}

static const vs_lanes plain = { "plain", rows_plain, columns_plain };

/* ---- x86 ------------------------------------------------------------------------------------ */
#if HAVE_X86

/* A row that is no multiple of a vector ends with one that overlaps the one before. */
#define EACH_VECTOR(body, width)                                \
    do {                                                        \
        for (int c = 0; c + (width) <= n; c += (width))         \
            body(to, from, stride, weight, taps, c);            \
        if (n >= (width))                                       \
            body(to, from, stride, weight, taps, n - (width));  \
        for (int c = 0; n < (width) && c < n; c++)              \
            row_plain(to, from, stride, weight, taps, c);       \
    } while (0)

#define AVX2 __attribute__((target("avx2")))
#define AVX2_INLINE __attribute__((target("avx2"), always_inline)) static inline

AVX2_INLINE void row_avx2(int16_t *to, const uint8_t *from, int stride, const int16_t *weight,
                          int taps, int c)
{
    __m256i sum = _mm256_setzero_si256();
    for (int t = 0; t < taps; t++) {
        const __m128i bytes = _mm_loadu_si128((const void *)(from + (ptrdiff_t)t * stride + c));
        const __m256i v = _mm256_slli_epi16(_mm256_cvtepu8_epi16(bytes), 7);
        sum = _mm256_add_epi16(sum, _mm256_mulhrs_epi16(v, _mm256_set1_epi16(weight[t])));
    }
    sum = _mm256_min_epi16(sum, _mm256_set1_epi16(WHITE));
    _mm256_storeu_si256((void *)(to + c), _mm256_add_epi16(sum, sum));
}

AVX2 static void rows_avx2(int16_t *restrict to, const uint8_t *restrict from, int stride,
                           const int16_t *weight, int taps, int n)
{
    EACH_VECTOR(row_avx2, 16);
}

AVX2_INLINE __m256i sum_avx2(const int16_t *at, const int16_t *weight, int taps)
{
    __m256i sum = _mm256_setzero_si256();
    for (int t = 0; t < taps; t++) {
        const __m256i v = _mm256_loadu_si256((const void *)(at + t * LANES));
        sum = _mm256_add_epi16(sum, _mm256_mulhrs_epi16(v, _mm256_set1_epi16(weight[t])));
    }
    return sum;
}

struct colours_avx2 {
    __m256i rgb[3];                /* before rounding to a level */
};

AVX2_INLINE struct colours_avx2 colours_avx2(__m256i y, __m256i b, __m256i r)
{
    b = _mm256_sub_epi16(b, _mm256_set1_epi16(GREY));
    r = _mm256_sub_epi16(r, _mm256_set1_epi16(GREY));
    const __m256i red = _mm256_mulhrs_epi16(r, _mm256_set1_epi16(RED_CR));
    const __m256i green = _mm256_add_epi16(_mm256_mulhrs_epi16(b, _mm256_set1_epi16(GREEN_CB)),
                                           _mm256_mulhrs_epi16(r, _mm256_set1_epi16(GREEN_CR)));
    const __m256i half = _mm256_sub_epi16(b, _mm256_mulhrs_epi16(b, _mm256_set1_epi16(BLUE_CB)));
    return (struct colours_avx2){ { _mm256_add_epi16(_mm256_add_epi16(y, r), red),
                                    _mm256_sub_epi16(y, green),
                                    _mm256_add_epi16(y, _mm256_add_epi16(half, half)) } };
}

AVX2_INLINE __m256i level_avx2(__m256i v)
{
    return _mm256_srai_epi16(_mm256_adds_epi16(v, _mm256_set1_epi16(32)), 6);
}

AVX2 static void columns_avx2(uint8_t *restrict out, const vs_view_axis x[2],
                              const int16_t *restrict luma, const int16_t *restrict cb,
                              const int16_t *restrict cr)
{
    for (int i = 0; i < x[0].n; i++, out += 3 * LANES) {
        const int16_t *const w = weights(&x[1], i), *const at = column(luma, &x[0], i);
        struct colours_avx2 half[2];
        for (int h = 0; h < 2; h++)
            half[h] = colours_avx2(sum_avx2(at + 16 * h, weights(&x[0], i), x[0].taps),
                                   sum_avx2(column(cb, &x[1], i) + 16 * h, w, x[1].taps),
                                   sum_avx2(column(cr, &x[1], i) + 16 * h, w, x[1].taps));
        for (int k = 0; k < 3; k++) {
            const __m256i both = _mm256_packus_epi16(level_avx2(half[0].rgb[k]),
                                                     level_avx2(half[1].rgb[k]));
            _mm256_storeu_si256((void *)(out + LANES * k), _mm256_permute4x64_epi64(both, 0xd8));
        }
    }
}

#define AVX512 __attribute__((target("avx512bw")))
#define AVX512_INLINE __attribute__((target("avx512bw"), always_inline)) static inline

AVX512_INLINE void row_avx512(int16_t *to, const uint8_t *from, int stride, const int16_t *weight,
                              int taps, int c)
{
    __m512i sum = _mm512_setzero_si512();
    for (int t = 0; t < taps; t++) {
        const __m256i bytes = _mm256_loadu_si256((const void *)(from + (ptrdiff_t)t * stride + c));
        const __m512i v = _mm512_slli_epi16(_mm512_cvtepu8_epi16(bytes), 7);
        sum = _mm512_add_epi16(sum, _mm512_mulhrs_epi16(v, _mm512_set1_epi16(weight[t])));
    }
    sum = _mm512_min_epi16(sum, _mm512_set1_epi16(WHITE));
    _mm512_storeu_si512(to + c, _mm512_add_epi16(sum, sum));
}

AVX512 static void rows_avx512(int16_t *restrict to, const uint8_t *restrict from, int stride,
                               const int16_t *weight, int taps, int n)
{
    EACH_VECTOR(row_avx512, 32);
}

AVX512_INLINE __m512i sum_avx512(const int16_t *at, const int16_t *weight, int taps)
{
    __m512i sum = _mm512_setzero_si512();
    for (int t = 0; t < taps; t++) {
        const __m512i v = _mm512_loadu_si512(at + t * LANES);
        sum = _mm512_add_epi16(sum, _mm512_mulhrs_epi16(v, _mm512_set1_epi16(weight[t])));
    }
    return sum;
}

AVX512_INLINE void level_avx512(uint8_t *out, __m512i v)
{
    v = _mm512_srai_epi16(_mm512_adds_epi16(v, _mm512_set1_epi16(32)), 6);
    v = _mm512_max_epi16(v, _mm512_setzero_si512());
    _mm256_storeu_si256((void *)out, _mm512_cvtusepi16_epi8(v));
}

AVX512 static void columns_avx512(uint8_t *restrict out, const vs_view_axis x[2],
                                  const int16_t *restrict luma, const int16_t *restrict cb,
                                  const int16_t *restrict cr)
{
    const __m512i grey = _mm512_set1_epi16(GREY);
    for (int i = 0; i < x[0].n; i++, out += 3 * LANES) {
        const int16_t *const w = weights(&x[1], i);
        const __m512i y = sum_avx512(column(luma, &x[0], i), weights(&x[0], i), x[0].taps);
        const __m512i b = _mm512_sub_epi16(sum_avx512(column(cb, &x[1], i), w, x[1].taps), grey);
        const __m512i r = _mm512_sub_epi16(sum_avx512(column(cr, &x[1], i), w, x[1].taps), grey);
        const __m512i red = _mm512_mulhrs_epi16(r, _mm512_set1_epi16(RED_CR));
        const __m512i green =
            _mm512_add_epi16(_mm512_mulhrs_epi16(b, _mm512_set1_epi16(GREEN_CB)),
                             _mm512_mulhrs_epi16(r, _mm512_set1_epi16(GREEN_CR)));
        const __m512i half =
            _mm512_sub_epi16(b, _mm512_mulhrs_epi16(b, _mm512_set1_epi16(BLUE_CB)));
        level_avx512(out, _mm512_add_epi16(_mm512_add_epi16(y, r), red));
        level_avx512(out + LANES, _mm512_sub_epi16(y, green));
        level_avx512(out + 2 * LANES, _mm512_add_epi16(y, _mm512_add_epi16(half, half)));
    }
}

static const vs_lanes avx2 = { "avx2", rows_avx2, columns_avx2 };
static const vs_lanes avx512 = { "avx512", rows_avx512, columns_avx512 };

const vs_lanes *vs_lanes_variant(const char **name, int i)
{
    static const vs_lanes *const all[] = { &plain, &avx2, &avx512 };
    *name = i < 3 ? all[i]->name : NULL;
    if (i == 1 && !__builtin_cpu_supports("avx2"))
        return NULL;
    if (i == 2 && !__builtin_cpu_supports("avx512bw"))
        return NULL;
    return i < 3 ? all[i] : NULL;
}
#else
const vs_lanes *vs_lanes_variant(const char **name, int i)
{
    *name = i == 0 ? plain.name : NULL;
    return i == 0 ? &plain : NULL;
}
#endif

const vs_lanes *vs_lanes_best(void)
{
    const vs_lanes *best = NULL;
    const char *name;
    for (int i = 0; vs_lanes_variant(&name, i) || name; i++) {
        const vs_lanes *one = vs_lanes_variant(&name, i);
        best = one ? one : best;
    }
    return best;
}
