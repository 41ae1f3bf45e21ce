/* Heads of a probe: one for every learning rate, chosen on training clips that were held out.
 *
 * The clips are shuffled once (seed): the first ones train, the others judge. The best rate then
 * trains on all of them. Epoch e shows view e % views. The numbers do not depend on threads.
 */
#ifndef VSYN_TRAIN_SWEEP_H
#define VSYN_TRAIN_SWEEP_H

#include "train/embed.h"
#include "train/head.h"

#define VS_SWEEP_MOST 64

typedef struct vs_sweep {
    const vs_embedding *view;      /* (views) of the training clips; the caller's */
    int views, classes, epochs, batch, jobs;
    bool norm;
    int optimiser;                 /* enum vs_head_optimiser */
    double weight_decay, smoothing;
    double holdout;                /* share that judges; at least one clip does, one trains */
    uint64_t seed;
    int trials;
    struct vs_trial {
        double lr, top1;           /* top1: share of the held-out clips */
    } trial[VS_SWEEP_MOST];
} vs_sweep;

/* The rates of "0.1,1,10"; NULL: those usual for the optimiser. USAGE. */
vs_err vs_sweep_rates(vs_sweep *sweep, const char *text);
/* Trains and judges all of them; *best is the first of those with the best top1. NOMEM, STOPPED. */
vs_err vs_sweep_run(vs_sweep *sweep, int *best);
/* One head on all clips; close it with vs_head_close(). NOMEM, STOPPED. */
vs_err vs_sweep_final(vs_head *head, const vs_sweep *sweep, double lr);
/* Shares of clips whose label ranks first, and among the first five. */
void vs_sweep_judge(double *top1, double *top5, const vs_head *head, const vs_embedding *e);

#endif /* VSYN_TRAIN_SWEEP_H */
