/* Blur by motion and by zoom (defocus is in defocus.c).
 *
 * motion_blur (ImageMagick 6): one-sided, n = 2r + 1 taps of weight ~ exp(-i^2 / 2 s^2),
 *     out(x, y) = sum over i of w_i in(x + ceil(i cos a - 1/2), y + ceil(i sin a - 1/2)),
 *     y down, edge pixels repeated, in 16 bits (257 v), rounded, then divided by 257 and
 *     truncated. The angle is uniform in -45..45 degrees for every frame, or given.
 *
 * zoom_blur: with zooms z = 1, 1 + step, ... below the largest,
 *     out = (x + sum over z of zoomed(x, z)) / (number of z + 1), x = v / 255, float32;
 *     zoomed: the central ceil(H/z) rows enlarged to round(ceil(H/z) z) rows, corner on
 *     corner, bilinear, and cut to the central H again; columns alike.
 *     z = 1 is in the list, so the picture itself counts twice.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "eval/kinds.h"

#define PI 3.14159265358979323846

/* ---- Motion ------------------------------------------------------------------------------ */

#define MOTION_TAPS 41

struct motion {
    int n, dx[MOTION_TAPS], dy[MOTION_TAPS];
    double weight[MOTION_TAPS];
};

static void motion_taps(struct motion *m, double radius, double sigma, double degrees)
{
    const int n = 2 * (int)ceil(radius) + 1;
    const double angle = degrees * (PI / 180), down = n * sin(angle), right = n * cos(angle);
    const double length = hypot(right, down);
    double sum = 0;
    VS_ASSERT(n <= MOTION_TAPS);
    m->n = n;
    for (int i = 0; i < n; i++) {
        m->weight[i] = exp(-i * i / (2 * sigma * sigma));
        sum += m->weight[i];
        m->dx[i] = (int)ceil(i * right / length - 0.5);
        m->dy[i] = (int)ceil(i * down / length - 0.5);
    }
    for (int i = 0; i < n; i++)
        m->weight[i] /= sum;
}

static int clamp(int v, int lo, int hi)
{
    return v < lo ? lo : v > hi ? hi : v;
}

/* The picture in 16 bits as doubles, with `pad` columns repeated on both sides. */
static void widen(double *wide, const uint8_t *src, int H, int W, int pad)
{
    for (int y = 0; y < H; y++)
        for (int x = -pad; x < W + pad; x++) {
            const uint8_t *p = src + 3 * ((size_t)y * W + clamp(x, 0, W - 1));
            for (int c = 0; c < 3; c++)
                *wide++ = 257.0 * p[c];
        }
}

static double motion_angle(const vs_frame *f)
{
    vs_rng rng = vs_frame_rng(f);
    return f->options->fixed_angle ? f->options->angle : vs_rng_uniform(&rng, -45, 45);
}

static vs_err frame_motion(uint8_t *dst, const uint8_t *src, const vs_frame *f)
{
    const int H = f->H, W = f->W, n = 3 * W, pad = MOTION_TAPS;
    const size_t stride = 3 * ((size_t)W + 2 * pad);
    struct motion m;
    motion_taps(&m, f->level[0], f->level[1], motion_angle(f));
    double *wide = malloc(sizeof(double) * (stride * (size_t)H + (size_t)n));
    if (!wide)
        return VS_FAIL(VS_ERR_NOMEM, "no memory to blur a %d x %d picture", W, H);
    double *sum = wide + stride * (size_t)H;
    widen(wide, src, H, W, pad);
    for (int y = 0; y < H; y++, dst += n) {
        memset(sum, 0, sizeof(double) * (size_t)n);
        for (int i = 0; i < m.n; i++) {
            const double *from = wide + stride * (size_t)clamp(y + m.dy[i], 0, H - 1) +
                                 3 * (pad + m.dx[i]);
            for (int x = 0; x < n; x++)
                sum[x] += m.weight[i] * from[x];
        }
        for (int x = 0; x < n; x++)
            dst[x] = (uint8_t)((int)(fmin(sum[x], 65535) + 0.5) / 257);
    }
    free(wide);
    return VS_OK;
}

