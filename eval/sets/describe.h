/* Features of frames and videos without a model: brightness, colour, contrast, edges, change.
 *
 * A frame is resampled to 64 x 64 and turned into L*a*b*. Each of 4 x 4 cells of 16 x 16 pixels
 * gives 8 numbers, all in units of L*:
 *     mean L*, a*, b*; standard deviation of L*;
 *     mean |derivative of L*| along x, y and both diagonals (differences of neighbours two
 *     apart / 2, at the border one; along a diagonal (dx +- dy) / sqrt 2)
 * frame (128): those of the cells, row by row.
 * video (68): of its frames pooled to 2 x 2 cells (32 numbers), mean and standard deviation
 *     (over n) in time; then the mean |change of L*| from frame to frame in each of the 2 x 2
 *     quarters. A video of one frame has no change.
 *
 * Few enough that 1,000 videos fill their covariance; they see layout and movement, not content.
 * Pure functions of the pixels.
 */
#ifndef VSYN_EVAL_SETS_DESCRIBE_H
#define VSYN_EVAL_SETS_DESCRIBE_H

#include <stdint.h>

enum { VS_DESCRIBE_SIDE = 64, VS_DESCRIBE_FRAME = 128, VS_DESCRIBE_VIDEO = 68 };

/* frame (128) of lab (64, 64, 3). */
void vs_describe_frame(float *frame, const float *lab);
/* video (68) of n frames (n, 128) and their lab (n, 64, 64, 3). */
void vs_describe_video(float *video, const float *frame, const float *lab, int n);

#endif /* VSYN_EVAL_SETS_DESCRIBE_H */
