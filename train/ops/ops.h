/* The operations of the trainer: what each computes, and the table per device.
 *
 * This page is the specification. An operation is implemented once per device, in files
 * that read side by side, under the same numbered steps:
 *
 *     train/ops/<group>.c     CPU
 *     train/ops/<group>.cu    CUDA
 *
 * VS_OP_MAP is the only list: prototypes, tables and the parity test come from it, so an
 * operation that one device lacks does not link.
 *
 * Conventions, for every operation:
 *   - the device comes first, then outputs, then inputs, then sizes;
 *   - capitals are sizes: B clips, S tokens per clip, N rows, C channels in, K channels
 *     out, H heads; gradients are d + name;
 *   - vs_real and vs_narrow: activations and weights (below); float: statistics, losses,
 *     gradients of parameters. Dense, row-major. No two pointers overlap unless said so;
 *   - gradients of parameters accumulate (+=), because a batch may come in parts;
 *     gradients of activations are written (=), except where += is written below;
 *   - the same inputs on the same number of threads give the same bits in every run;
 *   - work is queued; failures are remembered by the device (train/device/device.h), and
 *     an operation does nothing on a device that has failed.
 */
#ifndef VSYN_TRAIN_OPS_OPS_H
#define VSYN_TRAIN_OPS_OPS_H

#include <stdint.h>

#include "gen/scene/clip.h"
#include "train/device/device.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Two kinds of activations, by who reads them.
 *
 *   vs_real     the residual stream, weights, predictions: float
 *   vs_narrow   what a product reads or writes beside it (outputs of LayerNorm, qkv, hidden
 *               layers, and their gradients): float in fp32, bfloat16 in bf16
 *
 * An implementation is compiled once per precision with its type (VS_NARROW); a caller serves
 * either and holds vs_narrow as void. Weights stay in float; a product in bf16 rounds them
 * where it packs them (CPU) or takes them from a copy that the device keeps (CUDA). */
typedef float vs_real;
typedef uint16_t vs_bf16;          /* the upper half of a float, as the CPU keeps it */
#if defined(VS_NARROW)
typedef VS_NARROW vs_narrow;
#else
typedef void vs_narrow;
#endif

/* ---- Clips (clips.c) -----------------------------------------------------------------
 *
 *   draw_clips   frames[b] = the clip of a synthetic video that clip[b] and index[b,:] say, in
 *                the sizes of `form` (gen/scene/clip.h); it and its textures lie in host memory
 *   mix_clips    of clips b and c = B - 1 - b, at every value, with k = keep[b]:
 *                x_b <- (k x_b + (65536 - k) x_c + 32768) >> 16, and x_c likewise with keep[c],
 *                both from what both were. Where blend[b].w > 0, k is 0 inside of the box and 65536
 *                outside, in all frames.
 *
 *   frames: (B, T, H, W, 3) bytes   clip, blend: (B)   index: (B, T)
 *   The same bytes on every device.
 */
typedef struct vs_blend {
    int32_t keep;                  /* 0..65536 */
    int32_t x, y, w, h;            /* box; w = 0: none */
} vs_blend;

typedef void vs_draw_clips_fn(vs_device *dev, uint8_t *frames, const vs_clip_form *form,
                              const vs_scene_clip *clip, const int32_t *index, int B);
typedef void vs_mix_clips_fn(vs_device *dev, uint8_t *frames, const vs_blend *blend, int B, int T,
                             int H, int W);

/* ---- Tokens (tokens.c) ---------------------------------------------------------------
 *
 * A clip of T frames, H x W pixels, is cut into tubelets of `tubelet` frames and
 * patch x patch pixels: N = T/tubelet * H/patch * W/patch tokens in order of time, row,
 * column, each of P = 3 * tubelet * patch^2 values. `index` (B, S) names the tokens
 * wanted of each clip; NULL: all of them, S = N.
 *
 *   patch_gather   x[b,s, (c,p0,p1,p2)] = (u/255 - mean[c]) / std[c]
 *   patch_target   t[b,s, (p0,p1,p2,c)] = (u/255 - m) / (sqrt(v) + 1e-6)
 *                  m, v: mean and unbiased variance of the tubelet's values of colour c
 *   position_add   x[b,s,:] += pos[index[b,s],:]                            x: (B,S,C)
 *
 *   frames: (B, T, H, W, 3) bytes   index: (B, S)   x, t: (B, S, P)   pos: (N, C)
 *   mean = (0.485, 0.456, 0.406), std = (0.229, 0.224, 0.225)
 *
 * A tubelet of one flat colour has the target 0: v is computed from whole numbers, where
 * the PyTorch reference divides round-off by round-off.
 */
