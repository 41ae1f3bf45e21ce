/* Verification on the tiny models, whose reference keeps every tensor: activations, outputs,
 * loss, all gradients, and the weights after optimiser steps. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "train/verify_priv.h"

enum { B = 2, N = 128, V = 32, M = 96, P = 1536, D = 96, DD = 48, CLASSES = 5, STEPS = 5 };
enum { FRAMES = B * 16 * 64 * 64 * 3 };

/* Everything that both passes read. */
struct inputs {
    vs_safetensors *io, *act;
    const uint8_t *frames, *mask;
    const float *target;           /* as the reference computed it */
};

static vs_err open_inputs(struct inputs *in, vs_verify *v)
{
    const void *frames, *mask, *target;
    VS_TRY(vs_verify_open(&in->io, v, "tiny_pretrain_io"));
    VS_TRY(vs_verify_open(&in->act, v, "tiny_pretrain_act"));
    VS_TRY(vs_verify_tensor(v, &frames, in->io, "frames", VS_DTYPE_U8, FRAMES));
    VS_TRY(vs_verify_tensor(v, &mask, in->io, "mask", VS_DTYPE_U8, B * N));
    VS_TRY(vs_verify_tensor(v, &target, in->io, "target", VS_DTYPE_F32, B * M * P));
    in->frames = frames;
    in->mask = mask;
    in->target = target;
    return VS_OK;
}

static void close_inputs(struct inputs *in)
{
    vs_safetensors_close(&in->io);
    vs_safetensors_close(&in->act);
}

static vs_err load(vs_verify *v, vs_model *m)
{
    char *const path = vs_strf("%s/tiny_pretrain_weights.safetensors", v->dir);
    const vs_err err = vs_model_load(m, path, true);
    free(path);
    return err;
}

/* ---- Activations and outputs ------------------------------------------------------- */

static vs_err compare_activation(vs_verify *v, vs_model *m, const vs_safetensors *file,
                                 const char *reference, const char *name, int64_t n)
{
    const void *expected;
    float *const ours = vs_new(sizeof(float) * (size_t)n);
    vs_err err = vs_verify_tensor(v, &expected, file, reference, VS_DTYPE_F32, n);
    if (err == VS_OK)
        err = vs_model_activation(m, name, ours, n);
    if (err == VS_OK)
        vs_verify_compare(v, reference, ours, expected, n);
    free(ours);
    return err;
}

/* The reference embeds all tokens, we only those that are visible. */
static vs_err compare_patch_embed(vs_verify *v, vs_model *m, const struct inputs *in)
{
    const void *all;
    VS_TRY(vs_verify_tensor(v, &all, in->act, "act.patch_embed", VS_DTYPE_F32, B * N * D));
    float *const ours = vs_new(sizeof(float) * B * V * D);
    float *const expected = vs_new(sizeof(float) * B * V * D);
    int k = 0;
    for (int i = 0; i < B * N; i++)
        if (!in->mask[i] && k < B * V)
            memcpy(expected + (size_t)k++ * D, (const float *)all + (size_t)i * D,
                   sizeof(float) * D);
    const vs_err err = vs_model_activation(m, "patch_embed", ours, B * V * D);
    if (err == VS_OK)
        vs_verify_compare(v, "act.patch_embed (visible)", ours, expected, B * V * D);
    free(ours);
    free(expected);
    return err;
}

static vs_err compare_activations(vs_verify *v, vs_model *m, const struct inputs *in)
{
    static const struct {
        const char *reference, *ours;
        int64_t n;
    } list[] = {
        { "act.enc_in_visible", "enc_in", B * V * D },
        { "act.enc_block0_attn_out", "enc_block0_attn", B * V * D },
        { "act.enc_block0", "enc_block0", B * V * D },
        { "act.enc_block1", "enc_block1", B * V * D },
        { "act.enc_block2", "enc_block2", B * V * D },
        { "act.enc_norm", "enc_norm", B * V * D },
        { "act.enc_to_dec", "enc_to_dec", B * V * DD },
        { "act.dec_in", "dec_in", B * N * DD },
        { "act.dec_block0", "dec_block0", B * N * DD },
        { "act.dec_block1", "dec_block1", B * N * DD },
    };
    vs_verify_section(v, "tiny pretrain activations", VS_VERIFY_FORWARD, m);
    VS_TRY(compare_patch_embed(v, m, in));
    for (size_t i = 0; i < sizeof(list) / sizeof(*list); i++)
        VS_TRY(compare_activation(v, m, in->act, list[i].reference, list[i].ours, list[i].n));
    return VS_OK;
}

/* Is this colour of a tubelet the same everywhere? Our target is then exactly 0. */
static bool is_flat(const float *t, int colour)
{
    for (int i = 0; i < P / 3; i++)
        if (t[3 * i + colour] != 0.0f)
            return false;
    return true;
}

