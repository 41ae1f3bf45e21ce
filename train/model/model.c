/* A model as a whole: open, one step, what came out of it. */
#include "train/model/model.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "train/model/model_priv.h"

/* ---- Open and close ---------------------------------------------------------------- */

/* pos[p,j] = sin or cos (j even, odd) of p / 10000^(2 floor(j/2) / D). */
static vs_err upload_positions(vs_model *m, float *pos, int D)
{
    float *const table = vs_model_host((int64_t)m->N * D);
    if (!table)
        return VS_ERR_NOMEM;
    for (int p = 0; p < m->N; p++)
        for (int j = 0; j < D; j++) {
            const double angle = p / pow(10000.0, 2.0 * (j / 2) / D);
            table[(int64_t)p * D + j] = (float)(j % 2 ? cos(angle) : sin(angle));
        }
    vs_device_upload(m->dev, pos, table, sizeof(float) * (size_t)m->N * (size_t)D);
    free(table);
    return VS_OK;
}

static vs_err take_memory(vs_model *m)
{
    const int slabs = m->training ? 4 : 1;
    const size_t bytes = sizeof(float) * (size_t)m->layout.count;
    for (int i = 0; i < slabs; i++)
        m->slab[i] = vs_device_alloc(m->dev, bytes);
    m->arena = vs_device_alloc(m->dev, vs_model_place(m, NULL));
    VS_TRY(vs_device_sync(m->dev));
    vs_model_place(m, m->arena);
    vs_params_bind(&m->w, &m->c, m->slab[VS_SLAB_WEIGHT]);
    if (m->training)
        vs_params_bind(&m->g, &m->c, m->slab[VS_SLAB_GRAD]);
    const int64_t B = m->batch;
    m->host_visible = calloc((size_t)(B * m->S), sizeof(int32_t));
    m->host_masked = calloc((size_t)(B * m->M) + 1, sizeof(int32_t));
    m->host_drop = vs_model_host(B * (2 * m->c.depth + m->c.dim));
    if (!m->host_visible || !m->host_masked || !m->host_drop)
        return VS_FAIL(VS_ERR_NOMEM, "no room for the token numbers of %lld clips", (long long)B);
    VS_TRY(upload_positions(m, m->pos, m->c.dim));
    if (m->c.task == VS_TASK_PRETRAIN)
        VS_TRY(upload_positions(m, m->dec_pos, m->c.dec_dim));
    return vs_device_sync(m->dev);
}

vs_err vs_model_open(vs_model **out, vs_device *dev, const vs_model_config *config, int batch,
                     int visible, bool training)
{
    *out = NULL;
    VS_TRY(vs_model_config_check(config));
    const int tokens = vs_model_tokens(config);
    if (batch < 1)
        return VS_FAIL(VS_ERR_USAGE, "model: batch is %d, expected at least 1", batch);
    if (config->task == VS_TASK_PRETRAIN && (visible < 1 || visible >= tokens))
        return VS_FAIL(VS_ERR_USAGE, "model: %d of %d tokens are visible, expected 1..%d", visible,
                       tokens, tokens - 1);
    vs_model *m = vs_new(sizeof(*m));
    m->dev = dev;
    m->ops = vs_ops_of(dev);
    vs_layout_build(&m->layout, config);
    vs_model_shape(m, config, batch, visible, training, vs_device_precision(dev));
    const vs_err err = take_memory(m);
    if (err != VS_OK)
        vs_model_close(&m);
    *out = m;
    return err;
}

void vs_model_close(vs_model **model)
{
    vs_model *m = *model;
    if (!m)
        return;
    vs_repeat *const graphs[] = { &m->forward, &m->backward, &m->norm, &m->update };
    for (int i = 0; i < 4; i++) {
        vs_device_repeat_free(m->dev, graphs[i]);
        vs_device_free(m->dev, m->slab[i]);
    }
    vs_device_free(m->dev, m->arena);
    vs_params_free(&m->w);
    vs_params_free(&m->g);
    vs_layout_free(&m->layout);
    vs_model_unshape(m);
    free(m->host_visible);
    free(m->host_masked);
    free(m->host_drop);
    free(m);
    *model = NULL;
}

const vs_model_config *vs_model_configuration(const vs_model *model)
{
    return &model->c;
}

/* ---- Parameters -------------------------------------------------------------------- */

int vs_model_param_count(const vs_model *model)
{
    return model->layout.n;
}