typedef struct vs_grid {
    int T, H, W, tubelet, patch;
} vs_grid;

typedef void vs_patch_gather_fn(vs_device *dev, vs_narrow *x, const uint8_t *frames,
                                const int32_t *index, int B, int S, const vs_grid *grid);
typedef void vs_patch_target_fn(vs_device *dev, float *t, const uint8_t *frames,
                                const int32_t *index, int B, int S, const vs_grid *grid);
typedef void vs_position_add_fn(vs_device *dev, vs_real *x, const float *pos,
                                const int32_t *index, int B, int S, int C);

/* The decoder's input: visible tokens first, then one mask token per masked place.
 *
 *   join_fwd   y[b,s,:]     = x[b,s,:] + pos[visible[b,s],:]               s < V
 *              y[b,V+s,:]   = token[:] + pos[masked[b,s],:]                s < M
 *   join_bwd   dx[b,s,:]    = dy[b,s,:]                                    s < V
 *              dtoken[:]   += sum_b,s dy[b,V+s,:]                          s < M
 *   tail_fwd   y[b,s,:]     = x[b,S-M+s,:]               the last M tokens of each clip
 *   tail_bwd   dx[b,S-M+s,:] = dy[b,s,:], 0 before
 *
 *   y, dy of join: (B, V+M, C)   x, dx of join: (B, V, C)   tail: (B, S, C) and (B, M, C)
 */
typedef void vs_join_fwd_fn(vs_device *dev, vs_real *y, const vs_real *x, const vs_real *token,
                            const float *pos, const int32_t *visible, const int32_t *masked,
                            int B, int V, int M, int C);
typedef void vs_join_bwd_fn(vs_device *dev, vs_narrow *dx, float *dtoken, const vs_real *dy, int B,
                            int V, int M, int C);
typedef void vs_tail_fwd_fn(vs_device *dev, vs_real *y, const vs_real *x, int B, int S, int M,
                            int C);
typedef void vs_tail_bwd_fn(vs_device *dev, vs_real *dx, const vs_real *dy, int B, int S, int M,
                            int C);

/* ---- Linear layer (matmul.c) ----------------------------------------------------------
 *
 *   a[n,k] = sum_c x[n,c] * w[k,c] + b[k]                        b NULL: no bias
 *
 *   matmul_fwd        y[n,k]   = a[n,k]
 *   matmul_add_fwd    y[n,k]   = r[n,k] + a[n,k] * scale[n / S]  r NULL: 0; scale NULL: 1;
 *                                one factor per clip of S rows: drop path; y may be r
 *   matmul_gelu_fwd   h[n,k]   = a[n,k],  y[n,k] = h * F(h)      F(h) = (1 + erf(h / sqrt 2)) / 2
 *   matmul_bwd_x      dx[n,c]  = sum_k dy[n,k] * w[k,c]
 *   matmul_gelu_bwd   dh[n,c]  = (sum_k dy[n,k] * w[k,c]) * (F(h) + h f(h))
 *                     y[n,c]   = h * F(h)                        f: the normal density
 *                                again: cheaper here than to keep it
 *   matmul_bwd_w      dw[k,c] += sum_n dy[n,k] * x[n,c]
 *                     db[k]   += sum_n dy[n,k]                   db NULL: no bias
 *
 *   x, dx: (N, C)   w, dw: (K, C)   y, dy, r: (N, K)   b, db: (K); of gelu_bwd h, dh, y: (N, C)
 *   Products take x, w and dy in the width of vs_narrow and add in float.
 *   PyTorch: torch.nn.Linear(C, K)
 */
