/* The pieces of a product: panels and tiles. Layout and reasons: train/ops/gemm.h
 *
 * Two versions of each. AVX-512 by intrinsics: 24 sums of 16 floats, 4 registers of B, one of
 * A. Elsewhere plain vectors, 6 x 16 at a time, which AVX2 holds in its registers.
 */
#include "train/ops/avx512.h"
#include "train/ops/gemm.h"

#if defined(__x86_64__) && defined(__GNUC__)
#define HAVE_AVX512 1
#include <immintrin.h>
#define AVX512 "avx512f,avx512bw,avx512dq,avx512vl"
#ifdef VS_CPU_BF16
#define AVX512_TARGET AVX512 ",avx512bf16"
#else
#define AVX512_TARGET AVX512
#endif
#endif

/* ---- Units --------------------------------------------------------------------------- */

static inline vs_unit unit_of(float first, float second)
{
#ifdef VS_CPU_BF16
    return (vs_unit)vs_narrowed(first) | (vs_unit)vs_narrowed(second) << 16;
#else
    vs_unit u;
    memcpy(&u, &first, 4);
    return u;
#endif
}

static inline float value(const vs_source *s, int64_t i)
{
    return s->wide ? ((const float *)s->at)[i] : vs_widened(((const vs_narrow *)s->at)[i]);
}

/* ---- Rows to panels ------------------------------------------------------------------ */

VS_KERNEL static void units_wide(vs_unit *to, const float *a, const float *b, int n)
{
    VS_SIMD
    for (int j = 0; j < n; j++)
        to[j] = unit_of(a[j], b ? b[j] : 0.0f);
}

VS_KERNEL static void units_narrow(vs_unit *to, const vs_narrow *a, const vs_narrow *b, int n)
{
    VS_SIMD
    for (int j = 0; j < n; j++)
        to[j] = unit_of(vs_widened(a[j]), b ? vs_widened(b[j]) : 0.0f);
}

#if VS_AVX512_BF16
/* 32 columns of two rows, or of one, become units: neighbours of the panel's row. */
VS_AVX512_INLINE void pair_narrow(vs_unit *to, const vs_narrow *a, const vs_narrow *b, int n)
{
    const __mmask32 k = n >= 32 ? 0xffffffff : (1u << n) - 1;
    const __m512i x = _mm512_maskz_loadu_epi16(k, a);
    const __m512i y = b ? _mm512_maskz_loadu_epi16(k, b) : _mm512_setzero_si512();
    const __m512i mixed = _mm512_set_epi16(                     /* 0 and 32 + 0, 1 and 33 ... */
        47, 15, 46, 14, 45, 13, 44, 12, 43, 11, 42, 10, 41, 9, 40, 8, 39, 7, 38, 6, 37, 5, 36, 4,
        35, 3, 34, 2, 33, 1, 32, 0);
    const __m512i above = _mm512_add_epi16(mixed, _mm512_set1_epi16(16));
    _mm512_storeu_si512(to, _mm512_permutex2var_epi16(x, mixed, y));
    _mm512_storeu_si512(to + 16, _mm512_permutex2var_epi16(x, above, y));
}

VS_AVX512_INLINE void pair_wide(vs_unit *to, const float *a, const float *b, int n)
{
    const __mmask16 k = vs_lanes(n);
    const __m512 x = _mm512_maskz_loadu_ps(k, a);
    const __m512 y = b ? _mm512_maskz_loadu_ps(k, b) : _mm512_setzero_ps();
    _mm512_storeu_si512(to, vs_pairs(_mm512_cvtne2ps_pbh(y, x)));
}

VS_AVX512 static void pack_rows_avx512(vs_unit *panel, const vs_source *s, int cols, int64_t K,
                                       int64_t from, int64_t to)
{
    for (int64_t u = from; u < to; u++) {
        const int64_t first = 2 * u * s->ld;
        const bool pair = 2 * u + 1 < K;
        vs_unit *const row = panel + u * VS_PANEL;
        if (s->wide) {
            const float *const a = (const float *)s->at + first, *const b = pair ? a + s->ld : NULL;
            for (int j = 0; j < VS_PANEL; j += 16)
                pair_wide(row + j, j < cols ? a + j : a, b && j < cols ? b + j : b, cols - j);
        } else {
            const vs_narrow *const a = (const vs_narrow *)s->at + first;
            const vs_narrow *const b = pair ? a + s->ld : NULL;
            for (int j = 0; j < VS_PANEL; j += 32)
                pair_narrow(row + j, j < cols ? a + j : a, b && j < cols ? b + j : b,
                            cols - j < 0 ? 0 : cols - j);
        }
    }
}
#endif

