/* The timed table, every operation between two looks at the clock, and the counting one, whose
 * operations do nothing but add up what they would cost. Contract: train/ops/ops.h
 *
 * The parameters of an operation are written out again here, because C cannot pass them on
 * unseen; a list that differs from the one in ops.h does not compile.
 */
#include "base/log.h"
#include "base/mem.h"
#include "train/device/device_priv.h"
#include "train/ops/ops.h"

/* ---- What a call costs ------------------------------------------------------------------ */

/* Bytes: as the files of CUDA in train/ops reads and writes them, every array once per pass. */
struct cost {
    double flops;                  /* of the products, as in ops.h */
    double again;                  /* of products that are made a second time */
    double moved;                  /* bytes of the products' operands and results */
    double passed;                 /* bytes of passes beside them */
};

#define PASS(bytes) ((struct cost){ .passed = (bytes) })
#define PRODUCT(n, c, k, in, out, beside)                                              \
    ((struct cost){ .flops = 2.0 * (n) * (c) * (k),                                    \
                    .moved = (in) * ((double)(n) * (c) + (double)(k) * (c)) +          \
                             (out) * (double)(n) * (k),                                \
                    .passed = (beside) })

/* Bytes of a vs_narrow. */
static double width(const vs_device *dev)
{
    return vs_device_precision(dev) == VS_BF16 ? 2.0 : 4.0;
}

/* y = r + a * scale: in the product where scale is NULL, else a pass over a, r and y. */
static struct cost add_cost(const vs_device *dev, const void *r, const void *scale, int N, int C,
                            int K)
{
    const double y = 4.0 * N * K;
    struct cost c = PRODUCT(N, C, K, width(dev), 4.0, 0.0);
    *(scale ? &c.passed : &c.moved) += (scale ? 2.0 * y : 0.0) + (r ? y : 0.0);
    return c;
}

static double patch_values(const vs_grid *grid)
{
    return 3.0 * grid->tubelet * grid->patch * grid->patch;
}

/* (B, S, H, D) in and out `arrays` times. Backward makes the scores again, and in bfloat16 keeps
 * their gradient in memory, once out and once in (train/ops/sdpa.h). */
static struct cost attention_cost(const vs_device *dev, bool backward, double arrays, int B, int S,
                                  int H, int D)
{
    const double scores = (double)B * H * S * S, rows = (double)B * H * S;
    const double kept = vs_device_precision(dev) == VS_BF16 ? 2.0 * 2.0 * scores : 0.0;
    return (struct cost){
        .flops = (backward ? 8.0 : 4.0) * scores * D,
        .again = backward ? 2.0 * scores * D : 0.0,
        .moved = width(dev) * arrays * rows * D + 4.0 * rows + (backward ? kept : 0.0),
    };
}

/* ---- Both tables ------------------------------------------------------------------------ */

static void add(vs_op_time *t, double seconds, const struct cost *c)
{
    t->calls++;
    t->seconds += seconds;
    t->flops += c->flops;
    t->bytes += c->moved + c->passed;
}

/* A call on a device with a clock of its own: between its marks 2 i and 2 i + 1. */
struct vs_op_note {
    vs_op op;
    struct cost cost;
};

void vs_ops_settle(vs_device *dev)
{
    if (!dev->n_notes)
        return;
    dev->kind->wait(dev);
    for (int i = 0; i < dev->n_notes && dev->times && !vs_device_failed(dev); i++) {
        const struct vs_op_note *const n = &dev->notes[i];
        add(&dev->times[n->op], dev->kind->between(dev, 2 * i, 2 * i + 1), &n->cost);
    }
    dev->n_notes = 0;
}

/* By the device's clock what is queued is not disturbed; without one, work is done when a call
 * returns. */
static double start(vs_device *dev)
{
    if (!dev->times)
        return 0.0;
    if (!dev->kind->mark) {
        dev->kind->wait(dev);
        return vs_now();
    }
    if (!dev->notes)
        dev->notes = vs_new(sizeof(*dev->notes) * VS_DEVICE_MARKS / 2);
    if (dev->n_notes == VS_DEVICE_MARKS / 2)
        vs_ops_settle(dev);
    dev->kind->mark(dev, 2 * dev->n_notes);
    return 0.0;
}

static void stop(vs_device *dev, vs_op op, double began, struct cost c)
{
    if (!dev->times)
        return;
    if (dev->kind->mark) {
        dev->kind->mark(dev, 2 * dev->n_notes + 1);
        dev->notes[dev->n_notes++] = (struct vs_op_note){ op, c };
        return;
    }
    dev->kind->wait(dev);
    add(&dev->times[op], vs_now() - began, &c);
}

static double larger(double a, double b)
{
    return a > b ? a : b;
}

/* The least time: products at the rate of arithmetic or of memory, whichever takes longer, then
 * the passes. */
