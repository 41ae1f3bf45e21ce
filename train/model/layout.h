/* Where each tensor lies in the slabs of parameters, gradients and moments.
 *
 * A slab is one array of fp32 values: all tensors in the order of params.def (embedding,
 * encoder blocks, rest, decoder blocks), with the holes that params.def names.
 */
#ifndef VSYN_TRAIN_MODEL_LAYOUT_H
#define VSYN_TRAIN_MODEL_LAYOUT_H

#include "train/model/model.h"

/* Views into a slab, one field per tensor. */
typedef struct vs_block_params {
#define BLOCK(field, ...) float *field;
#include "train/model/params.def"
} vs_block_params;

typedef struct vs_params {
#define EMBED(field, ...) float *field;
#define MAE(field, ...) float *field;
#define CLASSIFIER(field, ...) float *field;
#include "train/model/params.def"
    vs_block_params *enc, *dec;    /* (depth), (dec_depth) */
} vs_params;

/* A tensor, and its name in Hugging Face checkpoints. */
typedef struct vs_layout_entry {
    vs_param param;                /* name is owned by the layout */
    char *hf;                      /* with %s for query, key, value when `qkv` */
    bool qkv;
} vs_layout_entry;

typedef struct vs_param_layout {
    vs_layout_entry *entry;
    int n;
    int64_t count;                 /* values of a slab, holes included */
} vs_param_layout;

void vs_layout_build(vs_param_layout *out, const vs_model_config *config);
void vs_layout_free(vs_param_layout *layout);

/* Views into `slab`; free with vs_params_free(). */
void vs_params_bind(vs_params *out, const vs_model_config *config, float *slab);
void vs_params_free(vs_params *params);

/* Index of a tensor by its original name; -1 when there is none. */
int vs_layout_find(const vs_param_layout *layout, const char *name);

#endif /* VSYN_TRAIN_MODEL_LAYOUT_H */
