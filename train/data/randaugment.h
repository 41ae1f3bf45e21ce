/* RandAugment for clips, as video recipes use it: "rand-m7-n4-mstd0.5-inc1" (Cubuk et al., 2020;
 * the settings of timm's increasing operations, the arithmetic of Pillow).
 *
 * A clip draws n operations with replacement; each is done with probability 1/2 at a magnitude
 * m ~ N(magnitude, std) cut to 0..10, the same on all frames of the clip. Operations that can
 * go both ways go either with probability 1/2. a is the argument, l = m / 10:
 *
 *     autocontrast   per channel: least to 0, most to 255
 *     equalize       per channel: level histogram
 *     invert         255 - v
 *     rotate         a = +-30 l degrees about the centre
 *     posterize      keep the upper a = 4 - floor(4 l) bits
 *     solarize       255 - v where v >= a = 256 - floor(256 l)
 *     solarize-add   v + a where v < 128, a = floor(110 l)
 *     color, contrast, brightness, sharpness
 *                    blend with grey, with the mean grey, with black, with the smoothed frame:
 *                    other + a (v - other), a = 1 +- 0.9 l
 *     shear-x, -y    x + a y, y + a x, a = +-0.3 l
 *     translate-x,-y by a = +-0.45 l of the width, of the height
 *
 * What turns, shears or moves is sampled with a bicubic kernel (a = -1); what comes from outside
 * is the mean colour of ImageNet. Pure functions: any thread.
 */
#ifndef VSYN_TRAIN_DATA_RANDAUGMENT_H
#define VSYN_TRAIN_DATA_RANDAUGMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/rng.h"

#define VS_RAND_MOST 16            /* operations of one clip */

typedef struct vs_randaugment {
    int n;                         /* 0 = off */
    double magnitude, std;
} vs_randaugment;

typedef enum vs_rand_op {
    VS_RAND_AUTOCONTRAST, VS_RAND_EQUALIZE, VS_RAND_INVERT, VS_RAND_ROTATE, VS_RAND_POSTERIZE,
    VS_RAND_SOLARIZE, VS_RAND_SOLARIZE_ADD, VS_RAND_COLOR, VS_RAND_CONTRAST, VS_RAND_BRIGHTNESS,
    VS_RAND_SHARPNESS, VS_RAND_SHEAR_X, VS_RAND_SHEAR_Y, VS_RAND_TRANSLATE_X,
    VS_RAND_TRANSLATE_Y, VS_RAND_OPS
} vs_rand_op;

typedef struct vs_rand_step {
    vs_rand_op op;
    double arg;                    /* a of the table above */
} vs_rand_step;

/* "rand-mM-nN-mstdS-inc1" in any order, or "none". USAGE naming the part that is wrong. */
vs_err vs_randaugment_parse(vs_randaugment *out, const char *text);
const char *vs_rand_name(vs_rand_op op);
/* Magnitude 0..10 to argument; `negative` where the operation can go both ways. */
double vs_rand_argument(vs_rand_op op, double magnitude, bool negative);
/* What one clip goes through: step[0..return-1], at most VS_RAND_MOST. */
int vs_randaugment_draw(vs_rand_step *step, const vs_randaugment *settings, vs_rng *rng);
/* One frame (H, W, 3) in place; tmp holds as many bytes. */
void vs_rand_apply(uint8_t *rgb, uint8_t *tmp, int W, int H, vs_rand_step step);

#endif /* VSYN_TRAIN_DATA_RANDAUGMENT_H */