void VS_CPU(pack_rows)(vs_unit *panel, const vs_source *s, int cols, int64_t K, int64_t from,
                       int64_t to)
{
#if VS_AVX512_BF16
    if (vs_fast()) {
        pack_rows_avx512(panel, s, cols, K, from, to);
        return;
    }
#endif
    for (int64_t u = from; u < to; u++) {
        const int64_t first = u * VS_GROUP * s->ld;
        const bool pair = VS_GROUP == 2 && 2 * u + 1 < K;
        vs_unit *const row = panel + u * VS_PANEL;
        if (s->wide) {
            const float *const a = (const float *)s->at + first;
            units_wide(row, a, pair ? a + s->ld : NULL, cols);
        } else {
            const vs_narrow *const a = (const vs_narrow *)s->at + first;
            units_narrow(row, a, pair ? a + s->ld : NULL, cols);
        }
        memset(row + cols, 0, sizeof(vs_unit) * (size_t)(VS_PANEL - cols));
    }
}

/* ---- Columns to panels --------------------------------------------------------------- */

/* Units from, from + 1, ... (`count`) of one row of the source. */
static void row_units(vs_unit *to, const vs_source *s, int64_t at, int64_t K, int64_t from,
                      int count)
{
    for (int i = 0; i < count; i++) {
        const int64_t k = (from + i) * VS_GROUP;
        to[i] = unit_of(value(s, at + k), VS_GROUP == 2 && k + 1 < K ? value(s, at + k + 1) : 0);
    }
}

static void turn_plain(vs_unit *panel, const vs_unit block[16][16])
{
    for (int i = 0; i < 16; i++)
        for (int j = 0; j < 16; j++)
            panel[i * VS_PANEL + j] = block[j][i];
}

#ifdef HAVE_AVX512
/* 16 whole units of one row of the source. */
__attribute__((target(AVX512_TARGET))) static inline __m512i load_units(const vs_source *s,
                                                                        int64_t at)
{
#ifdef VS_CPU_BF16
    if (s->wide) {
        const float *const x = (const float *)s->at + at;
        return (__m512i)_mm512_cvtne2ps_pbh(_mm512_loadu_ps(x + 16), _mm512_loadu_ps(x));
    }
    return _mm512_loadu_si512((const vs_narrow *)s->at + at);
#else
    return _mm512_loadu_si512((const float *)s->at + at);
#endif
}

/* 16 columns x 16 units, turned in four steps of exchanges: neighbours, pairs, then the
 * quarters of the registers. */
__attribute__((target(AVX512_TARGET))) static void turn_avx512(vs_unit *panel,
                                                               const vs_source *s, int64_t at)
{
    __m512i a[16], b[16];
#pragma GCC unroll 16
    for (int i = 0; i < 16; i++)
        a[i] = load_units(s, at + i * s->ld);
#pragma GCC unroll 8
    for (int i = 0; i < 8; i++) {
        b[2 * i] = _mm512_unpacklo_epi32(a[2 * i], a[2 * i + 1]);
        b[2 * i + 1] = _mm512_unpackhi_epi32(a[2 * i], a[2 * i + 1]);
    }
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) {
        a[4 * i] = _mm512_unpacklo_epi64(b[4 * i], b[4 * i + 2]);
        a[4 * i + 1] = _mm512_unpackhi_epi64(b[4 * i], b[4 * i + 2]);
        a[4 * i + 2] = _mm512_unpacklo_epi64(b[4 * i + 1], b[4 * i + 3]);
        a[4 * i + 3] = _mm512_unpackhi_epi64(b[4 * i + 1], b[4 * i + 3]);
    }
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) {
        b[i] = _mm512_shuffle_i32x4(a[i], a[4 + i], 0x88);
        b[4 + i] = _mm512_shuffle_i32x4(a[i], a[4 + i], 0xdd);
        b[8 + i] = _mm512_shuffle_i32x4(a[8 + i], a[12 + i], 0x88);
        b[12 + i] = _mm512_shuffle_i32x4(a[8 + i], a[12 + i], 0xdd);
    }
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) {
        _mm512_storeu_si512(panel + i * VS_PANEL, _mm512_shuffle_i32x4(b[i], b[8 + i], 0x88));
        _mm512_storeu_si512(panel + (8 + i) * VS_PANEL,
                            _mm512_shuffle_i32x4(b[i], b[8 + i], 0xdd));
        _mm512_storeu_si512(panel + (4 + i) * VS_PANEL,
                            _mm512_shuffle_i32x4(b[4 + i], b[12 + i], 0x88));
        _mm512_storeu_si512(panel + (12 + i) * VS_PANEL,
                            _mm512_shuffle_i32x4(b[4 + i], b[12 + i], 0xdd));
    }
}
#endif