/* ---- Zoom -------------------------------------------------------------------------------- */

/* Where the outputs of one axis are sampled: between i and j, at fraction f. */
struct axis {
    int i, j;
    double f;
};

static void zoom_axis(struct axis *axis, int size, double zoom)
{
    const int crop = (int)ceil(size / zoom), start = (size - crop) / 2;
    const int out = (int)nearbyint(crop * zoom), trim = (out - size) / 2;
    const double step = out > 1 ? (double)(crop - 1) / (out - 1) : 0;
    for (int k = 0; k < size; k++) {
        const double at = (k + trim) * step;
        const int i = clamp((int)at, 0, crop - 1);
        axis[k] = (struct axis){ start + i, start + clamp(i + 1, 0, crop - 1), at - i };
    }
}

struct zoom_scratch {
    struct axis *down, *across;
    double *line;                  /* (W, 3) one row between two rows */
    float *sum;                    /* (H, W, 3) */
};

static vs_err zoom_scratch_new(struct zoom_scratch *s, int H, int W)
{
    s->down = malloc(sizeof(struct axis) * (size_t)H);
    s->across = malloc(sizeof(struct axis) * (size_t)W);
    s->line = malloc(sizeof(double) * 3 * (size_t)W);
    s->sum = calloc((size_t)H * W * 3, sizeof(float));
    return s->down && s->across && s->line && s->sum
               ? VS_OK
               : VS_FAIL(VS_ERR_NOMEM, "no memory to blur a %d x %d picture", W, H);
}

static void zoom_scratch_free(struct zoom_scratch *s)
{
    free(s->down);
    free(s->across);
    free(s->line);
    free(s->sum);
}

static void add_zoomed(struct zoom_scratch *s, const uint8_t *src, int H, int W, double zoom,
                       const double *unit)
{
    float *sum = s->sum;
    zoom_axis(s->down, H, zoom);
    zoom_axis(s->across, W, zoom);
    for (int y = 0; y < H; y++) {
        const struct axis *d = &s->down[y];
        const uint8_t *a = src + (size_t)d->i * W * 3, *b = src + (size_t)d->j * W * 3;
        for (int x = 0; x < 3 * W; x++)
            s->line[x] = unit[a[x]] * (1 - d->f) + unit[b[x]] * d->f;
        for (int x = 0; x < W; x++, sum += 3) {
            const struct axis h = s->across[x];
            const double *p = s->line + 3 * h.i, *q = s->line + 3 * h.j;
            for (int c = 0; c < 3; c++)
                sum[c] += (float)(p[c] * (1 - h.f) + q[c] * h.f);
        }
    }
}

/* level: largest zoom (excluded, but for rounding), step. */
static vs_err frame_zoom(uint8_t *dst, const uint8_t *src, const vs_frame *f)
{
    const double largest = f->level[0], step = (1 + f->level[1]) - 1;
    const int zooms = (int)ceil((largest - 1) / f->level[1]);
    const size_t n = (size_t)f->H * f->W * 3;
    double unit[256];
    struct zoom_scratch s = { 0 };
    vs_err err = zoom_scratch_new(&s, f->H, f->W);
    for (int v = 0; v < 256; v++)
        unit[v] = (float)(v / 255.0);
    for (int k = 0; err == VS_OK && k < zooms; k++)
        add_zoomed(&s, src, f->H, f->W, 1 + k * step, unit);
    for (size_t i = 0; err == VS_OK && i < n; i++) {
        const float mean = ((float)unit[src[i]] + s.sum[i]) / (float)(zooms + 1);
        dst[i] = (uint8_t)(fminf(mean, 1) * 255);
    }
    zoom_scratch_free(&s);
    return err;
}

const vs_kind vs_kind_motion = { .frame = frame_motion };
const vs_kind vs_kind_zoom = { .frame = frame_zoom };