typedef void vs_matmul_fwd_fn(vs_device *dev, vs_narrow *y, const vs_narrow *x, const vs_real *w,
                              const vs_real *b, int N, int C, int K);
typedef void vs_matmul_add_fwd_fn(vs_device *dev, vs_real *y, const vs_narrow *x,
                                  const vs_real *w, const vs_real *b, const vs_real *r,
                                  const float *scale, int S, int N, int C, int K);
typedef void vs_matmul_gelu_fwd_fn(vs_device *dev, vs_narrow *h, vs_narrow *y,
                                   const vs_narrow *x, const vs_real *w, const vs_real *b, int N,
                                   int C, int K);
typedef void vs_matmul_bwd_x_fn(vs_device *dev, vs_narrow *dx, const vs_narrow *dy,
                                const vs_real *w, int N, int C, int K);
typedef void vs_matmul_gelu_bwd_fn(vs_device *dev, vs_narrow *dh, vs_narrow *y,
                                   const vs_narrow *dy, const vs_real *w, const vs_narrow *h,
                                   int N, int C, int K);
typedef void vs_matmul_bwd_w_fn(vs_device *dev, float *dw, float *db, const vs_narrow *dy,
                                const vs_narrow *x, int N, int C, int K);

/* ---- LayerNorm over the last axis (layernorm.c) ---------------------------------------
 *
 *   mean[n] = 1/C sum_c x[n,c]
 *   rstd[n] = 1 / sqrt(1/C sum_c (x[n,c] - mean[n])^2 + eps)
 *   y[n,c]  = (x[n,c] - mean[n]) * rstd[n] * w[c] + b[c]
 *
 *   h[n,c]  = (x[n,c] - mean[n]) * rstd[n]         recomputed, not kept
 *   g[n,c]  = dy[n,c] * w[c]
 *   db[c]   += sum_n dy[n,c]
 *   dw[c]   += sum_n dy[n,c] * h[n,c]
 *   dx[n,c] += rstd[n] * (g[n,c] - mean_c g[n,:] - h[n,c] * mean_c (g h)[n,:])
 *
 *   x, y, dx, dy: (N, C)   mean, rstd: (N)   w, b, dw, db: (C)
 *   dx accumulates: every LayerNorm of a block stands beside a residual path.
 *   PyTorch: torch.nn.LayerNorm(C, eps=eps)
 */
typedef void vs_layernorm_fwd_fn(vs_device *dev, vs_narrow *y, float *mean, float *rstd,
                                 const vs_real *x, const vs_real *w, const vs_real *b, float eps,
                                 int N, int C);
typedef void vs_layernorm_bwd_fn(vs_device *dev, vs_real *dx, float *dw, float *db,
                                 const vs_narrow *dy, const vs_real *x, const vs_real *w,
                                 const float *mean, const float *rstd, int N, int C);

/* ---- Attention (attention.c) ----------------------------------------------------------
 *
 * qkv[b,s,:] holds q, k, v of C = H * D channels each, head after head. Per clip and head:
 *
 *   s[i,j]  = D^-0.5 * q[i,:] . k[j,:]
 *   lse[i]  = log sum_j exp s[i,j]                  kept for the backward pass
 *   p[i,j]  = exp(s[i,j] - lse[i])                  never kept: memory grows with S, not S^2
 *   y[i,:]  = sum_j p[i,j] v[j,:]
 *
 *   r[i]    = dy[i,:] . y[i,:]
 *   ds[i,j] = p[i,j] * (dy[i,:] . v[j,:] - r[i]) * D^-0.5
 *   dv[j,:] = sum_i p[i,j] dy[i,:]
 *   dk[j,:] = sum_i ds[i,j] q[i,:]
 *   dq[i,:] = sum_j ds[i,j] k[j,:]
 *
 *   qkv, dqkv: (B, S, 3, H, D)   y, dy: (B, S, H, D)   lse: (B, H, S)
 */
typedef void vs_attention_fwd_fn(vs_device *dev, vs_narrow *y, float *lse, const vs_narrow *qkv,
                                 int B, int S, int H, int D);
