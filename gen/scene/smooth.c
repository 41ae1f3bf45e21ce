/* Smooth scenes, from the topmost object down. Contract: gen/scene/smooth.h
 *
 * A word holds one row of samples of 8 pixels, a cell the 8 words of these pixels' samples:
 *
 *     new = shape & ~taken;  sum += samples(new) * colour;  taken |= new
 */
#include "gen/scene/smooth.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "base/err.h"
#include "gen/scene/pose.h"

enum { FINE = 8, SAMPLES = FINE * FINE };

/* ---- Outlines ------------------------------------------------------------------------------- */

typedef struct outline {
    int corners;                   /* 0: an ellipse */
    double p[4][2];
    double x, y;                   /* ellipse: A u^2 + B u v + C v^2 <= 1 about (x, y) */
    double A, B, C;
    double x0, x1, y0, y1;         /* bounds */
} outline;

static void bound(outline *s)
{
    for (int k = 0; k < s->corners; k++) {
        s->x0 = k ? fmin(s->x0, s->p[k][0]) : s->p[k][0];
        s->x1 = k ? fmax(s->x1, s->p[k][0]) : s->p[k][0];
        s->y0 = k ? fmin(s->y0, s->p[k][1]) : s->p[k][1];
        s->y1 = k ? fmax(s->y1, s->p[k][1]) : s->p[k][1];
    }
}

/* False when nothing is left of it. */
static bool ellipse(outline *s, const vs_object *o, const vs_scene_params *params, double f)
{
    const bool scaled = params->affine && params->circles_scale;
    const double a = scaled ? fabs(o->radius * (1 + o->scale_x * f)) : o->radius;
    const double b = scaled ? fabs(o->radius * (1 + o->scale_y * f)) : o->radius;
    double sine = 0, cosine = 1;
    /* Radians taken for degrees, as without smoothing. */
    if (scaled)
        vs_sincos(&sine, &cosine, o->angle_speed * f * 3.14159265358979323846 / 180);
    if (!(a > 0 && b > 0))
        return false;
    s->A = cosine * cosine / (a * a) + sine * sine / (b * b);
    s->B = 2 * sine * cosine * (1 / (a * a) - 1 / (b * b));
    s->C = sine * sine / (a * a) + cosine * cosine / (b * b);
    const double reach = fmax(a, b);
    s->x0 = s->x - reach;
    s->x1 = s->x + reach;
    s->y0 = s->y - reach;
    s->y1 = s->y + reach;
    return true;
}

/* The object at a frame; false when it is away. */
static bool outline_at(outline *s, const vs_object *o, const vs_scene_params *params, double f)
{
    vs_pose pose;
    vs_pose_base base;
    vs_pose_base_of(&base, o);
    vs_pose_position(&pose, &base, o, params, f);
    if (pose.away)
        return false;
    const double gained = params->accelerated ? o->acceleration * f : 0;
    const double v = params->moving ? o->speed + gained : 0;
    s->x = o->cx + v * base.dx * f;
    s->y = o->cy + v * base.dy * f;
    s->corners = base.corners;
    if (s->corners == 0)
        return ellipse(s, o, params, f);
    memcpy(s->p, base.p, sizeof(s->p));
    if (params->affine)
        vs_pose_affine(s->p, s->corners, o, f);
    for (int k = 0; k < s->corners; k++) {
        s->p[k][0] += s->x;
        s->p[k][1] += s->y;
    }
    bound(s);
    return true;
}

/* Where row y enters and leaves the shape, ascending. An edge is taken from its upper end, so
 * that two shapes which share it cross a row at the very same place. */
static int crossings(double cross[4], const outline *s, double y)
{
    int n = 0;
    if (s->corners == 0) {
        const double v = y - s->y, b = s->B * v, d = b * b - 4 * s->A * (s->C * v * v - 1);
        if (!(d > 0))
            return 0;
        cross[0] = s->x + (-b - sqrt(d)) / (2 * s->A);
        cross[1] = s->x + (-b + sqrt(d)) / (2 * s->A);
        return 2;
    }
    for (int i = 0, j = s->corners - 1; i < s->corners; j = i++) {
        const double *up = s->p[s->p[i][1] < s->p[j][1] ? i : j];
        const double *low = up == s->p[i] ? s->p[j] : s->p[i];
        if (!(up[1] <= y && y < low[1]))
            continue;
        const double x = up[0] + (y - up[1]) * ((low[0] - up[0]) / (low[1] - up[1]));
        int at = n++;
        for (; at > 0 && cross[at - 1] > x; at--)
            cross[at] = cross[at - 1];
        cross[at] = x;
    }
    return n & ~1;
}

/* ---- Samples -------------------------------------------------------------------------------- */

typedef struct smooth_canvas {
    int size, words;               /* words of a row of samples, one per 8 pixels */
    uint64_t *taken;               /* (size, words, FINE) */
    uint64_t *row;                 /* (FINE, words): the shape in one row of pixels */
    uint16_t *sum;                 /* (size, 8 * words, 3): colours of the samples taken */
    int64_t left;                  /* samples that are free */
} smooth_canvas;

