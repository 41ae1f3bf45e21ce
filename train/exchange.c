/* The gradient of several processes: exchanged in pieces of VS_PIECE values from the end of the
 * slab to its start, each as soon as the backward pass has completed it.
 *
 * The pieces lie at the same places in every process whatever happens there: one that fails
 * half way still sends what it has, so nobody waits for it; vs_dist_agree() tells afterwards. */
#include "train/loop.h"

#define VS_PIECE (1 << 20)

static void ready(void *ctx, int64_t from)
{
    vs_trainer *const t = ctx;
    float *const grad = vs_model_slab(t->model, VS_SLAB_GRAD);
    while (t->unsent > 0) {
        const int64_t at = t->unsent > VS_PIECE ? t->unsent - VS_PIECE : 0;
        if (at < from)
            break;
        vs_dist_mean_begin(t->dist, grad + at, t->unsent - at);
        t->unsent = at;
    }
}

void vs_exchange_begin(vs_trainer *t)
{
    if (vs_dist_size(t->dist) == 1)
        return;
    t->unsent = vs_model_slab_count(t->model);
    vs_model_on_ready(t->model, NULL, NULL);
}

void vs_exchange_last_pass(vs_trainer *t)
{
    if (vs_dist_size(t->dist) > 1)
        vs_model_on_ready(t->model, ready, t);
}

vs_err vs_exchange_end(vs_trainer *t, vs_err err, double *loss)
{
    if (vs_dist_size(t->dist) > 1) {
        ready(t, 0);
        vs_dist_mean_end(t->dist);
    }
    return vs_dist_agree(t->dist, err, NULL, loss);
}
