/* The tile with AMX, its instructions in plain C, against the tile that this machine uses.
 *
 * Bound: both add the same exact products in float, in another order and with other roundings:
 * two sums of n terms differ by at most 2 (n + 1) u sum |a b|, u = 2^-24. What the real unit does
 * with denormal values is not shown. */
#include "tests/check.h"

#define VS_AMX_PLAIN
#define VS_CPU_BF16
#define VS_NARROW vs_bf16
#define VS_SUFFIX _cpu_bf16
#define vs_tile_amx_cpu_bf16 tile_under_test
#include "train/ops/gemm_amx.c"

#include <stdlib.h>

#include "base/rng.h"

enum { K = 300, GUARD = 8, LDC = VS_PANEL + 16 };

/* bfloat16 pairs in -1..1; padding is not a number, which no sum may meet. */
static void fill(vs_unit *x, int64_t n, int index)
{
    vs_rng r = vs_rng_at(3, VS_RNG_TEST, (uint64_t)index);
    for (int64_t i = 0; i < n; i++) {
        const float pair[2] = { vs_rng_f32(&r) * 2 - 1, vs_rng_f32(&r) * 2 - 1 };
        x[i] = (vs_unit)vs_narrowed(pair[0]) | (vs_unit)vs_narrowed(pair[1]) << 16;
    }
}

enum layout { LIES, PACKED, TURNED };

/* Operands of one product: rows beyond `rows` and units beyond `units` are not numbers. */
struct operands {
    vs_unit *a, *b;
    float *c[2];
    vs_tile_args args;
};

static struct operands operands(int rows, int cols, int units, enum layout layout, bool add)
{
    struct operands o;
    vs_unit *const plain = malloc(sizeof(vs_unit) * (size_t)(rows * units));
    const size_t n = (size_t)(units + 16) * VS_PANEL;
    fill(plain, (int64_t)rows * units, rows + 100 * units);
    o.a = malloc(sizeof(vs_unit) * n);
    memset(o.a, 0xff, sizeof(vs_unit) * n);
    for (int r = 0; r < rows; r++)
        for (int u = 0; u < units; u++)
            o.a[layout == LIES ? r * (units + 1) + u : u * VS_PANEL + r] = plain[r * units + u];
    for (int u = 0; layout == TURNED && u + 16 <= units; u += 16)
        for (int r = 0; r < VS_PANEL; r += 16)
            VS_CPU(turn_16)(o.a + u * VS_PANEL + r, o.a + u * VS_PANEL + r);
    o.b = malloc(sizeof(vs_unit) * (size_t)(units + GUARD) * VS_PANEL);
    memset(o.b, 0xff, sizeof(vs_unit) * (size_t)(units + GUARD) * VS_PANEL);
    fill(o.b, (int64_t)units * VS_PANEL, 7 * cols);
    for (int i = 0; i < 2; i++) {
        o.c[i] = malloc(sizeof(float) * VS_TILE_MOST * LDC);
        for (int j = 0; j < VS_TILE_MOST * LDC; j++)
            o.c[i][j] = (float)(j % 7);
    }
    o.args = (vs_tile_args){
        .a = o.a, .row = layout == LIES ? (units + 1) * 4 : 4,
        .step = layout == LIES ? 4 : VS_PANEL * 4, .b = o.b, .ldc = LDC, .units = units,
        .rows = rows, .cols = cols, .add = add,
    };
    free(plain);
    return o;
}

static void run_both(struct operands *o, const struct operands *packed)
{
    const vs_tile *const other = VS_CPU(tile)();
    vs_tile_args t = packed->args;
    for (int r = 0; r < packed->args.rows; r += VS_TILE) {  /* any tile takes as many */
        t.rows = (int)vs_piece(packed->args.rows, r, VS_TILE);
        t.a = (const char *)packed->args.a + r * t.row;
        t.c = o->c[0] + r * LDC;
        other->run(&t);
    }
    o->args.c = o->c[1];
    tile_under_test(&o->args);
}

static void compare(const struct operands *o, enum layout layout)
{
    const vs_tile_args *const t = &o->args;
    const int written = (t->cols + 15) / 16 * 16;
    /* Terms are at most 1, and 6 of what was there. */
    const double most = 2.0 * (2.0 * (double)t->units + 2.0) * 0x1p-24 *
                        (2.0 * (double)t->units + 6.0);
    for (int r = 0; r < VS_TILE_MOST; r++)
        for (int j = 0; j < LDC; j++) {
            const int i = r * LDC + j;
            const bool inside = r < t->rows && j < written;
            const double off = fabs((double)o->c[0][i] - (double)o->c[1][i]);
            cr_assert(inside ? off <= most : o->c[1][i] == (float)(i % 7),
                      "%d x %d, %d units, layout %d, %s: c[%d,%d] is %g, expected %g", t->rows,
                      t->cols, (int)t->units, (int)layout, t->add ? "added" : "set", r, j,
                      (double)o->c[1][i], (double)o->c[0][i]);
        }
}

static void one(int rows, int cols, int units, enum layout layout, bool add)
{
    struct operands o = operands(rows, cols, units, layout, add);
    struct operands p = operands(rows, cols, units, layout == LIES ? LIES : PACKED, add);
    o.args.turned = layout == TURNED;
    run_both(&o, &p);
    compare(&o, layout);
    free(o.a); free(o.b); free(o.c[0]); free(o.c[1]);
    free(p.a); free(p.b); free(p.c[0]); free(p.c[1]);
}

static const int units_of[] = { 1, 2, 15, 16, 17, 32, 33, 127, 128, 129, 144, K };
enum { UNITS = sizeof(units_of) / sizeof(*units_of) };

Test(amx, every_edge_agrees_with_the_other_tile)
{
    for (int layout = LIES; layout <= TURNED; layout++)
        for (int i = 0; i < UNITS; i++) {
            for (int rows = 1; rows <= VS_TILE_MOST; rows++)
                one(rows, 64, units_of[i], (enum layout)layout, rows % 2);
            for (int cols = 1; cols <= VS_PANEL; cols += 3) {
                one(VS_TILE_MOST, cols, units_of[i], (enum layout)layout, false);
                one(VS_TILE_MOST - 3, cols, units_of[i], (enum layout)layout, true);
            }
        }
}

Test(amx, blocks_turn_in_place)
{
    vs_unit x[16 * VS_PANEL], y[16 * VS_PANEL];
    fill(x, 16 * VS_PANEL, 1);
    memcpy(y, x, sizeof(x));
    VS_CPU(turn_16)(x + 16, x + 16);
    for (int r = 0; r < 16; r++)
        for (int j = 0; j < VS_PANEL; j++)
            cr_assert_eq(x[r * VS_PANEL + j],
                         j / 16 == 1 ? y[(j - 16) * VS_PANEL + 16 + r] : y[r * VS_PANEL + j]);
}

Test(amx, the_environment_forbids_it)
{
    setenv("VSYN_CPU", "avx512", 1);
    cr_expect(!vs_cpu_has_amx());
    cr_expect_str_neq(VS_CPU(tile)()->name, "amx");
}