const vs_param *vs_model_param(const vs_model *model, int i)
{
    VS_ASSERT(i >= 0 && i < model->layout.n);
    return &model->layout.entry[i].param;
}

int64_t vs_model_slab_count(const vs_model *model)
{
    return model->layout.count;
}

float *vs_model_slab(vs_model *model, vs_slab slab)
{
    VS_ASSERT(model->slab[slab]);
    return model->slab[slab];
}

vs_err vs_model_slab_get(vs_model *model, vs_slab slab, float *host)
{
    VS_ASSERT(model->slab[slab]);
    return vs_device_download(model->dev, host, model->slab[slab],
                              sizeof(float) * (size_t)model->layout.count);
}

vs_err vs_model_slab_set(vs_model *model, vs_slab slab, const float *host)
{
    VS_ASSERT(model->slab[slab]);
    vs_device_upload(model->dev, model->slab[slab], host,
                     sizeof(float) * (size_t)model->layout.count);
    return vs_device_sync(model->dev);
}

/* ---- One step ---------------------------------------------------------------------- */

/* Stochastic depth: the branches of block i are left out with a rate that rises linearly to
 * the last block's, and scaled so that the mean stays. Clip b draws from its own stream:
 * the factors of all branches first, then the dropout of its features. */
static void draw_drops(vs_model *m, const vs_batch *batch)
{
    const int depth = m->c.depth, D = m->c.dim, B = batch->B;
    float *const path = m->host_drop, *const head = path + (int64_t)2 * depth * m->batch;
    for (int b = 0; b < B; b++) {
        vs_rng r = vs_rng_at(batch->seed, VS_RNG_DROP, batch->index + (uint64_t)b);
        for (int k = 0; k < 2 * depth; k++) {
            const float rate = depth > 1 ? batch->drop_path * (float)(k / 2) / (float)(depth - 1)
                                         : batch->drop_path;
            path[(int64_t)k * m->batch + b] = vs_rng_f32(&r) < rate ? 0.0f : 1.0f / (1.0f - rate);
        }
        for (int c = 0; c < D && m->head_dropped; c++)
            head[(int64_t)b * D + c] =
                vs_rng_f32(&r) < batch->head_drop ? 0.0f : 1.0f / (1.0f - batch->head_drop);
    }
    if (m->drop_path)
        vs_device_upload(m->dev, m->drop, path,
                         sizeof(float) * 2 * (size_t)depth * (size_t)m->batch);
    if (m->head_dropped)
        vs_device_upload(m->dev, m->head_drop, head, sizeof(float) * (size_t)B * (size_t)D);
}

/* All that tells one pass from another of the same model: its kernels keep it. */
static uint64_t pass_key(const vs_model *m, bool target, float scale)
{
    uint32_t bits;
    memcpy(&bits, &scale, sizeof(bits));
    VS_ASSERT(m->B < 1 << 29);
    return (uint64_t)bits << 32 | (uint64_t)m->B << 3 | (uint64_t)m->drop_path << 2 |
           (uint64_t)m->head_dropped << 1 | (uint64_t)target;
}

/* Frames that are drawn there or sent, then mixed. */
static void frames_inputs(vs_model *m, const vs_batch *batch)
{
    const vs_model_config *const c = &m->c;
    const size_t B = (size_t)batch->B, T = (size_t)c->T;
    if (batch->frames) {
        vs_device_upload_ahead(m->dev, m->frames, batch->frames,
                               3 * B * T * (size_t)c->H * (size_t)c->W);
    } else {
        const vs_drawn *const d = batch->drawn;
        VS_ASSERT(d->form->T == c->T && d->form->H == c->H && d->form->W == c->W);
        vs_device_upload(m->dev, m->clip, d->clip, sizeof(*d->clip) * B);
        vs_device_upload(m->dev, m->clip_index, d->index, sizeof(*d->index) * B * T);
        m->ops->draw_clips(m->dev, m->frames, d->form, m->clip, m->clip_index, batch->B);
    }
    if (batch->blend) {
        vs_device_upload(m->dev, m->blend, batch->blend, sizeof(*batch->blend) * B);
        m->ops->mix_clips(m->dev, m->frames, m->blend, batch->B, c->T, c->H, c->W);
    }
}