static bool has_avx512(void)
{
#ifdef HAVE_AVX512
    const bool f = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                   __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
#ifdef VS_CPU_BF16
    return f && __builtin_cpu_supports("avx512bf16");
#else
    return f;
#endif
#else
    return false;
#endif
}

/* 16 columns from j, 16 units from u, any of which may be missing. */
static void turn_edge(vs_unit *panel, const vs_source *s, int cols, int64_t K, int64_t u, int count)
{
    vs_unit block[16][16] = { { 0 } };
    for (int j = 0; j < cols; j++)
        row_units(block[j], s, j * s->ld, K, u, count);
    if (count == 16)
        turn_plain(panel, (const vs_unit(*)[16])block);
    else
        for (int i = 0; i < count; i++)
            for (int j = 0; j < 16; j++)
                panel[i * VS_PANEL + j] = block[j][i];
}

void VS_CPU(pack_cols)(vs_unit *panel, const vs_source *s, int cols, int64_t K, int64_t from,
                       int64_t to)
{
    const bool fast = has_avx512();
    const size_t size = s->wide ? sizeof(float) : sizeof(vs_narrow);
    for (int64_t u = from; u < to; u += 16)
        for (int j = 0; j < VS_PANEL; j += 16) {
            vs_unit *const at = panel + u * VS_PANEL + j;
            const int count = (int)vs_piece(to, u, 16);
            const int left = cols - j < 0 ? 0 : cols - j < 16 ? cols - j : 16;
            const vs_source part = { (const char *)s->at + (size_t)(j * s->ld) * size, s->ld,
                                     s->wide };
#ifdef HAVE_AVX512
            if (fast && count == 16 && left == 16 && (u + 16) * VS_GROUP <= K) {
                turn_avx512(at, &part, u * VS_GROUP);
                continue;
            }
#endif
            turn_edge(at, &part, left, K, u, count);
        }
}

void VS_CPU(turn_16)(vs_unit *to, const vs_unit *from)
{
#ifdef HAVE_AVX512
    if (has_avx512()) {
        const vs_source s = { from, VS_PANEL * VS_GROUP, false };
        turn_avx512(to, &s, 0);
        return;
    }
#endif
    vs_unit block[16][16];
    for (int i = 0; i < 16; i++)
        memcpy(block[i], from + i * VS_PANEL, sizeof(block[i]));
    turn_plain(to, (const vs_unit(*)[16])block);
}

/* ---- Tiles --------------------------------------------------------------------------- */

#ifdef HAVE_AVX512
/* Constant R and V: the loops over them disappear, the sums live in registers. */
__attribute__((target(AVX512_TARGET), always_inline)) static inline void
tile_avx512_of(const vs_tile_args *t, const int R, const int V)
{
    const char *a = t->a;
    const float *b = (const float *)t->b;
    const int64_t row = t->row, step = t->step;
    __m512 sum[VS_TILE][4];
#pragma GCC unroll 8
    for (int r = 0; r < R; r++)
#pragma GCC unroll 4
        for (int v = 0; v < V; v++)
            sum[r][v] = t->add ? _mm512_loadu_ps(t->c + r * t->ldc + 16 * v) : _mm512_setzero_ps();
    for (int64_t u = 0; u < t->units; u++, a += step, b += VS_PANEL) {
        __m512 bv[4];
#pragma GCC unroll 4
        for (int v = 0; v < V; v++)
            bv[v] = _mm512_loadu_ps(b + 16 * v);
#pragma GCC unroll 8
        for (int r = 0; r < R; r++) {
            vs_unit unit;
            memcpy(&unit, a + r * row, 4);
            const __m512 av = (__m512)_mm512_set1_epi32((int)unit);
#pragma GCC unroll 4
            for (int v = 0; v < V; v++)
#ifdef VS_CPU_BF16
                sum[r][v] = _mm512_dpbf16_ps(sum[r][v], (__m512bh)av, (__m512bh)bv[v]);
#else
                sum[r][v] = _mm512_fmadd_ps(av, bv[v], sum[r][v]);
#endif
        }
    }
#pragma GCC unroll 8
    for (int r = 0; r < R; r++)
#pragma GCC unroll 4
        for (int v = 0; v < V; v++)
            _mm512_storeu_ps(t->c + r * t->ldc + 16 * v, sum[r][v]);
}