static void count(vs_device *dev, vs_op op, struct cost c)
{
    const vs_roof *const roof = dev->roof;
    const bool attention = op == VS_OP_attention_fwd || op == VS_OP_attention_bwd;
    const double flops = roof->flops[vs_device_precision(dev)] * (attention ? roof->attention : 1);
    if (dev->times)
        add(&dev->times[op],
            larger((c.flops + c.again) / flops, c.moved / roof->bytes) + c.passed / roof->bytes,
            &c);
}

#define TIMED(op, cost, params, args)                 \
    static void timed_##op params                     \
    {                                                 \
        const double began = start(dev);              \
        vs_ops_untimed(dev)->op args;                 \
        stop(dev, VS_OP_##op, began, cost);           \
    }                                                 \
    static void counted_##op params                   \
    {                                                 \
        count(dev, VS_OP_##op, cost);                 \
    }

/* Drawing: masks are cleared, written and read, pictures written and read, frames written. */
static struct cost draw_cost(const vs_clip_form *form, int B)
{
    const double area = (double)form->params.size * form->params.size;
    const double masks = 3.0 * form->params.objects * area / 8.0, pictures = 2.0 * 3.0 * area;
    return PASS((masks + pictures + 3.0 * form->H * form->W) * B * form->T);
}

TIMED(draw_clips, draw_cost(form, B),
      (vs_device *dev, uint8_t *frames, const vs_clip_form *form, const vs_scene_clip *clip,
       const int32_t *index, int B),
      (dev, frames, form, clip, index, B))
TIMED(mix_clips, PASS(6.0 * B * T * H * W),
      (vs_device *dev, uint8_t *frames, const vs_blend *blend, int B, int T, int H, int W),
      (dev, frames, blend, B, T, H, W))
TIMED(patch_gather, PASS((1.0 + width(dev)) * B * S * patch_values(grid)),
      (vs_device *dev, vs_narrow *x, const uint8_t *frames, const int32_t *index, int B, int S,
       const vs_grid *grid),
      (dev, x, frames, index, B, S, grid))
TIMED(patch_target, PASS((1.0 + 4.0) * B * S * patch_values(grid)),
      (vs_device *dev, float *t, const uint8_t *frames, const int32_t *index, int B, int S,
       const vs_grid *grid),
      (dev, t, frames, index, B, S, grid))
TIMED(position_add, PASS(8.0 * B * S * C),
      (vs_device *dev, vs_real *x, const float *pos, const int32_t *index, int B, int S,
       int C),
      (dev, x, pos, index, B, S, C))
TIMED(join_fwd, PASS(4.0 * B * C * (2.0 * V + M)),
      (vs_device *dev, vs_real *y, const vs_real *x, const vs_real *token, const float *pos,
       const int32_t *visible, const int32_t *masked, int B, int V, int M, int C),
      (dev, y, x, token, pos, visible, masked, B, V, M, C))
TIMED(join_bwd, PASS(B * C * (width(dev) * V + 4.0 * (V + M))),
      (vs_device *dev, vs_narrow *dx, float *dtoken, const vs_real *dy, int B, int V, int M,
       int C),
      (dev, dx, dtoken, dy, B, V, M, C))
TIMED(tail_fwd, PASS(8.0 * B * M * C),
      (vs_device *dev, vs_real *y, const vs_real *x, int B, int S, int M, int C),
      (dev, y, x, B, S, M, C))
TIMED(tail_bwd, PASS(4.0 * B * C * (S + M)),
      (vs_device *dev, vs_real *dx, const vs_real *dy, int B, int S, int M, int C),
      (dev, dx, dy, B, S, M, C))
TIMED(matmul_fwd, PRODUCT(N, C, K, width(dev), width(dev), 0.0),
      (vs_device *dev, vs_narrow *y, const vs_narrow *x, const vs_real *w, const vs_real *b,
       int N, int C, int K),
      (dev, y, x, w, b, N, C, K))
TIMED(matmul_add_fwd, add_cost(dev, r, scale, N, C, K),
      (vs_device *dev, vs_real *y, const vs_narrow *x, const vs_real *w, const vs_real *b,
       const vs_real *r, const float *scale, int S, int N, int C, int K),
      (dev, y, x, w, b, r, scale, S, N, C, K))
TIMED(matmul_gelu_fwd, PRODUCT(N, C, K, width(dev), width(dev), 2.0 * width(dev) * N * K),
      (vs_device *dev, vs_narrow *h, vs_narrow *y, const vs_narrow *x, const vs_real *w,
       const vs_real *b, int N, int C, int K),
      (dev, h, y, x, w, b, N, C, K))
TIMED(matmul_bwd_x, PRODUCT(N, K, C, width(dev), width(dev), 0.0),
      (vs_device *dev, vs_narrow *dx, const vs_narrow *dy, const vs_real *w, int N, int C,
       int K),
      (dev, dx, dy, w, N, C, K))
TIMED(matmul_gelu_bwd, PRODUCT(N, K, C, width(dev), width(dev), 4.0 * width(dev) * N * C),
      (vs_device *dev, vs_narrow *dh, vs_narrow *y, const vs_narrow *dy, const vs_real *w,
       const vs_narrow *h, int N, int C, int K),
      (dev, dh, y, dy, w, h, N, C, K))
TIMED(matmul_bwd_w, PRODUCT(K, N, C, width(dev), 8.0, 0.0),
      (vs_device *dev, float *dw, float *db, const vs_narrow *dy, const vs_narrow *x, int N,
       int C, int K),
      (dev, dw, db, dy, x, N, C, K))
TIMED(layernorm_fwd, PASS((4.0 + width(dev)) * N * C),
      (vs_device *dev, vs_narrow *y, float *mean, float *rstd, const vs_real *x,
       const vs_real *w, const vs_real *b, float eps, int N, int C),
      (dev, y, mean, rstd, x, w, b, eps, N, C))
TIMED(layernorm_bwd, PASS((12.0 + width(dev)) * N * C),
      (vs_device *dev, vs_real *dx, float *dw, float *db, const vs_narrow *dy,
       const vs_real *x, const vs_real *w, const float *mean, const float *rstd, int N, int C),
      (dev, dx, dw, db, dy, x, w, mean, rstd, N, C))
TIMED(attention_fwd, attention_cost(dev, false, 4.0, B, S, H, D),
      (vs_device *dev, vs_narrow *y, float *lse, const vs_narrow *qkv, int B, int S, int H,
       int D),
      (dev, y, lse, qkv, B, S, H, D))
TIMED(attention_bwd, attention_cost(dev, true, 8.0, B, S, H, D),
      (vs_device *dev, vs_narrow *dqkv, const vs_narrow *dy, const vs_narrow *y,
       const vs_narrow *qkv, const float *lse, int B, int S, int H, int D),
      (dev, dqkv, dy, y, qkv, lse, B, S, H, D))
TIMED(scale_clips, PASS((4.0 + width(dev)) * B * n),
      (vs_device *dev, vs_narrow *y, const vs_real *x, const float *scale, int B, int64_t n),
      (dev, y, x, scale, B, n))
TIMED(multiply, PASS((4.0 + 2.0 * width(dev)) * n),
      (vs_device *dev, vs_narrow *y, const vs_narrow *x, const float *m, int64_t n),
      (dev, y, x, m, n))
TIMED(widen, PASS((4.0 + width(dev)) * n),
      (vs_device *dev, float *y, const vs_narrow *x, int64_t n),
      (dev, y, x, n))
TIMED(clip, PASS(8.0 * n),
      (vs_device *dev, float *x, const double *sumsq, float limit, int64_t n),
      (dev, x, sumsq, limit, n))
TIMED(mean_fwd, PASS(4.0 * B * S * C),
      (vs_device *dev, vs_real *y, const vs_real *x, int B, int S, int C),
      (dev, y, x, B, S, C))
TIMED(mean_bwd, PASS(4.0 * B * S * C),
      (vs_device *dev, vs_real *dx, const vs_real *dy, int B, int S, int C),
      (dev, dx, dy, B, S, C))
TIMED(mse_fwd, PASS(8.0 * n),
      (vs_device *dev, float *loss, const vs_real *y, const float *t, int64_t n),
      (dev, loss, y, t, n))
TIMED(mse_bwd, PASS((8.0 + width(dev)) * n),
      (vs_device *dev, vs_narrow *dy, const vs_real *y, const float *t, float scale,
       int64_t n),
      (dev, dy, y, t, scale, n))
TIMED(softmax_ce_fwd, PASS(12.0 * B * K),
      (vs_device *dev, float *loss, float *p, const vs_real *y, const float *t, int B, int K),
      (dev, loss, p, y, t, B, K))
TIMED(softmax_ce_bwd, PASS((8.0 + width(dev)) * B * K),
      (vs_device *dev, vs_narrow *dy, const float *p, const float *t, float scale, int B,
       int K),
      (dev, dy, p, t, scale, B, K))
TIMED(sumsq, PASS(4.0 * n),
      (vs_device *dev, double *out, const float *x, int64_t n),
      (dev, out, x, n))
TIMED(adamw, PASS((28.0 + (vs_device_precision(dev) == VS_BF16 ? 2.0 : 0.0)) * n),
      (vs_device *dev, float *w, float *m, float *v, const float *g, const vs_adamw_args *args,
       int64_t n),
      (dev, w, m, v, g, args, n))

const vs_ops vs_ops_timed = {
#define X(op) .op = timed_##op,
    VS_OP_MAP(X)
#undef X
};

const vs_ops vs_ops_counted = {
#define X(op) .op = counted_##op,
    VS_OP_MAP(X)
#undef X
};

void vs_ops_time(vs_device *dev, vs_op_time *times)
{
    vs_ops_settle(dev);
    dev->times = times;
}

const char *vs_op_name(vs_op op)
{
    static const char *const name[] = {
#define X(op) #op,
        VS_OP_MAP(X)
#undef X
    };
    return name[op];
}

const char *vs_ops_kernel(const vs_device *dev)
{
    if (vs_device_is_cuda(dev))
        return "cuda";
    return vs_device_precision(dev) == VS_BF16 ? vs_kernel_cpu_bf16() : vs_kernel_cpu();
}
