/* The masked autoencoder: the pass of pre-training.
 *
 *     z    = blocks(patch_embed(visible tubelets) + pos)               (B, V, D)
 *     e    = to_dec(LN(z))                                             (B, V, Dd)
 *     d    = decoder_blocks([e + pos | mask_token + pos])              (B, N, Dd)
 *     pred = head(LN(d of the masked tokens))                          (B, M, P)
 *     loss = mean (pred - target)^2      target: pixels, normalised per tubelet and colour
 */
#include <string.h>

#include "train/model/model_priv.h"

/* Token numbers of visible and masked tokens, each in token order. */
static vs_err read_masks(vs_model *m, const vs_batch *batch)
{
    for (int b = 0; b < batch->B; b++) {
        const uint8_t *mask = batch->mask + (int64_t)b * m->N;
        int v = 0, k = 0;
        for (int i = 0; i < m->N; i++)
            v += mask[i] == 0;
        if (v != m->S)
            return VS_FAIL(VS_ERR_CORRUPT,
                           "mask of clip %d leaves %d of %d tokens visible, expected %d", b, v,
                           m->N, m->S);
        v = 0;
        for (int i = 0; i < m->N; i++) {
            if (mask[i])
                m->host_masked[(int64_t)b * m->M + k++] = i;
            else
                m->host_visible[(int64_t)b * m->S + v++] = i;
        }
    }
    vs_device_upload(m->dev, m->visible, m->host_visible,
                     sizeof(int32_t) * (size_t)batch->B * (size_t)m->S);
    vs_device_upload(m->dev, m->masked, m->host_masked,
                     sizeof(int32_t) * (size_t)batch->B * (size_t)m->M);
    return VS_OK;
}

static void encode(vs_model *m)
{
    const vs_ops *const op = m->ops;
    const int B = m->B, V = m->S, D = m->c.dim;
    float *const x = m->enc.act[0].x;
    op->patch_gather(m->dev, m->patches, m->frames, m->visible, B, V, &m->grid);
    op->matmul_add_fwd(m->dev, x, m->patches, m->w.patch_w, m->w.patch_b, NULL, NULL, V, B * V,
                       m->P, D);
    op->position_add(m->dev, x, m->pos, m->visible, B, V, D);
    vs_stack_fwd(m, &m->enc, m->w.enc, m->drop_path);
}

static void decode(vs_model *m)
{
    const vs_ops *const op = m->ops;
    const vs_params *const w = &m->w;
    const vs_model_config *const c = &m->c;
    vs_device *const dev = m->dev;
    const int B = m->B, V = m->S, M = m->M, D = c->dim, Dd = c->dec_dim;
    void *const a = m->work.a;

    op->layernorm_fwd(dev, a, m->norm_mean, m->norm_rstd, m->enc.act[c->depth - 1].out, w->norm_w,
                      w->norm_b, c->ln_eps, B * V, D);
    op->matmul_add_fwd(dev, m->to_dec, a, w->to_dec_w, NULL, NULL, NULL, V, B * V, D, Dd);
    op->join_fwd(dev, m->dec.act[0].x, m->to_dec, w->mask_token, m->dec_pos, m->visible, m->masked,
                 B, V, M, Dd);
    vs_stack_fwd(m, &m->dec, w->dec, false);
    op->tail_fwd(dev, m->tail, m->dec.act[c->dec_depth - 1].out, B, m->N, M, Dd);
    op->layernorm_fwd(dev, a, m->tail_mean, m->tail_rstd, m->tail, w->dec_norm_w, w->dec_norm_b,
                      c->ln_eps_head, B * M, Dd);
    op->matmul_add_fwd(dev, m->pred, a, w->dec_head_w, w->dec_head_b, NULL, NULL, M, B * M, Dd,
                       m->P);
}

vs_err vs_mae_inputs(vs_model *m, const vs_batch *batch)
{
    const int64_t n = (int64_t)m->B * m->M * m->P;
    VS_ASSERT(batch->mask);
    VS_TRY(read_masks(m, batch));
    if (batch->target)
        vs_device_upload(m->dev, m->target, batch->target, sizeof(float) * (size_t)n);
    m->has_loss = true;
    return VS_OK;
}

void vs_mae_fwd(vs_model *m, bool given_target)
{
    encode(m);
    decode(m);
    if (!given_target)
        m->ops->patch_target(m->dev, m->target, m->frames, m->masked, m->B, m->M, &m->grid);
    m->ops->mse_fwd(m->dev, m->loss, m->pred, m->target, (int64_t)m->B * m->M * m->P);
}

static void decode_bwd(vs_model *m, float scale)
{
    const vs_ops *const op = m->ops;
    const vs_params *const w = &m->w;
    const vs_model_config *const c = &m->c;
    vs_device *const dev = m->dev;
    const int B = m->B, V = m->S, M = m->M, D = c->dim, Dd = c->dec_dim;
    void *const a = m->work.a, *const da = m->work.da;

    op->mse_bwd(dev, m->dpred, m->pred, m->target, scale, (int64_t)B * M * m->P);
    op->layernorm_fwd(dev, a, m->tail_mean, m->tail_rstd, m->tail, w->dec_norm_w, w->dec_norm_b,
                      c->ln_eps_head, B * M, Dd);
    op->matmul_bwd_w(dev, m->g.dec_head_w, m->g.dec_head_b, m->dpred, a, B * M, Dd, m->P);
    op->matmul_bwd_x(dev, da, m->dpred, w->dec_head_w, B * M, Dd, m->P);
    vs_device_zero(dev, m->dtail, sizeof(float) * (size_t)B * (size_t)M * (size_t)Dd);
    op->layernorm_bwd(dev, m->dtail, m->g.dec_norm_w, m->g.dec_norm_b, da, m->tail, w->dec_norm_w,
                      m->tail_mean, m->tail_rstd, B * M, Dd);
    op->tail_bwd(dev, m->dec_dx, m->dtail, B, m->N, M, Dd);
    vs_stack_bwd(m, m->dec_dx, &m->dec, w->dec, m->g.dec, false);

    void *const dto = m->work.db;          /* (B, V, Dd) */
    const float *const z = m->enc.act[c->depth - 1].out;
    op->join_bwd(dev, dto, m->g.mask_token, m->dec_dx, B, V, M, Dd);
    op->layernorm_fwd(dev, a, m->norm_mean, m->norm_rstd, z, w->norm_w, w->norm_b, c->ln_eps,
                      B * V, D);
    op->matmul_bwd_w(dev, m->g.to_dec_w, NULL, dto, a, B * V, D, Dd);
    op->matmul_bwd_x(dev, da, dto, w->to_dec_w, B * V, D, Dd);
    vs_device_zero(dev, m->dx, sizeof(float) * (size_t)B * (size_t)V * (size_t)D);
    op->layernorm_bwd(dev, m->dx, m->g.norm_w, m->g.norm_b, da, z, w->norm_w, m->norm_mean,
                      m->norm_rstd, B * V, D);
    vs_model_ready(m, m->g.norm_w);
}

void vs_mae_bwd(vs_model *m, float scale)
{
    decode_bwd(m, scale);
    vs_stack_bwd(m, m->dx, &m->enc, m->w.enc, m->g.enc, m->drop_path);
    vs_patch_bwd(m);
}
