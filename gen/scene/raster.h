/* Which pixels a shape covers: the rasteriser of scenes, into rows of bits.
 *
 * The rules are those of OpenCV's fillPoly and filled ellipse (no anti-aliasing), written
 * anew, so that scenes equal those of the reference generator pixel for pixel:
 *
 *     polygon   even-odd fill between 16.16 fixed-point edges over y0 <= y < y1, pixels
 *               ceil(left) .. floor(right), and an 8-connected Bresenham outline
 *     ellipse   polygon of 5 degree steps (coarser when small), fractional corners, convex
 *               fill with rounded span ends, and a 16.16 outline
 *
 * A mask holds one bit per pixel, `words` 64-bit words per row, bit 0 leftmost. Rows
 * top..bottom-1 may hold bits, all others are clear. Bits beyond the width stay clear.
 *
 * Thread-safety: none needed, a mask belongs to one thread.
 */
#ifndef VSYN_GEN_SCENE_RASTER_H
#define VSYN_GEN_SCENE_RASTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/hd.h"

typedef struct vs_mask {
    int size, words;               /* pixels and 64-bit words of a row */
    int top, bottom;               /* rows that may hold bits */
    uint64_t *row;                 /* (size, words), the caller's */
} vs_mask;

VS_HD int vs_mask_words(int size)
{
    return (size + 63) / 64;
}

/* `row` must hold size * vs_mask_words(size) words. */
static inline void vs_mask_init(vs_mask *m, int size, uint64_t *row)
{
    m->size = size;
    m->words = vs_mask_words(size);
    m->row = row;
    m->top = size;
    m->bottom = 0;
    memset(row, 0, (size_t)size * (size_t)m->words * sizeof(*row));
}

static inline void vs_mask_clear(vs_mask *m)
{
    if (m->bottom > m->top)
        memset(m->row + (size_t)m->top * (size_t)m->words, 0,
               (size_t)(m->bottom - m->top) * (size_t)m->words * sizeof(*m->row));
    m->top = m->size;
    m->bottom = 0;
}

/* Adds the n corners' polygon. Coordinates up to +-2^30; 3 <= n <= VS_POLYGON_MAX. */
enum { VS_POLYGON_MAX = 64 };
void vs_raster_polygon(vs_mask *m, const int *x, const int *y, int n);
/* Adds an ellipse with whole half axes (their signs do not matter), rotated by whole
 * degrees, clockwise as seen (y points down). */
void vs_raster_ellipse(vs_mask *m, int cx, int cy, int ax, int ay, int degrees);

/* ---- Circles, worked out once --------------------------------------------------------------
 * A circle of whole radius and centre looks the same wherever it is, but for the pieces of its
 * outline that the border of the picture clips. A disc keeps its rows; drawing it adds spans,
 * and draws anew only the pieces near the border. The same bits as vs_raster_ellipse().
 */
enum { VS_DISC_MAX = 2048 };       /* largest radius */
typedef struct vs_disc vs_disc;

/* radius 0..VS_DISC_MAX; NULL when out of memory: then draw it as an ellipse. */
vs_disc *vs_disc_new(int radius);
void vs_raster_disc(vs_mask *m, const vs_disc *disc, int cx, int cy);

#endif /* VSYN_GEN_SCENE_RASTER_H */
