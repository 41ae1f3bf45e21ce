/* Frost on the pane, blended as ImageNet-C does: floor(clip(a v + b ice, 0, 255)), v the byte.
 *
 * The ice of ImageNet-C is one of five photographs, which are others' work; here it is grown:
 *
 *   crystals  a bed of needles all over, along the grain of the pane and across it by 60 degrees;
 *             on it clusters of ferns: from a nucleus stems in several directions, slightly bent,
 *             with a blade of close needles on both sides. A height map; what grows later covers
 *             what was there
 *   light     the height, its slope towards a light, a plasma fractal for the unevenness of the
 *             pane, grain; moved and scaled to the mean and deviation below
 *   colour    bluish: less red, more blue
 *
 * Mean and deviation of grey are drawn as in those photographs (means 123..207, deviations 18..43,
 * the brighter the flatter): mean 120 + 88 u, deviation 40 - 18 u, u from 0..1. One pane per clip.
 * Sizes count in pixels of a frame whose shorter side is 224.
 */
#include <math.h>
#include <stdlib.h>

#include "eval/field.h"
#include "eval/kinds.h"

#define VECTOR __attribute__((target_clones("arch=x86-64-v4", "avx2", "default"), noinline))
#define PI 3.14159265358979323846

struct pane {
    int H, W;
    double unit;                   /* pixels per pixel of 224 */
    double *height;                /* (H, W) 0..1 */
    vs_rng rng;
};

/* ---- Crystals ----------------------------------------------------------------------------- */

/* A point of ice laid over what is there: opaque at its middle, nothing at its radius. */
static void touch(const struct pane *p, double x, double y, double height, double radius)
{
    const int top = (int)ceil(y - radius), bottom = (int)floor(y + radius);
    const int left = (int)ceil(x - radius), right = (int)floor(x + radius);
    for (int py = top > 0 ? top : 0; py <= bottom && py < p->H; py++)
        for (int px = left > 0 ? left : 0; px <= right && px < p->W; px++) {
            const double dx = px - x, dy = py - y;
            const double cover = 1 - (dx * dx + dy * dy) / (radius * radius);
            double *h = &p->height[(size_t)py * (size_t)p->W + (size_t)px];
            if (cover > 0)
                *h += (height - *h) * cover;
        }
}

/* A straight needle that thins out and sinks towards its end. */
static void needle(const struct pane *p, double x, double y, double angle, double length,
                   double height, double radius)
{
    const double dx = cos(angle), dy = sin(angle);
    for (double s = 0; s <= length; s += 0.7) {
        const double left = 1 - s / (length + 1);
        touch(p, x + s * dx, y + s * dy, height * (0.5 + 0.5 * left), radius * (0.6 + 0.4 * left));
    }
}

/* A stem with a blade of close needles on both sides. */
static void fern(struct pane *p, double x, double y, double angle, double length, double height)
{
    const double bend = vs_rng_uniform(&p->rng, -0.25, 0.25) / (length + 1);
    const double spread = vs_rng_uniform(&p->rng, 30, 60) * PI / 180;
    const double step = 0.9 + 0.9 * p->unit;
    const double blade = vs_rng_uniform(&p->rng, 0.18, 0.4) * length;
    for (double s = 0; s <= length; s += step) {
        const double left = 1 - s / (length + 1);
        const double reach = blade * left * fmin(1, 0.3 + 4 * s / length);
        for (int side = -1; side <= 1; side += 2)
            needle(p, x, y, angle + side * spread, reach * vs_rng_uniform(&p->rng, 0.6, 1),
                   height * vs_rng_uniform(&p->rng, 0.45, 0.85), 0.5 + 0.5 * p->unit);
        x += step * cos(angle);
        y += step * sin(angle);
        angle += step * bend;
    }
}

/* Needles all over, in the direction of the pane's grain. */
static void bed(struct pane *p, const double *grain, int side, double area)
{
    for (int i = 0; i < (int)(area / 9); i++) {
        const double x = vs_rng_f64(&p->rng) * p->W, y = vs_rng_f64(&p->rng) * p->H;
        const double at = grain[(size_t)y * (size_t)side + (size_t)x];
        const double turn = vs_rng_uniform(&p->rng, -0.35, 0.35) +
                            PI / 3 * vs_rng_below(&p->rng, 2);
        needle(p, x, y, 4 * PI * at + turn, p->unit * vs_rng_uniform(&p->rng, 4, 22),
               vs_rng_uniform(&p->rng, 0.05, 0.5), 0.5 + 0.5 * p->unit);
    }
}

/* A nucleus with ferns around a direction. */
static void cluster(struct pane *p)
{
    const double x = vs_rng_uniform(&p->rng, -0.1, 1.1) * p->W;
    const double y = vs_rng_uniform(&p->rng, -0.1, 1.1) * p->H;
    const double towards = vs_rng_uniform(&p->rng, 0, 2 * PI);
    const double size = p->unit * (14 + 46 * pow(vs_rng_f64(&p->rng), 2));
    const double height = vs_rng_uniform(&p->rng, 0.35, 1);
    const int n = 1 + (int)vs_rng_below(&p->rng, 5);
    for (int k = 0; k < n; k++) {
        const double angle = towards + (k - n / 2.0) * 0.6 + vs_rng_uniform(&p->rng, -0.2, 0.2);
        const double length = size * vs_rng_uniform(&p->rng, 0.5, 1);
        fern(p, x, y, angle, length, height);
        needle(p, x, y, angle, length, height, 0.5 + 0.6 * p->unit);      /* its stem */
    }
}

