/* Textures of untrained generator networks in the manner of StyleGAN2, with oriented filters.
 *
 * After Baradad et al., "Learning to See by Looking at Noise" (2021), "StyleGAN-Oriented", and the
 * architecture of Karras et al., "Analyzing and Improving the Image Quality of StyleGAN" (2020);
 * written from the descriptions. Nothing is ever trained:
 *
 *     start      4 x 4, C channels of N(0, 1)
 *     block      for each doubling up to the size: bilinear x 2, then two layers, then to RGB
 *     layer      inputs scaled by a style w = LeakyReLU_0.2(N(0, 1)); 5 x 5 filters; demodulated
 *                (every filter's norm is 1 after scaling); + pink noise, the same map for all
 *                channels; + bias U(-0.2, 0.2); LeakyReLU_0.2 times sqrt 2
 *     filter     a Gabor patch of random frequency and width; the two channels of a pair share
 *                its orientation, a quarter period apart; a share U(0.2, 1) of its mean (one
 *                per layer) is taken away; each channel sees 4 others
 *     to RGB     1 x 1 over all channels with a style, added to what coarser blocks gave; from
 *                32 x 32 on
 *     end        each colour gets a mean and a deviation as pictures have them: means N(.483,
 *                .145), N(.455, .142), N(.401, .161), deviations N(.219, .063), N(.213, .062),
 *                N(.213, .069)
 *
 * Filters, biases and the start belong to a network; a new one every VS_STYLEGAN_SHARE textures.
 * Styles and noise belong to the texture. With 4 inputs per channel a plain loop is as fast as a
 * general convolution, and its sums have one order on every machine.
 */
#ifndef VSYN_GEN_TEXTURE_STYLEGAN_H
#define VSYN_GEN_TEXTURE_STYLEGAN_H

#include <stdint.h>

#include "base/err.h"

enum { VS_STYLEGAN_SHARE = 8 };

typedef struct vs_stylegan vs_stylegan;

/* Room for one thread. size: 128, 256 or 512. NOMEM. */
vs_err vs_stylegan_new(vs_stylegan **out, int size);
void vs_stylegan_free(vs_stylegan **g);
/* rgb: (size, size, 3) */
vs_err vs_stylegan_make(vs_stylegan *g, uint8_t *rgb, uint64_t seed, uint64_t index);

#endif /* VSYN_GEN_TEXTURE_STYLEGAN_H */
