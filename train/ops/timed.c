/* The timed table: every operation between two looks at the clock. Contract: train/ops/ops.h
 *
 * The parameters of an operation are written out again here, because C cannot pass them on
 * unseen; a list that differs from the one in ops.h does not compile.
 */
#include "base/log.h"
#include "train/device/device_priv.h"
#include "train/ops/ops.h"

static double start(vs_device *dev)
{
    dev->kind->wait(dev);
    return vs_now();
}

static void stop(vs_device *dev, vs_op op, double began, double flops)
{
    dev->kind->wait(dev);
    if (!dev->times)
        return;
    dev->times[op].calls++;
    dev->times[op].seconds += vs_now() - began;
    dev->times[op].flops += flops;
}

#define TIMED(op, flops, params, args)                \
    static void timed_##op params                     \
    {                                                 \
        const double began = start(dev);              \
        vs_ops_untimed(dev)->op args;                 \
        stop(dev, VS_OP_##op, began, flops);          \
    }

TIMED(patch_gather, 0,
      (vs_device *dev, vs_narrow *x, const uint8_t *frames, const int32_t *index, int B, int S,
       const vs_grid *grid),
      (dev, x, frames, index, B, S, grid))
TIMED(patch_target, 0,
      (vs_device *dev, float *t, const uint8_t *frames, const int32_t *index, int B, int S,
       const vs_grid *grid),
      (dev, t, frames, index, B, S, grid))
TIMED(position_add, 0,
      (vs_device *dev, vs_real *x, const float *pos, const int32_t *index, int B, int S,
       int C),
      (dev, x, pos, index, B, S, C))
TIMED(join_fwd, 0,
      (vs_device *dev, vs_real *y, const vs_real *x, const vs_real *token, const float *pos,
       const int32_t *visible, const int32_t *masked, int B, int V, int M, int C),
      (dev, y, x, token, pos, visible, masked, B, V, M, C))
TIMED(join_bwd, 0,
      (vs_device *dev, vs_narrow *dx, float *dtoken, const vs_real *dy, int B, int V, int M,
       int C),
      (dev, dx, dtoken, dy, B, V, M, C))
TIMED(tail_fwd, 0,
      (vs_device *dev, vs_real *y, const vs_real *x, int B, int S, int M, int C),
      (dev, y, x, B, S, M, C))
TIMED(tail_bwd, 0,
      (vs_device *dev, vs_real *dx, const vs_real *dy, int B, int S, int M, int C),
      (dev, dx, dy, B, S, M, C))
TIMED(matmul_fwd, 2.0 * N * C * K,
      (vs_device *dev, vs_narrow *y, const vs_narrow *x, const vs_real *w, const vs_real *b,
       int N, int C, int K),
      (dev, y, x, w, b, N, C, K))
TIMED(matmul_add_fwd, 2.0 * N * C * K,
      (vs_device *dev, vs_real *y, const vs_narrow *x, const vs_real *w, const vs_real *b,
       const vs_real *r, const float *scale, int S, int N, int C, int K),
      (dev, y, x, w, b, r, scale, S, N, C, K))
TIMED(matmul_gelu_fwd, 2.0 * N * C * K,
      (vs_device *dev, vs_narrow *h, vs_narrow *y, const vs_narrow *x, const vs_real *w,
       const vs_real *b, int N, int C, int K),
      (dev, h, y, x, w, b, N, C, K))
TIMED(matmul_bwd_x, 2.0 * N * C * K,
      (vs_device *dev, vs_narrow *dx, const vs_narrow *dy, const vs_real *w, int N, int C,
       int K),
      (dev, dx, dy, w, N, C, K))
TIMED(matmul_gelu_bwd, 2.0 * N * C * K,
      (vs_device *dev, vs_narrow *dh, vs_narrow *y, const vs_narrow *dy, const vs_real *w,
       const vs_narrow *h, int N, int C, int K),
      (dev, dh, y, dy, w, h, N, C, K))
TIMED(matmul_bwd_w, 2.0 * N * C * K,
      (vs_device *dev, float *dw, float *db, const vs_narrow *dy, const vs_narrow *x, int N,
       int C, int K),
      (dev, dw, db, dy, x, N, C, K))
TIMED(layernorm_fwd, 0,
      (vs_device *dev, vs_narrow *y, float *mean, float *rstd, const vs_real *x,
       const vs_real *w, const vs_real *b, float eps, int N, int C),
      (dev, y, mean, rstd, x, w, b, eps, N, C))
TIMED(layernorm_bwd, 0,
      (vs_device *dev, vs_real *dx, float *dw, float *db, const vs_narrow *dy,
       const vs_real *x, const vs_real *w, const float *mean, const float *rstd, int N, int C),
      (dev, dx, dw, db, dy, x, w, mean, rstd, N, C))
TIMED(attention_fwd, 4.0 * B * H * S * S * D,
      (vs_device *dev, vs_narrow *y, float *lse, const vs_narrow *qkv, int B, int S, int H,
       int D),
      (dev, y, lse, qkv, B, S, H, D))
TIMED(attention_bwd, 8.0 * B * H * S * S * D,
      (vs_device *dev, vs_narrow *dqkv, const vs_narrow *dy, const vs_narrow *y,
       const vs_narrow *qkv, const float *lse, int B, int S, int H, int D),
      (dev, dqkv, dy, y, qkv, lse, B, S, H, D))
TIMED(scale_clips, 0,
      (vs_device *dev, vs_narrow *y, const vs_real *x, const float *scale, int B, int64_t n),
      (dev, y, x, scale, B, n))
TIMED(multiply, 0,
      (vs_device *dev, vs_narrow *y, const vs_narrow *x, const float *m, int64_t n),
      (dev, y, x, m, n))
TIMED(widen, 0,
      (vs_device *dev, float *y, const vs_narrow *x, int64_t n),
      (dev, y, x, n))
TIMED(scale, 0,
      (vs_device *dev, float *x, float a, int64_t n),
      (dev, x, a, n))
TIMED(mean_fwd, 0,
      (vs_device *dev, vs_real *y, const vs_real *x, int B, int S, int C),
      (dev, y, x, B, S, C))
TIMED(mean_bwd, 0,
      (vs_device *dev, vs_real *dx, const vs_real *dy, int B, int S, int C),
      (dev, dx, dy, B, S, C))
TIMED(mse_fwd, 0,
      (vs_device *dev, float *loss, const vs_real *y, const float *t, int64_t n),
      (dev, loss, y, t, n))
TIMED(mse_bwd, 0,
      (vs_device *dev, vs_narrow *dy, const vs_real *y, const float *t, float scale,
       int64_t n),
      (dev, dy, y, t, scale, n))
TIMED(softmax_ce_fwd, 0,
      (vs_device *dev, float *loss, float *p, const vs_real *y, const float *t, int B, int K),
      (dev, loss, p, y, t, B, K))
TIMED(softmax_ce_bwd, 0,
      (vs_device *dev, vs_narrow *dy, const float *p, const float *t, float scale, int B,
       int K),
      (dev, dy, p, t, scale, B, K))
TIMED(sumsq, 0,
      (vs_device *dev, double *out, const float *x, int64_t n),
      (dev, out, x, n))
TIMED(adamw, 0,
      (vs_device *dev, float *w, float *m, float *v, const float *g, const vs_adamw_args *args,
       int64_t n),
      (dev, w, m, v, g, args, n))

const vs_ops vs_ops_timed = {
#define X(op) .op = timed_##op,
    VS_OP_MAP(X)
#undef X
};

void vs_ops_time(vs_device *dev, vs_op_time *times)
{
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

void vs_ops_packed_gemm(vs_device *dev, vs_op_time *sum, double seconds)
{
    if (vs_device_is_cuda(dev))
        return;
    if (vs_device_precision(dev) == VS_BF16)
        vs_packed_gemm_cpu_bf16(dev, sum, seconds);
    else
        vs_packed_gemm_cpu(dev, sum, seconds);
}
