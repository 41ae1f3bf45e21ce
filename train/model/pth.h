/* The tensors of a checkpoint that PyTorch wrote with torch.save (.pth, .pt, .bin).
 *
 * A zip archive NAME/: data.pkl (a pickle of the dictionary, see pickle.h), data/K (the values
 * of storage K), byteorder. Or, before PyTorch 1.6, five pickles in a row and the storages
 * after them. A dictionary of tensors, or one that holds it as "model" (VideoMAE), "module"
 * (DeepSpeed) or "state_dict"; the optimiser beside it is not read.
 */
#ifndef VSYN_TRAIN_MODEL_PTH_H
#define VSYN_TRAIN_MODEL_PTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/safetensors.h"

/* By its first bytes: a zip archive or a pickle. */
bool vs_pth_is(const uint8_t *data, size_t size);

typedef struct vs_pth vs_pth;
/* data must outlive it; tensors may point into it. path is for messages. Errors: CORRUPT
 * (damaged, or asks for more than tensors), NOMEM. */
vs_err vs_pth_open(vs_pth **out, const uint8_t *data, size_t size, const char *path);
void vs_pth_close(vs_pth **pth);
int vs_pth_count(const vs_pth *pth);
const vs_tensor *vs_pth_at(const vs_pth *pth, int i);      /* in the order of the dictionary */

#endif /* VSYN_TRAIN_MODEL_PTH_H */
