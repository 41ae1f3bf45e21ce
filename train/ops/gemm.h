/* Matrix products on the CPU: packed panels, one tile in registers, and what is done with it.
 *
 *     C[m,n] = sum_k A[m,k] B[k,n]
 *
 * The unit of the inner axis k is 32 bits: one float, or two bfloat16 neighbours, which is
 * what the bfloat16 instruction of AVX-512 multiplies and adds at once. So both precisions
 * share one plan:
 *
 *   B    is packed into panels of 64 columns: panel[u][j], u a unit of k, j a column; zeros
 *        pad columns and the last unit
 *   A    is read as it lies where k is its last axis, else packed in the same way
 *   tile 6 rows x 64 columns of C stay in registers while k runs; every load of B serves six
 *        rows, every unit of A 64 columns, so the two arithmetic ports never wait
 *
 * The sum over k is never shared out: the bits do not depend on the number of threads.
 */
#ifndef VSYN_TRAIN_OPS_GEMM_H
#define VSYN_TRAIN_OPS_GEMM_H

#include "train/ops/cpu.h"

typedef uint32_t vs_unit;

#ifdef VS_CPU_BF16
#define VS_GROUP 2                 /* values in a unit */
#else
#define VS_GROUP 1
#endif
#define VS_PANEL 64                /* columns of a panel */
#define VS_TILE 6                  /* rows of a tile in registers */
#define VS_TILE_MOST 32            /* rows of any tile */

static inline int64_t vs_units(int64_t k)
{
    return (k + VS_GROUP - 1) / VS_GROUP;
}

/* ---- Pieces, on the calling thread (gemm_tile.c) ------------------------------------- */

/* c[r][j] = sum_u a(r,u) b[u][j], or += : up to a tile's rows (ldc floats apart) and 64 columns,
 * written in whole vectors of 16. a(r,u) lies at a + r * row + u * step bytes. */
typedef struct vs_tile_args {
    float *c;
    int64_t ldc;
    const void *a;
    int64_t row, step;
    const vs_unit *b;              /* a panel from its first unit */
    int64_t units;
    int rows, cols;
    bool add;
    bool turned;                   /* A is packed, and its whole blocks of 16 x 16 are turned */
} vs_tile_args;
typedef void vs_tile_fn(const vs_tile_args *t);

/* The best tile of this machine, and the rows that it takes at once. */
typedef struct vs_tile {
    vs_tile_fn *run;
    int rows;                      /* even, at most VS_TILE_MOST */
    bool turned;                   /* wants packed A so */
    const char *name;
} vs_tile;
const vs_tile *VS_CPU(tile)(void);
#ifdef VS_CPU_BF16
vs_tile_fn VS_CPU(tile_amx);       /* gemm_amx.c; vs_cpu_has_amx() */
#endif
/* 16 x 16 units of panels: rows become columns; `to` may be `from`. */
void VS_CPU(turn_16)(vs_unit *to, const vs_unit *from);

/* Where the values of a panel come from: float also in bf16 when `wide` (weights). */
typedef struct vs_source {
    const void *at;
    int64_t ld;                    /* values from row to row */
    bool wide;
} vs_source;

/* Units from..to of a panel; K values along the inner axis, `cols` columns used.
 *   pack_rows   B[k,j] at [k * ld + j]      pack_cols   B[k,j] at [j * ld + k] */
void VS_CPU(pack_rows)(vs_unit *panel, const vs_source *s, int cols, int64_t K, int64_t from,
                       int64_t to);
void VS_CPU(pack_cols)(vs_unit *panel, const vs_source *s, int cols, int64_t K, int64_t from,
                       int64_t to);

/* ---- Whole products, on the device's threads (gemm.c, gemm_out.c) ------------------- */

/* What becomes of a tile; formulas in ops.h, in the order of the list. */
typedef enum vs_out_kind {
    VS_OUT_NARROW, VS_OUT_ADD, VS_OUT_GELU, VS_OUT_GELU_BWD, VS_OUT_ACCUMULATE
} vs_out_kind;

typedef struct vs_out {
    vs_out_kind kind;
    void *y;                       /* (M, N): float of ADD and ACCUMULATE, else vs_narrow */
    const float *bias;             /* (N) or NULL */
    const float *r, *scale;        /* ADD */
    int S;
    vs_narrow *h;                  /* GELU: written; GELU_BWD: read, and act written */
    vs_narrow *act;
} vs_out;

/* n sums of a row, from column `col`, go where `o` says; y has rows of N values. */
void VS_CPU(put_row)(const vs_out *o, const float *a, int64_t row, int col, int n, int N);

typedef struct vs_gemm {
    int M, N, K;
    vs_source a, b;
    bool a_turned;                 /* A[m,k] at [k * ld + m], else [m * ld + k] */
    bool b_turned;                 /* B[k,n] at [n * ld + k], else [k * ld + n] */
} vs_gemm;
void VS_CPU(gemm)(vs_device *dev, const vs_out *out, const vs_gemm *g);

#endif /* VSYN_TRAIN_OPS_GEMM_H */
