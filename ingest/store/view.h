/* From planes to a view: crop, resample, mirror, colours, in one pass over strips of rows.
 *
 * Planes are 4:2:0 (or 4:4:4) in JFIF colours. Output pixel (x, y) is the rectangle `crop` of the
 * picture, sampled at half-pixel centres with a triangle filter, widened when shrinking: the
 * filter of base/image.h. Each plane is resampled at its own resolution to the size of the view,
 * and only then turned into RGB, so that nothing is computed at the size of the picture.
 *
 *     centre(i) = r0 + (i + 1/2) * s - 1/2      s = r / n, in samples of the plane
 *     weight(j) ~ max(0, 1 - |j - centre(i)| / max(s, 1)), in 1/2^14, their sum exactly one
 *     R = Y + 1.402 Cr   G = Y - 0.344136 Cb - 0.714136 Cr   B = Y + 1.772 Cb
 *
 * Sums are kept in 16 bits with 6 of fraction, in whole numbers: the same bytes on every machine
 * and for every strip. At most 1 from the exact sum (test_store_view.c).
 *
 * A view holds the weights of one geometry and its scratch. It is filled again in place: nothing
 * is allocated once it has seen the largest. One thread each.
 */
#ifndef VSYN_INGEST_STORE_VIEW_H
#define VSYN_INGEST_STORE_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/image.h"

/* Weights of one axis of one plane. */
typedef struct vs_view_axis {
    int n, taps;
    int from, end;                 /* samples of the plane that are needed at all */
    int *first;                    /* (n) first sample */
    int16_t *weight;               /* (n, taps) */
    size_t first_room, weight_room;
} vs_view_axis;

typedef struct vs_view {
    int w, h;
    const struct vs_lanes *lanes;  /* inner loops (lanes.h); NULL: the fastest, at the next fill */
    vs_view_axis x[2], y[2];       /* of luma, of chroma */
    void *scratch;
    size_t scratch_room;
} vs_view;

/* Samples per pixel of the picture, as numerator over 16: 16 luma of the full size, 8 chroma of
 * 4:2:0. Sample k covers the pixels from 16 k / share to 16 (k + 1) / share. */
typedef struct vs_view_planes {
    int W[2], H[2];                /* samples of luma, of each chroma plane */
    int share[2];
} vs_view_planes;

/* crop lies in the picture; the view is (h, w, 3). NOMEM. */
vs_err vs_view_fill(vs_view *view, const vs_view_planes *planes, vs_rect crop, int w, int h,
                    bool flip);
void vs_view_free(vs_view *view);

/* plane[p] begins with row row0[p] of its plane and has the rows that y[].from .. end name. */
void vs_view_run(vs_view *view, uint8_t *rgb, const uint8_t *const plane[3], const int stride[3],
                 const int row0[3]);

/* (rgb / 255 - mean) / std. */
void vs_view_normalise(float *out, const uint8_t *rgb, size_t pixels, const float mean[3],
                       const float std[3]);

#endif /* VSYN_INGEST_STORE_VIEW_H */
