/* Frames to a video file, through libavcodec and libavformat.
 *
 * MP4, or AVI when asked for, without B-frames or edit lists, a key frame every 12 frames:
 *
 *     mpeg4      MPEG-4 part 2, fourcc mp4v, YUV 4:2:0, quantiser 3: what the reference's writer
 *                (OpenCV, its default bit rate) comes to, within 1 % of its bytes
 *     h264       libx264, preset veryfast, YUV 4:2:0, CRF 18: a third of the bytes, half the speed
 *     lossless   libx264 in RGB 4:4:4, quantiser 0: decodes to the very same pixels, odd sizes
 *                too. ffplay, mpv, VLC and whatever uses libavcodec play it; browsers do not
 *
 * RGB becomes YUV by gen/scene/yuv.h. A constant frame rate, one thread per encoder and no time
 * stamps of the day: the same frames give the same bytes.
 *
 * The file grows in memory and is written in one go: it appears whole or not at all.
 *
 * Thread-safety: one thread per encoder, any number of encoders.
 * Errors: UNSUPPORTED (codec not in this libavcodec), CODEC, IO (disk full), NOMEM.
 */
#ifndef VSYN_GEN_ENCODE_H
#define VSYN_GEN_ENCODE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "gen/scene/yuv.h"

typedef enum vs_video_codec { VS_CODEC_MPEG4, VS_CODEC_H264, VS_CODEC_LOSSLESS } vs_video_codec;
#define VS_CODEC_CHOICES "mpeg4|h264|lossless"

typedef struct vs_encode_options {
    int W, H;                      /* even, except for lossless */
    double fps;
    vs_video_codec codec;
    int quality;                   /* 0: the codec's usual one; mpeg4: quantiser 1..31 [3];
                                    * h264: CRF 1..51 [18]; lower is better */
    bool avi;                      /* the container; otherwise MP4 */
} vs_encode_options;

/* USAGE naming the option that this codec cannot do. */
vs_err vs_encode_check(const vs_encode_options *options);

typedef struct vs_encoder vs_encoder;
vs_err vs_encoder_open(vs_encoder **out, const vs_encode_options *options);
/* rgb: (H, W, 3) */
vs_err vs_encoder_frame(vs_encoder *encoder, const uint8_t *rgb);
/* The planes of the next frame, for the caller to fill completely and then to push; `false`:
 * this codec takes RGB only. They are the encoder's. Pushing again without asking for planes
 * repeats the frame. */
bool vs_encoder_takes_yuv(const vs_encoder *encoder);
vs_err vs_encoder_planes(vs_encoder *encoder, vs_yuv420 *out);
vs_err vs_encoder_push(vs_encoder *encoder);
/* A frame that lies in the caller's memory, aligned to 64 bytes: planes Y, U and V, or plane 0
 * with R G B. It is not copied, and must stay as it is until the encoder is closed. */
vs_err vs_encoder_borrow(vs_encoder *encoder, const uint8_t *const plane[3],
                         const size_t stride[3]);
/* Writes `path` (NULL: nothing, only measures) and closes, also on failure. */
vs_err vs_encoder_finish(vs_encoder **encoder, const char *path, int64_t *bytes);
void vs_encoder_drop(vs_encoder **encoder);

#endif /* VSYN_GEN_ENCODE_H */
