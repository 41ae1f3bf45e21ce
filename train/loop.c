#include "train/loop.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/stop.h"
#include "train/report.h"
#include "train/run.h"

int vs_trainer_passes(const vs_trainer *t)
{
    return t->settings->accumulate * vs_dist_size(t->dist);
}

/* Writes, evaluates and speaks. */
static bool is_first(const vs_trainer *t)
{
    return vs_dist_rank(t->dist) == 0;
}

int64_t vs_trainer_effective_batch(const vs_trainer *t)
{
    return (int64_t)t->settings->batch * vs_trainer_passes(t);
}

int vs_trainer_pass_clips(const vs_trainer *t)
{
    const vs_train_settings *s = t->settings;
    return s->batch * (s->repeat > 1 ? s->repeat : 1);
}

/* ---- Opening ----------------------------------------------------------------------- */

vs_err vs_trainer_begin(vs_trainer *t, vs_call *call)
{
    VS_TRY(vs_dist_open(&t->dist));
    if (!is_first(t))
        vs_log_quiet(true);
    VS_TRY(vs_config_read(t->config, call));
    t->settings = t->config->settings;
    if (!vs_call_given(call, "jobs"))
        t->settings->common.jobs = vs_dist_cpus(t->dist);
    return VS_OK;
}

vs_err vs_trainer_open_model(vs_trainer *t, const vs_model_config *model)
{
    const vs_train_settings *s = t->settings;
    VS_TRY(vs_device_open_local(&t->dev, s->device, vs_dist_local(t->dist), s->common.jobs));
    vs_device_set_precision(t->dev, (vs_precision)s->precision);
    t->draws = vs_source_form(t->source) && s->draw != VS_DRAW_LOADER &&
               (s->draw == VS_DRAW_DEVICE || vs_device_is_cuda(t->dev));
    VS_TRY(vs_trainer_check_memory(t, model));
    return vs_model_open(&t->model, t->dev, model, vs_trainer_pass_clips(t), t->visible, true);
}

static vs_err open_loader(vs_trainer *t)
{
    const vs_train_settings *s = t->settings;
    const vs_model_config *m = vs_model_configuration(t->model);
    vs_loader_options o = { .batch = s->batch, .seed = (uint64_t)s->common.seed,
                            .threads = s->loaders > 0 ? s->loaders : s->common.jobs,
                            .shuffle = true, .drop_last = true, .group = vs_trainer_passes(t),
                            .part = vs_dist_rank(t->dist), .parts = vs_dist_size(t->dist) };
    if (m->task == VS_TASK_PRETRAIN) {
        /* A random mask is a tube through a single slot that holds every token. */
        const int slots = m->T / m->tubelet, merged = s->mask == VS_MASK_RANDOM ? slots : 1;
        o.mask_slots = slots / merged;
        o.mask_cells = vs_model_cells(m) * merged;
        o.mask_masked = t->masked * merged;
    }
    o.describe = t->draws;
    t->steps_per_epoch = vs_source_count(t->source) / vs_trainer_effective_batch(t);
    const int64_t per_epoch = t->steps_per_epoch > 0 ? t->steps_per_epoch : 1;
    return vs_loader_open(&t->loader, t->source, &o, t->step / per_epoch,
                          t->step % per_epoch * vs_trainer_passes(t));
}

static void make_schedule(vs_trainer *t)
{
    const vs_train_settings *s = t->settings;
    const int64_t steps = s->steps > 0 ? s->steps : s->epochs * t->steps_per_epoch;
    t->schedule = vs_schedule_make(steps, s->warmup_epochs * (double)t->steps_per_epoch,
                                   s->warmup_lr, s->lr, s->min_lr, vs_trainer_effective_batch(t));
    t->adamw = (vs_adamw){ .beta1 = (float)s->beta1, .beta2 = (float)s->beta2, .eps = 1e-8f,
                           .weight_decay = (float)s->weight_decay,
                           .layer_decay = s->layer_decay > 0 ? (float)s->layer_decay : 1.0f,
                           .clip_norm = (float)s->clip_norm };
}

/* ---- Log and progress -------------------------------------------------------------- */

static double epoch_of(const vs_trainer *t)
{
    return (double)t->step / (double)t->steps_per_epoch;
}

