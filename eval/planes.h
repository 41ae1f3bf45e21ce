/* YUV 4:2:0 back to RGB: the inverse of gen/scene/yuv.h. BT.601, limited range:
 *
 *     R = 1.164383 (Y - 16) + 1.596027 (V - 128)
 *     G = 1.164383 (Y - 16) - 0.391762 (U - 128) - 0.812968 (V - 128)
 *     B = 1.164383 (Y - 16) + 2.017232 (U - 128)
 *
 * in 16.16 fixed point, rounded, cut to 0..255. U and V stand in the middle of their 2x2 pixels and
 * are interpolated linearly: weights 9, 3, 3, 1 of 16. Integers only: the same bytes everywhere.
 */
#ifndef VSYN_EVAL_PLANES_H
#define VSYN_EVAL_PLANES_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* rgb (H, W, 3) from the upper left of planes Y (H, W), U and V (ceil(H / 2), ceil(W / 2)), or more
 * of each; rows `stride` bytes apart. Errors: NOMEM. */
vs_err vs_planes_to_rgb(uint8_t *rgb, const uint8_t *const plane[3], const int stride[3], int H,
                        int W);

#endif /* VSYN_EVAL_PLANES_H */
