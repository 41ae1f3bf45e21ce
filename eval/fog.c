/* Fog, as ImageNet-C and Mini Kinetics-C define it. x is the picture in 0..1, m its largest value:
 *
 *     x' = clip((x + c plasma) m / (m + c), 0, 1), the result floor(255 x')
 *
 * plasma in 0..1 is made by diamond-square on a torus of side S, a power of two, at steps
 * s = S, S/2, ... 2 with w = 100, 100 / decay, ...: first the middles of all squares, then the
 * middles of their upper edges, then of their left ones, row by row, each
 *
 *     sum of its four neighbours / 4 + w U(-w, w)
 *
 * and at the end moved and scaled to 0..1. The corner (0, 0) starts as 0. One layer for the whole
 * clip, as in Mini Kinetics-C. S is the smallest power of two that covers the frame: the 256 of
 * both references for 224 x 224.
 */
#include <stdlib.h>

#include "eval/kinds.h"

#define VECTOR __attribute__((target_clones("arch=x86-64-v4", "avx2", "default"), noinline))

struct plasma {
    double *map;
    int side;
    double wibble;
    vs_rng *rng;
};

static double *at(const struct plasma *p, int y, int x)
{
    const size_t mask = (size_t)p->side - 1;
    return &p->map[((size_t)y & mask) * (size_t)p->side + ((size_t)x & mask)];
}

static double near(const struct plasma *p, double sum)
{
    const double u = (vs_rng_u32(p->rng) + 0.5) * 0x1p-32;
    return sum / 4 + p->wibble * (2 * p->wibble * u - p->wibble);
}

static void refine(const struct plasma *p, int step)
{
    const int n = p->side, half = step / 2;
    for (int y = 0; y < n; y += step)
        for (int x = 0; x < n; x += step)
            *at(p, y + half, x + half) =
                near(p, (*at(p, y, x) + *at(p, y + step, x)) +
                            (*at(p, y, x + step) + *at(p, y + step, x + step)));
    for (int y = 0; y < n; y += step)
        for (int x = 0; x < n; x += step)
            *at(p, y, x + half) =
                near(p, (*at(p, y + half, x + half) + *at(p, y - half, x + half)) +
                            (*at(p, y, x) + *at(p, y, x + step)));
    for (int y = 0; y < n; y += step)
        for (int x = 0; x < n; x += step)
            *at(p, y + half, x) =
                near(p, (*at(p, y + half, x + half) + *at(p, y + half, x - half)) +
                            (*at(p, y, x) + *at(p, y + step, x)));
}

double *vs_plasma(int side, double decay, vs_rng *rng)
{
    const size_t n = (size_t)side * (size_t)side;
    struct plasma p = { .map = calloc(n, sizeof(double)), .side = side, .wibble = 100, .rng = rng };
    if (!p.map)
        return NULL;
    for (int step = side; step >= 2; step /= 2, p.wibble /= decay)
        refine(&p, step);
    double lowest = p.map[0], highest = 0;
    for (size_t i = 1; i < n; i++)
        lowest = p.map[i] < lowest ? p.map[i] : lowest;
    for (size_t i = 0; i < n; i++) {
        p.map[i] -= lowest;
        highest = p.map[i] > highest ? p.map[i] : highest;
    }
    for (size_t i = 0; i < n; i++)
        p.map[i] /= highest;
    return p.map;
}

/* The layer, (H, W, 3): c plasma. */
static vs_err scene_fog(void **scene, const vs_frame *f)
{
    vs_rng rng = vs_clip_rng(f->seed);
    int side = 2;
    while (side < f->H || side < f->W)
        side *= 2;
    double *map = vs_plasma(side, f->level[1], &rng);
    double *layer = malloc(sizeof(double) * 3 * (size_t)f->H * (size_t)f->W), *to = layer;
    for (int y = 0; layer && map && y < f->H; y++)
        for (int x = 0; x < f->W; x++, to += 3)
            to[0] = to[1] = to[2] = f->level[0] * map[(size_t)y * (size_t)side + (size_t)x];
    *scene = map ? layer : NULL;
    if (!map)
        free(layer);
    free(map);
    return *scene ? VS_OK : VS_FAIL(VS_ERR_NOMEM, "no memory for fog of %d x %d", f->W, f->H);
}

VECTOR static void add_fog(uint8_t *dst, const uint8_t *src, const double *layer, double top,
                           double c, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const double x = (src[i] / 255.0 + layer[i]) * top / (top + c);
        dst[i] = (uint8_t)(int)((x > 1 ? 1 : x) * 255);
    }
}

static vs_err frame_fog(uint8_t *dst, const uint8_t *src, const vs_frame *f)
{
    const size_t n = (size_t)f->H * f->W * 3;
    uint8_t top = 0;
    for (size_t i = 0; i < n; i++)
        top = src[i] > top ? src[i] : top;
    add_fog(dst, src, f->scene, top / 255.0, f->level[0], n);
    return VS_OK;
}

const vs_kind vs_kind_fog = { .scene = scene_fog, .frame = frame_fog };
