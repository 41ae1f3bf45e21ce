#include "eval/edges.h"

#include <stdlib.h>
#include <string.h>

#include "eval/field.h"

/* ---- Canny -------------------------------------------------------------------------------- */

struct gradient {
    int H, W;
    int16_t *dx, *dy;              /* (H, W) */
    int32_t *size;                 /* (H + 2, W + 2), 0 around */
};

static int grey_at(const uint8_t *grey, int y, int x, int H, int W)
{
    return grey[(size_t)vs_border_index(y, H, VS_BORDER_NEAREST) * (size_t)W +
                (size_t)vs_border_index(x, W, VS_BORDER_NEAREST)];
}

static int32_t *size_at(const struct gradient *g, int y, int x)
{
    return g->size + (size_t)(y + 1) * ((size_t)g->W + 2) + (size_t)(x + 1);
}

static void sobel(struct gradient *g, const uint8_t *grey)
{
    for (int y = 0; y < g->H; y++)
        for (int x = 0; x < g->W; x++) {
            const size_t i = (size_t)y * (size_t)g->W + (size_t)x;
            int v[9];
            for (int k = 0; k < 9; k++)
                v[k] = grey_at(grey, y + k / 3 - 1, x + k % 3 - 1, g->H, g->W);
            g->dx[i] = (int16_t)(v[2] + 2 * v[5] + v[8] - v[0] - 2 * v[3] - v[6]);
            g->dy[i] = (int16_t)(v[6] + 2 * v[7] + v[8] - v[0] - 2 * v[1] - v[2]);
            *size_at(g, y, x) = abs(g->dx[i]) + abs(g->dy[i]);
        }
}

/* Largest across its direction: one of four, told by tan 22.5 and tan 67.5 degrees in 15 bits. */
static int is_peak(const struct gradient *g, int y, int x)
{
    const size_t i = (size_t)y * (size_t)g->W + (size_t)x;
    const int32_t *m = size_at(g, y, x);
    const ptrdiff_t row = (ptrdiff_t)g->W + 2;
    const int64_t right = abs(g->dx[i]), down = (int64_t)abs(g->dy[i]) << 15;
    const int64_t flat = right * 13573, steep = flat + (right << 16);
    if (down < flat)
        return m[0] > m[-1] && m[0] >= m[1];
    if (down > steep)
        return m[0] > m[-row] && m[0] >= m[row];
    const ptrdiff_t slant = (g->dx[i] ^ g->dy[i]) < 0 ? -1 : 1;
    return m[0] > m[-row - slant] && m[0] > m[row + slant];
}

/* From every strong peak (2) through weak ones (1) that touch; stack (H W). */
static void connect(uint8_t *edge, int H, int W, int *stack)
{
    int n = 0;
    for (int i = 0; i < H * W; i++)
        if (edge[i] == 2)
            stack[n++] = i;
    while (n > 0) {
        const int at = stack[--n], y = at / W, x = at % W;
        for (int k = 0; k < 9; k++) {
            const int ny = y + k / 3 - 1, nx = x + k % 3 - 1;
            if (ny < 0 || ny >= H || nx < 0 || nx >= W || edge[ny * W + nx] != 1)
                continue;
            edge[ny * W + nx] = 2;
            stack[n++] = ny * W + nx;
        }
    }
    for (int i = 0; i < H * W; i++)
        edge[i] = edge[i] == 2;
}

vs_err vs_edges_canny(uint8_t *edge, const uint8_t *grey, int H, int W, int low, int high)
{
    const size_t n = (size_t)H * (size_t)W;
    struct gradient g = { .H = H, .W = W, .dx = malloc(sizeof(int16_t) * n),
                          .dy = malloc(sizeof(int16_t) * n),
                          .size = calloc(((size_t)H + 2) * ((size_t)W + 2), sizeof(int32_t)) };
    int *stack = malloc(sizeof(*stack) * n);
    vs_err err = VS_OK;
    if (g.dx && g.dy && g.size && stack) {
        sobel(&g, grey);
        for (int y = 0; y < H; y++)
            for (int x = 0; x < W; x++) {
                const int m = *size_at(&g, y, x);
                edge[(size_t)y * (size_t)W + (size_t)x] =
                    (uint8_t)(m > low && is_peak(&g, y, x) ? 1 + (m > high) : 0);
            }
        connect(edge, H, W, stack);
    } else {
        err = VS_FAIL(VS_ERR_NOMEM, "no memory for the edges of a %d x %d picture", W, H);
    }
    free(g.dx);
    free(g.dy);
    free(g.size);
    free(stack);
    return err;
}

/* ---- Distance ----------------------------------------------------------------------------- */

#define FAR (INT32_MAX >> 2)
enum { STRAIGHT = 65536, DIAGONAL = 91750, KNIGHT = 143976 };

static int32_t least(int32_t a, int32_t b)
{
    return a < b ? a : b;
}

/* What the eight neighbours on one side say; up = -1: those above and to the left. */
static int32_t reach(const int32_t *d, ptrdiff_t row, int up)
{
    int32_t v = least(d[0], least(d[up], d[up * row]) + STRAIGHT);
    v = least(v, least(d[up * row - 1], d[up * row + 1]) + DIAGONAL);
    v = least(v, least(d[2 * up * row - 1], d[2 * up * row + 1]) + KNIGHT);
    return least(v, least(d[up * row - 2], d[up * row + 2]) + KNIGHT);
}

vs_err vs_edges_distance(float *distance, const uint8_t *edge, int H, int W, float most)
{
    const ptrdiff_t row = (ptrdiff_t)W + 4;
    const size_t all = (size_t)row * ((size_t)H + 4);
    int32_t *d = malloc(sizeof(*d) * all);
    if (!d)
        return VS_FAIL(VS_ERR_NOMEM, "no memory for distances in a %d x %d picture", W, H);
    int32_t *inside = d + 2 * row + 2;
    for (size_t i = 0; i < all; i++)
        d[i] = FAR;
    for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x++) {
            int32_t *at = inside + y * row + x;
            *at = edge[(size_t)y * (size_t)W + (size_t)x] ? 0 : FAR;
            *at = reach(at, row, -1);
        }
    for (int y = H - 1; y >= 0; y--)
        for (int x = W - 1; x >= 0; x--) {
            int32_t *at = inside + y * row + x;
            *at = reach(at, row, 1);
            const float value = (float)*at * (1.0f / 65536);
            distance[(size_t)y * (size_t)W + (size_t)x] = value < most ? value : most;
        }
    free(d);
    return VS_OK;
}
