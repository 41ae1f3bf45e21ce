/* Named tensors from a file, whatever its container: safetensors, or a checkpoint of PyTorch
 * (pth.h). Which one it is, is told by its content. A "module." before every name (what
 * PyTorch's parallel training adds) is left out. */
#ifndef VSYN_TRAIN_MODEL_WEIGHTS_H
#define VSYN_TRAIN_MODEL_WEIGHTS_H

#include <stdbool.h>

#include "base/safetensors.h"

typedef struct vs_weights vs_weights;
/* Errors: IO, CORRUPT (damaged; a pickle that asks for more than tensors), NOMEM. */
vs_err vs_weights_open(vs_weights **out, const char *path);
void vs_weights_close(vs_weights **weights);
int vs_weights_count(const vs_weights *weights);
const vs_tensor *vs_weights_at(const vs_weights *weights, int i);
const vs_tensor *vs_weights_find(const vs_weights *weights, const char *name);   /* or NULL */

/* Can its values be had as fp32 without loss: F32, F16, BF16. */
bool vs_tensor_widens(const vs_tensor *t);
/* Those values; it does widen. */
void vs_tensor_widen(float *out, const vs_tensor *t);

#endif /* VSYN_TRAIN_MODEL_WEIGHTS_H */
