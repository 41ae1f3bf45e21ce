/* Features of the clips of a source: the mean over the tokens of the encoder after fc_norm
 * (weight 1 and bias 0 where the model was only pre-trained).
 */
#ifndef VSYN_TRAIN_EMBED_H
#define VSYN_TRAIN_EMBED_H

#include "train/data/data.h"
#include "train/model/model.h"

typedef struct vs_embedding {
    int64_t n;
    int D;
    float *x;                      /* (n, D), in the order of the split */
    int *label;                    /* (n) */
} vs_embedding;

/* A model for inference with a head of `classes`: path is a RUN, a MODEL, or NULL: `config` with
 * weights drawn from seed. config is filled from the checkpoint otherwise. */
vs_err vs_embed_open(vs_model **out, vs_device *dev, vs_model_config *config, const char *path,
                     int classes, int batch, uint64_t seed);
/* One view of each clip; `view` numbers the augmented views (the epoch of their draws).
 * STOPPED when a signal came. */
vs_err vs_embed_source(vs_embedding *out, vs_model *model, vs_source *source, int batch,
                       int threads, uint64_t seed, int view);
void vs_embedding_free(vs_embedding *embedding);
/* Tensors "features" F32 (n, D) and "labels" I64 (n); `key` says what they were made from. */
vs_err vs_embedding_save(const vs_embedding *e, const char *path, const char *key);
/* END when the file is missing or was made from something else. */
vs_err vs_embedding_load(vs_embedding *out, const char *path, const char *key);

#endif /* VSYN_TRAIN_EMBED_H */
