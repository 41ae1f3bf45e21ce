/* Where the buffers of a model lie: planned once, in one block, so that a step allocates
 * nothing. The same walk counts (base NULL) and places. */
#include <stdlib.h>

#include "base/mem.h"
#include "train/device/device_priv.h"
#include "train/model/model_priv.h"

struct arena {
    char *base;
    size_t at;
};

static void *take(struct arena *a, size_t bytes)
{
    void *const here = a->base ? a->base + a->at : NULL;
    a->at += (bytes + VS_DEVICE_ALIGN - 1) / VS_DEVICE_ALIGN * VS_DEVICE_ALIGN;
    return here;
}

static float *floats(struct arena *a, int64_t n)
{
    return take(a, sizeof(float) * (size_t)n);
}

/* n values of vs_narrow. */
static void *narrow(struct arena *a, const vs_model *m, int64_t n)
{
    return take(a, m->narrow * (size_t)n);
}

static void place_block(struct arena *a, const vs_model *m, vs_block_act *s, int64_t R, int D,
                        int heads)
{
    s->mean1 = floats(a, R);
    s->rstd1 = floats(a, R);
    s->qkv = narrow(a, m, R * 3 * D);
    s->lse = floats(a, R * heads);
    s->att = narrow(a, m, R * D);
    s->mean2 = floats(a, R);
    s->rstd2 = floats(a, R);
    s->hid = narrow(a, m, R * 4 * D);
}

static void place_stack(struct arena *a, const vs_model *m, vs_stack *st)
{
    const int64_t R = (int64_t)m->batch * st->S;
    float *x = floats(a, R * st->D);
    for (int i = 0; i < st->depth; i++) {
        vs_block_act *s = &st->act[i];
        if (!m->training && i > 0) {
            *s = st->act[0];
            continue;
        }
        place_block(a, m, s, R, st->D, st->heads);
        s->x = x;
        s->mid = m->training ? floats(a, R * st->D) : x;
        s->out = x = m->training ? floats(a, R * st->D) : x;
    }
}

static int64_t most(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static void place_work(struct arena *a, vs_model *m)
{
    const int64_t enc = (int64_t)m->batch * m->S * m->c.dim;
    const int64_t dec = m->dec.depth ? (int64_t)m->batch * m->N * m->c.dec_dim : 0;
    const int64_t n = most(enc, dec);
    m->work.a = narrow(a, m, n);
    m->work.b = narrow(a, m, 4 * n);
    if (!m->training)
        return;
    m->work.da = narrow(a, m, n);
    m->work.db = narrow(a, m, 4 * n);
    m->dx = floats(a, enc);
    m->dec_dx = floats(a, dec);
}

static void place_mae(struct arena *a, vs_model *m)
{
    const int64_t B = m->batch, Dd = m->c.dec_dim, V = m->S, M = m->M;
    m->masked = take(a, sizeof(int32_t) * (size_t)(B * M));
    m->dec_pos = floats(a, m->N * Dd);
    m->norm_mean = floats(a, B * V);
    m->norm_rstd = floats(a, B * V);
    m->to_dec = floats(a, B * V * Dd);
    place_stack(a, m, &m->dec);
    m->tail = floats(a, B * M * Dd);
    m->tail_mean = floats(a, B * M);
    m->tail_rstd = floats(a, B * M);
    m->pred = floats(a, B * M * m->P);
    m->target = floats(a, B * M * m->P);
    m->dtail = floats(a, m->training ? B * M * Dd : 0);
    m->dpred = narrow(a, m, m->training ? B * M * m->P : 0);
}

static void place_classifier(struct arena *a, vs_model *m)
{
    const int64_t B = m->batch, D = m->c.dim, K = m->c.classes;
    m->pool = floats(a, B * D);
    m->pool_mean = floats(a, B);
    m->pool_rstd = floats(a, B);
    m->feature = narrow(a, m, B * D);
    m->head_in = narrow(a, m, B * D);
    m->dpool = floats(a, m->training ? B * D : 0);
    m->head_drop = floats(a, B * D);
    m->logits = floats(a, B * K);
    m->prob = floats(a, B * K);
    m->label = floats(a, B * K);
    m->dlogits = narrow(a, m, B * K);
}

float *vs_model_host(int64_t n)
{
    float *const host = calloc(n > 0 ? (size_t)n : 1, sizeof(float));
    if (!host)
        VS_FAIL(VS_ERR_NOMEM, "no room for %.1f MB in host memory", (double)n * 4e-6);
    return host;
}

size_t vs_model_place(vs_model *m, char *base)
{
    struct arena a = { .base = base };
    const int64_t B = m->batch;
    m->frames = take(&a, (size_t)(3 * B * m->c.T * m->c.H * m->c.W));
    m->clip = take(&a, sizeof(*m->clip) * (size_t)B);
    m->clip_index = take(&a, sizeof(*m->clip_index) * (size_t)(B * m->c.T));
    m->blend = take(&a, sizeof(*m->blend) * (size_t)B);
    m->visible = take(&a, sizeof(int32_t) * (size_t)(B * m->S));
    m->pos = floats(&a, (int64_t)m->N * m->c.dim);
    m->patches = narrow(&a, m, B * m->S * m->P);
    m->loss = floats(&a, 1);
    m->sumsq = take(&a, sizeof(double));
    m->drop = floats(&a, 2 * m->c.depth * B);
    place_stack(&a, m, &m->enc);
    place_work(&a, m);
    if (m->c.task == VS_TASK_PRETRAIN)
        place_mae(&a, m);
    else
        place_classifier(&a, m);
    return a.at;
}

static vs_stack stack_of(int depth, int S, int D, int heads, float eps)
{
    return (vs_stack){ depth, S, D, heads, eps, vs_new(sizeof(vs_block_act) * (size_t)depth) };
}

void vs_model_shape(vs_model *m, const vs_model_config *config, int batch, int visible,
                    bool training, vs_precision precision)
{
    const vs_model_config *const c = &m->c;
    const bool mae = config->task == VS_TASK_PRETRAIN;
    m->c = *config;
    m->grid = (vs_grid){ c->T, c->H, c->W, c->tubelet, c->patch };
    m->batch = batch;
    m->training = training;
    m->narrow = precision == VS_BF16 ? sizeof(vs_bf16) : sizeof(float);
    m->N = vs_model_tokens(c);
    m->S = mae ? visible : m->N;
    m->M = m->N - m->S;
    m->P = 3 * c->tubelet * c->patch * c->patch;
    m->enc = stack_of(c->depth, m->S, c->dim, c->heads, c->ln_eps);
    if (mae)
        m->dec = stack_of(c->dec_depth, m->N, c->dec_dim, c->dec_heads, c->ln_eps);
}

void vs_model_unshape(vs_model *m)
{
    free(m->enc.act);
    free(m->dec.act);
}

int64_t vs_model_memory(const vs_model_config *config, int batch, int visible, bool training,
                        vs_precision precision)
{
    vs_model m = { 0 };
    vs_param_layout layout;
    vs_layout_build(&layout, config);
    vs_model_shape(&m, config, batch, visible, training, precision);
    const int64_t slab = layout.count * (int64_t)sizeof(float) * (training ? 4 : 1);
    const int64_t bytes = slab + (int64_t)vs_model_place(&m, NULL);
    vs_model_unshape(&m);
    vs_layout_free(&layout);
    return bytes;
}
