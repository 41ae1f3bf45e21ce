/* Attention on the CPU. Contract and formulas: train/ops/ops.h
 *
 * The scores of a whole head would take S^2 values (10 MB at S = 1568). They are made in tiles
 * that stay in the cache of a core, used, and forgotten; only lse survives the forward pass.
 *
 *   forward    K and V of every head are packed once; then each job takes QUERIES rows of a
 *              head past all keys, KEYS at a time, with a running maximum and sum
 *   backward   one job per head. Outer loop over panels of 64 keys, whose dk and dv stay at
 *              hand; inner loop over BLOCK queries; dq of the head is kept in float
 *
 * Products are those of train/ops/gemm.h. Every sum has a fixed order: no atomics, and the same
 * bits for any number of threads. Backward, more threads than heads of a batch are idle.
 */
#include "train/ops/gemm.h"

#include <omp.h>

enum { QUERIES = 24, KEYS = 512, BLOCK = 96 };

/* Where the rows of one (clip, head) lie. */
struct head {
    const vs_narrow *q, *k, *v;
    int64_t stride;                /* from token to token in qkv */
    int S, D, C;
    float scale;
};

static struct head head_of(const vs_narrow *qkv, int64_t job, int S, int H, int D)
{
    const int C = H * D, h = (int)(job % H);
    const vs_narrow *q = qkv + job / H * S * 3 * C + (int64_t)h * D;
    return (struct head){ q, q + C, q + 2 * C, 3 * (int64_t)C, S, D, C, 1.0f / sqrtf((float)D) };
}

/* ---- Packed operands ------------------------------------------------------------------ */

/* Units of all panels of S columns with inner axis D, and of D columns with inner axis S. */
static int64_t columns_size(int S, int D)
{
    return vs_ceil_div(S, VS_PANEL) * VS_PANEL * vs_units(D);
}

static int64_t rows_size(int S, int D)
{
    return vs_ceil_div(D, VS_PANEL) * VS_PANEL * vs_units(S);
}

/* x^T as the right operand: its S rows become columns. */
static void pack_as_columns(vs_unit *to, const vs_narrow *x, int64_t stride, int S, int D)
{
    for (int j = 0; j < S; j += VS_PANEL) {
        const vs_source s = { x + j * stride, stride, false };
        VS_CPU(pack_cols)(to + j * vs_units(D), &s, (int)vs_piece(S, j, VS_PANEL), D, 0,
                          vs_units(D));
    }
}

/* x as the right operand: its S rows are the inner axis. */
static void pack_as_rows(vs_unit *to, const vs_narrow *x, int64_t stride, int S, int D)
{
    for (int c = 0; c < D; c += VS_PANEL) {
        const vs_source s = { x + c, stride, false };
        VS_CPU(pack_rows)(to + c * vs_units(S), &s, (int)vs_piece(D, c, VS_PANEL), S, 0,
                          vs_units(S));
    }
}

/* c (rows, cols), ldc floats apart, = or += A times panels that lie `panel` units apart. */
struct product {
    float *c;
    int64_t ldc;
    const void *a;
    int64_t row, step;             /* of A, in bytes */
    const vs_unit *b;
    int64_t panel, units;
    int rows, cols;
    bool add;
};

static void product(vs_tile_fn *tile, const struct product *p)
{
    for (int j = 0; j < p->cols; j += VS_PANEL)
        for (int i = 0; i < p->rows; i += VS_TILE) {
            const vs_tile_args t = {
                .c = p->c + i * p->ldc + j, .ldc = p->ldc,
                .a = (const char *)p->a + i * p->row, .row = p->row, .step = p->step,
                .b = p->b + j / VS_PANEL * p->panel, .units = p->units,
                .rows = (int)vs_piece(p->rows, i, VS_TILE),
                .cols = (int)vs_piece(p->cols, j, VS_PANEL), .add = p->add,
            };
            tile(&t);
        }
}

/* Floats per row of D values: whole vectors. */
static int64_t padded(int D)
{
    return vs_ceil_div(D, 16) * 16;
}

/* ---- Forward --------------------------------------------------------------------------- */

/* p = exp(scale s - max) for `keys` scores of a row, one zero behind them. The maximum runs
 * on from earlier keys; what is summed up so far shrinks by the returned factor. */
