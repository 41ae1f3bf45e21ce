/* Gaussian blur, and glass: pixels seen through an uneven pane.
 *
 *   gaussian_blur   floor(255 G x), G a Gaussian of sigma pixels cut at 4 sigma, the picture
 *                   continued by its edge (scikit-image's filters.gaussian, float64)
 *   glass_blur      y = floor(255 G x); `passes` times, rows and columns from H - d and W - d down
 *                   to d + 1: y[h][w] = y[h + dy][w + dx], dy and dx uniform in -d..d-1, reading
 *                   what was written before; then floor(G y)
 *
 * The reference of glass_blur means to swap the two pixels and does not: it overwrites the one by
 * the other. Here as it does. Its loops are fixed to 224 x 224; here they follow the size.
 */
#include <stdlib.h>
#include <string.h>

#include "eval/field.h"
#include "eval/kinds.h"

static vs_err prepare_gaussian_blur(void **table, const double *level)
{
    *table = vs_gaussian_new(level[0], 4);
    return *table ? VS_OK : VS_FAIL(VS_ERR_NOMEM, "no memory for a Gaussian");
}

static int inside(int i, int n)
{
    return vs_border_index(i, n, VS_BORDER_NEAREST);
}

/* Row y of the result along columns, (line) in 0..1. */
static void blur_column(double *row, const double *x, int y, int H, int line,
                        const vs_gaussian *g)
{
    const double *weight = g->weight + g->radius;
    vs_sum_start(row, x + (size_t)y * (size_t)line, weight[0], line);
    for (int r = g->radius; r > 0; r--)
        vs_sum_pair(row, x + (size_t)inside(y - r, H) * (size_t)line,
                    x + (size_t)inside(y + r, H) * (size_t)line, weight[r], line);
}

/* Along the row, which is continued by `radius` pixels at both ends in `wide`. */
static void blur_row(uint8_t *dst, double *sum, double *wide, const double *row, int W,
                     const vs_gaussian *g)
{
    const double *weight = g->weight + g->radius, *middle = wide + 3 * g->radius;
    for (int x = 0; x < W + 2 * g->radius; x++)
        memcpy(wide + 3 * x, row + 3 * inside(x - g->radius, W), 3 * sizeof(double));
    vs_sum_start(sum, middle, weight[0], 3 * W);
    for (int r = g->radius; r > 0; r--)
        vs_sum_pair(sum, middle - 3 * r, middle + 3 * r, weight[r], 3 * W);
    for (int i = 0; i < 3 * W; i++)
        dst[i] = (uint8_t)(255 * (sum[i] > 1 ? 1 : sum[i]));
}

static vs_err blur(uint8_t *dst, const uint8_t *src, int H, int W, const vs_gaussian *g)
{
    const size_t line = (size_t)W * 3, n = line * (size_t)H;
    double *x = malloc(sizeof(double) * (n + 3 * line + 6 * (size_t)g->radius));
    if (!x)
        return VS_FAIL(VS_ERR_NOMEM, "no memory for a %d x %d picture", W, H);
    double *row = x + n, *sum = row + line, *wide = sum + line;
    for (size_t i = 0; i < n; i++)
        x[i] = src[i] / 255.0;
    for (int y = 0; y < H; y++) {
        blur_column(row, x, y, H, (int)line, g);
        blur_row(dst + line * (size_t)y, sum, wide, row, W, g);
    }
    free(x);
    return VS_OK;
}

static vs_err frame_gaussian_blur(uint8_t *dst, const uint8_t *src, const vs_frame *f)
{
    return blur(dst, src, f->H, f->W, f->table);
}

static void shuffle(uint8_t *rgb, int H, int W, int d, vs_rng *rng)
{
    for (int h = H - d; h > d; h--)
        for (int w = W - d; w > d; w--) {
            const int dx = (int)vs_rng_below(rng, 2 * (uint32_t)d) - d;
            const int dy = (int)vs_rng_below(rng, 2 * (uint32_t)d) - d;
            memcpy(rgb + 3 * ((size_t)h * W + w), rgb + 3 * ((size_t)(h + dy) * W + w + dx), 3);
        }
}

static vs_err frame_glass(uint8_t *dst, const uint8_t *src, const vs_frame *f)
{
    const size_t n = (size_t)f->H * f->W * 3;
    vs_rng rng = vs_frame_rng(f);
    uint8_t *pane = malloc(n);
    if (!pane)
        return VS_FAIL(VS_ERR_NOMEM, "no memory for a %d x %d picture", f->W, f->H);
    vs_err err = blur(pane, src, f->H, f->W, f->table);
    for (int pass = 0; pass < (int)f->level[2]; pass++)
        shuffle(pane, f->H, f->W, (int)f->level[1], &rng);
    if (err == VS_OK)
        err = blur(dst, pane, f->H, f->W, f->table);
    free(pane);
    return err;
}

const vs_kind vs_kind_gaussian_blur = { .prepare = prepare_gaussian_blur,
                                        .frame = frame_gaussian_blur };
const vs_kind vs_kind_glass = { .prepare = prepare_gaussian_blur, .frame = frame_glass };
