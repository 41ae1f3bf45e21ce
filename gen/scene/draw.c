/* Drawing a scene: from the topmost object down, every pixel is written once.
 *
 * The scene is a stack of opaque shapes, later objects over earlier ones, on black. So
 * the last object that covers a pixel gives its colour, and drawing starts there:
 *
 *     for object = n - 1 .. 0:  new = shape & free;  paint(new);  free &= ~shape
 *
 * with rows of bits (gen/scene/raster.h), until no pixel is free. What stays free is black.
 */
#include <stdlib.h>

#include "base/err.h"
#include "gen/scene/pose.h"
#include "gen/scene/raster.h"
#include "gen/scene/scene.h"

typedef struct canvas {
    int size;
    uint8_t *rgb, *planes;         /* one of them */
} canvas;

/* A run of n pixels from index `at` of the picture. */
static void paint_run(const canvas *c, size_t at, size_t n, const uint8_t color[3])
{
    if (c->planes) {
        const size_t plane = (size_t)c->size * (size_t)c->size;
        for (size_t k = 0; k < 3; k++)
            memset(c->planes + k * plane + at, color[k], n);
        return;
    }
    uint8_t *to = c->rgb + 3 * at;
    for (size_t i = 0; i < n; i++, to += 3) {
        to[0] = color[0];
        to[1] = color[1];
        to[2] = color[2];
    }
}

/* Paints the set bits of one word, whose bit 0 is pixel `at`, run by run. */
static void paint_word(const canvas *c, size_t at, uint64_t bits, const uint8_t color[3])
{
    while (bits) {
        const unsigned start = (unsigned)__builtin_ctzll(bits);
        const uint64_t rest = ~(bits >> start);
        const unsigned n = rest ? (unsigned)__builtin_ctzll(rest) : 64;
        paint_run(c, at + start, n, color);
        if (start + n >= 64)
            return;
        bits &= ~UINT64_C(0) << (start + n);
    }
}

/* Paints what of the shape is still free and takes it; returns the number of pixels. */
static int64_t paint_shape(const canvas *c, const vs_mask *shape, uint64_t *taken,
                           const uint8_t color[3])
{
    int64_t painted = 0;
    for (int y = shape->top; y < shape->bottom; y++) {
        const size_t row = (size_t)y * (size_t)shape->words;
        for (int w = 0; w < shape->words; w++) {
            const uint64_t bits = shape->row[row + (size_t)w] & ~taken[row + (size_t)w];
            if (!bits)
                continue;
            taken[row + (size_t)w] |= bits;
            painted += __builtin_popcountll(bits);
            paint_word(c, (size_t)y * (size_t)c->size + 64 * (size_t)w, bits, color);
        }
    }
    return painted;
}

static void rasterise(vs_mask *m, const vs_pose *pose)
{
    if (pose->corners)
        vs_raster_polygon(m, pose->px, pose->py, pose->corners);
    else
        vs_raster_ellipse(m, pose->x, pose->y, pose->ax, pose->ay, pose->degrees);
}

static void draw(const canvas *c, const vs_scene *scene, int frame, void *scratch)
{
    VS_ASSERT(frame >= 0);
    const int size = c->size;
    const size_t pixels = (size_t)size * (size_t)size;
    const size_t words = (size_t)size * (size_t)vs_mask_words(size);
    uint64_t *taken = scratch;
    vs_mask shape;
    vs_mask_init(&shape, size, taken + words);
    memset(taken, 0, words * sizeof(*taken));
    memset(c->planes ? c->planes : c->rgb, 0, 3 * pixels);
    int64_t left = (int64_t)pixels;
    for (int i = scene->n - 1; i >= 0 && left > 0; i--) {
        vs_pose pose;
        vs_pose_at(&pose, &scene->object[i], &scene->params, frame);
        if (pose.away)
            continue;
        rasterise(&shape, &pose);
        left -= paint_shape(c, &shape, taken, scene->object[i].color);
        vs_mask_clear(&shape);
    }
}

size_t vs_draw_scratch(int size)
{
    return 2 * (size_t)size * (size_t)vs_mask_words(size) * sizeof(uint64_t);
}

void vs_scene_draw(const vs_scene *scene, int frame, uint8_t *rgb, void *scratch)
{
    draw(&(canvas){ .size = scene->params.size, .rgb = rgb }, scene, frame, scratch);
}

void vs_scene_draw_planes(const vs_scene *scene, int frame, uint8_t *planes, void *scratch)
{
    draw(&(canvas){ .size = scene->params.size, .planes = planes }, scene, frame, scratch);
}
