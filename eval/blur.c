/* Blur by motion, by zoom and by a long exposure (defocus is in defocus.c).
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
 *
 * temporal_motion_blur: frame t = floor(mean of frames t - K .. t + K - 1), those that exist; the
 *     reference leaves out the K frames at both ends, whose windows are not whole.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "eval/field.h"
#include "eval/kinds.h"

#define PI 3.14159265358979323846
/* No multiplication is fused with an addition (meson.build): the same sums everywhere. */
#define VECTOR __attribute__((target_clones("arch=x86-64-v4", "avx2", "default"), noinline))

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

/* The picture (H, W, C) in 16 bits as doubles, with `pad` columns repeated on both sides. */
static void widen(double *wide, const uint8_t *src, int H, int W, int C, int pad)
{
    for (int y = 0; y < H; y++)
        for (int x = -pad; x < W + pad; x++) {
            const uint8_t *p = src + (size_t)C * ((size_t)y * W + clamp(x, 0, W - 1));
            for (int c = 0; c < C; c++)
                *wide++ = 257.0 * p[c];
        }
}

VECTOR static void add_tap(double *sum, const double *from, double weight, int n)
{
    for (int i = 0; i < n; i++)
        sum[i] += weight * from[i];
}

VECTOR static void to_bytes(uint8_t *dst, const double *sum, int n)
{
    for (int i = 0; i < n; i++)
        dst[i] = (uint8_t)((int)((sum[i] < 65535 ? sum[i] : 65535) + 0.5) / 257);
}

static double motion_angle(const vs_frame *f)
{
    vs_rng rng = vs_frame_rng(f);
    return f->options->fixed_angle ? f->options->angle : vs_rng_uniform(&rng, -45, 45);
}

vs_err vs_motion_blur(uint8_t *dst, const uint8_t *src, int H, int W, int C, double radius,
                      double sigma, double degrees)
{
    const int n = C * W, pad = MOTION_TAPS;
    const size_t stride = (size_t)C * ((size_t)W + 2 * pad);
    struct motion m;
    motion_taps(&m, radius, sigma, degrees);
    double *wide = malloc(sizeof(double) * (stride * (size_t)H + (size_t)n));
    if (!wide)
        return VS_FAIL(VS_ERR_NOMEM, "no memory to blur a %d x %d picture", W, H);
    double *sum = wide + stride * (size_t)H;
    widen(wide, src, H, W, C, pad);
    for (int y = 0; y < H; y++, dst += n) {
        memset(sum, 0, sizeof(double) * (size_t)n);
        for (int i = 0; i < m.n; i++)
            add_tap(sum, wide + stride * (size_t)clamp(y + m.dy[i], 0, H - 1) +
                             (ptrdiff_t)C * (pad + m.dx[i]), m.weight[i], n);
        to_bytes(dst, sum, n);
    }
    free(wide);
    return VS_OK;
}

static vs_err frame_motion(uint8_t *dst, const uint8_t *src, const vs_frame *f)
{
    return vs_motion_blur(dst, src, f->H, f->W, 3, f->level[0], f->level[1], motion_angle(f));
}

/* ---- Long exposure ------------------------------------------------------------------------ */

VECTOR static void add_frame(uint16_t *sum, const uint8_t *frame, size_t n)
{
    for (size_t i = 0; i < n; i++)
        sum[i] = (uint16_t)(sum[i] + frame[i]);
}

/* A quotient that is no whole number is at least 1/22 below the next, more than a float errs. */
VECTOR static void divide_frame(uint8_t *dst, const uint16_t *sum, float frames, size_t n)
{
    for (size_t i = 0; i < n; i++)
        dst[i] = (uint8_t)(int)((float)sum[i] / frames);
}

static vs_err frame_exposure(uint8_t *dst, const uint8_t *src, const vs_frame *f)
{
    const int K = (int)f->level[0], first = f->t - K > 0 ? f->t - K : 0;
    const int end = f->t + K < f->T ? f->t + K : f->T;
    const size_t n = (size_t)f->H * f->W * 3;
    uint16_t *sum = calloc(n, sizeof(*sum));
    if (!sum)
        return VS_FAIL(VS_ERR_NOMEM, "no memory for a %d x %d picture", f->W, f->H);
    for (int t = first; t < end; t++)
        add_frame(sum, f->clip + n * (size_t)t, n);
    divide_frame(dst, sum, (float)(end - first), n);
    free(sum);
    return VS_OK;
}

/* ---- Zoom -------------------------------------------------------------------------------- */

struct zoom_scratch {
    vs_axis *down, *across;
    double *unit;                  /* (H, W, 3) the picture in 0..1 */
    double *line;                  /* (W, 3) one row between two rows */
    float *sum;                    /* (H, W, 3) */
};

static vs_err zoom_scratch_new(struct zoom_scratch *s, int H, int W)
{
    s->down = malloc(sizeof(vs_axis) * (size_t)H);
    s->across = malloc(sizeof(vs_axis) * (size_t)W);
    s->unit = malloc(sizeof(double) * (size_t)H * W * 3);
    s->line = malloc(sizeof(double) * 3 * (size_t)W);
    s->sum = calloc((size_t)H * W * 3, sizeof(float));
    return s->down && s->across && s->unit && s->line && s->sum
               ? VS_OK
               : VS_FAIL(VS_ERR_NOMEM, "no memory to blur a %d x %d picture", W, H);
}

static void zoom_scratch_free(struct zoom_scratch *s)
{
    free(s->down);
    free(s->across);
    free(s->unit);
    free(s->line);
    free(s->sum);
}

VECTOR static void between(double *line, const double *a, const double *b, double f, int n)
{
    for (int x = 0; x < n; x++)
        line[x] = a[x] * (1 - f) + b[x] * f;
}

static void add_zoomed(struct zoom_scratch *s, int H, int W, double zoom)
{
    float *sum = s->sum;
    vs_zoom_axis(s->down, H, zoom);
    vs_zoom_axis(s->across, W, zoom);
    for (int y = 0; y < H; y++) {
        const vs_axis *d = &s->down[y];
        between(s->line, s->unit + (size_t)d->i * W * 3, s->unit + (size_t)d->j * W * 3, d->f,
                3 * W);
        for (int x = 0; x < W; x++, sum += 3) {
            const vs_axis h = s->across[x];
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
    struct zoom_scratch s = { 0 };
    vs_err err = zoom_scratch_new(&s, f->H, f->W);
    for (size_t i = 0; err == VS_OK && i < n; i++)
        s.unit[i] = (float)(src[i] / 255.0);
    for (int k = 0; err == VS_OK && k < zooms; k++)
        add_zoomed(&s, f->H, f->W, 1 + k * step);
    for (size_t i = 0; err == VS_OK && i < n; i++) {
        const float mean = ((float)s.unit[i] + s.sum[i]) / (float)(zooms + 1);
        dst[i] = (uint8_t)((mean > 1 ? 1 : mean) * 255);
    }
    zoom_scratch_free(&s);
    return err;
}

const vs_kind vs_kind_motion = { .frame = frame_motion };
const vs_kind vs_kind_zoom = { .frame = frame_zoom };
const vs_kind vs_kind_exposure = { .frame = frame_exposure };
