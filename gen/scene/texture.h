/* Textures that fill shapes: a bank that scenes share, and the map that lays one on a shape.
 *
 * A bank holds n square pictures of one side T, decoded once, 4 bytes per pixel (R G B G: green
 * twice, which makes Y of YUV one sum of four products), each inside a border of zeros:
 * n (T + 2)^2 4 bytes, 260 KiB per picture of 256.
 *
 * What a scene of S pixels shows is the picture enlarged to 2 S x 2 S (nearest neighbour: column
 * X is column floor(X T / 2S)); one of its pixels is one pixel of the frame, before the shape's
 * affine motion. The rule is OpenCV's warpAffine, bit for bit:
 *
 *     matrix      circle: the picture's corner lies on (x - ax, y - ay); polygon: the affine map
 *                 that takes its first three corners before the affine motion to those after it,
 *                 all six rounded to float; inverted in double precision
 *     sample      coordinates in 1/1024, + 16, then in 1/32; four taps weigh (32 - fx)(32 - fy),
 *                 ...; sum + 512 >> 10. Taps outside the picture are 0: black.
 *
 * Thread-safety: a bank that nobody changes may be drawn from by many threads. vs_textures_set()
 * for different i may be called from several threads.
 */
#ifndef VSYN_GEN_SCENE_TEXTURE_H
#define VSYN_GEN_SCENE_TEXTURE_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/hd.h"
#include "gen/scene/paint.h"
#include "gen/scene/pose.h"
#include "gen/scene/scene.h"

/* ---- The bank --------------------------------------------------------------------------- */

struct vs_textures {
    int n, side;
    uint8_t *texel;                /* (n, side + 2, side + 2, 4), owned */
};

/* n black pictures. NOMEM names the bytes. */
vs_err vs_textures_new(vs_textures **out, int n, int side);
/* rgb: (side, side, 3) */
void vs_textures_set(vs_textures *bank, int i, const uint8_t *rgb);
void vs_textures_free(vs_textures **bank);
size_t vs_textures_bytes(int n, int side);

/* ---- One texture on one shape ----------------------------------------------------------- */

/* Column (and row) of the bordered picture for every column of the enlarged one. */
typedef struct vs_texture_columns {
    int *of;                       /* of[-2] .. of[2 size + 1]: the border is 0 and side + 1 */
    int last;                      /* 2 size: the first column beyond */
} vs_texture_columns;
/* ints that vs_texture_columns_init fills. */
VS_HD size_t vs_texture_columns_count(int size)
{
    return 2 * (size_t)size + 4;
}
void vs_texture_columns_init(vs_texture_columns *out, int *room, int size, int side);

typedef struct vs_warp {
    const uint8_t *texel;          /* (side + 2, side + 2, 4) */
    int stride;                    /* side + 2 */
    const int *column;
    int last;
    double m[6];                   /* 1024 times: enlarged picture from frame, rows X and Y */
} vs_warp;

/* `pose` is that of the object at the frame, and not away. The object has a texture. */
void vs_warp_at(vs_warp *out, const vs_textures *bank, const vs_texture_columns *columns,
                const vs_object *object, const vs_pose *pose, const vs_scene_params *params,
                int frame);
/* Pixels x .. x+n-1 of row y, as R G B G (n, 4); room for n rounded up to 4. */
void vs_warp_run(const vs_warp *warp, uint8_t *rgbg, int x, int y, int n);
/* Takes and paints what is free of the shape, and clears the shape. The number of pixels. */
int64_t vs_texture_paint(const vs_canvas *canvas, vs_mask *shape, const vs_warp *warp,
                         vs_layout layout);

#endif /* VSYN_GEN_SCENE_TEXTURE_H */
