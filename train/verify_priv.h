/* What the parts of `verify` share. */
#ifndef VSYN_TRAIN_VERIFY_PRIV_H
#define VSYN_TRAIN_VERIFY_PRIV_H

#include "base/safetensors.h"
#include "train/model/model.h"
#include "train/verify.h"

/* fp32 here against fp32 there: both are about 1e-6 from exact arithmetic. */
#define VS_VERIFY_BOUND 1e-5

/* Add a row. The error is the relative L2 distance of n values. */
void vs_verify_compare(vs_verify *v, const char *name, const float *ours, const float *reference,
                       int64_t n);
void vs_verify_row_add(vs_verify *v, const char *name, double error, double bound);

/* DIR/NAME.safetensors */
vs_err vs_verify_open(vs_safetensors **out, const vs_verify *v, const char *name);
/* A tensor of that type and many values; valid until `file` is closed and `v` freed. */
vs_err vs_verify_tensor(vs_verify *v, const void **data, const vs_safetensors *file,
                        const char *name, vs_dtype type, int64_t count);
/* Compare a whole slab with the tensors of a file, by original name. */
vs_err vs_verify_slab(vs_verify *v, vs_model *m, vs_slab slab, const char *file);
/* Soft targets of one-hot labels with smoothing 0.1: (B, classes). */
void vs_verify_smooth(float *target, const int64_t *label, int B, int classes);

#endif /* VSYN_TRAIN_VERIFY_PRIV_H */
