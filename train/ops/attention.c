/* Attention on the CPU. Contract and formulas: train/ops/ops.h
 *
 * The scores of a whole head would take S^2 values (10 MB at S = 1568). They are made in tiles
 * that stay in the cache of a core, used, and forgotten; only lse survives the forward pass.
 *
 *   forward    K and V of every head are packed once; then each job takes some rows of a head
 *              past all keys, KEYS at most at a time, with a running maximum and sum
 *   backward   a job is a head and a part of its keys. Outer loop over SPAN keys, whose dk and
 *              dv stay at hand; inner loop over BLOCK queries, whose scores are made and used
 *              a strip at a time (one tile's rows). dq is kept in float, one for each part, and
 *              the parts are added in order
 *
 * Parts depend on sizes alone (parts_of), so every sum has a fixed order: no atomics, and the
 * same bits for any number of threads. Products are those of train/ops/gemm.h.
 */
#include "train/ops/softmax.h"

#include <omp.h>

enum {
    KEYS = 512, BLOCK = 96 * VS_GROUP, SPAN = VS_GROUP * VS_PANEL,
    MOST_QUERIES = VS_TILE_MOST,   /* of a forward job */
    VECTOR = 32,                   /* values written behind a row, at most */
    JOBS = 12, KEYS_OF_PART = 384  /* backward jobs wanted, and keys of each at least */
};

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

static void product(const vs_tile *tile, const struct product *p)
{
    for (int j = 0; j < p->cols; j += VS_PANEL)
        for (int i = 0; i < p->rows; i += tile->rows) {
            const vs_tile_args t = {
                .c = p->c + i * p->ldc + j, .ldc = p->ldc,
                .a = (const char *)p->a + i * p->row, .row = p->row, .step = p->step,
                .b = p->b + j / VS_PANEL * p->panel, .units = p->units,
                .rows = (int)vs_piece(p->rows, i, tile->rows),
                .cols = (int)vs_piece(p->cols, j, VS_PANEL), .add = p->add,
            };
            tile->run(&t);
        }
}

/* Floats per row of D values: whole vectors. */
static int64_t padded(int D)
{
    return vs_ceil_div(D, 16) * 16;
}

/* ---- Forward --------------------------------------------------------------------------- */

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
    float s[MOST_QUERIES * KEYS];
    vs_narrow p[MOST_QUERIES * (KEYS + VECTOR)];
    float y[];                     /* (MOST_QUERIES, padded D) */
};

/* Keys at a time: whole panels, so many that the last are not much fewer. */
static int keys_of(int S)
{
    const int64_t each = vs_ceil_div(S, vs_ceil_div(S, KEYS));
    return (int)vs_ceil_div(each, VS_PANEL) * VS_PANEL;
}

/* Queries of a job: two tiles where a tile is small, for each meets all keys in the cache. */
static int queries_of(const vs_tile *tile)
{
    return 2 * tile->rows <= MOST_QUERIES ? 2 * tile->rows : tile->rows;
}

