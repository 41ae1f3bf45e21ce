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
 *
 * With shape->still all T are one frame: any, or with NONE the middle one.
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

/* Random erasing (Zhong et al., 2020): a box of the frame, the same in all frames, is filled
 * with noise that is new in every value: the mean and deviation of ImageNet's pixels, cut to
 * 8 bits. Area 0.02..1/3 of the frame, aspect 0.3..1/0.3 (log-uniform), at most 100 attempts. */
typedef struct vs_box {
    int x, y, w, h;                /* w = 0: none */
} vs_box;
vs_box vs_erase_draw(double probability, int W, int H, vs_rng *rng);
/* frames (T, H, W, 3) in place. */
void vs_erase_fill(uint8_t *frames, vs_box box, int T, int H, int W, vs_rng *rng);

/* One view of T decoded frames (T, h, w, 3): RandAugment, crop and flip, resampling to the
 * shape, erasing, drawn in this order. out (T, H, W, 3); scratch: vs_view_scratch() bytes. */
void vs_view_make(uint8_t *out, const uint8_t *frames, int w, int h, const vs_sample_shape *shape,
                  void *scratch, vs_rng *rng);
size_t vs_view_scratch(int w, int h);
/* The stream of view v of an item: view 0 goes on with the item's own stream. */
vs_rng vs_view_rng(const vs_rng *item, int v);

#endif /* VSYN_TRAIN_DATA_AUGMENT_H */
