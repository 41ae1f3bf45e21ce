/* One transformer block and a stack of them, for encoder and decoder alike.
 *
 *     mid = x   + drop(proj(attention(qkv(LN1(x)))))
 *     out = mid + drop(fc2(gelu(fc1(LN2(mid)))))
 *
 * drop scales the branch per clip by 0 or 1 / (1 - rate) (stochastic depth), or is absent.
 */
#include "train/model/model_priv.h"

/* The factors of branch k (0 attention, 1 MLP) of block i: (B), or NULL when drop is off. */
static const float *factors(const vs_model *m, bool drop, int i, int k)
{
    return drop ? m->drop + (int64_t)(2 * i + k) * m->batch : NULL;
}

static void block_fwd(vs_model *m, const vs_stack *st, const vs_block_params *w, int i, bool drop)
{
    const vs_ops *const op = m->ops;
    const vs_work *const t = &m->work;
    const vs_block_act *const s = &st->act[i];
    vs_device *const dev = m->dev;
    const int B = m->B, S = st->S, D = st->D, R = B * S, H = st->heads;

    op->layernorm_fwd(dev, t->a, s->mean1, s->rstd1, s->x, w->norm1_w, w->norm1_b, st->eps, R, D);
    op->matmul_fwd(dev, s->qkv, t->a, w->qkv_w, w->q_bias, R, D, 3 * D);
    op->attention_fwd(dev, s->att, s->lse, s->qkv, B, S, H, D / H);
    op->matmul_add_fwd(dev, s->mid, s->att, w->proj_w, w->proj_b, s->x, factors(m, drop, i, 0), S,
                       R, D, D);

    op->layernorm_fwd(dev, t->a, s->mean2, s->rstd2, s->mid, w->norm2_w, w->norm2_b, st->eps, R, D);
    op->matmul_gelu_fwd(dev, s->hid, t->b, t->a, w->fc1_w, w->fc1_b, R, D, 4 * D);
    op->matmul_add_fwd(dev, s->out, t->b, w->fc2_w, w->fc2_b, s->mid, factors(m, drop, i, 1), S,
                       R, 4 * D, D);
}

/* dx: of out on entry, of mid on return. */
static void mlp_bwd(vs_model *m, float *dx, const vs_stack *st, const vs_block_act *s,
                    const vs_block_params *w, vs_block_params *g, const float *scale)
{
    const vs_ops *const op = m->ops;
    const vs_work *const t = &m->work;
    vs_device *const dev = m->dev;
    const int D = st->D, R = m->B * st->S;

    op->layernorm_fwd(dev, t->a, s->mean2, s->rstd2, s->mid, w->norm2_w, w->norm2_b, st->eps, R, D);
    op->scale_clips(dev, t->da, dx, scale, m->B, (int64_t)st->S * D);
    op->matmul_gelu_bwd(dev, t->db, t->b, t->da, w->fc2_w, s->hid, R, 4 * D, D);
    op->matmul_bwd_w(dev, g->fc2_w, g->fc2_b, t->da, t->b, R, 4 * D, D);
    op->matmul_bwd_w(dev, g->fc1_w, g->fc1_b, t->db, t->a, R, D, 4 * D);
    op->matmul_bwd_x(dev, t->da, t->db, w->fc1_w, R, D, 4 * D);
    op->layernorm_bwd(dev, dx, g->norm2_w, g->norm2_b, t->da, s->mid, w->norm2_w, s->mean2,
                      s->rstd2, R, D);
}

/* dx: of mid on entry, of x on return. */
static void attention_bwd(vs_model *m, float *dx, const vs_stack *st, const vs_block_act *s,
                          const vs_block_params *w, vs_block_params *g, const float *scale)
{
    const vs_ops *const op = m->ops;
    const vs_work *const t = &m->work;
    vs_device *const dev = m->dev;
    const int B = m->B, S = st->S, D = st->D, R = B * S, H = st->heads;
    void *const datt = t->b, *const dqkv = t->db;

    op->layernorm_fwd(dev, t->a, s->mean1, s->rstd1, s->x, w->norm1_w, w->norm1_b, st->eps, R, D);
    op->scale_clips(dev, t->da, dx, scale, B, (int64_t)S * D);
    op->matmul_bwd_w(dev, g->proj_w, g->proj_b, t->da, s->att, R, D, D);
    op->matmul_bwd_x(dev, datt, t->da, w->proj_w, R, D, D);
    op->attention_bwd(dev, dqkv, datt, s->att, s->qkv, s->lse, B, S, H, D / H);
    op->matmul_bwd_w(dev, g->qkv_w, g->q_bias, dqkv, t->a, R, D, 3 * D);
    op->matmul_bwd_x(dev, t->da, dqkv, w->qkv_w, R, D, 3 * D);
    op->layernorm_bwd(dev, dx, g->norm1_w, g->norm1_b, t->da, s->x, w->norm1_w, s->mean1,
                      s->rstd1, R, D);
}

void vs_stack_fwd(vs_model *m, const vs_stack *stack, const vs_block_params *w, bool drop)
{
    for (int i = 0; i < stack->depth; i++)
        block_fwd(m, stack, &w[i], i, drop);
}

void vs_stack_bwd(vs_model *m, float *dx, const vs_stack *stack, const vs_block_params *w,
                  vs_block_params *g, bool drop)
{
    for (int i = stack->depth - 1; i >= 0; i--) {
        mlp_bwd(m, dx, stack, &stack->act[i], &w[i], &g[i], factors(m, drop, i, 1));
        attention_bwd(m, dx, stack, &stack->act[i], &w[i], &g[i], factors(m, drop, i, 0));
        vs_model_ready(m, g[i].norm1_w);
    }
}

void vs_patch_bwd(vs_model *m)
{
    const int D = m->c.dim;
    m->ops->scale_clips(m->dev, m->work.da, m->dx, NULL, m->B, (int64_t)m->S * D);
    m->ops->matmul_bwd_w(m->dev, m->g.patch_w, m->g.patch_b, m->work.da, m->patches, m->B * m->S,
                         m->P, D);
    vs_model_ready(m, m->g.patch_w);
}
