/* Clips through a video codec, in memory: libavcodec, one thread each way, no file and no process.
 *
 *     encode    RGB -> YUV 4:2:0 (gen/scene/yuv.h) -> packets, at 25 frames per second
 *     decode    packets -> YUV 4:2:0 -> RGB (planes.h), damage concealed as libavcodec does
 *
 * Sides that a codec cannot take (odd, or below 16; x265: below 66) are continued with the last row
 * and column, and cut off again. Encoders run with libavcodec's defaults, as the ffmpeg program
 * does with -threads 1; x264 and x265 with what makes them independent of the number of processors.
 * The bytes depend on the versions of FFmpeg, x264 and x265 (other kinds of processor than x86 may
 * round differently), not on threads or on what runs beside.
 *
 * Internal to eval; built with FFmpeg only. Errors: NOMEM, CODEC, UNSUPPORTED.
 */
#ifndef VSYN_EVAL_CODEC_H
#define VSYN_EVAL_CODEC_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/rng.h"

struct AVCodecParameters;
struct AVPacket;

typedef struct vs_codec_settings {
    const char *encoder;           /* libavcodec's name */
    int quantiser;                 /* -q:v; 0: one of those below */
    double crf;                    /* 0: bit_rate */
    int64_t bit_rate;              /* bits per second, with -maxrate and -bufsize the same */
    int slice_bytes;               /* x264: no slice is longer; 0 = one per frame */
} vs_codec_settings;

typedef struct vs_coded {
    struct AVCodecParameters *parameters;
    struct AVPacket **packet;      /* (n), in the order of decoding; pts = number of the frame */
    int n;
    int64_t bytes;                 /* of all packets */
} vs_coded;

/* Why this libavcodec cannot, in a few words; NULL: it can. */
const char *vs_codec_missing(const char *encoder);

/* src (T, H, W, 3). Free `out` also after a failure. */
vs_err vs_codec_encode(vs_coded *out, const vs_codec_settings *settings, const uint8_t *src, int T,
                       int H, int W);
/* dst (T, H, W, 3): a frame that does not come out is the one before it; the first ones, the first
 * that does; all, black. *decoded: how many did; may be NULL. */
vs_err vs_codec_decode(uint8_t *dst, int *decoded, const vs_coded *coded, int T, int H, int W);
void vs_coded_free(vs_coded *coded);

/* ---- Damage, to every packet in turn ----------------------------------------------------- */

/* What FFmpeg's bitstream filter "noise" with this amount does to the bytes of a packet; *state is
 * 0 there at first. About one byte of `amount` changes. */
void vs_codec_noise(uint8_t *data, size_t bytes, uint32_t *state, uint32_t amount);
/* Takes slices out of a packet of H.264 (start codes), each with this chance; returns the bytes
 * that are left. Other units stay. */
size_t vs_codec_lose(uint8_t *data, size_t bytes, double chance, vs_rng *rng);

#endif /* VSYN_EVAL_CODEC_H */
