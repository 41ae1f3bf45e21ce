/* One frame as bytes, and back to planes.
 *
 *     jpeg   4:2:0, a complete JFIF file with a restart marker per row of blocks (jpeg.h)
 *     raw    planes Y, U, V, dense, the picture padded to even W and H:
 *            Y (2*ceil(H/2), 2*ceil(W/2)), U and V (ceil(H/2), ceil(W/2)) each
 *
 * Colours of both are JFIF: BT.601, full range. A codec serves one thread.
 */
#ifndef VSYN_INGEST_STORE_FRAME_H
#define VSYN_INGEST_STORE_FRAME_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "ingest/store/jpeg.h"
#include "ingest/store/store.h"
#include "ingest/store/view.h"

#define VS_FRAME_SIDE 16384        /* largest width and height; JPEG itself ends at 65500 */

typedef struct vs_codec {
    vs_jpeg *jpeg;
    void *tj;                      /* encoder: TurboJPEG, for RGB to planes */
} vs_codec;

vs_err vs_codec_open_encoder(vs_codec *codec);
vs_err vs_codec_open_decoder(vs_codec *codec);
void vs_codec_close(vs_codec *codec);

/* Room that an encoded frame may need. */
size_t vs_frame_bound(vs_encoding encoding, int W, int H);
/* Bytes of a raw frame. */
size_t vs_frame_raw_bytes(int W, int H);

/* out: vs_frame_bound() bytes; *bytes: what was used. */
vs_err vs_frame_encode_rgb(vs_codec *codec, uint8_t *out, size_t *bytes, vs_encoding encoding,
                           int quality, const uint8_t *rgb, int W, int H);
vs_err vs_frame_encode_yuv(vs_codec *codec, uint8_t *out, size_t *bytes, vs_encoding encoding,
                           int quality, const uint8_t *const plane[3], const int stride[3],
                           int W, int H);

/* At which size (8, 4, 2, 1 eighths) a view of w x h of a crop is decoded: never below the view. */
int vs_frame_scale(vs_encoding encoding, vs_rect crop, int w, int h);
/* The planes that a frame of W x H decodes to at that size. */
vs_view_planes vs_frame_planes(int W, int H, int size);
/* Rows y0 .. y1 - 1 at least; planes live until the next call, raw ones as long as `data`, which
 * is changed. CORRUPT when the bytes are not a frame of this size; the message is the reason alone,
 * the caller knows clip and frame. */
vs_err vs_frame_decode(vs_codec *codec, vs_jpeg_planes *out, vs_encoding encoding, uint8_t *data,
                       size_t bytes, int W, int H, int size, int y0, int y1);

#endif /* VSYN_INGEST_STORE_FRAME_H */
