/* Making statistical textures. What they are: gen/texture/statistical.h */
#include "gen/texture/statistical.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "gen/texture/pyramid.h"
#include "gen/texture/rank.h"

enum { ROUNDS = 10, QUANTILES = 4096, MOST_COLORS = 22 };

struct vs_statistical {
    int size, scales;
    size_t n;                      /* size * size */
    vs_pyramid *pyramid;
    float *x[3];                   /* (n) the channels */
    float *target[3];              /* (n) sorted numbers of the colour image's channels */
    float *sorted, *tmp;           /* (n) */
    uint32_t *order, *room;        /* (n), (2 n) */
    float quantile[VS_PYRAMID_SCALES][QUANTILES];      /* of |x| at c = 1, of one channel */
    double basis[3][3], mean[3];   /* channel k is along basis[k] */
};

/* ---- Distributions ------------------------------------------------------------------------ */

/* |x| = y^(1/r) where y has the density y^(1/r - 1) exp(-y). */
static void fill_quantiles(float q[QUANTILES], double r)
{
    enum { STEPS = 8192 };
    const double top = 40;
    double total = 0, part = 0;
    for (int i = 0; i < STEPS; i++) {
        const double y = (i + 0.5) * top / STEPS;
        total += pow(y, 1 / r - 1) * exp(-y);
    }
    int at = 0;
    for (int i = 0; i < STEPS && at < QUANTILES; i++) {
        const double y = (i + 0.5) * top / STEPS, more = pow(y, 1 / r - 1) * exp(-y);
        for (; at < QUANTILES && (part + more) * QUANTILES >= (at + 0.5) * total; at++) {
            const double into = ((at + 0.5) * total / QUANTILES - part) / more;
            q[at] = (float)pow((i + into) * top / STEPS, 1 / r);
        }
        part += more;
    }
    for (; at < QUANTILES; at++)
        q[at] = q[at - 1];
}

static float quantile_at(const float q[QUANTILES], double share)
{
    const double at = share * QUANTILES - 0.5;
    const int k = at < 0 ? 0 : at >= QUANTILES - 1 ? QUANTILES - 2 : (int)at;
    return (float)(q[k] + (q[k + 1] - q[k]) * (at < 0 ? 0 : at - k));
}

static double energy(const float *x, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (double)x[i] * x[i];
    return sum;
}

static void match_band(void *ctx, int scale, int orientation, float *band, size_t n)
{
    vs_statistical *s = ctx;
    (void)orientation;
    for (size_t k = 0; k < n / 2; k++) {
        const float v = quantile_at(s->quantile[scale], 1 - (2 * (double)k + 1) / (double)n);
        s->sorted[k] = -v;
        s->sorted[n - 1 - k] = v;
    }
    const double wanted = energy(band, n), is = energy(s->sorted, n);
    const float gain = is > 0 ? (float)sqrt(wanted / is) : 0;
    for (size_t k = 0; k < n; k++)
        s->sorted[k] *= gain;
    vs_rank(s->order, band, n, s->room);
    vs_rank_assign(band, s->order, s->sorted, n);
}

static void match_colors(vs_statistical *s, int channel)
{
    vs_rank(s->order, s->x[channel], s->n, s->room);
    vs_rank_assign(s->x[channel], s->order, s->target[channel], s->n);
}

/* ---- The colour image ---------------------------------------------------------------------- */

/* Regions of random area, row after row, in three planes. */
static void lay_colors(float *const plane[3], size_t n, vs_rng *r)
{
    const int colors = 3 + (int)vs_rng_below(r, MOST_COLORS - 2);
    double area[MOST_COLORS], sum = 0;
    for (int k = 0; k < colors; k++)
        sum += area[k] = vs_rng_f64(r);
    size_t at = 0;
    double part = 0;
    for (int k = 0; k < colors; k++) {
        float color[3];
        for (int c = 0; c < 3; c++)
            color[c] = (float)vs_rng_f64(r);
        part += area[k];
        const size_t end = k == colors - 1 ? n : (size_t)(part / sum * (double)n);
        for (; at < end; at++)
            for (int c = 0; c < 3; c++)
                plane[c][at] = color[c];
    }
}

