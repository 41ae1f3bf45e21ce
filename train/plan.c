/* What a run is about to do (sizes, recipe, time, memory, disk), and what came of it. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/pool.h"
#include "train/loop.h"
#include "train/metrics.h"

/* All threads together, for the clips of one step in this process. */
static double sample_seconds(const vs_trainer *t)
{
    const vs_train_settings *s = t->settings;
    const int threads = s->loaders > 0 ? s->loaders : s->common.jobs;
    return t->sample_seconds * s->batch * s->accumulate / threads;
}

/* The CPU does one after the other, a GPU computes while clips are made. */
static double whole_step(const vs_trainer *t, double samples)
{
    if (!vs_device_is_cuda(t->dev))
        return t->step_seconds + samples;
    return t->step_seconds > samples ? t->step_seconds : samples;
}

/* ", until Tue 24 Nov 02:14"; nothing for runs that end within the hour. */
static const char *end_time(char text[48], double seconds)
{
    const time_t end = time(NULL) + (time_t)fmin(seconds, 1e9);
    struct tm local;
    *text = 0;
    if (seconds > 3600 && localtime_r(&end, &local))
        strftime(text, 48, ", until %a %d %b %Y %H:%M", &local);
    return text;
}

void vs_trainer_plan(const vs_trainer *t)
{
    const vs_train_settings *s = t->settings;
    const vs_model_config *m = vs_model_configuration(t->model);
    const vs_schedule *p = &t->schedule;
    char text[32], more[32], processes[32] = "", views[48] = "", until[48];
    const long long effective = vs_trainer_effective_batch(t);
    const double parameters = (double)vs_model_parameters(m);
    vs_say("model     %s, %.1f M parameters, %d frames of %dx%d at stride %d; %s, %s", m->size,
           parameters / 1e6, m->T, m->W, m->H, m->stride, vs_device_name(t->dev),
           vs_precision_name(vs_device_precision(t->dev)));
    vs_say("data      %s", t->data_text);
    if (vs_dist_size(t->dist) > 1)
        snprintf(processes, sizeof(processes), " x %d processes", vs_dist_size(t->dist));
    if (s->repeat > 1)
        snprintf(views, sizeof(views), " (%d views of each clip)", s->repeat);
    vs_say("schedule  effective batch %lld = %d x %d%s%s, %lld steps an epoch, %.4g epochs = "
           "%lld steps", effective, s->batch, s->accumulate, processes, views,
           (long long)t->steps_per_epoch, (double)p->steps / (double)t->steps_per_epoch,
           (long long)p->steps);
    vs_say("          lr %.3g (%.3g x %lld/256), warm-up %lld steps from %.3g, cosine to %.3g; "
           "AdamW (%g, %g), weight decay %g", p->peak, s->lr, effective,
           (long long)p->warmup, p->start, p->end, s->beta1,
           s->beta2, s->weight_decay);
    const double samples = sample_seconds(t);
    const double seconds = (double)(p->steps - t->step) * whole_step(t, samples);
    vs_say("estimate  %s%s: %.3g s of computing and %.3g s of making clips a step",
           vs_human_time(text, seconds), end_time(until, seconds), t->step_seconds, samples);
    vs_say("          %s of memory (this machine: %s), %s of disk a checkpoint (free: %s)",
           vs_human_bytes(text, (double)vs_device_memory(t->dev) +
                                    vs_trainer_host_bytes(t, m)),
           vs_human_bytes(more, vs_memory_limit()),
           vs_human_bytes((char[32]){ 0 }, vs_trainer_checkpoint_bytes(t)),
           vs_human_bytes((char[32]){ 0 }, vs_disk_room(s->out)));
    if (t->step > 0)
        vs_say("resume    from step %lld of %lld", (long long)t->step, (long long)p->steps);
}

/* ---- Trials: how long a step will take --------------------------------------------- */

/* One sample is made and thrown away to see how long it takes. */
static vs_err time_sample(vs_trainer *t)
{
    const vs_sample_shape *shape = vs_source_shape(t->source);
    const int views = shape->views > 1 ? shape->views : 1;
    uint8_t *frames = vs_new((size_t)views * (size_t)shape->T * (size_t)shape->H *
                             (size_t)shape->W * 3);
    int32_t *index = vs_new(sizeof(*index) * (size_t)shape->T);
    vs_scene_clip clip;
    vs_sampler *sampler = NULL;
    vs_err err = vs_sampler_open(&sampler, t->source);
    double began = 0;
    for (int i = 0; err == VS_OK && i < 3; i++) {
        began = i < 2 ? vs_now() : began;
        const int64_t item = i % vs_source_count(t->source);
        if (t->draws)
            vs_sampler_describe(sampler, 0, 0, item, &clip, index);
        else
            err = vs_sampler_get(sampler, 0, 0, item, frames, NULL);
    }
    t->sample_seconds = (vs_now() - began) / 2;
    vs_sampler_close(&sampler);
    free(index);
    free(frames);
    return err;
}