static vs_err log_line(vs_trainer *t)
{
    const double now = vs_now(), took = now - t->line_began;
    const double waited = vs_loader_waited(t->loader);
    json_t *line = json_object();
    json_object_set_new(line, "step", json_integer(t->step));
    json_object_set_new(line, "epoch", json_real(epoch_of(t)));
    json_object_set_new(line, "loss", json_real(t->loss_sum / (double)t->loss_steps));
    json_object_set_new(line, "lr", json_real((double)t->adamw.lr));
    json_object_set_new(line, "grad_norm", json_real(t->grad_norm));
    const double clips = (double)(vs_trainer_pass_clips(t) * vs_trainer_passes(t) * t->loss_steps);
    json_object_set_new(line, "clips_per_s", json_real(took > 0 ? clips / took : 0));
    json_object_set_new(line, "wait", json_real(took > 0 ? (waited - t->line_waited) / took : 0));
    json_object_set_new(line, "seconds", json_real(t->seconds + now - t->began));
    t->loss_sum = 0;
    t->loss_steps = 0;
    t->line_began = now;
    t->line_waited = waited;
    return vs_metrics_write(t->metrics, line);
}

static void show_progress(const vs_trainer *t, vs_progress *p)
{
    const double took = vs_now() - t->line_began;
    const double waited = vs_loader_waited(t->loader) - t->line_waited;
    vs_progress_note(p, "step %lld/%lld  loss %.4f  lr %.2e  wait %.0f%%", (long long)t->step,
                     (long long)t->schedule.steps, t->loss_sum / (double)t->loss_steps,
                     (double)t->adamw.lr, took > 0 ? 100 * waited / took : 0);
    vs_progress_set(p, t->step * vs_trainer_effective_batch(t));
}

/* ---- What is due ------------------------------------------------------------------- */

static vs_err save_last(vs_trainer *t)
{
    t->saved_at = vs_now();
    return vs_trainer_save(t, "last");
}

static vs_err evaluate(vs_trainer *t)
{
    vs_eval e = { 0 };
    VS_TRY(vs_ema_swap(t));
    VS_TRY(t->task.evaluate(t, &e));
    json_t *line = json_object();
    json_object_set_new(line, "step", json_integer(t->step));
    json_object_set_new(line, "epoch", json_real(epoch_of(t)));
    json_object_set_new(line, "val_loss", json_real(e.loss));
    json_object_set_new(line, "top1", json_real(e.top1));
    json_object_set_new(line, "top5", json_real(e.top5));
    json_object_set_new(line, "n", json_integer(e.n));
    VS_TRY(vs_metrics_write(t->metrics, line));
    t->last_eval = e;
    if (t->best_step == 0 || e.top1 > t->best_top1) {
        t->best_top1 = e.top1;
        t->best_step = t->step;
        VS_TRY(vs_trainer_save(t, "best"));
    }
    return vs_ema_swap(t);
}

/* What is due after a step: evaluation, copies, the last checkpoint. */
static vs_err after_step(vs_trainer *t)
{
    const vs_train_settings *s = t->settings;
    const bool end = t->step == t->schedule.steps;
    const bool epoch_end = t->step % t->steps_per_epoch == 0;
    const int64_t epoch = t->step / t->steps_per_epoch;
    bool due = end || (s->save_every > 0 ? t->step % s->save_every == 0
                                         : epoch_end && vs_now() - t->saved_at > 60);
    if (t->task.evaluate && (end || (epoch_end && epoch % s->eval_every == 0))) {
        VS_TRY(evaluate(t));
        due = due || t->best_step == t->step;
    }
    if (epoch_end && s->keep_every > 0 && epoch % s->keep_every == 0) {
        char name[32];
        snprintf(name, sizeof(name), "epoch-%lld", (long long)epoch);
        VS_TRY(vs_trainer_save(t, name));
    }
    if (end && t->ema) {
        VS_TRY(vs_ema_swap(t));
        VS_TRY(vs_trainer_save(t, "ema"));
        VS_TRY(vs_ema_swap(t));
    }
    return due ? save_last(t) : VS_OK;
}

/* ---- The run ----------------------------------------------------------------------- */

/* A picture of the run is not worth failing it. */
static void draw_report(vs_trainer *t)
{
    if (t->task.illustrate && t->task.illustrate(t) != VS_OK)
        vs_warn("no picture: %s", vs_err_detail());
    if (vs_run_report(t->settings->out) != VS_OK)
        vs_warn("no report: %s", vs_err_detail());
}

