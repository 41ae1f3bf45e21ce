/* Painting. Contract: gen/scene/paint.h */
#include "gen/scene/paint.h"

#include <string.h>

#if defined(__x86_64__) && defined(__GNUC__)
#define HAVE_X86 1
#include <immintrin.h>
#else
#define HAVE_X86 0
#endif

void vs_canvas_reset(vs_canvas *c)
{
    const size_t words = (size_t)c->words;
    memset(c->free, 0xff, (size_t)c->size * words * sizeof(*c->free));
    if (c->size % 64)
        for (size_t y = 0; y < (size_t)c->size; y++)
            c->free[(y + 1) * words - 1] = ~UINT64_C(0) >> (64 - c->size % 64);
}

bool vs_canvas_any_free(const vs_canvas *c, int x0, int y0, int x1, int y1)
{
    const int a = x0 >> 6, b = x1 >> 6;
    const uint64_t first = ~UINT64_C(0) << (x0 & 63), last = ~UINT64_C(0) >> (63 - (x1 & 63));
    const uint64_t *row = c->free + (size_t)y0 * (size_t)c->words;
    for (int y = y0; y <= y1; y++, row += c->words) {
        uint64_t any = row[a] & first & (a == b ? last : ~UINT64_C(0));
        for (int w = a + 1; w < b; w++)
            any |= row[w];
        if (b > a)
            any |= row[b] & last;
        if (any)
            return true;
    }
    return false;
}

int64_t vs_canvas_take(const vs_canvas *c, vs_mask *shape)
{
    int64_t taken = 0;
    const size_t words = (size_t)c->words, end = (size_t)shape->bottom * words;
    for (size_t k = (size_t)shape->top * words; k < end; k++) {
        shape->row[k] &= c->free[k];
        c->free[k] ^= shape->row[k];
        taken += __builtin_popcountll(shape->row[k]);
    }
    return taken;
}

/* What a variant does with the taken pixels of one word, whose bit 0 is pixel x of row y. */
#define PAINT_EACH_WORD(paint_word)                                                            \
    int64_t taken = 0;                                                                         \
    for (int y = shape->top; y < shape->bottom; y++) {                                         \
        uint64_t *const row = shape->row + (size_t)y * (size_t)c->words;                       \
        uint64_t *const left = c->free + (size_t)y * (size_t)c->words;                         \
        for (int w = 0; w < c->words; w++) {                                                   \
            const uint64_t bits = row[w] & left[w];                                            \
            row[w] = 0;                                                                        \
            if (!bits)                                                                         \
                continue;                                                                      \
            left[w] ^= bits;                                                                   \
            taken += __builtin_popcountll(bits);                                               \
            for (int k = 0; k < 3; k++)                                                        \
                paint_word(c->plane[k] + (size_t)y * c->stride[k] + 64 * (size_t)w, bits,      \
                           c->size - 64 * w, value[k]);                                        \
        }                                                                                      \
    }                                                                                          \
    shape->top = shape->size;                                                                  \
    shape->bottom = 0;                                                                         \
    return taken

/* ---- Anywhere: run by run ----------------------------------------------------------------- */

static inline void word_plain(uint8_t *to, uint64_t bits, int width, uint8_t value)
{
    while (bits) {
        const unsigned start = (unsigned)__builtin_ctzll(bits);
        const uint64_t rest = ~(bits >> start);
        const unsigned n = rest ? (unsigned)__builtin_ctzll(rest) : 64;
        memset(to + start, value, n);
        if (start + n >= 64)
            return;
        bits &= ~UINT64_C(0) << (start + n);
    }
}

static int64_t paint_plain(const vs_canvas *c, vs_mask *shape, const uint8_t value[3])
{
    PAINT_EACH_WORD(word_plain);
}

/* ---- x86 ------------------------------------------------------------------------------------ */
#if HAVE_X86

/* 32 bits to 32 bytes of all ones or none; keeps what is not painted by writing it again. */
__attribute__((target("avx2"))) static inline void half_avx2(uint8_t *to, uint32_t bits,
                                                             __m256i value)
{
    const __m256i spread = _mm256_setr_epi64x(0, 0x0101010101010101, 0x0202020202020202,
                                              0x0303030303030303);
    const __m256i bit = _mm256_set1_epi64x((long long)0x8040201008040201);
    const __m256i byte = _mm256_shuffle_epi8(_mm256_set1_epi32((int)bits), spread);
    const __m256i mask = _mm256_cmpeq_epi8(_mm256_and_si256(byte, bit), bit);
    const __m256i old = _mm256_loadu_si256((const __m256i *)to);
    _mm256_storeu_si256((__m256i *)to, _mm256_blendv_epi8(old, value, mask));
}

/* The last word of a row may be longer than the row. */
__attribute__((target("avx2,popcnt"))) static inline void word_avx2(uint8_t *to, uint64_t bits,
                                                                    int width, uint8_t value)
{
    if (width < 64) {
        word_plain(to, bits, width, value);
        return;
    }
    const __m256i v = _mm256_set1_epi8((char)value);
    half_avx2(to, (uint32_t)bits, v);
    half_avx2(to + 32, (uint32_t)(bits >> 32), v);
}

__attribute__((target("avx2,popcnt"))) static int64_t paint_avx2(const vs_canvas *c,
                                                                 vs_mask *shape,
                                                                 const uint8_t value[3])
{
    PAINT_EACH_WORD(word_avx2);
}

__attribute__((target("avx512bw,popcnt"))) static inline void
word_avx512(uint8_t *to, uint64_t bits, int width, uint8_t value)
{
    _mm512_mask_storeu_epi8(to, bits, _mm512_set1_epi8((char)value));
}

__attribute__((target("avx512bw,popcnt"))) static int64_t paint_avx512(const vs_canvas *c,
                                                                       vs_mask *shape,
                                                                       const uint8_t value[3])
{
    PAINT_EACH_WORD(word_avx512);
}

vs_paint_fn *vs_paint_variant(const char **name, int i)
{
    static const char *const names[] = { "plain", "avx2", "avx512" };
    *name = i < 3 ? names[i] : NULL;
    if (i == 0)
        return paint_plain;
    if (i == 1 && __builtin_cpu_supports("avx2"))
        return paint_avx2;
    return i == 2 && __builtin_cpu_supports("avx512bw") ? paint_avx512 : NULL;
}
#else
vs_paint_fn *vs_paint_variant(const char **name, int i)
{
    *name = i == 0 ? "plain" : NULL;
    return i == 0 ? paint_plain : NULL;
}
#endif

vs_paint_fn *vs_paint_best(void)
{
    vs_paint_fn *best = NULL;
    const char *name;
    for (int i = 0; vs_paint_variant(&name, i) || name; i++) {
        vs_paint_fn *fn = vs_paint_variant(&name, i);
        best = fn ? fn : best;
    }
    return best;
}