/* What a device that draws draws, for the trial: the first clips of epoch 0. */
static vs_err describe_clips(vs_trainer *t, vs_scene_clip *clip, int32_t *index, int clips)
{
    vs_sampler *sampler;
    VS_TRY(vs_sampler_open(&sampler, t->source));
    for (int b = 0; b < clips; b++)
        vs_sampler_describe(sampler, 0, 0, b % vs_source_count(t->source), &clip[b],
                            index + (size_t)b * (size_t)vs_source_shape(t->source)->T);
    vs_sampler_close(&sampler);
    return VS_OK;
}

/* Two passes on blank frames, or on drawn ones, the second one timed: the weights do not
 * change. */
static vs_err time_step(vs_trainer *t)
{
    const vs_train_settings *s = t->settings;
    const int clips = vs_trainer_pass_clips(t);
    const vs_model_config *m = vs_model_configuration(t->model);
    const size_t clip = (size_t)m->T * (size_t)m->H * (size_t)m->W * 3;
    const int cells = vs_model_cells(m), tokens = vs_model_tokens(m);
    uint8_t *frames = t->draws ? NULL : calloc((size_t)clips, clip);
    vs_scene_clip *drawn_clip = vs_new(sizeof(*drawn_clip) * (size_t)clips);
    int32_t *index = vs_new(sizeof(*index) * (size_t)clips * (size_t)m->T);
    const vs_drawn drawn = { vs_source_form(t->source), drawn_clip, index };
    uint8_t *mask = vs_new((size_t)clips * (size_t)tokens);
    float *target = vs_new(sizeof(*target) * (size_t)clips * (size_t)(m->classes + 1));
    vs_batch b = { .B = clips, .frames = frames, .drawn = t->draws ? &drawn : NULL, .mask = mask,
                   .target = m->task == VS_TASK_CLASSIFY ? target : NULL, .train = true };
    vs_err err = t->draws ? describe_clips(t, drawn_clip, index, clips)
                 : frames ? VS_OK : VS_FAIL(VS_ERR_NOMEM, "--batch %d does not fit", s->batch);
    for (int i = 0; i < clips * tokens; i++)
        mask[i] = i % cells < t->masked;
    double began = 0;
    for (int i = 0; err == VS_OK && i < 2; i++) {
        float loss;
        began = vs_now();
        err = vs_model_forward(t->model, &b);
        if (err == VS_OK)
            err = vs_model_backward(t->model, 1.0f);
        if (err == VS_OK)
            err = vs_model_loss(t->model, &loss);
    }
    t->step_seconds = (vs_now() - began) * s->accumulate;
    free(index);
    free(drawn_clip);
    free(target);
    free(mask);
    free(frames);
    return err;
}

vs_err vs_trainer_time(vs_trainer *t)
{
    VS_TRY(time_sample(t));
    return time_step(t);
}

/* ---- The result ---------------------------------------------------------------------- */

/* The newest value of a key in the log, or null. */
static json_t *newest(const json_t *lines, const char *key)
{
    for (size_t i = json_array_size(lines); i-- > 0;) {
        json_t *v = json_object_get(json_array_get(lines, i), key);
        if (v)
            return json_incref(v);
    }
    return json_null();
}

/* The line with the best top-1, the earliest of equals; NULL when there is none. */
static json_t *best_line(const json_t *lines)
{
    json_t *best = NULL, *line;
    size_t i;
    json_array_foreach((json_t *)lines, i, line) {
        const json_t *top1 = json_object_get(line, "top1");
        if (top1 && (!best || json_number_value(top1) >
                                  json_number_value(json_object_get(best, "top1"))))
            best = line;
    }
    return best;
}

static void print_result(const vs_trainer *t, const json_t *lines)
{
    json_t *loss = newest(lines, "loss");
    const json_t *best = best_line(lines);
    printf("%s: %lld steps, loss %.4f", t->config->command, (long long)t->step,
           json_number_value(loss));
    if (best)
        printf(", best top-1 %.1f%% of %lld clips at step %lld",
               100 * json_number_value(json_object_get(best, "top1")),
               (long long)json_integer_value(json_object_get(best, "n")),
               (long long)json_integer_value(json_object_get(best, "step")));
    printf(", %s\n", t->settings->out);
    json_decref(loss);
}

vs_err vs_trainer_result(const vs_trainer *t)
{
    json_t *lines;
    VS_TRY(vs_metrics_load(&lines, t->settings->out));
    if (t->settings->common.json) {
        const json_t *best = best_line(lines);
        json_t *out = json_object();
        json_object_set_new(out, "run", json_string(t->settings->out));
        json_object_set_new(out, "steps", json_integer(t->step));
        json_object_set_new(out, "loss", newest(lines, "loss"));
        json_object_set_new(out, "top1", newest(lines, "top1"));
        json_object_set(out, "best_top1", best ? json_object_get(best, "top1") : json_null());
        json_object_set(out, "best_step", best ? json_object_get(best, "step") : json_null());
        json_object_set_new(out, "seconds", newest(lines, "seconds"));
        vs_json_print(out);
    } else {
        print_result(t, lines);
    }
    json_decref(lines);
    return VS_OK;
}
