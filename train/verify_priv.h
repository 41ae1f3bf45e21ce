/* What the parts of `verify` share. */
#ifndef VSYN_TRAIN_VERIFY_PRIV_H
#define VSYN_TRAIN_VERIFY_PRIV_H

#include "base/safetensors.h"
#include "train/model/model.h"
#include "train/verify.h"

/* fp32 here against fp32 there: both are about 1e-6 from exact arithmetic. */
#define VS_VERIFY_BOUND 1e-5

/* The rows that follow: their section, and what their bound comes from.
 *
 * In bf16 the bound is derived. Rounding to 8 bits is off by at most 2^-8 of the value, evenly
 * spread, so by at most 2^-9 in the mean square. Roundings are independent: after R of them
 * in a row the relative L2 distance is sqrt(R) 2^-9. LayerNorm and the residual path, which
 * stays in fp32, keep each block from enlarging it.
 *
 *   FORWARD    11 a block: LN, qkv_w, qkv, p, att, proj_w, LN, fc1_w, h, gelu, fc2_w; and 5
 *              around the blocks: patches and their weights, the last LN, two weights
 *   GRADIENT   as many again on the way back: dy, fc2_w, dh, fc1_w, da, dy, proj_w, datt, ds,
 *              dqkv, qkv_w; and 5 around the blocks
 *   STEPPED    weights after AdamW and what follows from them. AdamW moves every value by about
 *              lr whatever its gradient, so what counts are signs: with a distance e, a share
 *              e / pi of normally distributed gradients turns its sign, each is then off by
 *              twice its way: 2 sqrt(e / pi) of the way that a tensor made
 */
typedef enum vs_verify_kind { VS_VERIFY_FORWARD, VS_VERIFY_GRADIENT, VS_VERIFY_STEPPED }
    vs_verify_kind;
void vs_verify_section(vs_verify *v, const char *name, vs_verify_kind kind, const vs_model *m);

/* Add a row. The error is the relative L2 distance of n values. */
void vs_verify_compare(vs_verify *v, const char *name, const float *ours, const float *reference,
                       int64_t n);
/* What is computed in fp32 whatever the precision. */
void vs_verify_compare_fp32(vs_verify *v, const char *name, const float *ours,
                            const float *reference, int64_t n);
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