/* Flat colours are left out: the reference divides round-off by round-off there. */
static vs_err compare_outputs(vs_verify *v, vs_model *m, const struct inputs *in)
{
    const void *expected;
    float *const pred = vs_new(sizeof(float) * B * M * P);
    float *const target = vs_new(sizeof(float) * B * M * P);
    float *const clean = vs_new(sizeof(float) * B * M * P);
    vs_err err = vs_verify_tensor(v, &expected, in->io, "pred", VS_DTYPE_F32, B * M * P);
    if (err == VS_OK)
        err = vs_model_predictions(m, pred, target);
    if (err == VS_OK) {
        memcpy(clean, in->target, sizeof(float) * B * M * P);
        for (int row = 0; row < B * M; row++)
            for (int c = 0; c < 3; c++)
                if (is_flat(target + (size_t)row * P, c))
                    for (int i = c; i < P; i += 3)
                        clean[(size_t)row * P + (size_t)i] = 0.0f;
        vs_verify_section(v, "tiny pretrain outputs", VS_VERIFY_FORWARD, m);
        vs_verify_compare(v, "pred", pred, expected, B * M * P);
        vs_verify_compare_fp32(v, "target (colours that are not flat)", target, clean,
                               B * M * P);
    }
    free(pred);
    free(target);
    free(clean);
    return err;
}

static vs_err compare_loss(vs_verify *v, vs_model *m, const vs_safetensors *file, const char *name,
                           int64_t count, int at, const char *label)
{
    const void *expected;
    float loss;
    VS_TRY(vs_verify_tensor(v, &expected, file, name, VS_DTYPE_F32, count));
    VS_TRY(vs_model_loss(m, &loss));
    vs_verify_compare(v, label, &loss, (const float *)expected + at, 1);
    return VS_OK;
}

/* ---- Pre-training ------------------------------------------------------------------ */

static vs_err five_steps(vs_verify *v, vs_model *m, const vs_batch *batch, const struct inputs *in)
{
    const vs_adamw adamw = { 1.5e-4f, 0.9f, 0.95f, 1e-8f, 0.05f, 1.0f, 0.0f };
    vs_verify_section(v, "tiny pretrain AdamW losses", VS_VERIFY_STEPPED, m);
    for (int step = 0; step <= STEPS; step++) {
        char label[32];
        snprintf(label, sizeof(label), "loss after %d steps", step);
        vs_model_zero_grad(m);
        VS_TRY(vs_model_forward(m, batch));
        VS_TRY(compare_loss(v, m, in->io, "adamw_losses", STEPS + 1, step, label));
        if (step == STEPS)
            break;
        VS_TRY(vs_model_backward(m, 1.0f));
        VS_TRY(vs_model_adamw(m, &adamw, step + 1));
    }
    vs_verify_section(v, "tiny pretrain weights after 5", VS_VERIFY_STEPPED, m);
    return vs_verify_slab(v, m, VS_SLAB_WEIGHT, "tiny_pretrain_weights_after5");
}

static vs_err pretrain(vs_verify *v, vs_model *m, const struct inputs *in)
{
    vs_batch batch = { .B = B, .frames = in->frames, .mask = in->mask };
    VS_TRY(vs_model_forward(m, &batch));
    VS_TRY(compare_activations(v, m, in));
    VS_TRY(compare_outputs(v, m, in));

    /* From here with the reference's own target, round-off of flat colours included. */
    batch.target = in->target;
    VS_TRY(vs_model_forward(m, &batch));
    VS_TRY(compare_loss(v, m, in->io, "loss", 1, 0, "loss"));
    vs_model_zero_grad(m);
    VS_TRY(vs_model_backward(m, 1.0f));
    vs_verify_section(v, "tiny pretrain gradients", VS_VERIFY_GRADIENT, m);
    VS_TRY(vs_verify_slab(v, m, VS_SLAB_GRAD, "tiny_pretrain_grads"));
    return five_steps(v, m, &batch, in);
}

vs_err vs_verify_tiny_pretrain(vs_verify *v)
{
    vs_model_config c;
    vs_model *m = NULL;
    struct inputs in = { 0 };
    VS_TRY(vs_model_config_named(&c, VS_TASK_PRETRAIN, "micro"));
    vs_err err = open_inputs(&in, v);
    if (err == VS_OK)
        err = vs_model_open(&m, v->dev, &c, B, V, true);
    if (err == VS_OK)
        err = load(v, m);
    if (err == VS_OK)
        err = pretrain(v, m, &in);
    vs_model_close(&m);
    close_inputs(&in);
    return err;
}

/* ---- Fine-tuning ------------------------------------------------------------------- */

