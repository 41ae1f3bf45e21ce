/* One step of training, and the reading of what it gave. Contract: train/loop.h
 *
 * Step s of those that are unread has the slots s * (A + 1) .. of the device: the losses of its A
 * passes, then the norm of its gradient. */
#include <math.h>

#include "base/log.h"
#include "base/stop.h"
#include "train/loop.h"

#define READ_SECONDS 1.0           /* at least so often, for who watches */

/* Does this run let the host go ahead? Others would wait for its part of a loss. */
static bool goes_ahead(const vs_trainer *t)
{
    return vs_device_is_cuda(t->dev) && vs_dist_size(t->dist) == 1 &&
           t->settings->accumulate < VS_DEVICE_SLOTS;
}

/* Slots of a step. */
static int width(const vs_trainer *t)
{
    return t->settings->accumulate + 1;
}

/* ---- The gradient ------------------------------------------------------------------ */

static vs_err one_pass(vs_trainer *t, int pass, double *loss)
{
    const vs_train_settings *s = t->settings;
    const vs_loaded *loaded;
    VS_TRY(vs_loader_next(t->loader, &loaded));
    const int64_t batches = t->step * vs_trainer_passes(t) + pass * vs_dist_size(t->dist) +
                            vs_dist_rank(t->dist);
    vs_batch batch = { .B = loaded->B, .frames = loaded->frames, .mask = loaded->mask,
                       .train = true, .seed = (uint64_t)s->common.seed,
                       .index = (uint64_t)(batches * vs_trainer_pass_clips(t)) };
    const vs_drawn drawn = { vs_source_form(t->source), loaded->clip, loaded->index };
    batch.drawn = loaded->clip ? &drawn : NULL;
    float value;
    t->task.fill(t, &batch, loaded);
    VS_TRY(vs_model_forward(t->model, &batch));
    VS_TRY(vs_model_backward(t->model, 1.0f / (float)s->accumulate));
    if (goes_ahead(t)) {
        vs_model_loss_later(t->model, t->unread * width(t) + pass);
        return VS_OK;
    }
    VS_TRY(vs_model_loss(t->model, &value));
    *loss += (double)value / s->accumulate;
    return VS_OK;
}

/* This process's share of the gradient, which leaves while it is made, and its loss. */
static vs_err own_gradient(vs_trainer *t, double *loss)
{
    vs_err err = VS_OK;
    const int last = t->settings->accumulate - 1;
    *loss = 0;
    vs_model_zero_grad(t->model);
    for (int pass = 0; err == VS_OK && pass <= last; pass++) {
        if (pass == last)
            vs_exchange_last_pass(t);
        err = one_pass(t, pass, loss);
    }
    return err == VS_ERR_NUMERIC ? vs_trainer_not_finite(t, "loss") : err;
}

/* The gradient of the step, the same on every process, and its loss. */
static vs_err gradient(vs_trainer *t, double *loss)
{
    vs_exchange_begin(t);
    return vs_exchange_end(t, own_gradient(t, loss), loss);
}

/* ---- The step ---------------------------------------------------------------------- */

static void count(vs_trainer *t, double loss, double norm)
{
    t->loss_sum += loss;
    t->loss_steps++;
    t->grad_norm = norm;
}

vs_err vs_steps_next(vs_trainer *t)
{
    double loss, norm = 0;
    const bool ahead = goes_ahead(t);
    VS_TRY(gradient(t, &loss));
    if (ahead) {
        vs_model_grad_norm_later(t->model, t->unread * width(t) + width(t) - 1);
    } else {
        const vs_err err = vs_model_grad_norm(t->model, &norm);
        if (err == VS_ERR_NUMERIC)
            return vs_trainer_not_finite(t, "gradient");
        VS_TRY(err);
    }
    t->adamw.lr = (float)vs_schedule_lr(&t->schedule, t->step);
    VS_TRY(vs_model_adamw(t->model, &t->adamw, t->step + 1));
    t->step++;
    if (ahead)
        t->unread++;
    else
        count(t, loss, norm);
    return vs_ema_step(t);
}

bool vs_steps_due(const vs_trainer *t)
{
    const vs_train_settings *s = t->settings;
    return !goes_ahead(t) || t->step % s->log_every == 0 || t->step == t->schedule.steps ||
           t->step % t->steps_per_epoch == 0 || t->step == s->stop_at ||
           (s->save_every > 0 && t->step % s->save_every == 0) || vs_stop_requested() ||
           (t->unread + 1) * width(t) > VS_DEVICE_SLOTS || vs_now() - t->read_at > READ_SECONDS;
}

/* The error is that of the step, which has the number of the next one in messages. */
static vs_err not_finite(vs_trainer *t, int i, const char *what)
{
    const int64_t step = t->step;
    t->step = step - t->unread + i;
    const vs_err err = vs_trainer_not_finite(t, what);
    t->step = step;
    return err;
}

vs_err vs_steps_settle(vs_trainer *t)
{
    const int A = t->settings->accumulate;
    t->read_at = vs_now();
    if (t->unread == 0)
        return VS_OK;
    VS_TRY(vs_device_sync(t->dev));
    for (int i = 0; i < t->unread; i++) {
        double loss = 0;
        for (int pass = 0; pass < A; pass++)
            loss += (double)vs_model_loss_read(t->model, i * width(t) + pass) / A;
        const double norm = vs_model_grad_norm_read(t->model, i * width(t) + A);
        if (!isfinite(loss))
            return not_finite(t, i, "loss");
        if (!isfinite(norm))
            return not_finite(t, i, "gradient");
        count(t, loss, norm);
    }
    t->unread = 0;
    return VS_OK;
}
