/* VideoMAE: the masked autoencoder that is pre-trained and the classifier that is
 * fine-tuned, written once over the operation table (train/ops/ops.h), so the same
 * pass runs on any device. Formulas and shapes: "VideoMAE" (Tong et al., 2022);
 * names of tensors: params.def.
 *
 * Sizes: B clips, T frames, H x W pixels, N = T/tubelet * H/patch * W/patch tokens,
 * V visible tokens (pre-training), D width.
 *
 * Ownership: a model owns its slabs (parameters, gradients, moments, activations)
 * through the device. Thread-safety: one thread at a time per model.
 * Errors: NOMEM, CORRUPT (checkpoints; names file and tensor), NUMERIC, DEVICE.
 */
#ifndef VSYN_TRAIN_MODEL_H
#define VSYN_TRAIN_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/json.h"
#include "train/device/device.h"
#include "train/ops/ops.h"

typedef enum vs_task { VS_TASK_PRETRAIN, VS_TASK_CLASSIFY } vs_task;

typedef struct vs_model_config {
    vs_task task;
    char size[16];                 /* "micro" ... "huge", or "custom" */
    int T, H, W, tubelet, patch;
    int dim, depth, heads;
    int dec_dim, dec_depth, dec_heads;      /* pre-training only */
    int classes;                            /* classifier only */
    int stride;                    /* frames between two sampled frames: for the data side */
    float ln_eps;                  /* blocks, encoder norm */
    float ln_eps_head;             /* fc_norm, decoder norm (1e-5 in Hugging Face models) */
} vs_model_config;

/* One row of the table of sizes, with its usual input (64x64 for micro, else 224x224,
 * 16 frames, stride 4). USAGE: unknown name, lists the known ones. */
vs_err vs_model_config_named(vs_model_config *out, vs_task task, const char *size);
int vs_model_size_count(void);
const char *vs_model_size_name(int i);
/* USAGE naming the setting that cannot be (heads do not divide dim, patch not H, ...). */
vs_err vs_model_config_check(const vs_model_config *config);
int vs_model_tokens(const vs_model_config *config);          /* N */
int vs_model_cells(const vs_model_config *config);           /* H/patch * W/patch */
int64_t vs_model_parameters(const vs_model_config *config);  /* number of values */
/* Floating-point operations of one training clip (forward + backward), for MFU. */
double vs_model_flops(const vs_model_config *config, int visible, bool training);
/* Bytes that a model of this batch allocates; precision: FP32 or BF16. */
int64_t vs_model_memory(const vs_model_config *config, int batch, int visible, bool training,
                        vs_precision precision);

typedef struct vs_model vs_model;

/* batch: the largest B of any call. visible: V per clip when pre-training (the same for
 * every clip), ignored otherwise. training: with gradients and moments. The weights
 * are zero until vs_model_init() or vs_model_load(). */
vs_err vs_model_open(vs_model **out, vs_device *dev, const vs_model_config *config, int batch,
                     int visible, bool training);
void vs_model_close(vs_model **model);
const vs_model_config *vs_model_configuration(const vs_model *model);

/* Xavier-uniform linears, zero biases, LayerNorm 1/0, mask_token and head truncated
 * normal 0.02 (head then times head_scale). The same numbers on every device. */
vs_err vs_model_init(vs_model *model, uint64_t seed, float head_scale);

/* ---- One step ------------------------------------------------------------------------
 *   vs_model_zero_grad(m);
 *   for each micro-batch:  vs_model_forward(m, &batch); vs_model_backward(m, 1.0f / micro);
 *   vs_model_adamw(m, &adamw, step);                   step counts from 1
 */
/* Clips of synthetic videos, drawn on the device; in the sizes of the model. Host memory. */
typedef struct vs_drawn {
    const vs_clip_form *form;
    const vs_scene_clip *clip;     /* (B) */
    const int32_t *index;          /* (B, T) */
} vs_drawn;

typedef struct vs_batch {
    int B;
    const uint8_t *frames;         /* (B, T, H, W, 3) RGB 0..255, host memory; NULL: `drawn` */
    const vs_drawn *drawn;
    const vs_blend *blend;         /* (B), host memory: how clips are mixed; NULL: not at all */
    const uint8_t *mask;           /* pre-training: (B, N), 1 = masked */
    const float *target;           /* classifier: (B, classes), rows sum to 1; or NULL.
                                    * pre-training: NULL, or (B, N-V, 3*tubelet*patch^2) to
                                    * compare with instead of the pixels of `frames` */
    bool train;                    /* drop path and dropout on */
    float drop_path, head_drop;    /* rates; drop path rises linearly over depth */
    uint64_t seed, index;          /* of the drops: (seed, VS_RNG_DROP, index + clip) */
} vs_batch;

/* Calls `fn` from vs_model_backward() whenever more gradients are complete: all from value
 * `from` of the slab to its end; 0 last. They become complete from the end to the start, so
 * several processes can exchange them while the rest is computed. NULL: no calls. */
typedef void vs_model_ready_fn(void *ctx, int64_t from);
void vs_model_on_ready(vs_model *model, vs_model_ready_fn *fn, void *ctx);

vs_err vs_model_forward(vs_model *model, const vs_batch *batch);
/* Gradients of scale * loss of the last forward, added to what is there. */
vs_err vs_model_backward(vs_model *model, float scale);
void vs_model_zero_grad(vs_model *model);

