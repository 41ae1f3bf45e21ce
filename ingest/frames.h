/* A folder of frames as a video: img_00001.jpg, img_00002.jpg, ... (mmaction2's rawframes, frames
 * of Something-Something v2, vsyn-ingest extract).
 *
 *   which     pictures (jpg, png, webp, bmp, tif, ppm) whose names differ in their last number
 *             alone; of several such series the longest, optical flow (flow_*, x_*, y_*) only alone
 *   order     by that number; where some are missing the clip is marked partial
 *   times     times.txt beside them, the second of each frame; else 1 / rate apart, by number
 */
#ifndef VSYN_INGEST_FRAMES_H
#define VSYN_INGEST_FRAMES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

typedef struct vs_frames {
    char **path;                   /* (n) */
    int64_t *time;                 /* (n) microseconds from the first */
    int n, missing;                /* numbers that are left out */
} vs_frames;

/* A folder of pictures, without videos or folders in it? */
bool vs_is_frames(const char *dir);
/* Errors: IO, CODEC (no pictures, bad times.txt); the message is the reason without the path. */
vs_err vs_frames_open(vs_frames *out, const char *dir, double rate);
void vs_frames_close(vs_frames *frames);

#endif /* VSYN_INGEST_FRAMES_H */
