/* Names and files of checkpoints, shared by checkpoint.c, hf_config.c and state.c. */
#ifndef VSYN_TRAIN_MODEL_CHECKPOINT_H
#define VSYN_TRAIN_MODEL_CHECKPOINT_H

#include "train/model/model.h"
#include "train/model/weights.h"

#define VS_ORIGINAL_FILE "original.safetensors"

/* The weights of a checkpoint: the file itself, or of a folder the first that is there of
 * model.safetensors, pytorch_model.bin, original.safetensors. Caller frees. */
char *vs_checkpoint_weights(const char *path);
/* config.json in the folder, or beside the file. Caller frees. */
char *vs_checkpoint_config(const char *path);

/* What one config.json says; class names (free with vs_names_free), none: NULL and 0. */
vs_err vs_model_config_file(vs_model_config *out, char ***class_name, int *n, const char *path);

/* Writes DIR/config.json. */
vs_err vs_hf_config_write(const char *dir, const vs_model_config *config,
                          const char *const *class_name);

/* Writes DIR/preprocessor_config.json: how a picture becomes an input. */
vs_err vs_hf_preprocessor_write(const char *dir, const vs_model_config *config);

/* Original names of a pre-training model, of a classifier, or Hugging Face names. */
typedef enum vs_naming { VS_NAMES_PRETRAIN, VS_NAMES_CLASSIFIER, VS_NAMES_HF } vs_naming;
vs_err vs_checkpoint_naming(vs_naming *out, const vs_weights *file, const char *path);
extern const char *const vs_patch_weight_name[3];      /* by vs_naming */

#endif /* VSYN_TRAIN_MODEL_CHECKPOINT_H */