vs_err vs_model_forward(vs_model *model, const vs_batch *batch)
{
    const vs_model_config *const c = &model->c;
    const bool classifier = c->task == VS_TASK_CLASSIFY;
    VS_ASSERT(batch->B >= 1 && batch->B <= model->batch);
    VS_ASSERT(batch->drop_path >= 0 && batch->drop_path < 1);
    VS_ASSERT(batch->head_drop >= 0 && batch->head_drop < 1);
    model->B = batch->B;
    model->has_loss = false;
    model->drop_path = batch->train && batch->drop_path > 0.0f;
    model->head_dropped = classifier && batch->train && batch->head_drop > 0.0f;
    if (model->drop_path || model->head_dropped)
        draw_drops(model, batch);
    frames_inputs(model, batch);
    if (classifier)
        vs_classifier_inputs(model, batch);
    else
        VS_TRY(vs_mae_inputs(model, batch));
    const bool target = batch->target != NULL;
    while (vs_device_repeat(model->dev, &model->forward, pass_key(model, target, 0.0f), false)) {
        if (classifier)
            vs_classifier_fwd(model, target);
        else
            vs_mae_fwd(model, target);
    }
    return VS_OK;
}

void vs_model_on_ready(vs_model *model, vs_model_ready_fn *fn, void *ctx)
{
    model->ready = fn;
    model->ready_ctx = ctx;
}

void vs_model_ready(vs_model *m, const float *first)
{
    if (m->ready)
        m->ready(m->ready_ctx, first - m->slab[VS_SLAB_GRAD]);
}

static void backward(vs_model *m, float scale)
{
    if (m->c.task == VS_TASK_CLASSIFY)
        vs_classifier_bwd(m, scale);
    else
        vs_mae_bwd(m, scale);
}

vs_err vs_model_backward(vs_model *model, float scale)
{
    VS_ASSERT(model->training && model->has_loss);
    if (model->ready)
        backward(model, scale);
    else
        while (vs_device_repeat(model->dev, &model->backward, pass_key(model, true, scale), false))
            backward(model, scale);
    return VS_OK;
}

void vs_model_zero_grad(vs_model *model)
{
    VS_ASSERT(model->training);
    vs_device_zero(model->dev, model->slab[VS_SLAB_GRAD],
                   sizeof(float) * (size_t)model->layout.count);
}

/* ---- What came out ----------------------------------------------------------------- */

/* NUMERIC naming the first tensor of a slab that holds a value that is not finite, else
 * `otherwise`. */
static vs_err blame(vs_model *m, vs_slab slab, const char *what, const char *otherwise)
{
    float *const host = vs_model_host(m->layout.count);
    if (!host)
        return VS_ERR_NOMEM;
    vs_err err = vs_model_slab_get(m, slab, host);
    for (int i = 0; err == VS_OK && i < m->layout.n; i++) {
        const vs_param *p = &m->layout.entry[i].param;
        for (int64_t k = 0; k < p->count; k++)
            if (!isfinite(host[p->offset + k])) {
                err = VS_FAIL(VS_ERR_NUMERIC, "%s: %s %s[%lld] is %g", otherwise, what, p->name,
                              (long long)k, (double)host[p->offset + k]);
                break;
            }
    }
    free(host);
    return err == VS_OK ? VS_FAIL(VS_ERR_NUMERIC, "%s", otherwise) : err;
}

vs_err vs_model_loss(vs_model *model, float *loss)
{
    VS_ASSERT(model->has_loss);
    VS_TRY(vs_device_download(model->dev, loss, model->loss, sizeof(float)));
    return isfinite(*loss) ? VS_OK
                           : blame(model, VS_SLAB_WEIGHT, "weight", "the loss is not finite");
}

void vs_model_loss_later(vs_model *model, int slot)
{
    VS_ASSERT(model->has_loss);
    vs_device_read_later(model->dev, slot, model->loss, sizeof(float));
}

float vs_model_loss_read(const vs_model *model, int slot)
{
    return *(const float *)vs_device_read(model->dev, slot);
}

const float *vs_model_widened(vs_model *m, const void *from, int64_t n)
{
    /* 4 widths of vs_narrow hold at least 2 of float. */
    m->ops->widen(m->dev, m->work.b, from, n);
    return m->work.b;
}

static vs_err download_finite(vs_model *m, float *host, const float *from, int64_t n,
                              const char *what)
{
    VS_TRY(vs_device_download(m->dev, host, from, sizeof(float) * (size_t)n));
    for (int64_t i = 0; i < n; i++)
        if (!isfinite(host[i]))
            return blame(m, VS_SLAB_WEIGHT, "weight", what);
    return VS_OK;
}

