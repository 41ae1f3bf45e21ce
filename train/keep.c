/* Checkpoints of a run: what is saved, what a resumed run takes up, and what to say when there
 * is nothing finite to save. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "train/loop.h"
#include "train/run.h"

/* ---- Numbers that are not finite ---------------------------------------------------- */

/* The first tensor that is not finite in a slab, or NULL. */
static const char *not_finite_in(vs_trainer *t, vs_slab slab)
{
    float *value = malloc(sizeof(*value) * (size_t)vs_model_slab_count(t->model));
    const char *found = NULL;
    if (value && vs_model_slab_get(t->model, slab, value) == VS_OK)
        for (int i = 0; !found && i < vs_model_param_count(t->model); i++) {
            const vs_param *p = vs_model_param(t->model, i);
            for (int64_t k = 0; !found && k < p->count; k++)
                if (!isfinite(value[p->offset + k]))
                    found = p->name;
        }
    free(value);
    return found;
}

/* A checkpoint that was damaged elsewhere: going on would stop at its first step and call
 * it good. */
static vs_err expect_finite(vs_trainer *t, const char *dir)
{
    static const struct {
        vs_slab slab;
        const char *what;
    } part[] = { { VS_SLAB_WEIGHT, "weight" }, { VS_SLAB_M, "mean gradient" },
                 { VS_SLAB_V, "mean squared gradient" } };
    for (size_t i = 0; i < sizeof(part) / sizeof(*part); i++) {
        const char *tensor = not_finite_in(t, part[i].slab);
        if (tensor)
            return VS_FAIL(VS_ERR_CORRUPT, "%s: the %s of %s is not finite, expected a checkpoint "
                           "of numbers; put a copy in its place or start again in another --out",
                           dir, part[i].what, tensor);
    }
    return VS_OK;
}

vs_err vs_trainer_not_finite(vs_trainer *t, const char *what)
{
    const char *tensor = not_finite_in(t, VS_SLAB_WEIGHT), *place = "weights of ";
    if (!tensor) {
        tensor = not_finite_in(t, VS_SLAB_GRAD);
        place = tensor ? "gradient of " : "activations";
    }
    char *dir = vs_run_has(t->settings->out, "last")
                    ? vs_run_checkpoint(t->settings->out, "last") : vs_strdup("none yet");
    const vs_err err = VS_FAIL(VS_ERR_NUMERIC, "step %lld: the %s is not finite, first in the "
                               "%s%s; try a lower --lr; last good checkpoint: %s",
                               (long long)t->step + 1, what, place, tensor ? tensor : "", dir);
    free(dir);
    return err;
}

/* ---- Loading ----------------------------------------------------------------------- */

/* Another number of processes has another effective batch. Records of old have no number. */
static vs_err same_processes(const vs_trainer *t, const json_t *record)
{
    const json_t *processes = json_object_get(record, "processes");
    const int was = processes ? (int)json_integer_value(processes) : 1;
    if (was == vs_dist_size(t->dist))
        return VS_OK;
    return VS_FAIL(VS_ERR_USAGE, "--out %s: the run has %d process%s, not %d: mpirun -n %d "
                   "vsyn-train %s --out %s", t->settings->out, was, was == 1 ? "" : "es",
                   vs_dist_size(t->dist), was, t->config->command, t->settings->out);
}

vs_err vs_trainer_load(vs_trainer *t)
{
    char *dir = vs_run_checkpoint(t->settings->out, "last");
    json_t *record = NULL;
    vs_err err = vs_model_load(t->model, dir, false);
    if (err == VS_OK)
        err = vs_model_state_load(t->model, dir, &record);
    if (err == VS_OK)
        err = expect_finite(t, dir);
    if (err == VS_OK)
        err = same_processes(t, record);
    if (err == VS_OK)
        err = vs_json_int(&t->step, record, "step", dir);
    if (err == VS_OK)
        err = vs_json_number(&t->loss_sum, record, "loss_sum", dir);
    if (err == VS_OK)
        err = vs_json_int(&t->loss_steps, record, "loss_steps", dir);
    if (err == VS_OK)
        err = vs_json_number(&t->seconds, record, "seconds", dir);
    if (err == VS_OK)
        err = vs_json_number(&t->best_top1, record, "best_top1", dir);
    if (err == VS_OK)
        err = vs_json_int(&t->best_step, record, "best_step", dir);
    json_decref(record);
    free(dir);
    return err;
}

/* ---- Saving ------------------------------------------------------------------------ */

static json_t *state_record(const vs_trainer *t)
{
    json_t *r = json_object();
    json_object_set_new(r, "command", json_string(t->config->command));
    json_object_set_new(r, "processes", json_integer(vs_dist_size(t->dist)));
    json_object_set_new(r, "step", json_integer(t->step));
    json_object_set_new(r, "loss_sum", json_real(t->loss_sum));
    json_object_set_new(r, "loss_steps", json_integer(t->loss_steps));
    json_object_set_new(r, "seconds", json_real(t->seconds + vs_now() - t->began));
    json_object_set_new(r, "best_top1", json_real(t->best_top1));
    json_object_set_new(r, "best_step", json_integer(t->best_step));
    return r;
}

vs_err vs_trainer_save(vs_trainer *t, const char *name)
{
    if (not_finite_in(t, VS_SLAB_WEIGHT))
        return vs_trainer_not_finite(t, "model");
    char *tmp = NULL;
    json_t *record = state_record(t);
    vs_err err = vs_run_begin(&tmp, t->settings->out, name);
    if (err == VS_OK)
        err = vs_model_save(t->model, tmp, t->class_name);
    if (err == VS_OK)
        err = vs_model_state_save(t->model, tmp, record);
    if (err == VS_OK && strcmp(name, "last") == 0)
        err = vs_ema_save(t, tmp);
    if (err == VS_OK)
        err = vs_run_commit(&tmp, t->settings->out, name);
    if (err != VS_OK) {
        char *why = vs_strdup(vs_err_detail());
        err = VS_FAIL(err, "step %lld: the checkpoint \"%s\" could not be saved, an earlier one "
                      "stays: %s", (long long)t->step, name, why);
        free(why);
    }
    vs_run_abort(&tmp);
    json_decref(record);
    return err;
}
