/* What a step costs on a GPU that need not be there: every operation of one step, run on a device
 * that only counts (train/device/device.h), with the arithmetic, the memory traffic and the time
 * that follow from the rates of the GPU.
 *
 *     bound      products at the rate of large ones or of memory, whichever takes longer;
 *                passes beside them at the rate of memory; nothing overlaps, launches are free
 *     expected   the same with the shares of those rates that vs_roof_expected() guesses
 */
#ifndef VSYN_TRAIN_ROOFLINE_H
#define VSYN_TRAIN_ROOFLINE_H

#include <jansson.h>

#include "train/model/model.h"
#include "train/ops/ops.h"

#define VS_ROOFLINES "h100|h200"

typedef struct vs_roofline {
    const vs_roof *roof;
    vs_op_time bound[VS_OPS], expected[VS_OPS];       /* of one step */
    double zeroed, uploaded;                          /* bytes of a step */
    int64_t memory;                                   /* bytes of model and activations */
} vs_roofline;

/* flops_per_clip: by the formula, vs_model_flops(). The caller frees it. */
json_t *vs_roofline_result(const vs_roofline *r, int batch, double flops_per_clip,
                           vs_precision precision);
/* The same for people, on stderr. */
void vs_roofline_print(const json_t *result);

#endif /* VSYN_TRAIN_ROOFLINE_H */
