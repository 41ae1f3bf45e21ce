/* Statistical textures: noise with the statistics of pictures, in spectrum, colour and wavelets.
 *
 * After Baradad et al., "Learning to See by Looking at Noise" (2021), "spectrum + colour + WMM",
 * written from the description. Texture i, side N, from (seed, VS_RNG_TEXTURE, i):
 *
 *     start      three channels of uniform noise
 *     10 times   (a) amplitudes 1 / (|fx|^sx + |fy|^sy), sx, sy = s +- d, s ~ U(0.5, 3.5),
 *                    d ~ N(0, 1) 3 / 15 / 4; phases, mean and variance kept
 *                (b) each band of a steerable pyramid (4 orientations; 4 scales, 3 below 256) gets
 *                    the distribution exp(-|x / c|^r), r ~ U(0.4, 0.8) per channel and scale
 *                (c) each channel gets the distribution of a channel of a random colour image:
 *                    3..22 colours of random area, blurred by a box of 1..10, decorrelated (PCA)
 *     end        (a) once more, so that the slope is the one that was drawn; channels back to
 *                colours; the least and the largest value become 0 and 255
 *
 * In (b) the scale c of a band is what keeps its energy: a fixed one would fix the slope too.
 */
#ifndef VSYN_GEN_TEXTURE_STATISTICAL_H
#define VSYN_GEN_TEXTURE_STATISTICAL_H

#include <stdint.h>

#include "base/err.h"

typedef struct vs_statistical vs_statistical;

/* Room for one thread. size: 128, 256 or 512. NOMEM. */
vs_err vs_statistical_new(vs_statistical **out, int size);
void vs_statistical_free(vs_statistical **s);
/* rgb: (size, size, 3) */
void vs_statistical_make(vs_statistical *s, uint8_t *rgb, uint64_t seed, uint64_t index);

#endif /* VSYN_GEN_TEXTURE_STATISTICAL_H */