/* Saves what there is; why: "stopped". */
static vs_err leave_with(vs_trainer *t, const char *why)
{
    char mpirun[32] = "";
    if (is_first(t)) {
        VS_TRY(save_last(t));
        draw_report(t);
    }
    if (vs_dist_size(t->dist) > 1)
        snprintf(mpirun, sizeof(mpirun), "mpirun -n %d ", vs_dist_size(t->dist));
    return VS_FAIL(VS_ERR_STOPPED, "%s at step %lld of %lld; to go on: %svsyn-train %s "
                   "--out %s", why, (long long)t->step, (long long)t->schedule.steps, mpirun,
                   t->config->command, t->settings->out);
}

/* The weights are those after step t->step, whatever the lost process did not send. */
static vs_err leave_without(vs_trainer *t, const char *lost)
{
    char *why = vs_strf("%s was lost", lost);
    const vs_err err = leave_with(t, why);
    free(why);
    return err;
}

/* Log, evaluation, checkpoints: after a step, of the first process. */
static vs_err record_step(vs_trainer *t, vs_progress *progress)
{
    show_progress(t, progress);
    if (t->step % t->settings->log_every == 0 || t->step == t->schedule.steps)
        VS_TRY(log_line(t));
    return after_step(t);
}

static vs_err run_steps(vs_trainer *t)
{
    const int64_t batch = vs_trainer_effective_batch(t);
    vs_progress *progress = vs_progress_start(t->config->command, "clips",
                                              t->schedule.steps * batch);
    vs_err err = VS_OK;
    vs_progress_set(progress, t->step * batch);
    t->began = t->line_began = t->saved_at = t->read_at = vs_now();
    t->line_waited = vs_loader_waited(t->loader);
    while (err == VS_OK && t->step < t->schedule.steps) {
        err = vs_steps_next(t);
        const bool due = vs_steps_due(t);
        if (err == VS_OK && due)
            err = vs_steps_settle(t);
        if (err == VS_OK && due && is_first(t))
            err = record_step(t, progress);
        bool leave = vs_stop_requested() || t->step == t->settings->stop_at;
        err = vs_dist_agree(t->dist, err, &leave, NULL);
        if (vs_dist_lost(t->dist))
            err = leave_without(t, vs_dist_lost(t->dist));
        else if (err == VS_OK && leave && t->step < t->schedule.steps)
            err = vs_dist_agree(t->dist, leave_with(t, "stopped"), NULL, NULL);
    }
    vs_progress_end(&progress);
    return err;
}

/* Everything was checked: from here on the folder of the run is written to. */
static vs_err open_folder(vs_trainer *t)
{
    const vs_train_settings *s = t->settings;
    VS_TRY(vs_run_open(&t->lock, s->out));
    VS_TRY(vs_run_recover(s->out));
    vs_tmp_clean(s->out);
    return t->config->resumed ? VS_OK : vs_config_write(t->config);
}

static vs_err open_run(vs_trainer *t)
{
    const vs_train_settings *s = t->settings;
    if (t->config->resumed && vs_run_has(s->out, "last"))
        VS_TRY(vs_trainer_load(t));
    VS_TRY(open_loader(t));
    make_schedule(t);
    if (!is_first(t))
        return VS_OK;
    VS_TRY(vs_ema_open(t));
    return vs_metrics_open(&t->metrics, s->out, t->step);
}

vs_err vs_trainer_run(vs_trainer *t, vs_err err)
{
    t->lock = -1;
    if (err == VS_OK)
        err = vs_trainer_check_start(t);
    VS_TRY(vs_dist_agree(t->dist, err, NULL, NULL));
    err = vs_dist_join(t->dist, t->dev);
    VS_TRY(vs_dist_agree(t->dist, err, NULL, NULL));
    err = is_first(t) ? open_folder(t) : VS_OK;
    VS_TRY(vs_dist_agree(t->dist, err, NULL, NULL));
    err = open_run(t);
    if (err == VS_OK && t->step < t->schedule.steps)
        err = vs_trainer_time(t);
    VS_TRY(vs_dist_agree(t->dist, err, NULL, NULL));
    if (t->step >= t->schedule.steps) {
        vs_say("%s is finished already (step %lld)", t->settings->out, (long long)t->step);
        return VS_OK;
    }
    vs_trainer_plan(t);
    VS_TRY(run_steps(t));
    if (is_first(t))
        draw_report(t);
    return VS_OK;
}

void vs_trainer_close(vs_trainer *t)
{
    vs_loader_close(&t->loader);
    vs_metrics_close(&t->metrics);
    vs_model_close(&t->model);
    vs_device_close(&t->dev);
    vs_source_close(&t->source);
    if (t->lock > 0)
        vs_lock_release(&t->lock);
    free(t->ema);
    free(t->ema_spare);
    vs_dist_close(&t->dist);
}
