/* One frame as bytes: JPEG or raw, both through TurboJPEG.
 *
 *     jpeg   4:2:0, a complete JFIF file
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
#include "ingest/store/store.h"

#define VS_FRAME_SIDE 16384        /* largest width and height; JPEG itself ends at 65500 */

typedef struct vs_codec {
    void *tj;                      /* TurboJPEG handle: compressor or decompressor */
    uint8_t *even;                 /* encoder: a frame of odd size, padded */
    size_t even_room;
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
/* rgb (H, W, 3). CORRUPT when the bytes are not a frame of this size; the message is the
 * reason alone, the caller knows clip and frame. */
vs_err vs_frame_decode(vs_codec *codec, uint8_t *rgb, vs_encoding encoding,
                       const uint8_t *data, size_t bytes, int W, int H);

#endif /* VSYN_INGEST_STORE_FRAME_H */
