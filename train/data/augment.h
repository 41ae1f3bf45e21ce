/* The random choices of one sample: which frames, which rectangle, mirrored or not.
 * Pure functions of the sizes and of the stream they draw from.
 */
#ifndef VSYN_TRAIN_DATA_AUGMENT_H
#define VSYN_TRAIN_DATA_AUGMENT_H

#include "base/image.h"
#include "base/rng.h"
#include "train/data/data.h"

/* Which T of the `frames` frames of a video (>= 1), each 0..frames-1, never decreasing.
 *
 *     PRETRAIN  o = uniform 0..frames-L, L = T*stride; o, o+stride, ..., at most frames-1
 *     FINETUNE  the same when frames > L; otherwise n = frames/stride frames spread over
 *               the whole video (k*frames/(n-1)), then the last one repeated
 *     NONE      the window in the middle
 */
void vs_sample_window(int *index, int frames, const vs_sample_shape *shape, vs_rng *rng);

/* Which rectangle of a W x H frame, the same for all frames of the clip; inside it.
 *
 *     PRETRAIN  multi-scale: sides min(W,H) * {1, .875, .75, .66}, the two indices at most
 *               1 apart, at one of 13 places of a 4 x 4 grid of steps; never mirrored
 *     FINETUNE  area crop_area..1 of the frame, aspect 3/4..4/3 (log-uniform), anywhere;
 *               mirrored with probability 1/2 when shape->flip
 *     NONE      the largest rectangle of the output's aspect, in the centre
 */
vs_rect vs_sample_crop(bool *flip, int W, int H, const vs_sample_shape *shape, vs_rng *rng);

#endif /* VSYN_TRAIN_DATA_AUGMENT_H */
