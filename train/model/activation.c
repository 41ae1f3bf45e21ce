/* Activations of the last forward pass by name, for verification against a reference.
 * What the pass does not keep is computed again from what it does keep. */
#include <stdio.h>
#include <string.h>

#include "train/model/model_priv.h"

/* A block's attention with its projection, before the residual: (B, S, D). */
static const float *attention_out(vs_model *m, const vs_stack *st, const vs_block_params *w, int i)
{
    m->ops->matmul_add_fwd(m->dev, m->work.b, st->act[i].att, w[i].proj_w, w[i].proj_b, NULL, NULL,
                           st->S, m->B * st->S, st->D, st->D);
    return m->work.b;
}

static const float *patch_embed(vs_model *m)
{
    m->ops->matmul_add_fwd(m->dev, m->work.b, m->patches, m->w.patch_w, m->w.patch_b, NULL, NULL,
                           m->S, m->B * m->S, m->P, m->c.dim);
    return m->work.b;
}

static const float *encoder_norm(vs_model *m)
{
    const vs_model_config *const c = &m->c;
    m->ops->layernorm_fwd(m->dev, m->work.a, m->norm_mean, m->norm_rstd,
                          m->enc.act[c->depth - 1].out, m->w.norm_w, m->w.norm_b, c->ln_eps,
                          m->B * m->S, c->dim);
    return vs_model_widened(m, m->work.a, (int64_t)m->B * m->S * c->dim);
}

/* "PREFIX3" or "PREFIX3_attn"; false when `name` is neither. */
static bool block_name(int *i, bool *attention, const char *name, const char *prefix, int depth)
{
    int used = 0;
    const size_t n = strlen(prefix);
    if (strncmp(name, prefix, n) != 0 || sscanf(name + n, "%d%n", i, &used) != 1)
        return false;
    const char *rest = name + n + used;
    *attention = strcmp(rest, "_attn") == 0;
    return (*attention || *rest == 0) && *i >= 0 && *i < depth;
}

static const float *find(vs_model *m, const char *name, int64_t *count)
{
    const int64_t B = m->B, D = m->c.dim, Dd = m->c.dec_dim;
    const bool mae = m->c.task == VS_TASK_PRETRAIN;
    bool attention;
    int i;
    *count = B * m->S * D;
    if (strcmp(name, "patch_embed") == 0)
        return patch_embed(m);
    if (strcmp(name, "enc_in") == 0)
        return m->enc.act[0].x;
    if (block_name(&i, &attention, name, "enc_block", m->c.depth))
        return attention ? attention_out(m, &m->enc, m->w.enc, i) : m->enc.act[i].out;
    if (mae && strcmp(name, "enc_norm") == 0)
        return encoder_norm(m);
    *count = B * m->S * Dd;
    if (mae && strcmp(name, "enc_to_dec") == 0)
        return m->to_dec;
    *count = B * m->N * Dd;
    if (mae && strcmp(name, "dec_in") == 0)
        return m->dec.act[0].x;
    if (mae && block_name(&i, &attention, name, "dec_block", m->c.dec_depth))
        return attention ? attention_out(m, &m->dec, m->w.dec, i) : m->dec.act[i].out;
    *count = B * D;
    if (!mae && strcmp(name, "mean_pool") == 0)
        return m->pool;
    return !mae && strcmp(name, "fc_norm") == 0 ? vs_model_widened(m, m->feature, *count) : NULL;
}

vs_err vs_model_activation(vs_model *model, const char *name, float *host, int64_t count)
{
    int64_t n = 0;
    VS_ASSERT(model->training && model->B > 0);
    const float *const from = find(model, name, &n);
    VS_ASSERT(from && n == count);
    return vs_device_download(model->dev, host, from, sizeof(float) * (size_t)n);
}
