/* JPEG frames of the store through libjpeg-turbo: planes in, planes out.
 *
 * Written: baseline, 4:2:0, the standard tables, and a restart marker after every row of blocks
 * (16 rows of pixels; about 3 bytes each). A reader that needs rows y0 .. y1 - 1 finds the markers
 * by their bytes and hands the decoder a shorter picture that holds only these rows of blocks. The
 * samples are those of the whole picture, bit for bit: nothing crosses a restart marker, and
 * chroma is not smoothed here. Pictures without markers are decoded from their first row.
 *
 * Where the view is smaller than half (a quarter, an eighth) of the crop, the inverse transform of
 * 4 x 4 (2 x 2, 1 x 1) coefficients gives planes of that size. Chroma then has luma's size.
 */
#ifndef VSYN_INGEST_STORE_JPEG_H
#define VSYN_INGEST_STORE_JPEG_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

typedef struct vs_jpeg vs_jpeg;

vs_err vs_jpeg_open_encoder(vs_jpeg **out);
vs_err vs_jpeg_open_decoder(vs_jpeg **out);
void vs_jpeg_close(vs_jpeg **jpeg);

/* Room that W x H pixels may need, whatever they are. */
size_t vs_jpeg_bound(int W, int H);

/* rgb (H, W, 3). out: vs_jpeg_bound() bytes; *bytes: what was used. */
vs_err vs_jpeg_encode_rgb(vs_jpeg *jpeg, uint8_t *out, size_t *bytes, int quality,
                          const uint8_t *rgb, int W, int H);
/* Planes of ceil(W / 2) and ceil(H / 2) for chroma. */
vs_err vs_jpeg_encode_planes(vs_jpeg *jpeg, uint8_t *out, size_t *bytes, int quality,
                             const uint8_t *const plane[3], const int stride[3], int W, int H);

/* Planes of some rows, owned by the decoder until its next call. */
typedef struct vs_jpeg_planes {
    const uint8_t *plane[3];
    int stride[3], row0[3];        /* the first row of plane[p] is row row0[p] of the picture */
} vs_jpeg_planes;

/* Size of plane 0 or 1 at size/8: 8, 4, 2 or 1 samples per block of 8 x 8 pixels; *share: samples
 * per 16 pixels (view.h). */
void vs_jpeg_plane_size(int *w, int *h, int *share, int plane, int W, int H, int size);

/* Rows y0 .. y1 - 1 of the picture, and what else lies in their blocks. `data` is changed. CORRUPT
 * when it is not a picture of W x H, or damaged; the message is the reason alone. */
vs_err vs_jpeg_decode(vs_jpeg *jpeg, vs_jpeg_planes *out, uint8_t *data, size_t bytes, int W,
                      int H, int size, int y0, int y1);

#endif /* VSYN_INGEST_STORE_JPEG_H */