static vs_err grow(struct pane *p)
{
    const double area = (double)p->H * p->W / (p->unit * p->unit);
    int side = 2;
    while (side < p->H || side < p->W)
        side *= 2;
    double *grain = vs_plasma(side, 2.6, &p->rng);
    if (!grain)
        return VS_FAIL(VS_ERR_NOMEM, "no memory for frost of %d x %d", p->W, p->H);
    bed(p, grain, side, area);
    for (int i = 0; i < (int)(area / 420) + 1; i++)
        cluster(p);
    free(grain);
    return VS_OK;
}

/* ---- Light -------------------------------------------------------------------------------- */

static double height_at(const struct pane *p, int y, int x)
{
    return p->height[(size_t)vs_border_index(y, p->H, VS_BORDER_NEAREST) * (size_t)p->W +
                     (size_t)vs_border_index(x, p->W, VS_BORDER_NEAREST)];
}

/* grey (H, W), any scale. */
static vs_err shine(double *grey, struct pane *p)
{
    const size_t n = (size_t)p->H * (size_t)p->W;
    const double from = vs_rng_uniform(&p->rng, 0, 2 * PI), lx = cos(from), ly = sin(from);
    int side = 2;
    while (side < p->H || side < p->W)
        side *= 2;
    double *haze = vs_plasma(side, 1.9, &p->rng), *grain = malloc(sizeof(*grain) * n);
    vs_err err = haze && grain ? VS_OK
                               : VS_FAIL(VS_ERR_NOMEM, "no memory for frost of %d x %d", p->W,
                                         p->H);
    if (err == VS_OK) {
        vs_field_normal(grain, n, &p->rng);
        err = vs_field_smooth(grain, p->H, p->W, 0.6, 4, VS_BORDER_REFLECT);
    }
    for (int y = 0; err == VS_OK && y < p->H; y++)
        for (int x = 0; x < p->W; x++, grey++) {
            const size_t i = (size_t)y * (size_t)p->W + (size_t)x;
            const double slope = lx * (height_at(p, y, x + 1) - height_at(p, y, x - 1)) +
                                 ly * (height_at(p, y + 1, x) - height_at(p, y - 1, x));
            *grey = p->height[i] + 0.35 * slope + 1.1 * haze[(size_t)y * (size_t)side + (size_t)x] +
                    0.1 * grain[i];
        }
    free(haze);
    free(grain);
    return err;
}

/* ice (H, W, 3), 0..255. */
static void colour(double *ice, const double *grey, size_t n, vs_rng *rng)
{
    const double u = vs_rng_f64(rng), mean = 120 + 88 * u, deviation = 40 - 18 * u;
    const double blue = vs_rng_uniform(rng, 6, 20);
    const double tint[3] = { -blue, 0.15 * blue, 0.85 * blue };
    double sum = 0, squares = 0;
    for (size_t i = 0; i < n; i++)
        sum += grey[i] / (double)n;
    for (size_t i = 0; i < n; i++)
        squares += (grey[i] - sum) * (grey[i] - sum) / (double)n;
    const double scale = squares > 0 ? deviation / sqrt(squares) : 0;
    for (size_t i = 0; i < 3 * n; i++) {
        const double v = mean + scale * (grey[i / 3] - sum) + tint[i % 3];
        ice[i] = v < 0 ? 0 : v > 255 ? 255 : v;
    }
}

static vs_err scene_frost(void **scene, const vs_frame *f)
{
    const size_t n = (size_t)f->H * (size_t)f->W;
    struct pane p = { .H = f->H, .W = f->W, .rng = vs_clip_rng(f->seed),
                      .unit = (f->H < f->W ? f->H : f->W) / 224.0,
                      .height = calloc(n, sizeof(double)) };
    double *ice = malloc(sizeof(*ice) * 3 * n), *grey = malloc(sizeof(*grey) * n);
    vs_err err = p.height && ice && grey ? VS_OK
                                         : VS_FAIL(VS_ERR_NOMEM, "no memory for frost of %d x %d",
                                                   f->W, f->H);
    if (err == VS_OK)
        err = grow(&p);
    if (err == VS_OK)
        err = shine(grey, &p);
    if (err == VS_OK) {
        colour(ice, grey, n, &p.rng);
        *scene = ice;
    } else {
        free(ice);
    }
    free(p.height);
    free(grey);
    return err;
}

VECTOR static void add_frost(uint8_t *dst, const uint8_t *src, const double *ice, double a,
                             double b, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const double v = a * src[i] + b * ice[i];
        dst[i] = (uint8_t)(int)(v > 255 ? 255 : v);
    }
}

static vs_err frame_frost(uint8_t *dst, const uint8_t *src, const vs_frame *f)
{
    add_frost(dst, src, f->scene, f->level[0], f->level[1], (size_t)f->H * (size_t)f->W * 3);
    return VS_OK;
}

const vs_kind vs_kind_frost = { .scene = scene_frost, .frame = frame_frost };
