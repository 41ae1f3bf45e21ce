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
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "eval/kinds.h"

struct gaussian {
    int radius;
    double weight[];               /* (2 * radius + 1) */
};

/* In the order of NumPy's sum, so that weights agree to the last bit: eight partial sums. */
static double sum_of(const double *x, int n)
{
    double part[8] = { 0 };
    const int whole = n / 8 * 8;
    for (int i = 0; i < whole; i++)
        part[i % 8] += x[i];
    double sum = ((part[0] + part[1]) + (part[2] + part[3])) +
                 ((part[4] + part[5]) + (part[6] + part[7]));
    for (int i = whole; i < n; i++)
        sum += x[i];
    return sum;
}

static vs_err prepare_gaussian_blur(void **table, const double *level)
{
    const double sigma = level[0];
    const int radius = (int)(4 * sigma + 0.5), n = 2 * radius + 1;
    struct gaussian *g = malloc(sizeof(*g) + sizeof(double) * (size_t)n);
    if (!g)
        return VS_FAIL(VS_ERR_NOMEM, "no memory for a Gaussian of %d taps", n);
    g->radius = radius;
    for (int i = 0; i < n; i++)
        g->weight[i] = exp(-0.5 / (sigma * sigma) * ((i - radius) * (i - radius)));
    const double sum = sum_of(g->weight, n);
    for (int i = 0; i < n; i++)
        g->weight[i] /= sum;
    *table = g;
    return VS_OK;
}

static int inside(int i, int n)
{
    return i < 0 ? 0 : i >= n ? n - 1 : i;
}

/* Sums follow the order of the reference (SciPy's correlate1d): the middle, then pairs from the
 * outside in; a byte is truncated, so the last bit of a double tells. */

/* The same sums on every machine: no multiplication is fused with an addition (meson.build). */
#define VECTOR __attribute__((target_clones("arch=x86-64-v4", "avx2", "default"), noinline))

/* sum of n values; a pair of values to each. */
VECTOR static void add_pairs(double *sum, const double *a, const double *b, double weight, int n)
{
    for (int i = 0; i < n; i++)
        sum[i] += (a[i] + b[i]) * weight;
}

VECTOR static void start_sum(double *sum, const double *middle, double weight, int n)
{
    for (int i = 0; i < n; i++)
        sum[i] = middle[i] * weight;
}

/* Row y of the result along columns, (line) in 0..1. */
static void blur_column(double *row, const double *x, int y, int H, int line,
                        const struct gaussian *g)
{
    const double *weight = g->weight + g->radius;
    start_sum(row, x + (size_t)y * (size_t)line, weight[0], line);
    for (int r = g->radius; r > 0; r--)
        add_pairs(row, x + (size_t)inside(y - r, H) * (size_t)line,
                  x + (size_t)inside(y + r, H) * (size_t)line, weight[r], line);
}

/* Along the row, which is continued by `radius` pixels at both ends in `wide`. */
static void blur_row(uint8_t *dst, double *sum, double *wide, const double *row, int W,
                     const struct gaussian *g)
{
    const double *weight = g->weight + g->radius, *middle = wide + 3 * g->radius;
    for (int x = 0; x < W + 2 * g->radius; x++)
        memcpy(wide + 3 * x, row + 3 * inside(x - g->radius, W), 3 * sizeof(double));
    start_sum(sum, middle, weight[0], 3 * W);
    for (int r = g->radius; r > 0; r--)
        add_pairs(sum, middle - 3 * r, middle + 3 * r, weight[r], 3 * W);
    for (int i = 0; i < 3 * W; i++)
        dst[i] = (uint8_t)(255 * (sum[i] > 1 ? 1 : sum[i]));
}

static vs_err blur(uint8_t *dst, const uint8_t *src, int H, int W, const struct gaussian *g)
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
