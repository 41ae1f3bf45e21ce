/* Videos, frame by frame, in the order of display, ready for the store: FFmpeg decodes,
 * swscale converts.
 *
 *   stream      the best video stream; pictures and cover art are refused. A folder of frames is a
 *               video (frames.h)
 *   colours     planes of JFIF 4:2:0 (BT.601, full range), from the matrix and range that
 *               the frame states; unstated means BT.601 video range, as OpenCV and decord
 *   rotation    multiples of 90 degrees of the display matrix are applied
 *   pixels      a sample aspect ratio off by more than 2% stretches the width; smaller
 *               ones are an encoder's rounding and are ignored
 *   size        the short side is reduced to `short_side`, the long one to the nearest
 *               even number; smaller videos stay as they are
 *   time        frames keep theirs, counted from the first one; edit lists are followed. fps > 0
 *               resamples as ffmpeg's filter of that name: times are rounded to 1 / fps, and
 *               each output frame is the last one whose time has come
 *   damage      frames that decode are kept; what was lost is told in the note
 *
 * One thread per decoder. Errors: IO, CODEC; the message is the reason without the path.
 */
#ifndef VSYN_INGEST_VIDEO_H
#define VSYN_INGEST_VIDEO_H

#include <stdint.h>

#include "base/err.h"
#include "ingest/watch.h"

typedef struct vs_decode_options {
    int short_side;                /* 0 = as it is */
    double fps;                    /* 0 = every frame */
    double max_seconds;            /* 0 = all; counted from the first frame */
    vs_watched *watched;           /* given up when it has expired; NULL: never */
    double frame_rate;             /* of folders of frames; 0 = as they tell, else 25 */
} vs_decode_options;

typedef struct vs_decoder vs_decoder;
struct AVFrame;
struct AVPacket;
struct AVStream;

vs_err vs_decoder_open(vs_decoder **out, const char *path, const vs_decode_options *options);
void vs_decoder_close(vs_decoder **decoder);

/* The next frame: planes valid until the next call. END after the last one; CODEC when the
 * file has none at all, or gives nothing for too long. */
vs_err vs_decoder_next(vs_decoder *decoder, const uint8_t *plane[3], int stride[3]);

/* When the frame of the last call is shown: microseconds from the first one, rising. Where the file
 * has no times, one usual distance after the frame before. */
int64_t vs_decoder_time(const vs_decoder *decoder);

/* Known after the first frame. */
int vs_decoder_width(const vs_decoder *decoder);
int vs_decoder_height(const vs_decoder *decoder);
const char *vs_decoder_codec(const vs_decoder *decoder);
/* Frames that the file announces, for an estimate; at least 1. */
double vs_decoder_expected(const vs_decoder *decoder);
/* Known after the last: frames per second (0 = unknown), and what is wrong with the file:
 * "partial: 146 of 240 frames, 2 decoder errors (first: ...)"; NULL when all is well. */
double vs_decoder_fps(const vs_decoder *decoder);
const char *vs_decoder_note(vs_decoder *decoder);

/* For the encoding `copy`: every packet of our stream is shown to `tap` before it is decoded (NULL:
 * no longer), numbered from 0 in its `pos`; the frame behind the last planes, its pkt_pos the
 * number of its packet; the stream; clockwise quarter turns that are applied. */
typedef void vs_packet_fn(void *ctx, const struct AVPacket *packet);
void vs_decoder_tap(vs_decoder *decoder, vs_packet_fn *tap, void *ctx);
const struct AVFrame *vs_decoder_frame(const vs_decoder *decoder);
const struct AVStream *vs_decoder_stream(const vs_decoder *decoder);
int vs_decoder_turn(const vs_decoder *decoder);
vs_watched *vs_decoder_watched(const vs_decoder *decoder);

#endif /* VSYN_INGEST_VIDEO_H */
