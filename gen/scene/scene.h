/* Synthetic scenes: sampled once, closed-form in time, drawn without FFmpeg.
 *
 * A scene is plain data: a table of objects in drawing order (later over earlier)
 * and the parameters that it was drawn from. vs_scene_draw() is a pure function of
 * (scene, frame): the same bytes on any thread, in any order of frames.
 *
 * Source: the generative process of arXiv 2410.24213 and its released generator,
 * reproduced pixel for pixel. Distances are pixels, angles radians, times frames.
 *
 * Thread-safety: a scene that nobody changes may be drawn from many threads.
 */
#ifndef VSYN_GEN_SCENE_H
#define VSYN_GEN_SCENE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/json.h"

typedef enum vs_shape {
    VS_SHAPE_CIRCLE, VS_SHAPE_SQUARE, VS_SHAPE_ORIENTED_SQUARE, VS_SHAPE_RECTANGLE,
    VS_SHAPE_TRIANGLE, VS_SHAPE_QUADRILATERAL
} vs_shape;

typedef struct vs_object {
    vs_shape shape;
    uint8_t color[3];              /* R G B, 0..254 */
    int radius;                    /* pixels */
    int cx, cy;                    /* "centre" at frame 0: see generation notes in draw.c */
    double direction, speed, acceleration;      /* rad, px/frame, px/frame^2 */
    double angle_speed, scale_x, scale_y, shear_x, shear_y;   /* per frame */
    double angle[4];               /* theta | a | sorted vertex angles */
    int texture;                   /* index, -1 = flat colour */
} vs_object;

typedef struct vs_textures vs_textures;    /* gen/scene/texture.h */

typedef struct vs_scene_params {
    bool mixed;                    /* all six shapes instead of circles */
    bool moving, affine, accelerated;
    bool textured;                 /* shapes are filled from `textures`, not with a colour */
    int size;                      /* width = height */
    int objects;
    int frames_lo, frames_hi;      /* length of a video, inclusive */
    double speed_lo, speed_hi, acceleration_max;
    bool circles_scale;            /* circles become ellipses under affine motion */
    const vs_textures *textures;   /* textured: must outlive the scenes; the caller's */
} vs_scene_params;

typedef struct vs_scene {
    vs_scene_params params;
    int frames;                    /* length of this video */
    int n;
    vs_object *object;             /* (n), owned */
    struct vs_plan *plan;          /* saves time (gen/scene/plan.h); NULL does as well; owned */
} vs_scene;

/* ---- Stages: the presets of the paper's progression ---------------------------- */
typedef struct vs_stage {
    const char *name, *help;
    const char *textures;          /* textured: "statistical", "stylegan", NULL: a folder */
    vs_scene_params params;        /* with every default of the paper */
} vs_stage;
int vs_stage_count(void);
const vs_stage *vs_stage_at(int i);
const vs_stage *vs_stage_find(const char *name);   /* NULL when there is none */

/* ---- Scenes ---------------------------------------------------------------------- */

/* Video `index` of the set that `seed` and `params` describe. Errors: NOMEM. Textured stages
 * need params->textures. */
vs_err vs_scene_sample(vs_scene *out, const vs_scene_params *params, uint64_t seed,
                       uint64_t index);
/* How many frames that video has, without sampling its objects. */
int vs_scene_length(const vs_scene_params *params, uint64_t seed, uint64_t index);
/* An object table as JSON (the format of golden/gen) and back. CORRUPT names the
 * object and the member. `params` says which motion applies when drawing; objects with a
 * texture need params->textures (CORRUPT when it lacks one). */
vs_err vs_scene_from_json(vs_scene *out, const json_t *table, const vs_scene_params *params,
                          const char *where);
json_t *vs_scene_to_json(const vs_scene *scene);
void vs_scene_free(vs_scene *scene);

/* ---- Drawing ----------------------------------------------------------------------- */

/* Where a picture of size x size pixels goes. Rows of plane k begin `stride[k]` bytes apart.
 *
 *     RGB       plane[0], (size, size, 3): R G B
 *     PLANES    red, green, blue, (size, size) each
 *     YUV420    Y (size, size), U and V (size / 2, size / 2); size even. The bytes are those of
 *               the RGB picture converted by the definition in gen/scene/yuv.h */
typedef enum vs_layout { VS_LAYOUT_RGB, VS_LAYOUT_PLANES, VS_LAYOUT_YUV420 } vs_layout;
typedef struct vs_picture {
    vs_layout layout;
    uint8_t *plane[3];
    size_t stride[3];
} vs_picture;

/* Bytes of scratch for one thread that draws scenes of this size. */
size_t vs_draw_scratch(int size);
/* frame: any number >= 0. A pure function of scene and frame; every byte of the picture is
 * written, none between its rows. */
void vs_scene_draw_to(const vs_picture *out, const vs_scene *scene, int frame, void *scratch);
/* The same, dense. rgb: (size, size, 3) */
void vs_scene_draw(const vs_scene *scene, int frame, uint8_t *rgb, void *scratch);
/* Three planes of size*size bytes, R then G then B. */
void vs_scene_draw_planes(const vs_scene *scene, int frame, uint8_t *planes, void *scratch);
/* Do all frames show the same? */
bool vs_scene_is_still(const vs_scene *scene);

#endif /* VSYN_GEN_SCENE_H */