typedef void vs_attention_bwd_fn(vs_device *dev, vs_narrow *dqkv, const vs_narrow *dy,
                                 const vs_narrow *y, const vs_narrow *qkv, const float *lse, int B,
                                 int S, int H, int D);

/* ---- Element by element (pointwise.c) -------------------------------------------------
 *
 *   scale_clips  y[b,i] = x[b,i] * scale[b]              scale NULL: 1
 *   multiply     y[i]   = x[i] * m[i]                    dropout: m is 0 or 1/(1 - rate);
 *                                                        y may be x
 *   widen        y[i]   = x[i]                           for who reads values on the host
 *   clip         x[i]   = x[i] * limit / r               where r = sqrt(sumsq[0]) > limit; else
 *                                                        x stays: gradients, by their norm
 *
 *   scale_clips: (B, n) with one factor per clip: drop path
 */
typedef void vs_scale_clips_fn(vs_device *dev, vs_narrow *y, const vs_real *x, const float *scale,
                               int B, int64_t n);
typedef void vs_multiply_fn(vs_device *dev, vs_narrow *y, const vs_narrow *x, const float *m,
                            int64_t n);
typedef void vs_widen_fn(vs_device *dev, float *y, const vs_narrow *x, int64_t n);
typedef void vs_clip_fn(vs_device *dev, float *x, const double *sumsq, float limit, int64_t n);

/* ---- Mean over tokens, losses (loss.c) ------------------------------------------------
 *
 *   mean_fwd         y[b,c]    = 1/S sum_s x[b,s,c]
 *   mean_bwd         dx[b,s,c] = dy[b,c] / S
 *   mse_fwd          loss[0]   = 1/n sum_i (y[i] - t[i])^2
 *   mse_bwd          dy[i]     = scale * 2/n (y[i] - t[i])
 *   softmax_ce_fwd   p[b,k]    = exp(y[b,k]) / sum_k exp(y[b,:])
 *                    loss[0]   = 1/B sum_b sum_k -t[b,k] log p[b,k]
 *   softmax_ce_bwd   dy[b,k]   = scale/B (p[b,k] - t[b,k])
 *
 *   x, dx: (B, S, C)   y, t, p of the cross-entropy: (B, K), rows of t sum to 1
 */
typedef void vs_mean_fwd_fn(vs_device *dev, vs_real *y, const vs_real *x, int B, int S, int C);
typedef void vs_mean_bwd_fn(vs_device *dev, vs_real *dx, const vs_real *dy, int B, int S, int C);
typedef void vs_mse_fwd_fn(vs_device *dev, float *loss, const vs_real *y, const float *t,
                           int64_t n);
typedef void vs_mse_bwd_fn(vs_device *dev, vs_narrow *dy, const vs_real *y, const float *t,
                           float scale, int64_t n);
typedef void vs_softmax_ce_fwd_fn(vs_device *dev, float *loss, float *p, const vs_real *y,
                                  const float *t, int B, int K);
typedef void vs_softmax_ce_bwd_fn(vs_device *dev, vs_narrow *dy, const float *p, const float *t,
                                  float scale, int B, int K);

/* ---- Optimiser (adamw.c) --------------------------------------------------------------
 *
 *   sumsq    out[0] += sum_i x[i]^2                      in double precision
 *   adamw    w *= 1 - lr * weight_decay
 *            m  = beta1 * m + (1 - beta1) * g
 *            v  = beta2 * v + (1 - beta2) * g^2
 *            w -= lr * (m / (1 - beta1^step)) / (sqrt(v / (1 - beta2^step)) + eps)
 *
 *   w, m, v, g: n values of fp32, whatever the precision of the pass
 */
typedef struct vs_adamw_args {
    float lr, beta1, beta2, eps, weight_decay;
    int64_t step;                  /* from 1 */
} vs_adamw_args;
typedef void vs_sumsq_fn(vs_device *dev, double *out, const float *x, int64_t n);
typedef void vs_adamw_fn(vs_device *dev, float *w, float *m, float *v, const float *g,
                         const vs_adamw_args *args, int64_t n);

/* ---- The table --------------------------------------------------------------------- */