/* Means of up to `box` rows and columns around each pixel, one axis: steps of `step`. */
static void box_blur(float *x, float *tmp, int size, int step, int across, int box)
{
    for (int line = 0; line < size; line++) {
        float *const row = x + (size_t)line * (size_t)across;
        for (int i = 0; i < size; i++) {
            double sum = 0;
            for (int k = 0; k < box; k++)
                sum += row[(size_t)((i + k - box / 2 + size) % size) * (size_t)step];
            tmp[i] = (float)(sum / box);
        }
        for (int i = 0; i < size; i++)
            row[(size_t)i * (size_t)step] = tmp[i];
    }
}

/* Eigenvectors of a symmetric matrix as rows of v: Jacobi rotations. */
static void eigenvectors(double v[3][3], double a[3][3])
{
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++)
            v[i][j] = i == j;
    for (int sweep = 0; sweep < 30; sweep++) {
        const int p = sweep % 3 == 2, q = sweep % 3 == 0 ? 1 : 2;
        if (a[p][q] == 0)
            continue;
        const double t = 0.5 * atan2(2 * a[p][q], a[p][p] - a[q][q]), c = cos(t), d = sin(t);
        for (int k = 0; k < 3; k++) {
            const double u = a[p][k], w = a[q][k];
            a[p][k] = c * u + d * w;
            a[q][k] = c * w - d * u;
        }
        for (int k = 0; k < 3; k++) {
            const double u = a[k][p], w = a[k][q], x = v[p][k], y = v[q][k];
            a[k][p] = c * u + d * w;
            a[k][q] = c * w - d * u;
            v[p][k] = c * x + d * y;
            v[q][k] = c * y - d * x;
        }
    }
}

static void find_basis(vs_statistical *s)
{
    double a[3][3] = { { 0 } };
    for (int c = 0; c < 3; c++) {
        double sum = 0;
        for (size_t i = 0; i < s->n; i++)
            sum += s->target[c][i];
        s->mean[c] = sum / (double)s->n;
    }
    for (int c = 0; c < 3; c++)
        for (int d = 0; d < 3; d++)
            for (size_t i = 0; i < s->n; i++)
                a[c][d] += (s->target[c][i] - s->mean[c]) * (s->target[d][i] - s->mean[d]);
    eigenvectors(s->basis, a);
}

/* The channels of a random colour image, decorrelated and sorted, into target. */
static void make_targets(vs_statistical *s, vs_rng *r)
{
    lay_colors(s->target, s->n, r);
    const int box = 1 + (int)vs_rng_below(r, 10);
    for (int c = 0; c < 3 && box > 1; c++) {
        box_blur(s->target[c], s->tmp, s->size, 1, s->size, box);
        box_blur(s->target[c], s->tmp, s->size, s->size, 1, box);
    }
    find_basis(s);
    for (size_t i = 0; i < s->n; i++) {
        double rgb[3];
        for (int c = 0; c < 3; c++)
            rgb[c] = s->target[c][i] - s->mean[c];
        for (int k = 0; k < 3; k++)
            s->target[k][i] = (float)(s->basis[k][0] * rgb[0] + s->basis[k][1] * rgb[1] +
                                      s->basis[k][2] * rgb[2]);
    }
    for (int k = 0; k < 3; k++) {
        vs_rank(s->order, s->target[k], s->n, s->room);
        for (size_t i = 0; i < s->n; i++)
            s->sorted[i] = s->target[k][s->order[i]];
        memcpy(s->target[k], s->sorted, s->n * sizeof(float));
    }
}

/* ---- A texture ------------------------------------------------------------------------------- */

