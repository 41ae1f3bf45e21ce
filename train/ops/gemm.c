/* Whole products on the CPU. Plan: train/ops/gemm.h
 *
 *   (1) pack B, and A where it lies across, shared out by pieces of panels
 *   (2) tiles, shared out by (some rows, one panel); each goes from the registers to a small
 *       buffer and from there, changed as `out` says, to its place
 *
 * Whoever is free takes the next piece: which thread computes what changes nothing.
 */
#include "base/log.h"
#include "train/ops/avx512.h"
#include "train/ops/gemm.h"

#define PACK_UNITS 128             /* of one piece of packing */
#define A_BYTES (192 << 10)        /* rows of A that one job runs over: they stay in L2 */
#define INNER 2048                 /* sums over more rows of a batch are added in parts */

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

static void put_row(const vs_out *o, const float *a, int64_t row, int col, int n, int N)
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

/* ---- The product ---------------------------------------------------------------------- */

/* One part of the inner axis, and where its packed panels lie. */
struct job {
    const vs_out *out;
    const vs_gemm *g;
    const vs_tile *tile;
    vs_unit *b, *a;                /* panels; a NULL: A is read as it lies */
    int64_t from;                  /* first value of the inner axis */
    int64_t inner, units;
    int rows;                      /* of A in one job */
    bool packed;                   /* the panels are filled already */
};

static size_t value_bytes(const vs_source *s)
{
    return s->wide ? sizeof(float) : sizeof(vs_narrow);
}

static void pack(vs_unit *panels, const struct job *j, const vs_source *s, bool inner_last,
                 int columns, int64_t piece)
{
    const int64_t per = vs_ceil_div(j->units, PACK_UNITS), p = piece / per;
    const int64_t first = piece % per * PACK_UNITS;
    const int64_t last = first + vs_piece(j->units, first, PACK_UNITS);
    const int64_t column = p * VS_PANEL;
    const int64_t at = inner_last ? column * s->ld + j->from : j->from * s->ld + column;
    const vs_source part = { (const char *)s->at + at * (int64_t)value_bytes(s), s->ld, s->wide };
    const int cols = (int)vs_piece(columns, column, VS_PANEL);
    vs_unit *const panel = panels + p * j->units * VS_PANEL;
    if (inner_last)
        VS_CPU(pack_cols)(panel, &part, cols, j->inner, first, last);
    else
        VS_CPU(pack_rows)(panel, &part, cols, j->inner, first, last);
}

/* Where tile rows from `row` find A. */
static void set_a(vs_tile_args *t, const struct job *j, int row)
{
    if (j->a) {
        t->a = j->a + row / VS_PANEL * j->units * VS_PANEL + row % VS_PANEL;
        t->row = sizeof(vs_unit);
        t->step = VS_PANEL * sizeof(vs_unit);
    } else {
        t->row = j->g->a.ld * (int64_t)sizeof(vs_narrow);
        t->a = (const char *)j->g->a.at + row * t->row +
               j->from * (int64_t)sizeof(vs_narrow);
        t->step = sizeof(vs_unit);
    }
}

/* Rows that a tile's sums go to or meet there come from memory while the tile is computed. */
static void call_row(const vs_out *o, int64_t row, int col, int N)
{
    const int64_t at = row * N + col;
    const bool wide = o->kind == VS_OUT_ADD || o->kind == VS_OUT_ACCUMULATE;
    const size_t size = wide ? sizeof(float) : sizeof(vs_narrow);
    for (size_t i = 0; i < VS_PANEL * size; i += 64) {
        __builtin_prefetch((const char *)o->y + (size_t)at * size + i, 1);
        if (o->r)
            __builtin_prefetch((const char *)(o->r + at) + i);
        if (o->h)
            __builtin_prefetch((const char *)(o->h + at) + i);
        if (o->act)
            __builtin_prefetch((const char *)(o->act + at) + i, 1);
    }
}

static void multiply(const struct job *j, int64_t piece)
{
    float c[VS_TILE_MOST * VS_PANEL] __attribute__((aligned(64)));
    const int N = j->g->N;
    const int64_t panels = vs_ceil_div(N, VS_PANEL), p = piece % panels;
    const int first = (int)(piece / panels) * j->rows;
    const int end = first + (int)vs_piece(j->g->M, first, j->rows);
    vs_tile_args t = {
        .c = c, .ldc = VS_PANEL, .b = j->b + p * j->units * VS_PANEL, .units = j->units,
        .cols = (int)vs_piece(N, p * VS_PANEL, VS_PANEL),
    };
    for (int row = first; row < end; row += j->tile->rows) {
        t.rows = (int)vs_piece(end, row, j->tile->rows);
        set_a(&t, j, row);
        for (int r = 0; r < t.rows; r++)
            call_row(j->out, row + r, (int)p * VS_PANEL, N);
        j->tile->run(&t);
        for (int r = 0; r < t.rows; r++)
            put_row(j->out, c + r * VS_PANEL, row + r, (int)p * VS_PANEL, t.cols, N);
    }
}

