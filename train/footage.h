/* A clip to look at, named on the command line, wherever it lies:
 *
 *     STORE:ID             a clip of a store
 *     scene:STAGE:INDEX    video INDEX that training on --scene STAGE draws with the same seed
 *     DIR                  a folder of frames (PNG, JPEG, WebP of one size), in the order of
 *                          their names, numbers in them by value
 *     FILE                 a picture (PNG, JPEG, WebP), which stands still; any other file is a
 *                          video, decoded by the program `ffmpeg`: the trainer links no codecs
 *
 * Frames 0, stride, 2 stride, ... with the short side at `short_side`, as vs_video_read() gives.
 *
 * Thread-safety: one call at a time. Errors: USAGE, IO, CORRUPT,
 * CODEC, UNSUPPORTED (no ffmpeg), NOMEM (more frames than half of the memory), STOPPED.
 */
#ifndef VSYN_TRAIN_FOOTAGE_H
#define VSYN_TRAIN_FOOTAGE_H

#include "train/data/data.h"

#define VS_FOOTAGE_ARG "VIDEO|PICTURE|DIR|STORE:ID|scene:STAGE:INDEX"

typedef struct vs_footage_options {
    int stride, short_side;
    uint64_t seed;                 /* scenes: which set; */
    int scene_size;                /* side of a drawn frame; 0 = 256 */
    const char *textures;          /* statistical, stylegan or DIR; NULL: the stage's own */
    int jobs;
} vs_footage_options;

/* Free with vs_video_free(). */
vs_err vs_footage_read(vs_video *out, const char *name, const vs_footage_options *options);

#endif /* VSYN_TRAIN_FOOTAGE_H */
