/* The tile of a product with AMX, the matrix unit of Intel's Xeons from Sapphire Rapids on.
 *
 * NEVER RUN ON SUCH A MACHINE YET. Tests run this text with the tile instructions replaced by
 * plain C (train/ops/amx_plain.h) against the other tiles, over every edge; what they cannot
 * show is the speed, and that the system grants the use.
 *
 * A tile register holds 16 rows of 64 bytes. tdpbf16ps takes C (16 x 16 floats), A (16 rows x 16
 * units) and B (16 units x 16 columns): the units of train/ops/gemm.h, so panels of B serve as
 * they are. 32 rows x 32 columns of C stay in four registers while k runs, 16 units at a time:
 *
 *     tmm0 tmm1     rows  0..15        tmm4 tmm5   A of both        tmm6 tmm7   B of both
 *     tmm2 tmm3     rows 16..31
 *
 * A is read where it lies when it fills whole registers. Packed A lies across: each block of 16 x
 * 16 units is turned, in a copy or beforehand (vs_tile_args). Edges go through a copy with zeros.
 * Denormal values count as 0, as the instruction has it.
 */
#include "train/ops/gemm.h"

#if defined(VS_CPU_BF16) && (defined(VS_AMX_PLAIN) || (defined(__x86_64__) && defined(__GNUC__)))

#ifdef VS_AMX_PLAIN
#include "train/ops/amx_plain.h"
#define AMX
#else
#include <immintrin.h>
#define AMX __attribute__((target("amx-tile,amx-bf16")))
#endif

enum {
    SIDE = 16,                     /* rows, and units or columns, of a register */
    ROWS = 2 * SIDE,               /* of a tile */
    CHUNK = 128,                   /* units between two visits to C */
    BYTES = SIDE * sizeof(vs_unit)
};

/* What tells the unit how large each register is: palette 1, all of 16 x 64 bytes. */
struct config {
    uint8_t palette, start_row, reserved[14];
    uint16_t bytes[16];
    uint8_t rows[16];
};

/* Where blocks of 16 units lie: block i at at + i * block bytes, rows 16..31 `lower` behind. */
struct left {
    const char *at;
    int64_t stride, block, lower;
};

/* Edges and what lies across, with zeros where there is nothing. */
struct room {
    vs_unit a[CHUNK][VS_PANEL];    /* blocks lie as in a turned panel */
    vs_unit b[SIDE][VS_PANEL];
    float c[ROWS][VS_PANEL];
};

static vs_unit unit_at(const vs_tile_args *t, int r, int64_t u)
{
    vs_unit x;
    const char *at = (const char *)t->a + r * t->row + u * t->step;
    /* Rows and units have changed places within a block of a turned panel. */
    if (t->turned && u / SIDE < t->units / SIDE)
        at = (const char *)t->a + (u / SIDE * SIDE + r % SIDE) * t->step +
             (r / SIDE * SIDE + u % SIDE) * t->row;
    memcpy(&x, at, sizeof(x));
    return x;
}

/* A's units from..from + n of all rows. */
static struct left left_of(struct room *room, const vs_tile_args *t, int64_t from, int n)
{
    const char *const a = t->a;
    if (t->rows == ROWS && n % SIDE == 0) {
        if (t->step == (int64_t)sizeof(vs_unit))
            return (struct left){ a + from * t->step, t->row, BYTES, SIDE * t->row };
        if (t->turned)
            return (struct left){ a + from * t->step, t->step, SIDE * t->step, BYTES };
    }
    const struct left copy = { (const char *)room->a, sizeof(room->a[0]),
                               SIDE * sizeof(room->a[0]), BYTES };
    if (t->rows == ROWS && n % SIDE == 0 && t->row == (int64_t)sizeof(vs_unit)) {
        for (int u = 0; u < n; u += SIDE)
            for (int r = 0; r < ROWS; r += SIDE)
                VS_CPU(turn_16)(&room->a[u][r], (const vs_unit *)a + (from + u) * VS_PANEL + r);
        return copy;
    }
    memset(room->a, 0, sizeof(room->a));
    for (int u = 0; u < n; u++)
        for (int r = 0; r < t->rows; r++)
            room->a[u / SIDE * SIDE + r % SIDE][r / SIDE * SIDE + u % SIDE] =
                unit_at(t, r, from + u);
    return copy;
}

