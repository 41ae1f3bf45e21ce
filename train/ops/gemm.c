/* Whole products on the CPU. Plan: train/ops/gemm.h
 *
 *   (1) pack B, and A where it lies across, shared out by pieces of panels
 *   (2) tiles, shared out by (some rows, one panel); each goes from the registers to a small
 *       buffer and from there, changed as `out` says, to its place
 *
 * Whoever is free takes the next piece: which thread computes what changes nothing.
 */
#include "base/log.h"
#include "train/ops/gemm.h"

#define PACK_UNITS 128             /* of one piece of packing */
#define A_BYTES (192 << 10)        /* rows of A that one job runs over: they stay in L2 */
#define INNER 2048                 /* sums over more rows of a batch are added in parts */

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
    if (j->tile->turned && panels == j->a)
        for (int64_t u = first; u + 16 <= last; u += 16)
            for (int i = 0; i < VS_PANEL; i += 16)
                VS_CPU(turn_16)(panel + u * VS_PANEL + i, panel + u * VS_PANEL + i);
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

/* What a tile's sums will meet comes from memory while the tile before is computed: short
 * pieces of distant rows, which nobody else fetches in time. What is only written can wait.
 * Inlined: a function that only prefetches has no effect that the compiler knows, and goes. */
__attribute__((always_inline)) static inline void
call_rows(const struct job *j, int row, int rows, int col, int cols)
{
    const vs_out *const o = j->out;
    const bool y = o->kind == VS_OUT_ACCUMULATE, h = o->kind == VS_OUT_GELU_BWD;
    const int line = 64 / sizeof(float), narrow = 64 / sizeof(vs_narrow);
    if (!y && !h && !o->r)
        return;
    for (int r = row; r < row + rows; r++) {
        const int64_t at = (int64_t)r * j->g->N + col;
        for (int i = 0; y && i < cols; i += line)
            __builtin_prefetch((float *)o->y + at + i, 1);
        for (int i = 0; o->r && i < cols; i += line)
            __builtin_prefetch(o->r + at + i);
        for (int i = 0; h && i < cols; i += narrow)
            __builtin_prefetch(o->h + at + i);
    }
}

/* Rows of the tile at `row`. A tile of packed rows stays within their panel. */
static int tile_rows(const struct job *j, int row, int end)
{
    const int rows = (int)vs_piece(end, row, j->tile->rows), left = VS_PANEL - row % VS_PANEL;
    return j->a && left < rows ? left : rows;
}

static void multiply(const struct job *j, int64_t piece)
{
    float c[VS_TILE_MOST * VS_PANEL] __attribute__((aligned(64)));
    const int N = j->g->N;
    const int64_t panels = vs_ceil_div(N, VS_PANEL), p = piece % panels;
    const int first = (int)(piece / panels) * j->rows, col = (int)p * VS_PANEL;
    const int end = first + (int)vs_piece(j->g->M, first, j->rows);
    vs_tile_args t = {
        .c = c, .ldc = VS_PANEL, .b = j->b + p * j->units * VS_PANEL, .units = j->units,
        .cols = (int)vs_piece(N, col, VS_PANEL), .turned = j->a && j->tile->turned,
    };
    for (int row = first, next; row < end; row = next) {
        t.rows = tile_rows(j, row, end);
        next = row + t.rows;
        call_rows(j, next, tile_rows(j, next, end), col, t.cols);
        set_a(&t, j, row);
        j->tile->run(&t);
        for (int r = 0; r < t.rows; r++)
            VS_CPU(put_row)(j->out, c + r * VS_PANEL, row + r, col, t.cols, N);
    }
}

/* Rows per job: few enough for L2, parts of equal size, whole tiles or panels of A. */
static int job_rows(const struct job *j)
{
    const int M = j->g->M;
    const int64_t fit = A_BYTES / (j->units * (int64_t)sizeof(vs_unit));
    const int tile = j->a ? VS_PANEL : j->tile->rows, least = tile < 24 ? 24 / tile * tile : tile;
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

const char *VS_CPU(kernel)(void)
{
    return VS_CPU(tile)()->name;
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
