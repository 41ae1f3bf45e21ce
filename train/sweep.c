/* See sweep.h. */
#include "train/sweep.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/pool.h"
#include "base/stop.h"
#include "train/schedule.h"
#include "train/score.h"

vs_err vs_sweep_rates(vs_sweep *sweep, const char *text)
{
    if (!text)
        text = sweep->optimiser == VS_HEAD_SGD ? "0.03,0.1,0.3,1,3,10,30"
                                               : "0.0003,0.001,0.003,0.01,0.03,0.1";
    for (const char *at = text;; at++) {
        char *end;
        const double lr = strtod(at, &end);
        if (end == at || !(lr > 0) || lr > 1e6 || (*end && *end != ',') ||
            sweep->trials == VS_SWEEP_MOST)
            return VS_FAIL(VS_ERR_USAGE, "--lrs: expected up to %d positive rates such as "
                           "0.1,1,10, got \"%s\"", VS_SWEEP_MOST, text);
        sweep->trial[sweep->trials++].lr = lr;
        if (!*end)
            return VS_OK;
        at = end;
    }
}

static vs_err stopped(void)
{
    return VS_FAIL(VS_ERR_STOPPED, "stopped; the features are kept, the same command goes on");
}

/* Trains on the first `count` clips of `item`. */
static vs_err train_head(vs_head *h, const vs_sweep *s, double lr, const int64_t *item,
                         int64_t count)
{
    const int D = s->view[0].D, B = count < s->batch ? (int)count : s->batch;
    const int64_t steps = count / B;
    VS_TRY(vs_head_open(h, D, s->classes, B, s->seed));
    h->norm = s->norm;
    h->optimiser = s->optimiser;
    h->weight_decay = (float)s->weight_decay;
    h->smoothing = (float)s->smoothing;
    const vs_schedule schedule = vs_schedule_make(steps * s->epochs, 0, 0, lr, 0, B);
    float *x = vs_new(sizeof(*x) * (size_t)B * (size_t)D);
    int *label = vs_new(sizeof(*label) * (size_t)B);
    int64_t *order = vs_new(sizeof(*order) * (size_t)count);
    for (int epoch = 0; epoch < s->epochs && !vs_stop_requested(); epoch++) {
        const vs_embedding *e = &s->view[epoch % s->views];
        vs_epoch_order(order, count, s->seed, epoch);
        for (int64_t step = 0; step < steps; step++) {
            for (int i = 0; i < B; i++) {
                const int64_t at = item[order[step * B + i]];
                memcpy(x + (size_t)i * (size_t)D, e->x + at * D, sizeof(*x) * (size_t)D);
                label[i] = e->label[at];
            }
            vs_head_step(h, x, label, B, vs_schedule_lr(&schedule, epoch * steps + step));
        }
    }
    free(order);
    free(label);
    free(x);
    return VS_OK;
}

/* The clips item[0..n-1], or the first n. */
static void judge(double *top1, double *top5, const vs_head *h, const vs_embedding *e,
                  const int64_t *item, int64_t n)
{
    float *logits = vs_new(sizeof(*logits) * (size_t)h->C);
    int64_t first = 0, five = 0;
    for (int64_t i = 0; i < n; i++) {
        const int64_t at = item ? item[i] : i;
        vs_head_logits(logits, h, e->x + at * e->D);
        const int rank = vs_rank_of(logits, h->C, e->label[at]);
        first += rank < 1;
        five += rank < 5;
    }
    free(logits);
    *top1 = (double)first / (double)n;
    *top5 = (double)five / (double)n;
}

void vs_sweep_judge(double *top1, double *top5, const vs_head *head, const vs_embedding *e)
{
    judge(top1, top5, head, e, NULL, e->n);
}

struct job {
    vs_sweep *s;
    int64_t *item, n, kept;        /* shuffled clips, of which the first `kept` train */
};

static void run_trial(void *ctx, int64_t i, int worker)
{
    const struct job *j = ctx;
    struct vs_trial *trial = &j->s->trial[i];
    vs_head head;
    double top5;
    (void)worker;
    trial->top1 = -1;              /* no memory */
    if (train_head(&head, j->s, trial->lr, j->item, j->kept) == VS_OK) {
        judge(&trial->top1, &top5, &head, &j->s->view[0], j->item + j->kept, j->n - j->kept);
        vs_head_close(&head);
    }
}

static struct job shuffled(vs_sweep *s)
{
    struct job j = { .s = s, .n = s->view[0].n };
    j.item = vs_new(sizeof(*j.item) * (size_t)j.n);
    vs_epoch_order(j.item, j.n, s->seed, -1);
    j.kept = j.n - (int64_t)((double)j.n * s->holdout);
    j.kept = j.kept < j.n ? j.kept : j.n - 1;
    j.kept = j.kept > 0 ? j.kept : 1;
    return j;
}

vs_err vs_sweep_run(vs_sweep *sweep, int *best)
{
    struct job j = shuffled(sweep);
    vs_pool *pool;
    vs_err err = vs_pool_open(&pool, sweep->jobs, 0);
    if (err == VS_OK) {
        vs_pool_each(pool, sweep->trials, run_trial, &j);
        vs_pool_close(&pool);
    }
    free(j.item);
    VS_TRY(err);
    if (vs_stop_requested())
        return stopped();
    *best = 0;
    for (int i = 0; i < sweep->trials; i++) {
        if (sweep->trial[i].top1 < 0)
            return VS_FAIL(VS_ERR_NOMEM, "the heads of the sweep do not fit in memory");
        if (sweep->trial[i].top1 > sweep->trial[*best].top1)
            *best = i;
        vs_say("lr %-8g held-out top-1 %.2f%%", sweep->trial[i].lr, 100 * sweep->trial[i].top1);
    }
    return VS_OK;
}

vs_err vs_sweep_final(vs_head *head, const vs_sweep *sweep, double lr)
{
    vs_sweep all = *sweep;
    struct job j = shuffled(&all);
    const vs_err err = train_head(head, sweep, lr, j.item, j.n);
    free(j.item);
    VS_TRY(err);
    return vs_stop_requested() ? stopped() : VS_OK;
}
