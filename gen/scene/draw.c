/* Drawing a scene: from the topmost object down, every pixel is written once.
 *
 * The scene is a stack of opaque shapes, later objects over earlier ones, on black. So
 * the last object that covers a pixel gives its colour, and drawing starts there:
 *
 *     for object = n - 1 .. 0:  new = shape & free;  paint(new);  free &= ~shape
 *
 * with rows of bits (gen/scene/raster.h), until no pixel is free. What stays free is black.
 * Objects whose bounds hold no free pixel are not even rasterised. Shapes are opaque also where
 * their texture ends: black there.
 *
 * Flat colours are painted into the three planes of the layout: red, green and blue, or Y, U
 * and V at full size, whose chroma is then halved. By the definition in gen/scene/yuv.h that
 * is the same as converting the RGB picture.
 *
 * CUDA twin: gen/scene/draw.cu, the same formulas and bytes.
 */
#include <stdlib.h>

#include "base/err.h"
#include "gen/scene/paint.h"
#include "gen/scene/plan.h"
#include "gen/scene/pose.h"
#include "gen/scene/raster.h"
#include "gen/scene/scene.h"
#include "gen/scene/texture.h"
#include "gen/scene/yuv.h"

/* ---- Shapes --------------------------------------------------------------------------------- */

typedef struct bounds {
    int x0, y0, x1, y1;            /* inclusive, inside the picture */
} bounds;

static int clamp(int64_t v, int size)
{
    return v < 0 ? 0 : v >= size ? size - 1 : (int)v;
}

/* Of the pixels that the shape may cover; false when it is out of sight. */
static bool bounds_of(bounds *b, const vs_pose *pose, int size)
{
    int64_t x0 = pose->x, x1 = pose->x, y0 = pose->y, y1 = pose->y;
    if (pose->corners == 0) {
        const int64_t w = llabs((long long)pose->ax), h = llabs((long long)pose->ay);
        const int64_t reach = (w > h ? w : h) + 1;
        x0 -= reach;
        x1 += reach;
        y0 -= reach;
        y1 += reach;
    } else {
        x0 = x1 = pose->px[0];
        y0 = y1 = pose->py[0];
    }
    for (int k = 1; k < pose->corners; k++) {
        x0 = pose->px[k] < x0 ? pose->px[k] : x0;
        x1 = pose->px[k] > x1 ? pose->px[k] : x1;
        y0 = pose->py[k] < y0 ? pose->py[k] : y0;
        y1 = pose->py[k] > y1 ? pose->py[k] : y1;
    }
    *b = (bounds){ clamp(x0, size), clamp(y0, size), clamp(x1, size), clamp(y1, size) };
    return x1 >= 0 && x0 < size && y1 >= 0 && y0 < size;
}

static void rasterise(vs_mask *m, const vs_pose *pose, const vs_disc *disc)
{
    if (pose->corners)
        vs_raster_polygon(m, pose->px, pose->py, pose->corners);
    else if (disc)
        vs_raster_disc(m, disc, pose->x, pose->y);
    else
        vs_raster_ellipse(m, pose->x, pose->y, pose->ax, pose->ay, pose->degrees);
}

/* The disc that this pose is, if it is one. */
static const vs_disc *disc_of(const struct vs_plan *plan, const vs_pose *pose)
{
    const bool round = pose->corners == 0 && pose->ax == pose->ay && pose->degrees == 0;
    return plan && round && pose->ax >= 0 && pose->ax < plan->discs ? plan->disc[pose->ax] : NULL;
}

/* The mask of an object at a frame; false when it has no free pixel within its bounds. */
static bool draw_mask(vs_mask *shape, vs_pose *pose, const vs_canvas *c, const vs_scene *scene,
                      int i, int frame)
{
    const vs_object *o = &scene->object[i];
    vs_pose_base own;
    const vs_pose_base *base = &own;
    if (scene->plan)
        base = &scene->plan->base[i];
    else
        vs_pose_base_of(&own, o);
    vs_pose_position(pose, base, o, &scene->params, frame);
    if (pose->away || !vs_pose_in_sight(pose, base, o, &scene->params, frame))
        return false;
    vs_pose_outline(pose, base, o, &scene->params, frame);
    bounds b;
    if (!bounds_of(&b, pose, c->size) || !vs_canvas_any_free(c, b.x0, b.y0, b.x1, b.y1))
        return false;
    rasterise(shape, pose, disc_of(scene->plan, pose));
    return true;
}

/* ---- Pictures ------------------------------------------------------------------------------- */

/* Everything, which is free, in black. */
static void draw_ground(vs_canvas *c, vs_mask *shape, vs_layout layout, vs_paint_fn *paint)
{
    static const uint8_t black[3];
    uint8_t value[3];
    vs_yuv_values(value, black, layout == VS_LAYOUT_YUV420);
    const size_t words = (size_t)c->size * (size_t)c->words;
    memcpy(shape->row, c->free, words * sizeof(*c->free));
    shape->top = 0;
    shape->bottom = c->size;
    paint(c, shape, value);
}

