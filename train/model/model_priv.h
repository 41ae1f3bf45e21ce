/* Inside of a model: its slabs, its activations, and the passes over them. */
#ifndef VSYN_TRAIN_MODEL_MODEL_PRIV_H
#define VSYN_TRAIN_MODEL_MODEL_PRIV_H

#include "train/model/layout.h"
#include "train/ops/ops.h"

/* Types of buffers: train/ops/ops.h. void: vs_narrow, m->narrow bytes a value.
 *
 * What one block keeps from forward to backward; R = B * S rows. LayerNorm outputs and
 * GELU are recomputed: they cost little and would take 6 of 16 widths of memory.
 * Without training all blocks share one set, and x, mid, out are one buffer. */
typedef struct vs_block_act {
    float *x;                      /* (R, D) input: `out` of the block before */
    float *mean1, *rstd1;          /* (R) */
    void *qkv;                     /* (R, 3D) */
    float *lse;                    /* (B, heads, S) */
    void *att;                     /* (R, D) heads side by side, before the projection */
    float *mid;                    /* (R, D) after the attention's residual */
    float *mean2, *rstd2;          /* (R) */
    void *hid;                     /* (R, 4D) before GELU */
    float *out;                    /* (R, D) */
} vs_block_act;

/* A row of equal blocks and its working space. */
typedef struct vs_stack {
    int depth, S, D, heads;
    float eps;
    vs_block_act *act;             /* (depth) */
} vs_stack;

/* Working space shared by all blocks: n rows of the widest layers, either stack. */
typedef struct vs_work {
    void *a, *b;                   /* n x D, n x 4D */
    void *da, *db;                 /* the same, for gradients */
} vs_work;

struct vs_model {
    vs_device *dev;
    const vs_ops *ops;
    vs_model_config c;
    vs_grid grid;
    int batch;                     /* largest B */
    bool training;
    size_t narrow;                 /* bytes of a vs_narrow */
    int N, S, M, P;                /* tokens, tokens of the encoder, masked, values of a patch */

    vs_param_layout layout;
    float *slab[4];                /* by vs_slab; gradients and moments only when training */
    vs_params w, g;                /* views into weights and gradients */

    void *arena;                   /* everything below lies in it */
    uint8_t *frames;               /* (B, T, H, W, 3) */
    vs_scene_clip *clip;           /* (B): of frames that are drawn */
    int32_t *clip_index;           /* (B, T) */
    vs_blend *blend;               /* (B) */
    int32_t *visible, *masked;     /* (B, V), (B, M): token numbers */
    float *pos, *dec_pos;          /* (N, D), (N, Dd) */
    void *patches;                 /* (B, S, P) */
    vs_stack enc, dec;
    vs_work work;
    float *dx, *dec_dx;            /* gradient of the residual stream */
    float *loss;                   /* 1 */
    double *sumsq;                 /* 1 */
    float *drop;                   /* (2 * depth, B): factors of drop path */
    /* pre-training */
    float *norm_mean, *norm_rstd;  /* (B * V) */
    float *to_dec;                 /* (B, V, Dd) */
    float *tail, *dtail;           /* (B, M, Dd) */
    float *tail_mean, *tail_rstd;  /* (B * M) */
    float *pred, *target;          /* (B, M, P) */
    void *dpred;                   /* (B, M, P) */
    /* classifier */
    float *pool, *pool_mean, *pool_rstd;       /* (B, D), (B), (B) */
    float *head_drop, *dpool;      /* (B, D) */
    void *feature, *head_in;       /* (B, D) */
    float *logits, *prob, *label;  /* (B, classes) */
    void *dlogits;                 /* (B, classes) */

    /* of the last forward */
    int B;
    bool has_loss, drop_path, head_dropped;
    int32_t *host_visible, *host_masked;       /* host copies while they are filled */
    float *host_drop;                          /* (2 * depth * B + B * D) */
    vs_model_ready_fn *ready;                  /* NULL: nobody asks */
    void *ready_ctx;
    vs_repeat forward, backward, norm, update;
};

/* ---- block.c ----------------------------------------------------------------------- */
/* Factors of drop path per clip for block i: NULL when it is off. */
void vs_stack_fwd(vs_model *m, const vs_stack *stack, const vs_block_params *w, bool drop);
/* dx: gradient of the output on entry, of the input on return. */
void vs_stack_bwd(vs_model *m, float *dx, const vs_stack *stack, const vs_block_params *w,
                  vs_block_params *g, bool drop);

/* The gradients from `first`, of the slab, to its end are complete (model.c). */
void vs_model_ready(vs_model *m, const float *first);

/* dx of the first block to the gradients of the patch embedding. */
void vs_patch_bwd(vs_model *m);

/* ---- mae.c, classifier.c ----------------------------------------------------------- */
/* What a pass takes from the host, then the pass, which takes nothing more from there.
 * given_target: the first has uploaded one. */
vs_err vs_mae_inputs(vs_model *m, const vs_batch *batch);
void vs_mae_fwd(vs_model *m, bool given_target);
void vs_mae_bwd(vs_model *m, float scale);
void vs_classifier_inputs(vs_model *m, const vs_batch *batch);
void vs_classifier_fwd(vs_model *m, bool given_target);
void vs_classifier_bwd(vs_model *m, float scale);

/* n zeroed floats in host memory, free()d by the caller; NULL and a NOMEM message when there is
 * no room (memory.c). */
float *vs_model_host(int64_t n);

/* ---- memory.c ---------------------------------------------------------------------- */
/* Places every buffer of the model after `base` (NULL: only counts); returns the bytes. */
size_t vs_model_place(vs_model *m, char *base);
/* The derived sizes of a model that is not open: for vs_model_place(m, NULL). */
void vs_model_shape(vs_model *m, const vs_model_config *config, int batch, int visible,
                    bool training, vs_precision precision);
/* n values of vs_narrow as floats, in working space that the next pass overwrites. */
const float *vs_model_widened(vs_model *m, const void *from, int64_t n);
void vs_model_unshape(vs_model *m);

#endif /* VSYN_TRAIN_MODEL_MODEL_PRIV_H */
