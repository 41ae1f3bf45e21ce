#include "eval/field.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "eval/kinds.h"

/* No multiplication is fused with an addition (meson.build): the same sums everywhere. */
#define VECTOR __attribute__((target_clones("arch=x86-64-v4", "avx2", "default"), noinline))

void vs_field_uniform(double *out, size_t n, vs_rng *rng)
{
    for (size_t i = 0; i < n; i++)
        out[i] = (vs_rng_u32(rng) + 0.5) * 0x1p-32;
}

void vs_field_normal(double *out, size_t n, vs_rng *rng)
{
    for (size_t i = 0; i < n; i++)
        out[i] = vs_normal_quantile((vs_rng_u32(rng) + 0.5) * 0x1p-32);
}

/* ---- Gaussians ---------------------------------------------------------------------------- */

/* In the order of NumPy's sum, so that weights agree to the last bit: eight partial sums, in
 * blocks of at most 128 that are halved further up. */
static double sum_of(const double *x, int n)
{
    if (n > 128) {
        const int half = n / 2 - n / 2 % 8;
        return sum_of(x, half) + sum_of(x + half, n - half);
    }
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

vs_gaussian *vs_gaussian_new(double sigma, double truncate)
{
    const int radius = (int)(truncate * sigma + 0.5), n = 2 * radius + 1;
    vs_gaussian *g = calloc(1, sizeof(*g) + sizeof(double) * (size_t)n);
    if (!g)
        return NULL;
    g->radius = radius;
    for (int i = 0; i < n; i++)
        g->weight[i] = exp(-0.5 / (sigma * sigma) * ((i - radius) * (i - radius)));
    const double sum = sum_of(g->weight, n);
    for (int i = 0; i < n; i++)
        g->weight[i] /= sum;
    return g;
}

VECTOR void vs_sum_pair(double *sum, const double *a, const double *b, double weight, int n)
{
    for (int i = 0; i < n; i++)
        sum[i] += (a[i] + b[i]) * weight;
}

VECTOR void vs_sum_start(double *sum, const double *middle, double weight, int n)
{
    for (int i = 0; i < n; i++)
        sum[i] = middle[i] * weight;
}

VECTOR static void sum_one(double *sum, const double *a, double weight, int n)
{
    for (int i = 0; i < n; i++)
        sum[i] += a[i] * weight;
}

/* A Gaussian wider than the line that it smooths, as the matrix of weights of place i in result
 * k at [i * n + k]: what lies beyond the border is added to the place that stands for it. */
static double *folded(const vs_gaussian *g, int n, vs_border border)
{
    double *m = calloc((size_t)n * (size_t)n, sizeof(*m));
    for (int k = 0; m && k < n; k++)
        for (int r = -g->radius; r <= g->radius; r++)
            m[(size_t)vs_border_index(k + r, n, border) * (size_t)n + (size_t)k] +=
                g->weight[r + g->radius];
    return m;
}

#define CHUNK 128                  /* columns at a time: their part of a matrix stays near */

static int least(int a, int b)
{
    return a < b ? a : b;
}

/* out (H, W): every column of x smoothed. */
static void smooth_columns(double *out, const double *x, int H, int W, const vs_gaussian *g,
                           vs_border border)
{
    const double *weight = g->weight + g->radius;
    for (int y = 0; y < H; y++) {
        double *row = out + (size_t)y * (size_t)W;
        vs_sum_start(row, x + (size_t)y * (size_t)W, weight[0], W);
        for (int r = g->radius; r > 0; r--)
            vs_sum_pair(row, x + (size_t)vs_border_index(y - r, H, border) * (size_t)W,
                        x + (size_t)vs_border_index(y + r, H, border) * (size_t)W, weight[r], W);
    }
}

/* The same with m (H, H) of folded(). */
static void fold_columns(double *out, const double *x, int H, int W, const double *m)
{
    for (int from = 0; from < W; from += CHUNK)
        for (int y = 0; y < H; y++) {
            double *row = out + (size_t)y * (size_t)W + from;
            const int n = least(CHUNK, W - from);
            memset(row, 0, sizeof(*row) * (size_t)n);
            for (int i = 0; i < H; i++)
                sum_one(row, x + (size_t)i * (size_t)W + from, m[(size_t)i * (size_t)H + (size_t)y],
                        n);
        }
}

/* out (H, W): every row of x smoothed; wide: room for W + 2 radius. */
static void smooth_rows(double *out, const double *x, double *wide, int H, int W,
                        const vs_gaussian *g, vs_border border)
{
    const double *weight = g->weight + g->radius, *middle = wide + g->radius;
    for (int y = 0; y < H; y++, out += W, x += W) {
        for (int i = 0; i < W + 2 * g->radius; i++)
            wide[i] = x[vs_border_index(i - g->radius, W, border)];
        vs_sum_start(out, middle, weight[0], W);
        for (int r = g->radius; r > 0; r--)
            vs_sum_pair(out, middle - r, middle + r, weight[r], W);
    }
}

/* The same with m (W, W) of folded(). */
static void fold_rows(double *out, const double *x, int H, int W, const double *m)
{
    for (int from = 0; from < W; from += CHUNK)
        for (int y = 0; y < H; y++) {
            double *row = out + (size_t)y * (size_t)W + from;
            const int n = least(CHUNK, W - from);
            memset(row, 0, sizeof(*row) * (size_t)n);
            for (int i = 0; i < W; i++)
                sum_one(row, m + (size_t)i * (size_t)W + from, x[(size_t)y * (size_t)W + (size_t)i],
                        n);
        }
}

vs_err vs_field_smooth(double *field, int H, int W, double sigma, double truncate,
                       vs_border border)
{
    vs_err err = VS_OK;
    double *out = NULL, *wide = NULL, *down = NULL, *across = NULL;
    vs_gaussian *g = vs_gaussian_new(sigma, truncate);
    if (!g)
        goto nomem;
    const bool fold_down = 2 * g->radius + 1 > H, fold_across = 2 * g->radius + 1 > W;
    out = malloc(sizeof(*out) * (size_t)H * (size_t)W);
    wide = malloc(sizeof(*wide) * ((size_t)W + 2 * (size_t)g->radius));
    down = fold_down ? folded(g, H, border) : NULL;
    across = fold_across && W != H ? folded(g, W, border) : NULL;
    if (!out || !wide || (fold_down && !down) || (fold_across && W != H && !across))
        goto nomem;
    if (fold_down)
        fold_columns(out, field, H, W, down);
    else
        smooth_columns(out, field, H, W, g, border);
    if (fold_across)
        fold_rows(field, out, H, W, W == H ? down : across);
    else
        smooth_rows(field, out, wide, H, W, g, border);
    goto out;
nomem:
    err = VS_FAIL(VS_ERR_NOMEM, "no memory to smooth a field of %d x %d", W, H);
out:
    free(g);
    free(out);
    free(wide);
    free(down);
    free(across);
    return err;
}

/* ---- Zoom -------------------------------------------------------------------------------- */

static int clamp(int v, int lo, int hi)
{
    return v < lo ? lo : v > hi ? hi : v;
}

void vs_zoom_axis(vs_axis *axis, int size, double zoom)
{
    const int crop = (int)ceil(size / zoom), start = (size - crop) / 2;
    const int out = (int)nearbyint(crop * zoom), trim = (out - size) / 2;
    const double step = out > 1 ? (double)(crop - 1) / (out - 1) : 0;
    for (int k = 0; k < size; k++) {
        const double at = (k + trim) * step;
        const int i = clamp((int)at, 0, crop - 1);
        axis[k] = (vs_axis){ start + i, start + clamp(i + 1, 0, crop - 1), at - i };
    }
}
