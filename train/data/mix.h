/* Mixing the clips of a batch: mixup (Zhang et al., 2018) and cutmix (Yun et al., 2019), as the
 * recipes of VideoMAE use them.
 *
 * Clip i is mixed with its mirror in the batch, j = B - 1 - i:
 *
 *     mixup    x_i <- l x_i + (1 - l) x_j              l ~ Beta(mixup, mixup)
 *     cutmix   a box of x_i, the same in all frames, <- that of x_j;  l ~ Beta(cutmix, cutmix)
 *              gives sides of sqrt(1 - l) of the frame around a uniform centre; what the frame
 *              cuts off is taken into account: l <- 1 - area of the box / area of the frame
 *     target   l onehot(y_i) + (1 - l) onehot(y_j), smoothed: s / C + (1 - s) of that
 *
 * Batch mode draws one of both and one l for the whole batch, pair mode one for each pair, elem
 * mode one for each clip. A batch (or pair, or clip) is mixed with probability `prob`; when both
 * kinds are on, cutmix is chosen with probability `switch_prob`. Frames are 8-bit: mixup rounds
 * to the nearest, l to 1/65536.
 */
#ifndef VSYN_TRAIN_DATA_MIX_H
#define VSYN_TRAIN_DATA_MIX_H

#include "base/rng.h"
#include "train/ops/ops.h"

/* In the order of the option's choices. */
enum vs_mix_mode { VS_MIX_BATCH, VS_MIX_PAIR, VS_MIX_ELEM };

typedef struct vs_mix {
    double mixup, cutmix;          /* alpha of the Beta distribution; 0 = off */
    double prob, switch_prob;
    int mode;                      /* enum vs_mix_mode */
} vs_mix;

/* What happens to one clip. */
typedef struct vs_mix_part {
    double keep;                   /* l; 1 = left alone */
    int x, y, w, h;                /* cutmix: the box; w = 0: mixup */
} vs_mix_part;

/* part[0..B-1] of one batch of frames W x H. */
void vs_mix_draw(vs_mix_part *part, const vs_mix *mix, int B, int W, int H, vs_rng *rng);
/* For the operation mix_clips, which mixes the frames (train/ops/ops.h). */
void vs_mix_blend(vs_blend *blend, const vs_mix_part *part, int B);
/* target (B, classes); rows sum to 1. */
void vs_mix_targets(float *target, const vs_mix_part *part, const int *label, int B, int classes,
                    float smoothing);
/* Beta(a, a), a > 0. */
double vs_draw_beta(vs_rng *rng, double a);

#endif /* VSYN_TRAIN_DATA_MIX_H */