static int clamped(double v, int most)
{
    return !(v > 0) ? 0 : v < most ? (int)v : most;
}

/* Sets samples a..b-1 of a row. */
static void set_samples(uint64_t *row, int a, int b)
{
    for (int w = a / 64; a < b; w++, a = 64 * w) {
        const int end = b < 64 * (w + 1) ? b - 64 * w : 64;
        row[w] |= ~UINT64_C(0) >> (64 - (end - a % 64)) << (a % 64);
    }
}

static void sample_row(const smooth_canvas *c, const outline *s, int y)
{
    static const double shift[FINE] = { 1 / 16.0, 11 / 16.0, 5 / 16.0, 15 / 16.0,
                                        3 / 16.0, 13 / 16.0, 7 / 16.0, 9 / 16.0 };
    const int most = FINE * c->size;
    for (int k = 0; k < FINE; k++) {
        double cross[4];
        const int n = crossings(cross, s, y - 0.5 + (k + 0.5) / FINE);
        for (int i = 0; i < n; i += 2)
            set_samples(c->row + (size_t)k * (size_t)c->words,
                        clamped(ceil((cross[i] + 0.5) * FINE - shift[k]), most),
                        clamped(ceil((cross[i + 1] + 0.5) * FINE - shift[k]), most));
    }
}

/* The bits of each byte, in that byte. */
static uint64_t count_bytes(uint64_t v)
{
    v -= v >> 1 & 0x5555555555555555;
    v = (v & 0x3333333333333333) + (v >> 2 & 0x3333333333333333);
    return (v + (v >> 4)) & 0x0F0F0F0F0F0F0F0F;
}

/* Takes what is free of the cell's samples: how many in each of 8 pixels, a byte each. */
static uint64_t take_cell(const smooth_canvas *c, uint64_t *taken, int w)
{
    uint64_t count = 0;
    for (int k = 0; k < FINE; k++) {
        uint64_t *bits = c->row + (size_t)k * (size_t)c->words + w;
        const uint64_t fresh = *bits & ~taken[k];
        taken[k] |= fresh;
        count += count_bytes(fresh);
        *bits = 0;
    }
    return count;
}

static void paint_row(smooth_canvas *c, int y, int w0, int w1, const uint8_t color[3])
{
    for (int w = w0; w <= w1; w++) {
        const size_t cell = (size_t)y * (size_t)c->words + (size_t)w;
        const uint64_t count = take_cell(c, c->taken + cell * FINE, w);
        uint16_t *sum = c->sum + cell * FINE * 3;
        for (int k = 0; count && k < FINE; k++, sum += 3) {
            const unsigned n = (unsigned)(count >> (8 * k) & 0xFF);
            c->left -= n;
            for (int channel = 0; channel < 3; channel++)
                sum[channel] = (uint16_t)(sum[channel] + n * color[channel]);
        }
    }
}

static void paint(smooth_canvas *c, const outline *s, const uint8_t color[3])
{
    if (!(s->x1 >= -1 && s->x0 <= c->size && s->y1 >= -1 && s->y0 <= c->size))
        return;
    const int last = c->size - 1;
    const int top = clamped(s->y0, last), bottom = clamped(s->y1 + 1, last);
    const int w0 = clamped(s->x0 - 1, last) / FINE, w1 = clamped(s->x1 + 1, last) / FINE;
    for (int y = top; y <= bottom; y++) {
        sample_row(c, s, y);
        paint_row(c, y, w0, w1, color);
    }
}

/* ---- Pictures -------------------------------------------------------------------------------- */

static smooth_canvas canvas_of(int size, void *scratch)
{
    const int words = (size + FINE - 1) / FINE;
    const size_t cells = (size_t)size * (size_t)words;
    smooth_canvas c = { .size = size, .words = words, .left = (int64_t)size * size * SAMPLES };
    c.taken = scratch;
    c.row = c.taken + cells * FINE;
    c.sum = (uint16_t *)(c.row + FINE * (size_t)words);
    return c;
}

size_t vs_smooth_scratch(int size)
{
    const size_t words = ((size_t)size + FINE - 1) / FINE, cells = (size_t)size * words;
    return (cells + words) * FINE * sizeof(uint64_t) + cells * FINE * 3 * sizeof(uint16_t);
}

void vs_smooth_draw(const vs_scene *scene, int frame, uint8_t *rgb, void *scratch)
{
    const int size = scene->params.size;
    VS_ASSERT(frame >= 0 && !scene->params.textured);
    smooth_canvas c = canvas_of(size, scratch);
    memset(scratch, 0, vs_smooth_scratch(size));
    for (int i = scene->n - 1; i >= 0 && c.left > 0; i--) {
        outline s;
        if (outline_at(&s, &scene->object[i], &scene->params, frame))
            paint(&c, &s, scene->object[i].color);
    }
    for (int y = 0; y < size; y++) {
        const uint16_t *sum = c.sum + (size_t)y * (size_t)c.words * FINE * 3;
        uint8_t *to = rgb + 3 * (size_t)y * (size_t)size;
        for (int k = 0; k < 3 * size; k++)
            to[k] = (uint8_t)((sum[k] + SAMPLES / 2) / SAMPLES);
    }
}
