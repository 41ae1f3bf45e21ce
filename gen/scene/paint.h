/* The canvas: three planes of bytes and which of their pixels are still free.
 *
 * A picture is painted from the topmost object down. An object takes those pixels of its mask
 * that are free and paints them, in every plane with one value; so each pixel is painted once.
 * The planes are red, green and blue, or Y, U and V before chroma is halved: painting cannot
 * tell.
 *
 * There are variants for AVX-512 (stores masked by the very bits) and AVX2; all give the same
 * bytes. Which one is used is decided by the CPU alone.
 */
#ifndef VSYN_GEN_SCENE_PAINT_H
#define VSYN_GEN_SCENE_PAINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gen/scene/raster.h"

typedef struct vs_canvas {
    int size, words;               /* pixels and 64-bit words of a row */
    uint8_t *plane[3];
    size_t stride[3];              /* bytes from row to row, at least size */
    uint64_t *free;                /* (size, words): 1 where nothing is painted yet */
} vs_canvas;

/* All of it is free again. The planes stay as they are. */
void vs_canvas_reset(vs_canvas *c);
/* Is any pixel of x0..x1, y0..y1 (inside the picture) free? */
bool vs_canvas_any_free(const vs_canvas *c, int x0, int y0, int x1, int y1);

/* Takes what is free of the shape, without painting: the shape keeps exactly these bits.
 * Returns their number. */
int64_t vs_canvas_take(const vs_canvas *c, vs_mask *shape);

/* Takes and paints what is free of the shape, and clears the shape. The number of pixels. */
typedef int64_t vs_paint_fn(const vs_canvas *c, vs_mask *shape, const uint8_t value[3]);
vs_paint_fn *vs_paint_best(void);

/* For tests: variant i, NULL where this CPU lacks it; *name is NULL beyond the last one. */
vs_paint_fn *vs_paint_variant(const char **name, int i);

#endif /* VSYN_GEN_SCENE_PAINT_H */
