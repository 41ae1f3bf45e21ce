/* 8-bit RGB pictures: PNG files (libpng), and bilinear resampling of a rectangle.
 *
 * Layout everywhere in this project: rows top to bottom, pixels R G B, dense.
 */
#ifndef VSYN_BASE_IMAGE_H
#define VSYN_BASE_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

typedef struct vs_image {
    int W, H;
    uint8_t *rgb;                  /* (H, W, 3); owned */
} vs_image;

/* Any PNG becomes RGB (palette, grey, 16 bit; alpha is dropped). Free with vs_image_free. */
vs_err vs_png_read(vs_image *out, const char *path);
/* Atomic, lossless. */
vs_err vs_png_write(const char *path, int W, int H, const uint8_t *rgb);
void vs_image_free(vs_image *image);

/* A picture as the content of an HTML src attribute: "data:image/png;base64,...".
 * The caller frees it; NULL when out of memory. */
char *vs_png_data_uri(int W, int H, const uint8_t *rgb);

/* ---- Resampling ---------------------------------------------------------------
 * Output (h, w) is the source rectangle x0 <= x < x0 + rw, y0 <= y < y0 + rh (real
 * numbers, inside the picture), sampled at half-pixel centres with a triangle
 * filter: plain bilinear interpolation when enlarging; when shrinking the
 * triangle is widened by the scale, so that nothing is skipped (antialias, as
 * Pillow's BILINEAR and PyTorch's antialias=True). Weights are rounded to 1/2^14
 * and sum to one exactly: the same bytes on every machine.
 *
 * A plan holds the weights of one geometry; make it once, use it for all frames
 * of a clip. Using a plan is thread-safe as long as each thread has its own `tmp`.
 */
typedef struct vs_rect {
    double x0, y0, rw, rh;
} vs_rect;

typedef struct vs_resize vs_resize;
vs_resize *vs_resize_new(int src_w, int src_h, vs_rect rect, int w, int h, bool flip);
/* Bytes of scratch that vs_resize_run needs. */
size_t vs_resize_scratch(const vs_resize *plan);
void vs_resize_run(const vs_resize *plan, uint8_t *dst, const uint8_t *src, void *tmp);
void vs_resize_free(vs_resize **plan);

#endif /* VSYN_BASE_IMAGE_H */