static void to_colors(vs_statistical *s)
{
    for (size_t i = 0; i < s->n; i++) {
        const double k0 = s->x[0][i], k1 = s->x[1][i], k2 = s->x[2][i];
        for (int c = 0; c < 3; c++)
            s->x[c][i] = (float)(s->mean[c] + s->basis[0][c] * k0 + s->basis[1][c] * k1 +
                                 s->basis[2][c] * k2);
    }
}

/* Nothing is cut off: that would add edges to the spectrum. */
static void to_bytes(const vs_statistical *s, uint8_t *rgb)
{
    float lo = INFINITY, hi = -INFINITY;
    for (int c = 0; c < 3; c++)
        for (size_t i = 0; i < s->n; i++) {
            lo = s->x[c][i] < lo ? s->x[c][i] : lo;
            hi = s->x[c][i] > hi ? s->x[c][i] : hi;
        }
    const float gain = hi > lo ? 255 / (hi - lo) : 0;
    for (int c = 0; c < 3; c++)
        for (size_t i = 0; i < s->n; i++) {
            const float v = (s->x[c][i] - lo) * gain + 0.5f;
            rgb[3 * i + (size_t)c] = (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
        }
}

static void shape_channel(vs_statistical *s, int channel, double sx, double sy, vs_rng *r)
{
    for (int k = 0; k < s->scales; k++)
        fill_quantiles(s->quantile[k], vs_rng_uniform(r, 0.4, 0.8));
    for (size_t i = 0; i < s->n; i++)
        s->x[channel][i] = vs_rng_f32(r);
    for (int round = 0; round < ROUNDS; round++) {
        vs_spectrum_impose(s->pyramid, s->x[channel], sx, sy);
        vs_pyramid_change(s->pyramid, s->x[channel], match_band, s);
        match_colors(s, channel);
    }
    vs_spectrum_impose(s->pyramid, s->x[channel], sx, sy);
}

void vs_statistical_make(vs_statistical *s, uint8_t *rgb, uint64_t seed, uint64_t index)
{
    vs_rng r = vs_rng_at(seed, VS_RNG_TEXTURE, index);
    const double slope = vs_rng_uniform(&r, 0.5, 3.5), d = vs_rng_normal(&r) * 3 / 15 / 4;
    make_targets(s, &r);
    for (int c = 0; c < 3; c++)
        shape_channel(s, c, slope + d, slope - d, &r);
    to_colors(s);
    to_bytes(s, rgb);
}

vs_err vs_statistical_new(vs_statistical **out, int size)
{
    vs_statistical *s = calloc(1, sizeof(*s));
    *out = NULL;
    if (!s)
        return VS_FAIL(VS_ERR_NOMEM, "no memory for textures of %d", size);
    s->size = size;
    s->scales = size >= 256 ? 4 : 3;
    s->n = (size_t)size * (size_t)size;
    vs_err err = vs_pyramid_new(&s->pyramid, size, s->scales);
    bool good = true;
    for (int c = 0; c < 3; c++) {
        s->x[c] = malloc(s->n * sizeof(float));
        s->target[c] = malloc(s->n * sizeof(float));
        good = good && s->x[c] && s->target[c];
    }
    s->sorted = malloc(s->n * sizeof(float));
    s->tmp = malloc(s->n * sizeof(float));
    s->order = malloc(s->n * sizeof(uint32_t));
    s->room = malloc(2 * s->n * sizeof(uint32_t));
    if (err == VS_OK && !(good && s->sorted && s->tmp && s->order && s->room))
        err = VS_FAIL(VS_ERR_NOMEM, "no memory for textures of %dx%d", size, size);
    if (err != VS_OK)
        vs_statistical_free(&s);
    *out = s;
    return err;
}

void vs_statistical_free(vs_statistical **statistical)
{
    vs_statistical *s = *statistical;
    if (!s)
        return;
    vs_pyramid_free(&s->pyramid);
    for (int c = 0; c < 3; c++) {
        free(s->x[c]);
        free(s->target[c]);
    }
    free(s->sorted);
    free(s->tmp);
    free(s->order);
    free(s->room);
    free(s);
    *statistical = NULL;
}
