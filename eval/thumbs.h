/* Small pictures of a view for the report, as PNG data URIs that the caller frees. */
#ifndef VSYN_EVAL_THUMBS_H
#define VSYN_EVAL_THUMBS_H

#include <stdint.h>

/* One frame (H, W, 3), at most 128 pixels along the longer side. */
char *vs_thumb_frame(const uint8_t *frame, int H, int W);
/* Six frames of (T, H, W, 3), evenly spread, side by side: what happened in time. */
char *vs_thumb_strip(const uint8_t *view, int T, int H, int W);

#endif /* VSYN_EVAL_THUMBS_H */
