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
    const int64_t clip = (int64_t)S * D;

    op->layernorm_fwd(dev, t->a, s->mean1, s->rstd1, s->x, w->norm1_w, w->norm1_b, st->eps, R, D);
    op->matmul_fwd(dev, s->qkv, t->a, w->qkv_w, w->q_bias, R, D, 3 * D);
    op->attention_fwd(dev, s->att, s->lse, s->qkv, B, S, H, D / H);
    op->matmul_fwd(dev, t->a, s->att, w->proj_w, w->proj_b, R, D, D);
    op->add_scaled(dev, s->mid, s->x, t->a, factors(m, drop, i, 0), B, clip);

    op->layernorm_fwd(dev, t->a, s->mean2, s->rstd2, s->mid, w->norm2_w, w->norm2_b, st->eps, R, D);
    op->matmul_fwd(dev, s->hid, t->a, w->fc1_w, w->fc1_b, R, D, 4 * D);
    op->gelu_fwd(dev, t->b, s->hid, (int64_t)R * 4 * D);
    op->matmul_fwd(dev, t->a, t->b, w->fc2_w, w->fc2_b, R, 4 * D, D);
    op->add_scaled(dev, s->out, s->mid, t->a, factors(m, drop, i, 1), B, clip);
}

/* The gradient that enters a branch: dx itself, or its dropped copy in `room`. */
static const float *branch_grad(vs_model *m, float *room, const float *dx, const float *scale,
                                int64_t clip)
{
    if (!scale)
        return dx;
    m->ops->scale_clips(m->dev, room, dx, scale, m->B, clip);
    return room;
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
    op->gelu_fwd(dev, t->b, s->hid, (int64_t)R * 4 * D);
    const float *dy = branch_grad(m, t->da, dx, scale, (int64_t)st->S * D);
    op->matmul_bwd_w(dev, g->fc2_w, g->fc2_b, dy, t->b, R, 4 * D, D);
    op->matmul_bwd_x(dev, t->db, dy, w->fc2_w, R, 4 * D, D);
    op->gelu_bwd(dev, t->db, t->db, s->hid, (int64_t)R * 4 * D);
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
    float *const datt = t->b, *const dqkv = t->db;

    op->layernorm_fwd(dev, t->a, s->mean1, s->rstd1, s->x, w->norm1_w, w->norm1_b, st->eps, R, D);
    const float *dy = branch_grad(m, t->da, dx, scale, (int64_t)S * D);
    op->matmul_bwd_w(dev, g->proj_w, g->proj_b, dy, s->att, R, D, D);
    op->matmul_bwd_x(dev, datt, dy, w->proj_w, R, D, D);
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
    }
}
