/* Steps of a model on random frames, timed one by one; the data side takes no part.
 *
 *     pretrain, finetune   zero gradients, forward, backward, AdamW
 *     test                 forward
 */
#include "train/bench.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/stop.h"
#include "train/model/model.h"

enum { WARM_UP = 2, TASK_PRETRAIN = 0, TASK_FINETUNE, TASK_TEST };

struct settings {
    vs_common common;
    const char *device, *model;
    int task, precision, batch, steps, size, frames, classes;
    double mask_ratio;
};
#define AT(field) .at = offsetof(struct settings, field)

static const vs_opt opts[] = {
    { .name = "model", .kind = VS_OPT_TEXT, AT(model), .def = "base", .arg = "SIZE",
      .help = "micro, tiny, small, base, large or huge" },
    { .name = "task", .kind = VS_OPT_CHOICE, AT(task), .def = "pretrain",
      .choices = "pretrain|finetune|test", .help = "what a step is" },
    { .name = "batch", .kind = VS_OPT_INT, AT(batch), .def = "2", .min = 1, .max = 100000,
      .arg = "N", .help = "clips in a step" },
    { .name = "steps", .kind = VS_OPT_INT, AT(steps), .def = "10", .min = 1, .max = 1000000,
      .arg = "N", .help = "steps that are timed, after two that are not" },
    { .name = "size", .kind = VS_OPT_INT, AT(size), .def = "0", .min = 0, .max = 4096,
      .arg = "PIXELS", .help = "height and width of frames; 0: the model's own" },
    { .name = "frames", .kind = VS_OPT_INT, AT(frames), .def = "16", .min = 1, .max = 1024,
      .arg = "N", .help = "frames of a clip" },
    { .name = "classes", .kind = VS_OPT_INT, AT(classes), .def = "101", .min = 1, .max = 1000000,
      .arg = "N", .help = "classes of the classifier" },
    { .name = "mask-ratio", .kind = VS_OPT_REAL, AT(mask_ratio), .def = "0.75", .min = 0.01,
      .max = 0.99, .arg = "R", .help = "share of the cells that is masked" },
    { .name = "device", .kind = VS_OPT_TEXT, AT(device), .def = "auto", .arg = "NAME",
      .help = "auto, cpu, cuda or cuda:N" },
    { .name = "precision", .kind = VS_OPT_CHOICE, AT(precision), .def = "auto",
      .choices = VS_PRECISION_CHOICES, .help = "of the passes; auto: bf16 where it is faster" },
    VS_OPTS_COMMON(struct settings),
    { 0 }
};

/* Inputs of every step. */
struct inputs {
    uint8_t *frames, *mask;
    float *target;
};

static void make_inputs(struct inputs *in, const vs_model_config *c, const struct settings *s,
                        int masked)
{
    const int64_t clip = 3 * (int64_t)c->T * c->H * c->W;
    const int N = vs_model_tokens(c), cells = vs_model_cells(c);
    vs_rng r = vs_rng_at((uint64_t)s->common.seed, VS_RNG_TEST, 0);
    in->frames = vs_new((size_t)(s->batch * clip));
    for (int64_t i = 0; i < s->batch * clip; i++)
        in->frames[i] = (uint8_t)(vs_rng_u32(&r) >> 24);
    in->mask = vs_new((size_t)s->batch * (size_t)N);
    for (int64_t i = 0; i < (int64_t)s->batch * N; i++)
        in->mask[i] = i % cells < masked;
    in->target = vs_new(sizeof(float) * (size_t)s->batch * (size_t)s->classes);
    for (int b = 0; b < s->batch; b++)
        in->target[(int64_t)b * s->classes + b % s->classes] = 1.0f;
}

static vs_err one_step(vs_model *m, const vs_batch *batch, int task, int step)
{
    const vs_adamw adamw = { 1e-5f, 0.9f, 0.95f, 1e-8f, 0.05f, 1.0f, 0.0f };
    float loss;
    if (task == TASK_TEST) {
        float *const logits = vs_new(sizeof(float) * (size_t)batch->B *
                                     (size_t)vs_model_configuration(m)->classes);
        vs_err err = vs_model_forward(m, batch);
        if (err == VS_OK)
            err = vs_model_logits(m, logits);
        free(logits);
        return err;
    }
    vs_model_zero_grad(m);
    VS_TRY(vs_model_forward(m, batch));
    VS_TRY(vs_model_backward(m, 1.0f));
    VS_TRY(vs_model_adamw(m, &adamw, step + 1));
    return vs_model_loss(m, &loss);
}

