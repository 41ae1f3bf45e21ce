/* Motion clips: what is drawn and how it moves. Contract: gen/motion.h
 *
 * With f the frame, t = f / period + phase, tri(t) the triangle wave of -1..1 and
 * s(p) the radius at phase p of its range, 0.08..0.22 (plain 0.12..0.30), by equal ratios:
 *
 *     left right up down        x = x0 -+ speed (f - middle), y likewise
 *     clockwise, anticlockwise  x, y = x0, y0 + reach (cos, sin)(+-2 pi t)
 *     spin-right, spin-left     angle = a0 +- turn f
 *     swing                     angle = a0 + swing sin(2 pi t)
 *     grow, shrink, pulse       radius = s(frac(p0 +- growth f)), s((1 + tri(f / period + p1)) / 2)
 *     sway, hop                 x or y = x0, y0 + reach tri(t)
 *     zigzag                    speed f along the heading, reach / 2 tri(t) across it
 *     still                     nothing
 *
 * x0, y0, a0, p0 and p1 are each figure's own, all else is common to a clip.
 * y points down, so growing angles turn clockwise as seen.
 */
#include "gen/motion.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/rng.h"
#include "gen/scene/raster.h"

enum motion {
    LEFT, RIGHT, UP, DOWN, CLOCKWISE, ANTICLOCKWISE, SPIN_RIGHT, SPIN_LEFT, SWING, GROW,
    SHRINK, PULSE, SWAY, HOP, ZIGZAG, STILL
};

const char *const vs_motion_class[VS_MOTION_CLASSES] = {
    "left", "right", "up", "down", "clockwise", "anticlockwise", "spin-right", "spin-left",
    "swing", "grow", "shrink", "pulse", "sway", "hop", "zigzag", "still"
};

static const double PI = 3.141592653589793238462643383279502884;
enum { FINE = 4 };                 /* samples per pixel and axis */

/* ---- Shapes: none looks the same after less than a quarter turn ----------------------------- */

typedef struct outline {
    int n;
    double p[VS_MOTION_CORNERS][2];
} outline;

static const outline shapes[] = {
    { 3, { { 1, 0 }, { -0.7, 0.7 }, { -0.7, -0.7 } } },                          /* dart */
    { 4, { { 0.7, 0.7 }, { -0.7, 0.7 }, { -0.7, -0.7 }, { 0.7, -0.7 } } },       /* square */
    { 4, { { 0.93, 0.36 }, { -0.93, 0.36 }, { -0.93, -0.36 }, { 0.93, -0.36 } } }, /* bar */
    { 6, { { -0.7, -0.7 }, { 0, -0.7 }, { 0, 0 }, { 0.7, 0 }, { 0.7, 0.7 },
           { -0.7, 0.7 } } },                                                    /* L */
    { 8, { { -0.8, -0.6 }, { 0.8, -0.6 }, { 0.8, -0.1 }, { 0.25, -0.1 }, { 0.25, 0.9 },
           { -0.25, 0.9 }, { -0.25, -0.1 }, { -0.8, -0.1 } } },                  /* T */
    { 12, { { -0.3, -0.95 }, { 0.3, -0.95 }, { 0.3, -0.3 }, { 0.95, -0.3 }, { 0.95, 0.3 },
            { 0.3, 0.3 }, { 0.3, 0.95 }, { -0.3, 0.95 }, { -0.3, 0.3 }, { -0.95, 0.3 },
            { -0.95, -0.3 }, { -0.3, -0.3 } } },                                 /* cross */
    { 4, { { 1, 0 }, { -0.6, 0.8 }, { -0.2, 0 }, { -0.6, -0.8 } } },             /* arrow head */
    { 7, { { 1, 0 }, { 0.2, 0.7 }, { 0.2, 0.3 }, { -0.9, 0.3 }, { -0.9, -0.3 },
           { 0.2, -0.3 }, { 0.2, -0.7 } } },                                     /* arrow */
};
enum { SHAPES = sizeof(shapes) / sizeof(*shapes) };

/* ---- Sampling ------------------------------------------------------------------------------ */

static void random_color(vs_rng *r, uint8_t color[3])
{
    for (int c = 0; c < 3; c++)
        color[c] = (uint8_t)vs_rng_below(r, 256);
}

/* A colour that stands out: its brightness at least 80 away. */
static void contrasting_color(vs_rng *r, uint8_t color[3], const uint8_t from[3])
{
    for (int tries = 0, far = 0; far < 800; tries++) {
        random_color(r, color);
        far = 3 * (color[0] - from[0]) + 6 * (color[1] - from[1]) + color[2] - from[2];
        far = abs(far);
        VS_ASSERT(tries < 10000);
    }
}