/* Overwrite fc_norm and head, which the pre-trained file does not have. */
static vs_err load_head(vs_verify *v, vs_model *m)
{
    vs_safetensors *file = NULL;
    float *const slab = vs_new(sizeof(float) * (size_t)vs_model_slab_count(m));
    int read = 0;
    vs_err err = vs_verify_open(&file, v, "tiny_finetune_head_weights");
    if (err == VS_OK)
        err = vs_model_slab_get(m, VS_SLAB_WEIGHT, slab);
    for (int i = 0; err == VS_OK && i < vs_model_param_count(m); i++) {
        const vs_param *const p = vs_model_param(m, i);
        const void *data;
        if (!vs_safetensors_find(file, p->name))
            continue;
        err = vs_verify_tensor(v, &data, file, p->name, VS_DTYPE_F32, p->count);
        if (err == VS_OK)
            memcpy(slab + p->offset, data, sizeof(float) * (size_t)p->count);
        read++;
    }
    if (err == VS_OK && read != 4)
        err = VS_FAIL(VS_ERR_CORRUPT, "tiny_finetune_head_weights: %d tensors fit, expected 4",
                      read);
    if (err == VS_OK)
        err = vs_model_slab_set(m, VS_SLAB_WEIGHT, slab);
    vs_safetensors_close(&file);
    free(slab);
    return err;
}

static vs_err compare_logits(vs_verify *v, vs_model *m, const vs_safetensors *io, const char *name)
{
    const void *expected;
    float ours[B * CLASSES];
    VS_TRY(vs_verify_tensor(v, &expected, io, name, VS_DTYPE_F32, B * CLASSES));
    VS_TRY(vs_model_logits(m, ours));
    vs_verify_compare(v, name, ours, expected, B * CLASSES);
    return VS_OK;
}

static vs_err finetune(vs_verify *v, vs_model *m, const uint8_t *frames, const vs_safetensors *io)
{
    const vs_adamw adamw = { 1e-3f, 0.9f, 0.999f, 1e-8f, 0.05f, 0.7f, 0.0f };
    const void *label;
    float target[B * CLASSES];
    VS_TRY(vs_verify_tensor(v, &label, io, "labels", VS_DTYPE_I64, B));
    vs_verify_smooth(target, label, B, CLASSES);
    const vs_batch batch = { .B = B, .frames = frames, .target = target };

    vs_verify_section(v, "tiny finetune outputs", VS_VERIFY_FORWARD, m);
    VS_TRY(vs_model_forward(m, &batch));
    VS_TRY(compare_activation(v, m, io, "act.block2", "enc_block2", B * N * D));
    VS_TRY(compare_activation(v, m, io, "act.mean_pool", "mean_pool", B * D));
    VS_TRY(compare_activation(v, m, io, "act.fc_norm", "fc_norm", B * D));
    VS_TRY(compare_logits(v, m, io, "logits"));
    VS_TRY(compare_loss(v, m, io, "loss", 1, 0, "loss"));

    vs_model_zero_grad(m);
    VS_TRY(vs_model_backward(m, 1.0f));
    vs_verify_section(v, "tiny finetune gradients", VS_VERIFY_GRADIENT, m);
    VS_TRY(vs_verify_slab(v, m, VS_SLAB_GRAD, "tiny_finetune_grads"));

    VS_TRY(vs_model_adamw(m, &adamw, 1));
    vs_verify_section(v, "tiny finetune weights after 1", VS_VERIFY_STEPPED, m);
    VS_TRY(vs_verify_slab(v, m, VS_SLAB_WEIGHT, "tiny_finetune_weights_after1"));
    VS_TRY(vs_model_forward(m, &batch));
    vs_verify_section(v, "tiny finetune outputs after 1", VS_VERIFY_STEPPED, m);
    VS_TRY(compare_logits(v, m, io, "logits_after"));
    return compare_loss(v, m, io, "loss_after", 1, 0, "loss_after");
}

vs_err vs_verify_tiny_finetune(vs_verify *v)
{
    vs_model_config c;
    vs_model *m = NULL;
    struct inputs in = { 0 };
    vs_safetensors *io = NULL;
    VS_TRY(vs_model_config_named(&c, VS_TASK_CLASSIFY, "micro"));
    c.classes = CLASSES;
    vs_err err = open_inputs(&in, v);
    if (err == VS_OK)
        err = vs_verify_open(&io, v, "tiny_finetune_io");
    if (err == VS_OK)
        err = vs_model_open(&m, v->dev, &c, B, 0, true);
    if (err == VS_OK)
        err = load(v, m);
    if (err == VS_OK)
        err = load_head(v, m);
    if (err == VS_OK)
        err = finetune(v, m, in.frames, io);
    vs_model_close(&m);
    vs_safetensors_close(&io);
    close_inputs(&in);
    return err;
}
