/* A clip of a store as an MP4 with its own times: H.264 through libx264.
 *
 * Planes are the store's (JFIF 4:2:0, BT.601, full range) and the file says so: a lossless one
 * decodes to the very planes. Odd sizes become 4:4:4, their chroma repeated: only luma is exact.
 * No B-frames and no edit list, a key frame every 12 frames: as vsyn-gen writes them. One thread,
 * no time stamps of the day: the same clip gives the same bytes.
 *
 * The file is written beside its place and gets its name when it is complete.
 * Errors: UNSUPPORTED (no libx264 in this libavcodec), CODEC, IO (disk full), NOMEM.
 */
#ifndef VSYN_INGEST_MOVIE_H
#define VSYN_INGEST_MOVIE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

typedef struct vs_movie_options {
    int W, H, frames;
    double fps;                    /* 0 = 25 */
    const double *seconds;         /* (frames) rising from 0, of a variable rate; NULL: constant */
    int quality;                   /* CRF 1..51, lower is better; 0 = lossless */
} vs_movie_options;

typedef struct vs_movie vs_movie;

/* `tmp` is the name until vs_movie_finish(); options->seconds must live until then. */
vs_err vs_movie_open(vs_movie **out, const char *tmp, const vs_movie_options *options);
vs_err vs_movie_frame(vs_movie *movie, const uint8_t *const plane[3], const int stride[3]);
/* Completes `tmp` and gives it its name. Closes, also on failure. */
vs_err vs_movie_finish(vs_movie **movie, const char *path);
void vs_movie_drop(vs_movie **movie);

/* UNSUPPORTED when this libavcodec has no encoder for them. */
vs_err vs_movie_possible(void);

#endif /* VSYN_INGEST_MOVIE_H */