/* Paints one object, whose mask is `shape`; the number of pixels. */
static int64_t paint_object(const vs_canvas *c, vs_mask *shape, const vs_scene *scene, int i,
                            const vs_pose *pose, int frame, vs_layout layout,
                            const vs_texture_columns *columns, vs_paint_fn *paint)
{
    const vs_object *o = &scene->object[i];
    uint8_t value[3];
    if (scene->params.textures && o->texture >= 0) {
        vs_warp warp;
        vs_warp_at(&warp, scene->params.textures, columns, o, pose, &scene->params, frame);
        return vs_texture_paint(c, shape, &warp, layout);
    }
    vs_yuv_values(value, o->color, layout == VS_LAYOUT_YUV420);
    return paint(c, shape, value);
}

static void draw_objects(vs_canvas *c, vs_mask *shape, const vs_scene *scene, int frame,
                         vs_layout layout, int *columns_room)
{
    vs_texture_columns columns = { 0 };
    if (scene->params.textures)
        vs_texture_columns_init(&columns, columns_room, c->size, scene->params.textures->side);
    vs_paint_fn *const paint = vs_paint_best();
    int64_t left = (int64_t)c->size * c->size;
    vs_canvas_reset(c);
    for (int i = scene->n - 1; i >= 0 && left > 0; i--) {
        vs_pose pose;
        if (draw_mask(shape, &pose, c, scene, i, frame))
            left -= paint_object(c, shape, scene, i, &pose, frame, layout, &columns, paint);
    }
    if (left > 0)
        draw_ground(c, shape, layout, paint);
}

/* ---- Scratch: two masks, three planes whose rows are whole words, columns of textures -------- */

static size_t row_bytes(int size)
{
    return 64 * (size_t)vs_mask_words(size);
}

size_t vs_draw_scratch(int size)
{
    const size_t mask = (size_t)size * (size_t)vs_mask_words(size) * sizeof(uint64_t);
    return 2 * mask + 3 * (size_t)size * row_bytes(size) +
           vs_texture_columns_count(size) * sizeof(int);
}

static vs_canvas canvas_in(void *scratch, int size)
{
    const int words = vs_mask_words(size);
    const size_t mask = (size_t)size * (size_t)words, row = row_bytes(size);
    uint64_t *const bits = scratch;
    uint8_t *const planes = (uint8_t *)(bits + 2 * mask);
    vs_canvas c = { .size = size, .words = words, .free = bits };
    for (size_t k = 0; k < 3; k++) {
        c.plane[k] = planes + k * (size_t)size * row;
        c.stride[k] = row;
    }
    return c;
}

void vs_scene_draw_to(const vs_picture *out, const vs_scene *scene, int frame, void *scratch)
{
    const int size = scene->params.size;
    const bool yuv = out->layout == VS_LAYOUT_YUV420;
    VS_ASSERT(frame >= 0 && (!yuv || size % 2 == 0));
    vs_canvas c = canvas_in(scratch, size);
    vs_mask shape;
    vs_mask_init(&shape, size, c.free + (size_t)size * (size_t)c.words);
    /* Full-size planes of the picture itself are painted where they are. */
    for (int k = 0; k < 3; k++)
        if (out->layout == VS_LAYOUT_PLANES || (yuv && k == 0)) {
            c.plane[k] = out->plane[k];
            c.stride[k] = out->stride[k];
        }
    int *const columns = (int *)((uint8_t *)scratch + vs_draw_scratch(size)) -
                         vs_texture_columns_count(size);
    draw_objects(&c, &shape, scene, frame, out->layout, columns);
    if (out->layout == VS_LAYOUT_RGB)
        vs_rgb_interleave(out->plane[0], out->stride[0], (const uint8_t *const *)c.plane,
                          c.stride[0], size, size);
    for (int k = 1; yuv && k < 3; k++)
        vs_yuv_halve(out->plane[k], out->stride[k], c.plane[k], c.stride[k], size, size);
}

void vs_scene_draw(const vs_scene *scene, int frame, uint8_t *rgb, void *scratch)
{
    const vs_picture out = { VS_LAYOUT_RGB, { rgb }, { 3 * (size_t)scene->params.size } };
    vs_scene_draw_to(&out, scene, frame, scratch);
}

void vs_scene_draw_planes(const vs_scene *scene, int frame, uint8_t *planes, void *scratch)
{
    const size_t size = (size_t)scene->params.size;
    const vs_picture out = { VS_LAYOUT_PLANES,
                             { planes, planes + size * size, planes + 2 * size * size },
                             { size, size, size } };
    vs_scene_draw_to(&out, scene, frame, scratch);
}

bool vs_scene_is_still(const vs_scene *scene)
{
    return !scene->params.moving && !scene->params.affine;
}