static vs_figure random_figure(vs_rng *r)
{
    vs_figure f = { .shape = (int)vs_rng_below(r, SHAPES) };
    f.x = vs_rng_f64(r);
    f.y = vs_rng_f64(r);
    f.angle = vs_rng_uniform(r, 0, 2 * PI);
    return f;
}

/* Faint figures on the ground: something to look at that does not move. */
static void sample_blobs(vs_rng *r, vs_motion *m)
{
    m->blobs = (int)vs_rng_below(r, VS_MOTION_BLOBS + 1);
    for (int k = 0; k < m->blobs; k++) {
        vs_figure *b = &m->blob[k];
        *b = random_figure(r);
        b->radius = vs_rng_uniform(r, 0.1, 0.45);
        for (int c = 0; c < 3; c++) {
            const int v = m->background[c] + (int)vs_rng_below(r, 73) - 36;
            b->color[c] = (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
        }
    }
}

static void sample_figures(vs_rng *r, vs_motion *m)
{
    m->figures = 3 + (int)vs_rng_below(r, VS_MOTION_FIGURES - 2);
    for (int k = 0; k < m->figures; k++) {
        m->figure[k] = random_figure(r);
        contrasting_color(r, m->figure[k].color, m->background);
        m->figure[k].size_phase = vs_rng_f64(r);
        m->figure[k].phase = vs_rng_f64(r);
    }
}

/* The plain kind: what the strict one leaves to chance is fixed, to about a tenth. */
static void make_plain(vs_rng *r, vs_motion *m)
{
    vs_figure *o = &m->figure[0];
    m->figures = 1;
    m->blobs = 0;
    for (int c = 0; c < 3; c++) {
        m->background[c] = (uint8_t)(m->background[c] / 4);
        o->color[c] = (uint8_t)(140 + o->color[c] * 115 / 255);
    }
    o->x = vs_rng_uniform(r, 0.4, 0.6);
    o->y = vs_rng_uniform(r, 0.4, 0.6);
    o->angle = vs_rng_uniform(r, -0.5, 0.5);
    o->phase = m->phase = vs_rng_uniform(r, 0, 0.05);
    m->middle = 40;
    m->speed *= 0.55;
    m->turn = 1.5 * PI / 180 + m->turn / 8;
    m->heading = PI / 4 + vs_rng_uniform(r, -0.2, 0.2);
    m->period = vs_rng_uniform(r, 39, 41);
    m->growth = 1 / vs_rng_uniform(r, 80, 90);
    if (m->label == GROW)
        o->size_phase = 0;
    if (m->label == SHRINK)
        o->size_phase = 1 - 1e-9;
}

void vs_motion_sample(vs_motion *out, int size, bool strict, uint64_t seed, uint64_t index)
{
    vs_rng r = vs_rng_at(seed, VS_RNG_MOTION, index);
    vs_motion *m = out;
    memset(m, 0, sizeof(*m));
    m->label = (int)(index % VS_MOTION_CLASSES);
    m->size = size;
    m->strict = strict;
    random_color(&r, m->background);
    sample_figures(&r, m);
    m->speed = vs_rng_uniform(&r, 0.012, 0.024);
    m->turn = vs_rng_uniform(&r, 3.0, 6.0) * PI / 180;
    m->heading = vs_rng_uniform(&r, 0, 2 * PI);
    m->reach = vs_rng_uniform(&r, 0.14, 0.26);
    m->period = vs_rng_uniform(&r, 28, 48);
    m->phase = vs_rng_f64(&r);
    m->swing = vs_rng_uniform(&r, 35, 60) * PI / 180;
    m->growth = 1 / vs_rng_uniform(&r, 32, 56);
    sample_blobs(&r, m);
    if (!strict)
        make_plain(&r, m);
}

int vs_motion_frames(int lo, int hi, uint64_t seed, uint64_t index)
{
    vs_rng r = vs_rng_at(seed, VS_RNG_MOTION, ~index);
    return lo + (int)vs_rng_below(&r, (uint32_t)(hi - lo) + 1);
}

/* ---- Motion -------------------------------------------------------------------------------- */

static double wrap(double v)
{
    v -= floor(v);
    return v < 1 ? v : 0;          /* -1e-20 - floor(-1e-20) is 1 */
}

static double tri(double t)
{
    return 1 - 4 * fabs(wrap(t) - 0.5);
}

vs_figure vs_motion_at(const vs_motion *m, int k, int frame)
{
    const double f = frame, t = f / m->period + m->phase, way = m->speed * (f - m->middle);
    vs_figure o = m->figure[k];
    double p = o.size_phase;
    switch ((enum motion)m->label) {
    case LEFT: o.x -= way; break;
    case RIGHT: o.x += way; break;
    case UP: o.y -= way; break;
    case DOWN: o.y += way; break;
    case CLOCKWISE:
    case ANTICLOCKWISE: {
        const double a = 2 * PI * (m->label == CLOCKWISE ? t : -t);
        o.x += m->reach * cos(a);
        o.y += m->reach * sin(a);
        break;
    }
    case SPIN_RIGHT: o.angle += m->turn * f; break;
    case SPIN_LEFT: o.angle -= m->turn * f; break;
    case SWING: o.angle += m->swing * sin(2 * PI * t); break;
    case GROW: p = wrap(p + m->growth * f); break;
    case SHRINK: p = wrap(p - m->growth * f); break;
    case PULSE: p = (1 + tri(f / m->period + o.phase)) / 2; break;
    case SWAY: o.x += m->reach * tri(t); break;
    case HOP: o.y += m->reach * tri(t); break;
    case ZIGZAG: {
        const double c = cos(m->heading), s = sin(m->heading), across = m->reach / 2 * tri(t);
        o.x += c * way - s * across;
        o.y += s * way + c * across;
        break;
    }
    case STILL: break;
    }
    o.x = wrap(o.x);
    o.y = wrap(o.y);
    o.radius = m->strict ? 0.08 * pow(0.22 / 0.08, p) : 0.12 * pow(0.30 / 0.12, p);
    return o;
}

/* ---- Drawing ------------------------------------------------------------------------------- */

/* The figure and its copies that reach in from the other sides of the torus. */
static void rasterise(vs_mask *mask, const vs_figure *o)
{
    const outline *shape = &shapes[o->shape];
    const double c = cos(o->angle), s = sin(o->angle), S = mask->size;
    int x[VS_MOTION_CORNERS], y[VS_MOTION_CORNERS];
    for (int copy = 0; copy < 9; copy++) {
        const double dx = o->x + copy % 3 - 1, dy = o->y + copy / 3 - 1;
        if (dx + o->radius < 0 || dx - o->radius > 1 || dy + o->radius < 0 || dy - o->radius > 1)
            continue;
        for (int k = 0; k < shape->n; k++) {
            const double u = shape->p[k][0], v = shape->p[k][1];
            x[k] = (int)lrint(S * (dx + o->radius * (c * u - s * v)));
            y[k] = (int)lrint(S * (dy + o->radius * (s * u + c * v)));
        }
        vs_raster_polygon(mask, x, y, shape->n);
    }
}

/* Is nothing covered in the word of 64 samples that begins with pixel (px, py)? */
static bool all_clear(const vs_mask *mask, int px, int py)
{
    uint64_t bits = 0;
    for (int j = 0; j < FINE; j++)
        bits |= mask->row[(size_t)(FINE * py + j) * (size_t)mask->words + (size_t)(FINE * px / 64)];
    return !bits;
}

/* Covered samples of pixel (px, py): 0..FINE * FINE. */
static int covered(const vs_mask *mask, int px, int py)
{
    int n = 0;
    for (int j = 0; j < FINE; j++) {
        const uint64_t *row = mask->row + (size_t)(FINE * py + j) * (size_t)mask->words;
        n += __builtin_popcountll(row[FINE * px / 64] >> (FINE * px % 64) & ((1u << FINE) - 1));
    }
    return n;
}

static void blend(uint8_t *rgb, int size, vs_mask *mask, const vs_figure *o)
{
    vs_mask_clear(mask);
    rasterise(mask, o);
    for (int py = mask->top / FINE; FINE * py < mask->bottom; py++)
        for (int px = 0; px < size; px++) {
            if (FINE * px % 64 == 0 && all_clear(mask, px, py)) {
                px += 64 / FINE - 1;
                continue;
            }
            const int n = covered(mask, px, py), all = FINE * FINE;
            uint8_t *p = rgb + 3 * ((size_t)py * (size_t)size + (size_t)px);
            for (int c = 0; n && c < 3; c++)
                p[c] = (uint8_t)((p[c] * (all - n) + o->color[c] * n + all / 2) / all);
        }
}

size_t vs_motion_scratch(int size)
{
    return sizeof(uint64_t) * (size_t)(FINE * size) * (size_t)vs_mask_words(FINE * size);
}

void vs_motion_draw(const vs_motion *m, int frame, uint8_t *rgb, void *scratch)
{
    vs_mask mask;
    vs_mask_init(&mask, FINE * m->size, scratch);
    for (size_t i = 0; i < (size_t)m->size * (size_t)m->size; i++)
        memcpy(rgb + 3 * i, m->background, 3);
    for (int k = 0; k < m->blobs; k++)
        blend(rgb, m->size, &mask, &m->blob[k]);
    for (int k = 0; k < m->figures; k++) {
        const vs_figure o = vs_motion_at(m, k, frame);
        blend(rgb, m->size, &mask, &o);
    }
}