/* Queries first..first + rows of a head; k, v: packed. y, lse: of the head. */
static void fwd_rows(vs_narrow *y, float *lse, struct fwd_room *t, const struct head *hd,
                     const vs_unit *k, const vs_unit *v, int first, int rows)
{
    const vs_tile *const tile = VS_CPU(tile)();
    const int64_t size = sizeof(vs_narrow), ldy = padded(hd->D);
    const int step = keys_of(hd->S);
    float top[MOST_QUERIES], sum[MOST_QUERIES] = { 0 };
    for (int i = 0; i < rows; i++)
        top[i] = -INFINITY;
    for (int j = 0; j < hd->S; j += step) {
        const int keys = (int)vs_piece(hd->S, j, step);
        const struct product qk = {
            .c = t->s, .ldc = KEYS, .a = hd->q + first * hd->stride, .row = hd->stride * size,
            .step = sizeof(vs_unit), .b = k + j * vs_units(hd->D),
            .panel = VS_PANEL * vs_units(hd->D), .units = vs_units(hd->D), .rows = rows,
            .cols = keys,
        };
        product(tile, &qk);
        for (int i = 0; i < rows; i++) {
            const float shrink = VS_CPU(softmax_fwd)(t->p + i * (KEYS + VECTOR), &top[i], &sum[i],
                                                     t->s + i * KEYS, hd->scale, keys);
            if (j > 0 && shrink < 1.0f)
                scale_row(t->y + i * ldy, shrink, hd->D);
        }
        const struct product pv = {
            .c = t->y, .ldc = ldy, .a = t->p, .row = (KEYS + VECTOR) * size,
            .step = sizeof(vs_unit), .b = v + j / VS_GROUP * VS_PANEL,
            .panel = VS_PANEL * vs_units(hd->S), .units = vs_units(keys), .rows = rows,
            .cols = hd->D, .add = j > 0,
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
                                sizeof(float) * MOST_QUERIES * (size_t)padded(D));
    char *const room = rooms(dev, heads * (columns + rows), each);
    if (!room)
        return;
    vs_unit *const packed = (vs_unit *)(room + each * (size_t)dev->threads);
    const int queries = queries_of(VS_CPU(tile)());
    const int blocks = (int)vs_ceil_div(S, queries);
#pragma omp parallel num_threads(dev->threads)
    {
#pragma omp for schedule(dynamic)
        for (int64_t i = 0; i < heads; i++) {
            const struct head hd = head_of(qkv, i, S, H, D);
            vs_unit *const k = packed + i * (columns + rows);
            pack_as_columns(k, hd.k, hd.stride, S, D);
            pack_as_rows(k + columns, hd.v, hd.stride, S, D);
        }
#pragma omp for schedule(dynamic, 4)
        for (int64_t job = 0; job < heads * blocks; job++) {
            const int64_t i = job / blocks;
            const int first = (int)(job % blocks) * queries;
            const struct head hd = head_of(qkv, i, S, H, D);
            const vs_unit *const k = packed + i * (columns + rows);
            fwd_rows(y + i / H * S * hd.C + i % H * D, lse + i * S,
                     (struct fwd_room *)(room + each * (size_t)omp_get_thread_num()), &hd, k,
                     k + columns, first, (int)vs_piece(S, first, queries));
        }
    }
}

/* ---- Backward -------------------------------------------------------------------------- */

/* Working space of a thread: the operands of a head, and some scores. */
struct bwd_room {
    vs_unit *k_columns, *v_columns, *k_rows;    /* of the job's keys */
    vs_unit *q_rows, *dy_rows;     /* of all queries, as the right operand */
    vs_unit *q, *dy;               /* and as the left one: (S, units of D) */
    float *dk, *dv;                /* (SPAN, Dp) */
    float *s, *dp;                 /* (a strip, SPAN): scores; dy v^T */
    vs_unit *p_pairs, *ds_pairs;   /* panels of (units of BLOCK, 64): queries are inside */
    vs_narrow *ds_rows;            /* (BLOCK, SPAN): keys are */
};

/* Places the parts of `t` after `base` (NULL: only counts); returns the bytes. */
static size_t place_bwd(struct bwd_room *t, char *base, int S, int D)
{
    const size_t columns = (size_t)columns_size(S, D), rows = (size_t)rows_size(S, D);
    const size_t Dp = (size_t)padded(D);
    size_t at = 0;
#define PLACE(field, count)                                   \
    t->field = base ? (void *)(base + at) : NULL;             \
    at += aligned((count) * sizeof(*t->field))
    PLACE(k_columns, columns);
    PLACE(v_columns, columns);
    PLACE(k_rows, rows);
    PLACE(q_rows, rows);
    PLACE(dy_rows, rows);
    PLACE(q, (size_t)(S * vs_units(D)));
    PLACE(dy, (size_t)(S * vs_units(D)));
    PLACE(dk, SPAN * Dp);
    PLACE(dv, SPAN * Dp);
    PLACE(s, VS_TILE_MOST * SPAN);
    PLACE(dp, VS_TILE_MOST * SPAN);
    PLACE(p_pairs, BLOCK * SPAN);
    PLACE(ds_pairs, BLOCK * SPAN);
    PLACE(ds_rows, BLOCK * SPAN);
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

/* One head and part of its keys, and where its gradients go. */
struct bwd_job {
    const vs_tile *tile;
    struct head hd;
    const vs_narrow *dy;           /* of the head */
    const float *lse, *r;
    float *dq;                     /* (S, Dp) of this part */
    vs_narrow *dk;                 /* of the head's first key; dv lies C behind */
    int from, end;                 /* keys */
};

/* x side by side, as the left operand: a last unit that is half filled gets a zero. */
static void copy_rows(vs_unit *to, const vs_narrow *x, int64_t stride, int S, int D)
{
    for (int i = 0; i < S; i++) {
        vs_narrow *const row = (vs_narrow *)(to + i * vs_units(D));
        memcpy(row, x + i * stride, sizeof(vs_narrow) * (size_t)D);
        if (D % VS_GROUP)
            row[D] = 0;
    }
}

/* Scores, p and ds of a strip of queries against the keys: at..at + keys of the job. */
static void bwd_strip(struct bwd_room *t, const struct bwd_job *j, int at, int keys, int first,
                      int strip, int rows)
{
    const int64_t inner = vs_units(j->hd.D), unit = sizeof(vs_unit), query = first + strip;
    struct product p = {
        .c = t->s, .ldc = SPAN, .a = t->q + query * inner, .row = inner * unit, .step = unit,
        .b = t->k_columns + at * inner, .panel = VS_PANEL * inner, .units = inner, .rows = rows,
        .cols = keys,
    };
    product(j->tile, &p);
    p.c = t->dp;
    p.a = t->dy + query * inner;
    p.b = t->v_columns + at * inner;
    product(j->tile, &p);
    for (int i = 0; i < rows; i += 2)
        for (int k = 0; k < keys; k += VS_PANEL) {
            const int64_t pair = (k * BLOCK + (strip + i) * VS_PANEL) / VS_GROUP;
            const vs_softmax_bwd two = {
                .p = t->p_pairs + pair, .ds = t->ds_pairs + pair,
                .row = t->ds_rows + (strip + i) * SPAN + k, .next = SPAN,
                .s = t->s + i * SPAN + k, .dp = t->dp + i * SPAN + k,
                .lse = j->lse + query + i, .r = j->r + query + i, .scale = j->hd.scale,
                .rows = rows - i < 2 ? 1 : 2, .keys = (int)vs_piece(keys, k, VS_PANEL),
            };
            VS_CPU(softmax_bwd)(&two);
        }
}

/* What queries first.. and keys at.. of a job add to dq, dk, dv. */
static void bwd_tile(struct bwd_room *t, const struct bwd_job *j, int at, int keys, int first,
                     int rows)
{
    const int D = j->hd.D;
    const int64_t unit = sizeof(vs_unit), Dp = padded(D);
    const int64_t at_rows = (int64_t)first / VS_GROUP * VS_PANEL;

    /* (1) scores, p and ds */
    for (int i = 0; i < rows; i += j->tile->rows)
        bwd_strip(t, j, at, keys, first, i, (int)vs_piece(rows, i, j->tile->rows));

    /* (2) dv += p^T dy, dk += ds^T q: the keys are rows, queries the inner axis */
    for (int k = 0; k < keys; k += VS_PANEL) {
        struct product p = {
            .c = t->dv + k * Dp, .ldc = Dp, .a = t->p_pairs + k * BLOCK / VS_GROUP, .row = unit,
            .step = VS_PANEL * unit, .b = t->dy_rows + at_rows,
            .panel = VS_PANEL * vs_units(j->hd.S), .units = vs_units(rows),
            .rows = (int)vs_piece(keys, k, VS_PANEL), .cols = D, .add = first > 0,
        };
        product(j->tile, &p);
        p.c = t->dk + k * Dp;
        p.a = t->ds_pairs + k * BLOCK / VS_GROUP;
        p.b = t->q_rows + at_rows;
        product(j->tile, &p);
    }

    /* (3) dq += ds k */
    const struct product p = {
        .c = j->dq + first * Dp, .ldc = Dp, .a = t->ds_rows, .row = SPAN * sizeof(vs_narrow),
        .step = unit, .b = t->k_rows + (int64_t)at / VS_GROUP * VS_PANEL,
        .panel = VS_PANEL * vs_units(j->end - j->from), .units = vs_units(keys), .rows = rows,
        .cols = D, .add = at > 0,
    };
    product(j->tile, &p);
}

static void narrow_rows(vs_narrow *y, int64_t stride, const float *x, float a, int rows, int D)
{
    for (int i = 0; i < rows; i++)
        narrow_row(y + i * stride, x + i * padded(D), a, D);
}

/* One job; dq is left in its part. */
static void bwd_part(struct bwd_room *t, const struct bwd_job *j)
{
    const struct head *const hd = &j->hd;
    const int S = hd->S, D = hd->D, own = j->end - j->from;
    const vs_narrow *const k = hd->k + j->from * hd->stride;
    pack_as_columns(t->k_columns, k, hd->stride, own, D);
    pack_as_columns(t->v_columns, k + hd->C, hd->stride, own, D);
    pack_as_rows(t->k_rows, k, hd->stride, own, D);
    pack_as_rows(t->q_rows, hd->q, hd->stride, S, D);
    pack_as_rows(t->dy_rows, j->dy, hd->C, S, D);
    copy_rows(t->q, hd->q, hd->stride, S, D);
    copy_rows(t->dy, j->dy, hd->C, S, D);
    for (int at = 0; at < own; at += SPAN) {
        const int keys = (int)vs_piece(own, at, SPAN);
        for (int first = 0; first < S; first += BLOCK)
            bwd_tile(t, j, at, keys, first, (int)vs_piece(S, first, BLOCK));
        vs_narrow *const dk = j->dk + (j->from + at) * hd->stride;
        narrow_rows(dk, hd->stride, t->dk, hd->scale, keys, D);
        narrow_rows(dk + hd->C, hd->stride, t->dv, 1.0f, keys, D);
    }
}

/* Few heads are cut into parts, so that their number may be odd and threads many. A part packs
 * all queries for itself, so it keeps some spans of keys. */
static int parts_of(int S, int64_t heads)
{
    const int64_t wanted = vs_ceil_div(JOBS, heads), most = S / KEYS_OF_PART;
    return (int)(wanted < most ? wanted : most > 1 ? most : 1);
}

/* dq of some rows of a head: the sum of its parts, in order. */
static void add_parts(vs_narrow *y, int64_t stride, float *dq, int64_t part, int parts, float scale,
                      int rows, int D)
{
    const int64_t n = rows * padded(D);
    for (int p = 1; p < parts; p++) {
        const float *const more = dq + p * part;
        VS_SIMD
        for (int64_t i = 0; i < n; i++)
            dq[i] += more[i];
    }
    narrow_rows(y, stride, dq, scale, rows, D);
}

void VS_CPU(attention_bwd)(vs_device *dev, vs_narrow *dqkv, const vs_narrow *dy,
                           const vs_narrow *y, const vs_narrow *qkv, const float *lse, int B,
                           int S, int H, int D)
{
    struct bwd_room size;
    const size_t each = place_bwd(&size, NULL, S, D);
    const int64_t heads = (int64_t)B * H, part = S * padded(D);
    const int parts = parts_of(S, heads), blocks = (int)vs_ceil_div(S, BLOCK);
    const int own = (int)vs_ceil_div(vs_ceil_div(S, parts), SPAN) * SPAN;
    char *const room = rooms(dev, heads * (parts * part + S), each);
    if (!room)
        return;
    float *const dq = (float *)(room + each * (size_t)dev->threads);
    float *const r = dq + heads * parts * part;
#pragma omp parallel num_threads(dev->threads)
    {
#pragma omp for
        for (int64_t row = 0; row < (int64_t)B * S; row++)
            for (int h = 0; h < H; h++)
                r[(row / S * H + h) * S + row % S] = dot_row(dy + (row * H + h) * D,
                                                             y + (row * H + h) * D, D);
#pragma omp for schedule(dynamic)
        for (int64_t job = 0; job < heads * parts; job++) {
            const int64_t i = job / parts;
            const int from = (int)(job % parts) * own;
            const struct head hd = head_of(qkv, i, S, H, D);
            const int64_t at = i / H * S * hd.C + i % H * D;
            const struct bwd_job j = {
                .tile = VS_CPU(tile)(), .hd = hd, .dy = dy + at, .lse = lse + i * S, .r = r + i * S,
                .dq = dq + job * part, .dk = dqkv + (hd.k - qkv), .from = from,
                .end = from + (int)vs_piece(S, from, own),
            };
            struct bwd_room t;
            place_bwd(&t, room + each * (size_t)omp_get_thread_num(), S, D);
            bwd_part(&t, &j);
        }
#pragma omp for
        for (int64_t job = 0; job < heads * blocks; job++) {
            const int64_t i = job / blocks;
            const int first = (int)(job % blocks) * BLOCK;
            const struct head hd = head_of(qkv, i, S, H, D);
            add_parts(dqkv + (hd.q - qkv) + first * hd.stride, hd.stride,
                      dq + i * parts * part + first * padded(D), part, parts, hd.scale,
                      (int)vs_piece(S, first, BLOCK), D);
        }
    }
}
