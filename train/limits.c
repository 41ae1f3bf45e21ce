/* Settings that cannot work, told before anything is written: memory, disk, clips, rates. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/pool.h"
#include "train/loop.h"
#include "train/run.h"

/* ---- Memory ------------------------------------------------------------------------- */

/* The program with its libraries, and what it holds beside the batches: measured. */
#define PROGRAM_BYTES 80e6

double vs_trainer_host_bytes(const vs_trainer *t, const vs_model_config *m)
{
    const double weights = 4.0 * (double)vs_model_parameters(m);
    const double batches = t->draws ? 0.0
                                    : 3.0 * vs_trainer_pass_clips(t) * m->T * m->H * m->W * 3;
    const double averages = t->settings->ema > 0 ? 2 * weights : 0;
    return PROGRAM_BYTES + batches + averages + 2 * weights;
}

vs_err vs_trainer_check_memory(const vs_trainer *t, const vs_model_config *m)
{
    char needs[32], has[32];
    const double model = (double)vs_model_memory(m, vs_trainer_pass_clips(t), t->visible, true,
                                                 vs_device_precision(t->dev));
    const int here = vs_dist_here(t->dist);
    const double host = here * (vs_trainer_host_bytes(t, m) +
                                (vs_device_is_cuda(t->dev) ? 0 : model));
    if (host <= vs_memory_limit())
        return VS_OK;
    return VS_FAIL(VS_ERR_USAGE, "--batch %d: needs about %s for %d process%s, this machine "
                   "has %s: choose a smaller --batch and more --accumulate", t->settings->batch,
                   vs_human_bytes(needs, host), here, here > 1 ? "es" : "",
                   vs_human_bytes(has, vs_memory_limit()));
}

/* ---- Disk ------------------------------------------------------------------------------ */

double vs_trainer_checkpoint_bytes(const vs_trainer *t)
{
    const double weights = 4.0 * (double)vs_model_parameters(vs_model_configuration(t->model));
    return weights * (t->settings->ema > 0 ? 4 : 3);
}

double vs_disk_room(const char *path)
{
    char *at = vs_strdup(path);
    uint64_t bytes = 0;
    while (!vs_path_exists(at)) {
        char *slash = strrchr(at, '/');
        if (!slash) {
            free(at);
            at = vs_strdup(".");
            break;
        }
        slash[slash == at] = 0;
    }
    const vs_err err = vs_disk_free(at, &bytes);
    free(at);
    return err == VS_OK ? (double)bytes : -1;
}

vs_err vs_check_disk(const char *out, double checkpoint, int copies, double room)
{
    char needs[32], each[32], has[32];
    if (room < 0 || checkpoint * copies <= room)
        return VS_OK;
    return VS_FAIL(VS_ERR_USAGE, "--out %s: needs %s of disk (%d checkpoints of %s at a time), "
                   "%s are free", out, vs_human_bytes(needs, checkpoint * copies), copies,
                   vs_human_bytes(each, checkpoint), vs_human_bytes(has, room));
}

/* Of last and its successor, and of best; those that are there already take no more. */
static int new_checkpoints(const vs_trainer *t)
{
    const char *out = t->settings->out;
    return 1 + !vs_run_has(out, "last") + (t->task.evaluate && !vs_run_has(out, "best"));
}

/* ---- All of it ---------------------------------------------------------------------------- */

vs_err vs_trainer_check_start(const vs_trainer *t)
{
    const vs_train_settings *s = t->settings;
    const long long clips = (long long)vs_source_count(t->source);
    const long long step = (long long)vs_trainer_effective_batch(t);
    if (clips * (s->repeat > 1 ? s->repeat : 1) < step)
        return VS_FAIL(VS_ERR_USAGE, "there are %lld clips, fewer than one step of %lld needs: "
                       "choose a smaller --batch or --accumulate", clips, step);
    if (s->min_lr > s->lr)
        return VS_FAIL(VS_ERR_USAGE, "--min-lr %g: is above --lr %g, so the rate would not fall",
                       s->min_lr, s->lr);
    if (s->warmup_lr > s->lr && s->warmup_epochs > 0)
        return VS_FAIL(VS_ERR_USAGE, "--warmup-lr %g: is above --lr %g, so the rate would not "
                       "rise to it", s->warmup_lr, s->lr);
    return vs_check_disk(s->out, vs_trainer_checkpoint_bytes(t), new_checkpoints(t),
                         vs_disk_room(s->out));
}
