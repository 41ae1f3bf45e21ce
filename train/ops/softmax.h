/* Rows of attention's softmax on the CPU, between two products (attention.c).
 *
 * Rows of scores are floats and may be followed by anything up to a whole vector of 16; what
 * is written is followed by room for one.
 */
#ifndef VSYN_TRAIN_OPS_SOFTMAX_H
#define VSYN_TRAIN_OPS_SOFTMAX_H

#include "train/ops/gemm.h"

/* p = exp(scale s - max) for `keys` scores of a row, one zero behind them where a pair is
 * begun. The maximum runs on from earlier keys; `sum` adds up p; both belong to the row. What
 * was summed up before shrinks by the returned factor, at most 1. */
float VS_CPU(softmax_fwd)(vs_narrow *p, float *top, float *sum, const float *s, float scale,
                          int keys);

/* Two rows of queries, or one: p = exp(scale s - lse), ds = p (dp - r), without the factor
 * D^-0.5, as the products of the backward pass read them. */
typedef struct vs_softmax_bwd {
    vs_unit *p, *ds;               /* units of the axis of queries: unit j is that of key j */
    vs_narrow *row;                /* ds again, a row of keys for each query */
    int64_t next;                  /* values from row to row: of `row`, s and dp */
    const float *s, *dp;           /* scores; dy v^T */
    const float *lse, *r;
    float scale;
    int rows, keys;                /* 1 or 2; at most VS_PANEL */
} vs_softmax_bwd;
void VS_CPU(softmax_bwd)(const vs_softmax_bwd *t);

#endif /* VSYN_TRAIN_OPS_SOFTMAX_H */
