/* Names and files of checkpoints, shared by checkpoint.c, hf_config.c and state.c. */
#ifndef VSYN_TRAIN_MODEL_CHECKPOINT_H
#define VSYN_TRAIN_MODEL_CHECKPOINT_H

#include "base/safetensors.h"
#include "train/model/model.h"

/* The weights of a checkpoint: DIR/model.safetensors, or the file itself. Caller frees. */
char *vs_checkpoint_weights(const char *path);
/* config.json in the folder, or beside the file. Caller frees. */
char *vs_checkpoint_config(const char *path);

/* Writes DIR/config.json. */
vs_err vs_hf_config_write(const char *dir, const vs_model_config *config,
                          const char *const *class_name);

/* Original names of a pre-training model, of a classifier, or Hugging Face names. */
typedef enum vs_naming { VS_NAMES_PRETRAIN, VS_NAMES_CLASSIFIER, VS_NAMES_HF } vs_naming;
vs_err vs_checkpoint_naming(vs_naming *out, const vs_safetensors *file, const char *path);
extern const char *const vs_patch_weight_name[3];      /* by vs_naming */

#endif /* VSYN_TRAIN_MODEL_CHECKPOINT_H */