/* C of 32 x 32 or, at the panel's end, 32 x 16, += A times n units of B from b. */
AMX static void square(float *c, int64_t ldc, const struct left *a, const vs_unit *b,
                       const vs_unit *last, int n, bool two, bool add)
{
    const int64_t row = ldc * (int64_t)sizeof(float), panel = VS_PANEL * sizeof(vs_unit);
    float *const low = c + SIDE * ldc;
    if (add) {
        _tile_loadd(0, c, row);
        _tile_loadd(2, low, row);
    } else {
        _tile_zero(0);
        _tile_zero(2);
    }
    if (add && two) {
        _tile_loadd(1, c + SIDE, row);
        _tile_loadd(3, low + SIDE, row);
    } else {
        _tile_zero(1);
        _tile_zero(3);
    }
    for (int u = 0; u < n; u += SIDE) {
        const char *const rows = a->at + u / SIDE * a->block;
        const vs_unit *const right = n - u < SIDE ? last : b + (int64_t)u * VS_PANEL;
        _tile_loadd(4, rows, a->stride);
        _tile_loadd(5, rows + a->lower, a->stride);
        _tile_loadd(6, right, panel);
        _tile_dpbf16ps(0, 4, 6);
        _tile_dpbf16ps(2, 5, 6);
        if (two) {
            _tile_loadd(7, right + SIDE, panel);
            _tile_dpbf16ps(1, 4, 7);
            _tile_dpbf16ps(3, 5, 7);
        }
    }
    _tile_stored(0, c, row);
    _tile_stored(2, low, row);
    if (two) {
        _tile_stored(1, c + SIDE, row);
        _tile_stored(3, low + SIDE, row);
    }
}

static void copy_rows(float *to, int64_t ld_to, const float *from, int64_t ld_from, int rows,
                      int cols)
{
    for (int r = 0; r < rows; r++)
        memcpy(to + r * ld_to, from + r * ld_from, sizeof(float) * (size_t)cols);
}

AMX void VS_CPU(tile_amx)(const vs_tile_args *t)
{
    struct config config = { .palette = 1 };
    for (int i = 0; i < 8; i++) {
        config.bytes[i] = BYTES;
        config.rows[i] = SIDE;
    }
    const int cols = (t->cols + SIDE - 1) / SIDE * SIDE;
    struct room room;
    /* Too few rows for the registers: C passes through the room, too. */
    const bool whole = t->rows == ROWS;
    float *const c = whole ? t->c : room.c[0];
    const int64_t ldc = whole ? t->ldc : VS_PANEL;
    if (!whole)
        memset(room.c, 0, sizeof(room.c));
    if (!whole && t->add)
        copy_rows(c, ldc, t->c, t->ldc, t->rows, cols);
    _tile_loadconfig(&config);
    for (int64_t from = 0; from < t->units || from == 0; from += CHUNK) {
        const int n = (int)vs_piece(t->units, from, CHUNK);
        const struct left a = left_of(&room, t, from, n);
        const vs_unit *const b = t->b + from * VS_PANEL;
        if (n % SIDE) {
            memset(room.b, 0, sizeof(room.b));
            memcpy(room.b, b + (int64_t)(n / SIDE * SIDE) * VS_PANEL,
                   (size_t)(n % SIDE) * sizeof(room.b[0]));
        }
        for (int j = 0; j < cols; j += 2 * SIDE)
            square(c + j, ldc, &a, b + j, room.b[0] + j, n, j + SIDE < cols, t->add || from > 0);
    }
    _tile_release();
    if (!whole)
        copy_rows(t->c, t->ldc, c, ldc, t->rows, cols);
}

#else
typedef int vs_no_amx;             /* a file must not be empty */
#endif