/* Of the last forward; these wait for the device. NUMERIC when not finite. */
vs_err vs_model_loss(vs_model *model, float *loss);
/* The same without waiting, for a loop that looks once in many steps: `later` after each forward
 * and each last backward, `read` after a vs_device_sync(); slots as in train/device/device.h. */
void vs_model_loss_later(vs_model *model, int slot);
float vs_model_loss_read(const vs_model *model, int slot);
void vs_model_grad_norm_later(vs_model *model, int slot);
double vs_model_grad_norm_read(const vs_model *model, int slot);
vs_err vs_model_logits(vs_model *model, float *logits);       /* (B, classes) */
/* Mean over tokens after fc_norm: (B, D). */
vs_err vs_model_features(vs_model *model, float *features);
/* Pre-training: predictions and targets of the masked tokens: (B, N-V, 3*tubelet*patch^2). */
vs_err vs_model_predictions(vs_model *model, float *pred, float *target);
vs_err vs_model_grad_norm(vs_model *model, double *norm);
/* An activation of a model that trains, for verification: "patch_embed", "enc_in",
 * "enc_block0", "enc_block0_attn" (after its projection), "enc_norm", "enc_to_dec", "dec_in",
 * "dec_block0", "dec_block0_attn"; of a classifier "mean_pool", "fc_norm". `count` values. */
vs_err vs_model_activation(vs_model *model, const char *name, float *host, int64_t count);

typedef struct vs_adamw {
    float lr, beta1, beta2, eps, weight_decay;
    float layer_decay;             /* 1 = off; scale of layer i = layer_decay^(depth + 1 - i) */
    float clip_norm;               /* 0 = off */
} vs_adamw;
vs_err vs_model_adamw(vs_model *model, const vs_adamw *adamw, int64_t step);

/* ---- Parameters, by name: checkpoints, verification, several processes ------------- */
typedef struct vs_param {
    const char *name;              /* VideoMAE name: encoder.blocks.0.attn.qkv.weight */
    int rank;
    int64_t shape[5];
    int64_t count, offset;         /* in the slab of fp32 parameters (and of gradients) */
    bool decay;                    /* weight decay applies */
    int layer;                     /* 0 patch embedding, i + 1 block i, depth + 1 the rest */
} vs_param;
int vs_model_param_count(const vs_model *model);
const vs_param *vs_model_param(const vs_model *model, int i);
/* Which slab of fp32 values. Between tensors there are holes that no tensor owns (params.def):
 * copies and averages of whole slabs are safe, norms are taken tensor by tensor. */
typedef enum vs_slab { VS_SLAB_WEIGHT, VS_SLAB_GRAD, VS_SLAB_M, VS_SLAB_V } vs_slab;
int64_t vs_model_slab_count(const vs_model *model);
/* Where it lies in the memory of the device; the model keeps it. */
float *vs_model_slab(vs_model *model, vs_slab slab);
vs_err vs_model_slab_get(vs_model *model, vs_slab slab, float *host);
vs_err vs_model_slab_set(vs_model *model, vs_slab slab, const float *host);

/* ---- Checkpoints (checkpoint.c) -------------------------------------------------------
 * A checkpoint is a folder DIR/model.safetensors (or pytorch_model.bin) + DIR/config.json in
 * Hugging Face VideoMAE names, or one file: safetensors or a .pth of PyTorch, in Hugging Face
 * or original names, F32, F16 or BF16. All writes are atomic; written are folders.
 */

/* Class names become id2label (class_name may be NULL). */
vs_err vs_model_save(vs_model *model, const char *dir, const char *const *class_name);
/* For others: the same with preprocessor_config.json, in Hugging Face or in original names
 * (export.c). */
typedef enum vs_model_format { VS_FORMAT_HUGGINGFACE, VS_FORMAT_ORIGINAL } vs_model_format;
vs_err vs_model_export(vs_model *model, const char *dir, vs_model_format format,
                       const char *const *class_name);
/* Every tensor must be there with its shape, and no other. allow_head: a checkpoint may
 * initialise a classifier: of a pre-trained one decoder and encoder norm are unused; fc_norm
 * and head keep what vs_model_init gave where the file has none or another number of classes.
 * CORRUPT lists what is missing, unexpected or of another shape. */
vs_err vs_model_load(vs_model *model, const char *path, bool allow_head);
/* The configuration of a checkpoint folder, and its class names (free with vs_names_free;
 * *n = 0 when there are none). Either out may be NULL. Of a file: the config.json beside it,
 * else the known size whose tensors it holds. */
vs_err vs_model_config_read(vs_model_config *out, char ***class_name, int *n, const char *path);
/* What the tensors of a file tell; the rest as usual for that size (16 frames of 224x224), or
 * heads 0 when no known size has them. */
vs_err vs_model_config_guess(vs_model_config *out, const char *path);
/* Moments of the optimiser, and whatever else a run must remember, beside the weights:
 * DIR/train_state.safetensors. `record` (step, sampler position, best accuracy, ...) is
 * stored as JSON text in the file's metadata. */
vs_err vs_model_state_save(vs_model *model, const char *dir, const json_t *record);
vs_err vs_model_state_load(vs_model *model, const char *dir, json_t **record);

#endif /* VSYN_TRAIN_MODEL_H */