static int by_size(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static vs_err time_steps(double *ms, vs_model *m, const vs_batch *batch, const struct settings *s)
{
    for (int i = -WARM_UP; i < s->steps; i++) {
        const double start = vs_now();
        VS_TRY(one_step(m, batch, s->task, i + WARM_UP));
        if (i >= 0)
            ms[i] = (vs_now() - start) * 1e3;
        if (vs_stop_requested())
            return VS_FAIL(VS_ERR_STOPPED, "stopped before %d steps were timed", s->steps);
    }
    return VS_OK;
}

static json_t *result(const struct settings *s, const vs_model_config *c, vs_device *dev,
                      double *ms, int visible)
{
    struct rusage use;
    getrusage(RUSAGE_SELF, &use);
    double total = 0.0;
    for (int i = 0; i < s->steps; i++)
        total += ms[i];
    qsort(ms, (size_t)s->steps, sizeof(double), by_size);
    const double flops = vs_model_flops(c, visible, s->task != TASK_TEST);
    const double rate = 1e3 * s->batch * s->steps / total;
    static const char *const task[] = { "pretrain", "finetune", "test" };
    return json_pack("{s:s, s:s, s:i, s:i, s:f, s:{s:f, s:f, s:f}, s:f, s:f, s:n, s:I, s:s, s:s}",
                     "model", c->size, "task", task[s->task], "batch", s->batch, "steps", s->steps,
                     "clips_per_s", rate, "step_ms", "median", ms[s->steps / 2], "min", ms[0],
                     "max", ms[s->steps - 1], "flops_per_clip", flops, "flops_per_s",
                     flops * rate, "mfu", "peak_memory_bytes",
                     (json_int_t)use.ru_maxrss * 1024, "device", vs_device_name(dev), "precision",
                     vs_precision_name(vs_device_precision(dev)));
}

static vs_err configure(vs_model_config *c, int *masked, const struct settings *s)
{
    const vs_task task = s->task == TASK_PRETRAIN ? VS_TASK_PRETRAIN : VS_TASK_CLASSIFY;
    VS_TRY(vs_model_config_named(c, task, s->model));
    c->T = s->frames;
    if (s->size)
        c->H = c->W = s->size;
    c->classes = s->classes;
    VS_TRY(vs_model_config_check(c));
    *masked = (int)(s->mask_ratio * vs_model_cells(c));
    return VS_OK;
}

static vs_err run(vs_call *call)
{
    const struct settings *const s = call->settings;
    vs_model_config c;
    vs_device *dev = NULL;
    vs_model *m = NULL;
    struct inputs in = { 0 };
    int masked = 0;
    VS_TRY(configure(&c, &masked, s));
    const int visible = (vs_model_cells(&c) - masked) * (c.T / c.tubelet);
    double *const ms = vs_new(sizeof(double) * (size_t)s->steps);
    vs_err err = vs_device_open(&dev, s->device, s->common.jobs);
    if (err == VS_OK)
        vs_device_set_precision(dev, (vs_precision)s->precision);
    if (err == VS_OK)
        err = vs_model_open(&m, dev, &c, s->batch, visible, s->task != TASK_TEST);
    if (err == VS_OK)
        err = vs_model_init(m, (uint64_t)s->common.seed, 1.0f);
    if (err == VS_OK) {
        make_inputs(&in, &c, s, masked);
        const vs_batch batch = {
            .B = s->batch, .frames = in.frames, .mask = in.mask, .train = s->task != TASK_TEST,
            .target = s->task == TASK_FINETUNE ? in.target : NULL,
        };
        err = time_steps(ms, m, &batch, s);
    }
    if (err == VS_OK)
        vs_json_print(result(s, &c, dev, ms, visible));
    free(in.frames);
    free(in.mask);
    free(in.target);
    free(ms);
    vs_model_close(&m);
    vs_device_close(&dev);
    return err;
}

const vs_command vs_command_bench = {
    .name = "bench", .args = "", .help = "time the steps of a model on random frames",
    .opts = opts, .settings_size = sizeof(struct settings), .run = run,
};
