/* What a pre-trained autoencoder makes of the patches that it does not see.
 *
 * The model predicts patches whose mean and deviation per colour were taken away, so a picture
 * needs them back. Two ways:
 *
 *     honest   from the visible patches: their means and deviations, weighted by 1 / squared
 *              distance in (time slot, row, column). Nothing of the hidden pixels is used.
 *     paper    the true ones of the hidden patch, as the figures of the VideoMAE paper do. Such a
 *              picture is right in its coarse colours whatever the model has learnt.
 *
 * Visible patches stay as they are. Ownership: the caller frees with vs_rebuilt_free().
 */
#ifndef VSYN_TRAIN_REBUILD_H
#define VSYN_TRAIN_REBUILD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "train/model/model.h"

typedef struct vs_rebuilt {
    uint8_t *masked, *frames;      /* (T, H, W, 3): hidden patches grey; filled in */
    double loss;                   /* mean squared error of the normalised values; */
    double loss_flat;              /* that of predicting 0, which flat patches make less than 1 */
    double psnr;                   /* of the hidden pixels, dB */
    double psnr_flat;              /* when each hidden patch is its mean (of that way) alone */
} vs_rebuilt;

/* frames: (T, H, W, 3). mask: (N), with as many visible tokens as the model was opened for.
 * Errors: NOMEM, NUMERIC, those of the pass. */
vs_err vs_rebuild(vs_rebuilt *out, vs_model *model, const uint8_t *frames, const uint8_t *mask,
                  bool paper);
void vs_rebuilt_free(vs_rebuilt *rebuilt);

/* sheet.c: original, masked and reconstruction as three rows of (up to eight) moments. The label
 * names the way. PNG: base/image.h. */
vs_err vs_rebuilt_png(const char *path, const vs_model_config *config, const uint8_t *frames,
                      const vs_rebuilt *rebuilt, bool paper);
/* The three side by side, frame by frame, through the program `ffmpeg`, which must be installed:
 * this project's trainer links no codecs. Errors: UNSUPPORTED (no ffmpeg), CODEC, IO. */
vs_err vs_rebuilt_mp4(const char *path, const vs_model_config *config, const uint8_t *frames,
                      const vs_rebuilt *rebuilt, bool paper);

#endif /* VSYN_TRAIN_REBUILD_H */
