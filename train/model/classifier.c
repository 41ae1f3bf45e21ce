/* The classifier that is fine-tuned.
 *
 *     z      = blocks(patch_embed(all tubelets) + pos)                 (B, N, D)
 *     f      = LN(mean over tokens of z)                               (B, D)   "features"
 *     logits = head(dropout(f))                                        (B, classes)
 *     loss   = mean over clips of the cross-entropy with soft targets
 */
#include "train/model/model_priv.h"

void vs_classifier_inputs(vs_model *m, const vs_batch *batch)
{
    if (batch->target)
        vs_device_upload(m->dev, m->label, batch->target,
                         sizeof(float) * (size_t)m->B * (size_t)m->c.classes);
    m->has_loss = batch->target != NULL;
}

void vs_classifier_fwd(vs_model *m, bool given_target)
{
    const vs_ops *const op = m->ops;
    const vs_params *const w = &m->w;
    const vs_model_config *const c = &m->c;
    vs_device *const dev = m->dev;
    const int B = m->B, N = m->N, D = c->dim, K = c->classes;
    float *const x = m->enc.act[0].x;

    op->patch_gather(dev, m->patches, m->frames, NULL, B, N, &m->grid);
    op->matmul_add_fwd(dev, x, m->patches, w->patch_w, w->patch_b, NULL, NULL, N, B * N, m->P, D);
    op->position_add(dev, x, m->pos, NULL, B, N, D);
    vs_stack_fwd(m, &m->enc, w->enc, m->drop_path);

    op->mean_fwd(dev, m->pool, m->enc.act[c->depth - 1].out, B, N, D);
    op->layernorm_fwd(dev, m->feature, m->pool_mean, m->pool_rstd, m->pool, w->fc_norm_w,
                      w->fc_norm_b, c->ln_eps_head, B, D);
    if (m->head_dropped)
        op->multiply(dev, m->head_in, m->feature, m->head_drop, (int64_t)B * D);
    op->matmul_add_fwd(dev, m->logits, m->head_dropped ? m->head_in : m->feature, w->head_w,
                       w->head_b, NULL, NULL, 1, B, D, K);
    if (given_target)
        op->softmax_ce_fwd(dev, m->loss, m->prob, m->logits, m->label, B, K);
}

void vs_classifier_bwd(vs_model *m, float scale)
{
    const vs_ops *const op = m->ops;
    const vs_params *const w = &m->w;
    const vs_model_config *const c = &m->c;
    vs_device *const dev = m->dev;
    const int B = m->B, N = m->N, D = c->dim, K = c->classes;
    void *const df = m->work.da;
    float *const dpool = m->dpool;

    op->softmax_ce_bwd(dev, m->dlogits, m->prob, m->label, scale, B, K);
    op->matmul_bwd_w(dev, m->g.head_w, m->g.head_b, m->dlogits,
                     m->head_dropped ? m->head_in : m->feature, B, D, K);
    op->matmul_bwd_x(dev, df, m->dlogits, w->head_w, B, D, K);
    if (m->head_dropped)
        op->multiply(dev, df, df, m->head_drop, (int64_t)B * D);
    vs_device_zero(dev, dpool, sizeof(float) * (size_t)B * (size_t)D);
    op->layernorm_bwd(dev, dpool, m->g.fc_norm_w, m->g.fc_norm_b, df, m->pool, w->fc_norm_w,
                      m->pool_mean, m->pool_rstd, B, D);
    vs_model_ready(m, m->g.fc_norm_w);
    op->mean_bwd(dev, m->dx, dpool, B, N, D);

    vs_stack_bwd(m, m->dx, &m->enc, w->enc, m->g.enc, m->drop_path);
    vs_patch_bwd(m);
}
