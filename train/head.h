/* A linear head on fixed features: the probe, and how it is trained.
 *
 *     z      = (x - mean) / sqrt(var + 1e-6)      batch norm without parameters, when `norm`
 *     logits = w z + b                             w (C, D), b (C)
 *     loss   = mean cross-entropy with smoothed labels
 *
 * SGD: Nesterov momentum 0.9; AdamW: betas (0.9, 0.999), eps 1e-8. Weight decay leaves b alone.
 * While training, mean and var are the batch's; running averages (momentum 0.1, unbiased
 * variance) serve afterwards. One thread per head; the same numbers on any number of threads.
 */
#ifndef VSYN_TRAIN_HEAD_H
#define VSYN_TRAIN_HEAD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

enum vs_head_optimiser { VS_HEAD_SGD, VS_HEAD_ADAMW };

typedef struct vs_head {
    int D, C;
    bool norm;
    int optimiser;                 /* enum vs_head_optimiser */
    float weight_decay, smoothing;
    int64_t steps;
    float *w, *b;                  /* (C, D), (C), one after the other: (D + 1) C values */
    float *m, *v, *g;              /* moments and gradient, like w and b */
    float *mean, *var;             /* (D) running */
    float *z, *logits;             /* (batch, D), (batch, C) of the last step */
    int batch;                     /* largest B */
} vs_head;

/* Weights 0.01 N(0, 1) cut at two deviations, drawn from seed; biases 0. NOMEM. */
vs_err vs_head_open(vs_head *head, int D, int C, int batch, uint64_t seed);
void vs_head_close(vs_head *head);
/* One step on x (B, D); returns the loss before it. logits: head->logits. */
double vs_head_step(vs_head *head, const float *x, const int *label, int B, double lr);
/* logits (C) of one x (D), after training. */
void vs_head_logits(float *logits, const vs_head *head, const float *x);
/* Batch norm folded into the weights: w and b of the same head without it. */
void vs_head_fold(float *w, float *b, const vs_head *head);

#endif /* VSYN_TRAIN_HEAD_H */