__attribute__((target(AVX512_TARGET))) static void tile_avx512(const vs_tile_args *t)
{
#define ONE(r, v) case (r) * 4 + (v) - 1: tile_avx512_of(t, r, v); break;
#define ROW(r) ONE(r, 1) ONE(r, 2) ONE(r, 3) ONE(r, 4)
    switch (t->rows * 4 + (t->cols + 15) / 16 - 1) {
        ROW(1) ROW(2) ROW(3) ROW(4) ROW(5) ROW(6)
    default:
        VS_ASSERT(t->rows == 0 || t->cols == 0);
    }
#undef ROW
#undef ONE
}
#endif

typedef float v8 __attribute__((vector_size(32)));
typedef uint32_t v8u __attribute__((vector_size(32)));

/* sum += a b for one unit; of a pair, the first value is the lower half. */
static inline __attribute__((always_inline)) void add_products(v8 *sum, vs_unit a, const v8u *b)
{
#ifdef VS_CPU_BF16
    const v8u first = (v8u){ 0 } + (a << 16), second = (v8u){ 0 } + (a & 0xffff0000u);
    *sum += (v8)first * (v8)(*b << 16);
    *sum += (v8)second * (v8)(*b & 0xffff0000u);
#else
    const v8u all = (v8u){ 0 } + a;
    *sum += (v8)all * (v8)*b;
#endif
}

/* 16 columns from j of R rows. */
static inline __attribute__((always_inline)) void tile_strip(const vs_tile_args *t, int j,
                                                             int first, const int R)
{
    v8 sum[VS_TILE][2];
    for (int r = 0; r < R; r++)
        for (int v = 0; v < 2; v++) {
            sum[r][v] = (v8){ 0 };
            if (t->add)
                memcpy(&sum[r][v], t->c + (first + r) * t->ldc + j + 8 * v, sizeof(v8));
        }
    for (int64_t u = 0; u < t->units; u++) {
        v8u b[2];
        memcpy(b, t->b + u * VS_PANEL + j, sizeof(b));
        for (int r = 0; r < R; r++) {
            vs_unit a;
            memcpy(&a, (const char *)t->a + (first + r) * t->row + u * t->step, 4);
            add_products(&sum[r][0], a, &b[0]);
            add_products(&sum[r][1], a, &b[1]);
        }
    }
    for (int r = 0; r < R; r++)
        memcpy(t->c + (first + r) * t->ldc + j, sum[r], sizeof(sum[r]));
}

VS_KERNEL static void tile_plain(const vs_tile_args *t)
{
    for (int j = 0; j < t->cols; j += 16) {
        if (t->rows == VS_TILE)
            tile_strip(t, j, 0, VS_TILE);
        else
            for (int r = 0; r < t->rows; r++)
                tile_strip(t, j, r, 1);
    }
}

const vs_tile *VS_CPU(tile)(void)
{
    static const vs_tile plain = { tile_plain, VS_TILE, false, "plain" };
#ifdef HAVE_AVX512
    static const vs_tile avx512 = { tile_avx512, VS_TILE, false, "avx512" };
#ifdef VS_CPU_BF16
    static const vs_tile amx = { VS_CPU(tile_amx), VS_TILE_MOST, true, "amx" };
    if (vs_cpu_has_amx())
        return &amx;
#endif
    return has_avx512() ? &avx512 : &plain;
#else
    return &plain;
#endif
}
