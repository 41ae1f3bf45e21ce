/* RGB frames to a video file, through libavcodec and libavformat.
 *
 * MP4 in every case: mpeg4 (MPEG-4 part 2, fourcc mp4v, the reference's choice), h264
 * (libx264) and lossless (libx264 in RGB, quantiser 0: decodes to the very same pixels).
 * No B-frames, a constant frame rate, one thread per encoder and no time stamps of the
 * day: the same frames give the same bytes.
 *
 * The file grows in memory and is written in one go: it appears whole or not at all.
 *
 * Thread-safety: one thread per encoder, any number of encoders.
 * Errors: UNSUPPORTED (codec not in this libavcodec), CODEC, IO (disk full), NOMEM.
 */
#ifndef VSYN_GEN_ENCODE_H
#define VSYN_GEN_ENCODE_H

#include <stdint.h>

#include "base/err.h"

typedef enum vs_video_codec { VS_CODEC_MPEG4, VS_CODEC_H264, VS_CODEC_LOSSLESS } vs_video_codec;
#define VS_CODEC_CHOICES "mpeg4|h264|lossless"

typedef struct vs_encode_options {
    int W, H;                      /* even, except for lossless */
    double fps;
    vs_video_codec codec;
    int quality;                   /* 0: the codec's usual one; mpeg4: quantiser 1..31 [2];
                                    * h264: CRF 1..51 [18]; lower is better */
} vs_encode_options;

/* USAGE naming the option that this codec cannot do. */
vs_err vs_encode_check(const vs_encode_options *options);

typedef struct vs_encoder vs_encoder;
vs_err vs_encoder_open(vs_encoder **out, const vs_encode_options *options);
/* rgb: (H, W, 3) */
vs_err vs_encoder_frame(vs_encoder *encoder, const uint8_t *rgb);
/* Writes `path` (NULL: nothing, only measures) and closes, also on failure. */
vs_err vs_encoder_finish(vs_encoder **encoder, const char *path, int64_t *bytes);
void vs_encoder_drop(vs_encoder **encoder);

#endif /* VSYN_GEN_ENCODE_H */
