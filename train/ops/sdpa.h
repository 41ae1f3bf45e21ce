/* Attention of cuDNN in bfloat16: its graphs as tables, its execution plans, its calls.
 *
 * Forward is one operation of cuDNN. Backward is a graph of 17 small ones, which cuDNN knows as
 * one kernel; the table below (sdpa_graph.c) is that graph, so that a test can work it out on
 * the CPU. Formulas: train/ops/ops.h.
 *
 * dq is written as a product of ds and k, for which ds is kept in cuDNN's workspace (2 bytes
 * for each score), instead of being added up in float by atomics: gradients are to have the same
 * bits in every run. vs_sdpa_clips() says how many clips a call should take, so that the
 * workspace stays bounded.
 *
 * cuDNN is loaded when it is asked for: where it is not installed, callers use their own
 * attention. Nothing here needs a GPU but running: plans are made from a description of one.
 * Thread-safety: one thread at a time.
 */
#ifndef VSYN_TRAIN_OPS_SDPA_H
#define VSYN_TRAIN_OPS_SDPA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Graphs (sdpa_graph.c) ------------------------------------------------------------- */

typedef struct vs_sdpa_shape {
    int B, S, H, D;
    bool backward;
} vs_sdpa_shape;

/* Tensors by their unique ids. Those up to BOUND have memory; the others are steps inside. */
typedef enum vs_sdpa_id {
    VS_SDPA_Q = 1, VS_SDPA_K, VS_SDPA_V, VS_SDPA_Y, VS_SDPA_LSE, VS_SDPA_SCALE,
    VS_SDPA_DY, VS_SDPA_DQ, VS_SDPA_DK, VS_SDPA_DV,
    VS_SDPA_R,                     /* (B,H,S,1) r of ops.h: the caller's memory, dense */
    VS_SDPA_ONE,
    VS_SDPA_BOUND = VS_SDPA_ONE,
    VS_SDPA_DY_Y, VS_SDPA_DOT,                            /* dy * y; its sums */
    VS_SDPA_S, VS_SDPA_SCALED, VS_SDPA_LESS, VS_SDPA_P,   /* q k^T; * scale; - lse; exp */
    VS_SDPA_P_TURNED, VS_SDPA_DP, VS_SDPA_DP_LESS,        /* p^T; dy v^T; - r */
    VS_SDPA_DS, VS_SDPA_DS_SCALED, VS_SDPA_DS_TURNED,     /* * p; * scale; transposed */
    VS_SDPA_K_ROWS,                                       /* K, turned back */
    VS_SDPA_IDS
} vs_sdpa_id;

typedef struct vs_sdpa_tensor {
    bool used;
    bool half;                     /* bfloat16, else float */
    bool inside;                   /* no memory */
    bool by_value;                 /* a float of the host */
    int64_t dim[4], stride[4];     /* strides in values */
} vs_sdpa_tensor;

typedef enum vs_sdpa_kind {
    VS_SDPA_MUL, VS_SDPA_SUB, VS_SDPA_EXP, VS_SDPA_SUM, VS_SDPA_TURN, VS_SDPA_MATMUL
} vs_sdpa_kind;

typedef struct vs_sdpa_op {
    vs_sdpa_kind kind;
    vs_sdpa_id y, a, b;            /* y = a op b; b is 0 where there is none */
} vs_sdpa_op;

/* The tensors of a shape, by id, and the operations of its backward pass in order. Q, K, V and
 * their gradients lie in qkv and dqkv: (B, S, 3, H, D). */
void vs_sdpa_tensors(vs_sdpa_tensor t[VS_SDPA_IDS], const vs_sdpa_shape *shape);
const vs_sdpa_op *vs_sdpa_backward(int *count);

/* Clips of a backward call whose ds takes at most VSYN_CUDNN_MB (1024), at least 1. */
int vs_sdpa_clips(const vs_sdpa_shape *shape);

/* ---- cuDNN (sdpa.c) -------------------------------------------------------------------- */

typedef struct vs_sdpa vs_sdpa;
typedef struct vs_sdpa_plan vs_sdpa_plan;

/* gpu: NULL for the current GPU, else a description in cuDNN's own JSON: plans can be made, not
 * run. VSYN_CUDNN names the library, or is "off"; else it is the system's, or that of the toolkit
 * that this was built with. UNSUPPORTED: there is none, or it is older than 9.16, whose backward
 * pass wants S % 128 = 0. */
vs_err vs_sdpa_open(vs_sdpa **out, const char *gpu);
void vs_sdpa_close(vs_sdpa **s);
int vs_sdpa_version(const vs_sdpa *s);         /* 91900 is 9.19.0 */

/* How many engine configurations cuDNN has for a shape; quick. */
vs_err vs_sdpa_engines(int *count, vs_sdpa *s, const vs_sdpa_shape *shape);

/* The plan of a shape, made once (up to a second) and kept, failures too. UNSUPPORTED: cuDNN has
 * no deterministic engine for it. */
vs_err vs_sdpa_plan_of(const vs_sdpa_plan **out, vs_sdpa *s, const vs_sdpa_shape *shape);
size_t vs_sdpa_workspace(const vs_sdpa_plan *plan);          /* bytes */

/* Queues it. at[id]: device memory of the tensors that are not by value, aligned to 16 bytes. */
vs_err vs_sdpa_run(vs_sdpa *s, const vs_sdpa_plan *plan, void *stream,
                   void *const at[VS_SDPA_BOUND + 1], void *workspace);

#ifdef __cplusplus
}
#endif
#endif /* VSYN_TRAIN_OPS_SDPA_H */