vs_err vs_model_logits(vs_model *model, float *logits)
{
    VS_ASSERT(model->c.task == VS_TASK_CLASSIFY && model->B > 0);
    return download_finite(model, logits, model->logits, (int64_t)model->B * model->c.classes,
                           "the logits are not finite");
}

vs_err vs_model_features(vs_model *model, float *features)
{
    VS_ASSERT(model->c.task == VS_TASK_CLASSIFY && model->B > 0);
    const int64_t n = (int64_t)model->B * model->c.dim;
    return download_finite(model, features, vs_model_widened(model, model->feature, n), n,
                           "the features are not finite");
}

vs_err vs_model_predictions(vs_model *model, float *pred, float *target)
{
    VS_ASSERT(model->c.task == VS_TASK_PRETRAIN && model->B > 0);
    const int64_t n = (int64_t)model->B * model->M * model->P;
    if (target)
        VS_TRY(vs_device_download(model->dev, target, model->target, sizeof(float) * (size_t)n));
    return pred ? download_finite(model, pred, model->pred, n, "the predictions are not finite")
                : VS_OK;
}

/* The sum of squares of the gradient, into m->sumsq. */
static void square_gradient(vs_model *m)
{
    VS_ASSERT(m->training);
    while (vs_device_repeat(m->dev, &m->norm, 0, false)) {
        vs_device_zero(m->dev, m->sumsq, sizeof(double));
        for (int i = 0; i < m->layout.n; i++) {
            const vs_param *p = &m->layout.entry[i].param;
            m->ops->sumsq(m->dev, m->sumsq, m->slab[VS_SLAB_GRAD] + p->offset, p->count);
        }
    }
}

void vs_model_grad_norm_later(vs_model *model, int slot)
{
    square_gradient(model);
    vs_device_read_later(model->dev, slot, model->sumsq, sizeof(double));
}

double vs_model_grad_norm_read(const vs_model *model, int slot)
{
    return sqrt(*(const double *)vs_device_read(model->dev, slot));
}

vs_err vs_model_grad_norm(vs_model *model, double *norm)
{
    square_gradient(model);
    VS_TRY(vs_device_download(model->dev, norm, model->sumsq, sizeof(double)));
    *norm = sqrt(*norm);
    return isfinite(*norm) ? VS_OK
                           : blame(model, VS_SLAB_GRAD, "gradient of",
                                   "the norm of the gradients is not finite");
}

/* ---- Optimiser --------------------------------------------------------------------- */

/* How many tensors from i on lie side by side in the same group. */
static int group_length(const vs_param_layout *layout, int i)
{
    const vs_param *const first = &layout->entry[i].param;
    int k = i + 1;
    for (int64_t end = first->offset + first->count; k < layout->n; k++) {
        const vs_param *const p = &layout->entry[k].param;
        if (p->offset != end || p->decay != first->decay || p->layer != first->layer)
            break;
        end += p->count;
    }
    return k - i;
}

static void update(vs_model *model, const vs_adamw *a, int64_t step)
{
    float *const *const slab = model->slab;
    const double base = a->layer_decay > 0.0f ? (double)a->layer_decay : 1.0;
    for (int i = 0; i < model->layout.n;) {
        const int n = group_length(&model->layout, i);
        const vs_param *const p = &model->layout.entry[i].param;
        const vs_param *const last = &model->layout.entry[i + n - 1].param;
        const double scale = pow(base, model->c.depth + 1 - p->layer);
        const vs_adamw_args args = {
            .lr = (float)((double)a->lr * scale), .beta1 = a->beta1, .beta2 = a->beta2,
            .eps = a->eps, .weight_decay = p->decay ? a->weight_decay : 0.0f, .step = step,
        };
        const int64_t at = p->offset;
        model->ops->adamw(model->dev, slab[VS_SLAB_WEIGHT] + at, slab[VS_SLAB_M] + at,
                          slab[VS_SLAB_V] + at, slab[VS_SLAB_GRAD] + at, &args,
                          last->offset + last->count - at);
        i += n;
    }
}

vs_err vs_model_adamw(vs_model *model, const vs_adamw *a, int64_t step)
{
    VS_ASSERT(model->training && step >= 1);
    if (a->clip_norm > 0.0f) {
        square_gradient(model);
        model->ops->clip(model->dev, model->slab[VS_SLAB_GRAD], model->sumsq, a->clip_norm,
                         model->layout.count);
    }
    while (vs_device_repeat(model->dev, &model->update, 0, true))
        update(model, a, step);
    return VS_OK;
}