/* Rows per job: few enough for L2, parts of equal size, whole tiles. Packed A: a panel. */
static int job_rows(const struct job *j)
{
    const int M = j->g->M;
    if (j->a)
        return VS_PANEL;
    const int64_t fit = A_BYTES / (j->units * (int64_t)sizeof(vs_unit));
    const int tile = j->tile->rows, least = tile < 24 ? 24 / tile * tile : tile;
    const int64_t most = fit < least ? least : fit > 192 ? 192 : fit;
    const int64_t each = vs_ceil_div(M, vs_ceil_div(M, most));
    return (int)(vs_ceil_div(each, tile) * tile);
}

static void multiply_part(vs_device *dev, const struct job *j)
{
    const vs_gemm *const g = j->g;
    const int64_t per = vs_ceil_div(j->units, PACK_UNITS);
    const int64_t b_pieces = j->packed ? 0 : vs_ceil_div(g->N, VS_PANEL) * per;
    const int64_t a_pieces = j->a && !j->packed ? vs_ceil_div(g->M, VS_PANEL) * per : 0;
    const int64_t tiles = vs_ceil_div(g->M, j->rows) * vs_ceil_div(g->N, VS_PANEL);
    const int team = vs_team(dev, (int64_t)g->M * g->N * j->inner / 64);
#pragma omp parallel num_threads(team)
    {
#pragma omp for schedule(dynamic)
        for (int64_t i = 0; i < b_pieces + a_pieces; i++) {
            if (i < b_pieces)
                pack(j->b, j, &g->b, g->b_turned, g->N, i);
            else
                pack(j->a, j, &g->a, !g->a_turned, g->M, i - b_pieces);
        }
#pragma omp for schedule(dynamic)
        for (int64_t i = 0; i < tiles; i++)
            multiply(j, i);
    }
}

void VS_CPU(gemm)(vs_device *dev, const vs_out *out, const vs_gemm *g)
{
    if (vs_device_failed(dev))
        return;
    const bool parts = out->kind == VS_OUT_ACCUMULATE;
    const int64_t inner = parts && g->K > INNER ? INNER : g->K, units = vs_units(inner);
    const bool pack_a = g->a_turned || (g->a.wide && VS_GROUP == 2) || g->K % VS_GROUP != 0;
    const int64_t b = vs_ceil_div(g->N, VS_PANEL) * VS_PANEL * units;
    const int64_t a = pack_a ? vs_ceil_div(g->M, VS_PANEL) * VS_PANEL * units : 0;
    vs_unit *const scratch = vs_device_scratch(dev, sizeof(vs_unit) * (size_t)(a + b));
    if (!scratch)
        return;
    for (int64_t from = 0; from < g->K; from += inner) {
        struct job j = {
            .out = out, .g = g, .tile = VS_CPU(tile)(), .b = scratch,
            .a = pack_a ? scratch + b : NULL, .from = from,
            .inner = vs_piece(g->K, from, inner),
        };
        j.units = vs_units(j.inner);
        j.rows = job_rows(&j);
        multiply_part(dev, &j);
    }
}

/* ---- What the machine reaches ----------------------------------------------------------- */

static void fill(vs_narrow *x, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        x[i] = vs_narrowed((float)(i % 17 - 8) / 8.0f);
}

static void repeat(vs_device *dev, vs_op_time *sum, struct job *j, double seconds)
{
    multiply_part(dev, j);
    j->packed = true;
    const double start = vs_now();
    double now = start;
    for (; now - start < seconds || now == start; now = vs_now()) {
        multiply_part(dev, j);
        sum->calls++;
        sum->flops += 2.0 * j->g->M * j->g->N * j->g->K;
    }
    sum->seconds += now - start;
}

void VS_CPU(packed_gemm)(vs_device *dev, vs_op_time *sum, double seconds)
{
    enum { M = 784, N = 768, K = 768, UNITS = K / VS_GROUP };
    vs_narrow *const x = vs_device_alloc(dev, sizeof(*x) * M * K);
    vs_narrow *const w = vs_device_alloc(dev, sizeof(*w) * N * K);
    vs_narrow *const y = vs_device_alloc(dev, sizeof(*y) * M * N);
    vs_unit *const b = vs_device_alloc(dev, sizeof(*b) * N * UNITS);
    if (!vs_device_failed(dev)) {
        const vs_out out = { .kind = VS_OUT_NARROW, .y = y };
        const vs_gemm g = { M, N, K, { x, K, false }, { w, K, false }, false, true };
        struct job j = { .out = &out, .g = &g, .tile = VS_CPU(tile)(), .b = b, .inner = K,
                         .units = UNITS };
        j.rows = job_rows(&j);
        fill(x, M * K);
        fill(w, N * K);
        repeat(dev, sum, &j, seconds);
    }
    vs_device_free(dev, x);
    vs_device_free(dev, w);
    vs_device_free(dev, y);
    vs_device_free(dev, b);
}