VS_KERNEL static float exp_row(vs_narrow *p, float *top, float *sum, const float *s, float scale,
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

VS_KERNEL static void scale_row(float *y, float a, int D)
{
    VS_SIMD
    for (int c = 0; c < D; c++)
        y[c] *= a;
}

VS_KERNEL static void narrow_row(vs_narrow *y, const float *x, float a, int D)
{
    VS_SIMD
    for (int c = 0; c < D; c++)
        y[c] = vs_narrowed(x[c] * a);
}

/* Working space of a thread. */
struct fwd_room {
    float s[QUERIES * KEYS];
    vs_narrow p[QUERIES * (KEYS + 2)];
    float y[];                     /* (QUERIES, padded D) */
};

/* Queries first..first + rows of a head; k, v: packed. y, lse: of the head. */
static void fwd_rows(vs_narrow *y, float *lse, struct fwd_room *t, const struct head *hd,
                     const vs_unit *k, const vs_unit *v, int first, int rows)
{
    vs_tile_fn *const tile = VS_CPU(tile)();
    const int64_t size = sizeof(vs_narrow), ldy = padded(hd->D);
    float top[QUERIES], sum[QUERIES] = { 0 };
    for (int i = 0; i < rows; i++)
        top[i] = -INFINITY;
    for (int j = 0; j < hd->S; j += KEYS) {
        const int keys = (int)vs_piece(hd->S, j, KEYS);
        const struct product qk = {
            .c = t->s, .ldc = KEYS, .a = hd->q + first * hd->stride, .row = hd->stride * size,
            .step = sizeof(vs_unit), .b = k + j * vs_units(hd->D),
            .panel = VS_PANEL * vs_units(hd->D), .units = vs_units(hd->D), .rows = rows,
            .cols = keys,
        };
        product(tile, &qk);
        for (int i = 0; i < rows; i++) {
            const float shrink = exp_row(t->p + i * (KEYS + 2), &top[i], &sum[i],
                                         t->s + i * KEYS, hd->scale, keys);
            if (j > 0 && shrink < 1.0f)
                scale_row(t->y + i * ldy, shrink, hd->D);
        }
        const struct product pv = {
            .c = t->y, .ldc = ldy, .a = t->p, .row = (KEYS + 2) * size, .step = sizeof(vs_unit),
            .b = v + j / VS_GROUP * VS_PANEL, .panel = VS_PANEL * vs_units(hd->S),
            .units = vs_units(keys), .rows = rows, .cols = hd->D, .add = j > 0,
        };
        product(tile, &pv);
    }
    for (int i = 0; i < rows; i++) {
        narrow_row(y + (int64_t)(first + i) * hd->C, t->y + i * ldy, 1.0f / sum[i], hd->D);
        lse[first + i] = top[i] + logf(sum[i]);
    }
}

/* Space for each thread, after `shared` units for all. NULL when there is none. */
static char *rooms(vs_device *dev, int64_t shared, size_t each)
{
    return vs_device_scratch(dev, sizeof(vs_unit) * (size_t)shared +
                                      each * (size_t)dev->threads);
}

static size_t aligned(size_t bytes)
{
    return (bytes + 63) / 64 * 64;
}

void VS_CPU(attention_fwd)(vs_device *dev, vs_narrow *y, float *lse, const vs_narrow *qkv, int B,
                           int S, int H, int D)
{
    const int64_t columns = columns_size(S, D), rows = rows_size(S, D), heads = (int64_t)B * H;
    const size_t each = aligned(sizeof(struct fwd_room) +
                                sizeof(float) * QUERIES * (size_t)padded(D));
    char *const room = rooms(dev, heads * (columns + rows), each);
    if (!room)
        return;
    vs_unit *const packed = (vs_unit *)(room + each * (size_t)dev->threads);
    const int blocks = (int)vs_ceil_div(S, QUERIES);
#pragma omp parallel num_threads(dev->threads)
    {
#pragma omp for schedule(dynamic)
        for (int64_t i = 0; i < heads; i++) {
            const struct head hd = head_of(qkv, i, S, H, D);
            vs_unit *const k = packed + i * (columns + rows);
            pack_as_columns(k, hd.k, hd.stride, S, D);
            pack_as_rows(k + columns, hd.v, hd.stride, S, D);
        }
#pragma omp for schedule(dynamic)
        for (int64_t job = 0; job < heads * blocks; job++) {
            const int64_t i = job / blocks;
            const int first = (int)(job % blocks) * QUERIES;
            const struct head hd = head_of(qkv, i, S, H, D);
            const vs_unit *const k = packed + i * (columns + rows);
            fwd_rows(y + i / H * S * hd.C + i % H * D, lse + i * S,
                     (struct fwd_room *)(room + each * (size_t)omp_get_thread_num()), &hd, k,
                     k + columns, first, (int)vs_piece(S, first, QUERIES));
        }
    }
}

/* ---- Backward -------------------------------------------------------------------------- */

/* Working space of a thread: the operands of a head, and one tile of scores. */
struct bwd_room {
    vs_unit *k_columns, *v_columns, *k_rows, *q_rows, *dy_rows;
    float *dq, *dk, *dv, *r;       /* (S, Dp), (64, Dp), (64, Dp), (S) */
    float *s, *ds;                 /* (BLOCK, 64) scores; dy v^T */
    vs_unit *p_pairs, *ds_pairs;   /* (units of BLOCK, 64): queries are the inner axis */
    vs_narrow *ds_rows;            /* (BLOCK, 64): keys are */
};

/* Places the parts of `t` after `base` (NULL: only counts); returns the bytes. */
static size_t place_bwd(struct bwd_room *t, char *base, int S, int D)
{
    const size_t columns = (size_t)columns_size(S, D), rows = (size_t)rows_size(S, D);
    const size_t Dp = (size_t)padded(D), tile = BLOCK * VS_PANEL;
    size_t at = 0;
#define PLACE(field, count)                                   \
    t->field = base ? (void *)(base + at) : NULL;             \
    at += aligned((count) * sizeof(*t->field))
    PLACE(k_columns, columns);
    PLACE(v_columns, columns);
    PLACE(k_rows, rows);
    PLACE(q_rows, rows);
    PLACE(dy_rows, rows);
    PLACE(dq, (size_t)S * Dp);
    PLACE(dk, VS_PANEL * Dp);
    PLACE(dv, VS_PANEL * Dp);
    PLACE(r, (size_t)S);
    PLACE(s, tile);
    PLACE(ds, tile);
    PLACE(p_pairs, tile);
    PLACE(ds_pairs, tile);
    PLACE(ds_rows, tile);
#undef PLACE
    return at;
}

VS_KERNEL static float dot_row(const vs_narrow *a, const vs_narrow *b, int D)
{
    float sum = 0.0f;
#pragma omp simd reduction(+ : sum)
    for (int c = 0; c < D; c++)
        sum += vs_widened(a[c]) * vs_widened(b[c]);
    return sum;
}

/* s becomes p, ds (dy v^T so far) becomes ds, of one query. */
VS_KERNEL static void softmax_bwd_row(float *s, float *ds, vs_narrow *ds_row, float lse, float r,
                                      float scale, int keys)
{
    VS_SIMD
    for (int j = 0; j < keys; j++) {
        const float p = vs_expf(s[j] * scale - lse);
        const float d = p * (ds[j] - r) * scale;
        s[j] = p;
        ds[j] = d;
        ds_row[j] = vs_narrowed(d);
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

/* p and ds of a tile, in the layouts that the three products read. */
static void softmax_bwd(struct bwd_room *t, const struct head *hd, const float *lse,
                        const float *r, int rows, int keys)
{
    for (int i = 0; i < rows; i++) {
        const int64_t at = (int64_t)i * VS_PANEL;
        softmax_bwd_row(t->s + at, t->ds + at, t->ds_rows + at, lse[i], r[i], hd->scale, keys);
        memset(t->ds_rows + at + keys, 0, sizeof(vs_narrow) * (size_t)(VS_PANEL - keys));
    }
    for (int i = 0; i < rows; i += VS_GROUP) {
        const int64_t at = (int64_t)i * VS_PANEL, to = at / VS_GROUP;
        const bool two = VS_GROUP == 2 && i + 1 < rows;
        pair_rows(t->p_pairs + to, t->s + at, two ? t->s + at + VS_PANEL : NULL, keys);
        pair_rows(t->ds_pairs + to, t->ds + at, two ? t->ds + at + VS_PANEL : NULL, keys);
    }
}

/* What queries first.. and keys from.. of a head add to dq, dk, dv. dy: of the head. */
static void bwd_tile(struct bwd_room *t, const struct head *hd, const vs_narrow *dy,
                     const float *lse, int from, int keys, int first, int rows)
{
    vs_tile_fn *const tile = VS_CPU(tile)();
    const int64_t size = sizeof(vs_narrow), unit = sizeof(vs_unit), Dp = padded(hd->D);
    const int64_t inner = vs_units(hd->D), rows_panel = VS_PANEL * vs_units(hd->S);
    const int64_t at_rows = (int64_t)first / VS_GROUP * VS_PANEL;

    /* (1) scores, p and ds */
    struct product p = {
        .c = t->s, .ldc = VS_PANEL, .a = hd->q + first * hd->stride, .row = hd->stride * size,
        .step = unit, .b = t->k_columns + from * inner, .panel = VS_PANEL * inner,
        .units = inner, .rows = rows, .cols = keys,
    };
    product(tile, &p);
    p.c = t->ds;
    p.a = dy + (int64_t)first * hd->C;
    p.row = hd->C * size;
    p.b = t->v_columns + from * inner;
    product(tile, &p);
    softmax_bwd(t, hd, lse + first, t->r + first, rows, keys);

    /* (2) dv += p^T dy, dk += ds^T q: the keys are rows, queries the inner axis */
    p = (struct product){
        .c = t->dv, .ldc = Dp, .a = t->p_pairs, .row = unit, .step = VS_PANEL * unit,
        .b = t->dy_rows + at_rows, .panel = rows_panel, .units = vs_units(rows), .rows = keys,
        .cols = hd->D, .add = first > 0,
    };
    product(tile, &p);
    p.c = t->dk;
    p.a = t->ds_pairs;
    p.b = t->q_rows + at_rows;
    product(tile, &p);

    /* (3) dq += ds k */
    p = (struct product){
        .c = t->dq + first * Dp, .ldc = Dp, .a = t->ds_rows, .row = VS_PANEL * size, .step = unit,
        .b = t->k_rows + (int64_t)from / VS_GROUP * VS_PANEL, .panel = rows_panel,
        .units = vs_units(keys), .rows = rows, .cols = hd->D, .add = from > 0,
    };
    product(tile, &p);
}

static void narrow_rows(vs_narrow *y, int64_t stride, const float *x, int rows, int D)
{
    for (int i = 0; i < rows; i++)
        narrow_row(y + i * stride, x + i * padded(D), 1.0f, D);
}

/* One head. dq: where its gradients begin in dqkv; y, dy, lse: of the head. */
static void bwd_head(vs_narrow *dq, struct bwd_room *t, const struct head *hd, const vs_narrow *dy,
                     const vs_narrow *y, const float *lse)
{
    const int S = hd->S, D = hd->D;
    pack_as_columns(t->k_columns, hd->k, hd->stride, S, D);
    pack_as_columns(t->v_columns, hd->v, hd->stride, S, D);
    pack_as_rows(t->k_rows, hd->k, hd->stride, S, D);
    pack_as_rows(t->q_rows, hd->q, hd->stride, S, D);
    pack_as_rows(t->dy_rows, dy, hd->C, S, D);
    for (int i = 0; i < S; i++)
        t->r[i] = dot_row(dy + (int64_t)i * hd->C, y + (int64_t)i * hd->C, D);
    for (int from = 0; from < S; from += VS_PANEL) {
        const int keys = (int)vs_piece(S, from, VS_PANEL);
        for (int first = 0; first < S; first += BLOCK)
            bwd_tile(t, hd, dy, lse, from, keys, first, (int)vs_piece(S, first, BLOCK));
        vs_narrow *const dk = dq + from * hd->stride + hd->C;
        narrow_rows(dk, hd->stride, t->dk, keys, D);
        narrow_rows(dk + hd->C, hd->stride, t->dv, keys, D);
    }
    narrow_rows(dq, hd->stride, t->dq, S, D);
}

void VS_CPU(attention_bwd)(vs_device *dev, vs_narrow *dqkv, const vs_narrow *dy,
                           const vs_narrow *y, const vs_narrow *qkv, const float *lse, int B,
                           int S, int H, int D)
{
    struct bwd_room size;
    const size_t each = place_bwd(&size, NULL, S, D);
    char *const room = rooms(dev, 0, each);
    if (!room)
        return;
#pragma omp parallel for schedule(dynamic) num_threads(dev->threads)
    for (int64_t job = 0; job < (int64_t)B * H; job++) {
        const struct head hd = head_of(qkv, job, S, H, D);
        const int64_t at = job / H * S * hd.C + job % H * D;
        struct bwd_room t;
        place_bwd(&t, room + each * (size_t)omp_get_thread_num(), S, D);
        bwd_head(dqkv + (hd.q - qkv), &t, &hd, dy + at, y + at, lse + job * S);
    }
}