#define VS_OP_MAP(X)                                                                   \
    X(draw_clips) X(mix_clips)                                                         \
    X(patch_gather) X(patch_target) X(position_add)                                    \
    X(join_fwd) X(join_bwd) X(tail_fwd) X(tail_bwd)                                    \
    X(matmul_fwd) X(matmul_add_fwd) X(matmul_gelu_fwd)                                 \
    X(matmul_bwd_x) X(matmul_gelu_bwd) X(matmul_bwd_w)                                 \
    X(layernorm_fwd) X(layernorm_bwd)                                                  \
    X(attention_fwd) X(attention_bwd)                                                  \
    X(scale_clips) X(multiply) X(widen) X(clip)                                        \
    X(mean_fwd) X(mean_bwd)                                                            \
    X(mse_fwd) X(mse_bwd) X(softmax_ce_fwd) X(softmax_ce_bwd)                          \
    X(sumsq) X(adamw)

typedef struct vs_ops {
#define X(op) vs_##op##_fn *op;
    VS_OP_MAP(X)
#undef X
} vs_ops;

#define X(op) \
    vs_##op##_fn vs_##op##_cpu, vs_##op##_cpu_bf16, vs_##op##_cuda_f32, vs_##op##_cuda_bf16;
VS_OP_MAP(X)
#undef X

/* Those of CUDA are in the plugin (train/device/plugin.h). */
extern const vs_ops vs_ops_cpu, vs_ops_cpu_bf16, vs_ops_cuda_f32, vs_ops_cuda_bf16, vs_ops_timed,
    vs_ops_counted;

/* The table of this device and its precision; the timed one after vs_ops_time(). */
const vs_ops *vs_ops_of(const vs_device *dev);
const vs_ops *vs_ops_untimed(const vs_device *dev);

/* ---- Where the time goes (timed.c, gemm.c) ----------------------------------------------
 *
 * Another table, whose operations wait for the device, read the clock and call those above:
 * who does not measure pays nothing. `flops` counts the multiplications and additions of
 * the products as written on this page, from the sizes of each call: 2 N C K of a linear
 * layer's product, 4 B H S^2 D of attention, 8 B H S^2 D of its gradient (scores that are made
 * again are not counted), 0 elsewhere. `bytes` counts what the implementation on CUDA reads and
 * writes, each array once per pass.
 *
 * On a device that only counts (vs_device_open_roof()), a third table adds up the same, and as
 * `seconds` the least time that its rates allow.
 */
typedef enum vs_op {
#define X(op) VS_OP_##op,
    VS_OP_MAP(X)
#undef X
    VS_OPS
} vs_op;

typedef struct vs_op_time {
    int64_t calls;
    double seconds, flops, bytes;
} vs_op_time;

/* Models opened on the device from now on add to times[VS_OPS], which must outlive them or be
 * taken away with NULL; the numbers they compute stay the same. A GPU reads its own clock between
 * operations, without waiting for them: what it noted is added by vs_ops_settle(), which waits. */
void vs_ops_time(vs_device *dev, vs_op_time *times);
void vs_ops_settle(vs_device *dev);
const char *vs_op_name(vs_op op);                             /* "matmul_fwd" */

/* Adds what the machine reaches at best with products alone (ceiling.c), for at least `seconds`, at
 * the device's precision and threads. On a CPU products of packed operands (784 x 768 by 768 x
 * 768: a layer of base, two clips): nothing is packed, loaded from far or made of the results. On a
 * GPU large ones, 8192 x 8192 by 8192 x 8192, for which 0.8 GB are taken and given back; when there
 * is no room the device remembers NOMEM. */
void vs_ops_packed_gemm(vs_device *dev, vs_op_time *sum, double seconds);
/* What computes products there: "amx", "avx512" or "plain"; "cuda". */
const char *vs_ops_kernel(const vs_device *dev);
const char *vs_kernel_cpu(void);
const char *vs_kernel_cpu_bf16(void);
void vs_packed_gemm_cpu(vs_device *dev, vs_op_time *sum, double seconds);
void vs_packed_gemm_cpu_bf16(vs_device *dev, vs_op_time *sum, double seconds);

#ifdef __cplusplus
}
#endif
#endif /* VSYN_TRAIN_OPS_OPS_H */
