/* Steps of a model on random frames, or with --scene on clips that the device draws, timed one by
 * one; the data side takes no part. Or counted:
 * --roofline runs a step on a device that does nothing (train/roofline.h).
 *
 *     pretrain, finetune   zero gradients, forward, backward, AdamW
 *     test                 forward
 *
 * On a CPU every operation is timed beside it, and between the steps, turn by turn because others
 * may load the machine, what products of packed operands reach (train/ops/ops.h). On a GPU steps
 * run undisturbed, with the upload of their frames; operations are timed by its clock in steps of
 * their own, and what large products reach (packed_gemm_*) before and after, without a model in
 * memory. `mfu` is the formula's work over the data sheet's peak, packed_gemm_share the work that
 * was done over those products' rate. Result: one line of JSON on stdout; the same as a table for
 * people on stderr, without --json.
 */
#include "train/bench.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/stop.h"
#include "train/bench_inputs.h"
#include "train/model/model.h"
#include "train/ops/ops.h"
#include "train/roofline.h"

enum { WARM_UP = 2, TURNS = 10, SPLIT = 3, TASK_PRETRAIN = 0, TASK_FINETUNE, TASK_TEST };

struct settings {
    vs_common common;
    const char *device, *model, *scene;
    int task, precision, batch, steps, size, frames, classes, roofline, graphs;
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
    { .name = "scene", .kind = VS_OPT_TEXT, AT(scene), .arg = "STAGE",
      .help = "instead of random frames: scenes that the device draws, at 256x256" },
    { .name = "graphs", .kind = VS_OPT_CHOICE, AT(graphs), .def = "on", .choices = "off|on",
      .help = "a GPU's passes recorded once and queued as one" },
    { .name = "roofline", .kind = VS_OPT_CHOICE, AT(roofline), .def = "none",
      .choices = "none|" VS_ROOFLINES,
      .help = "instead: what a step costs on that GPU, by its rates; needs none" },
    VS_OPTS_COMMON(struct settings),
    { 0 }
};

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

/* What was measured. */
struct measured {
    double *ms;                    /* (steps) */
    vs_op_time op[VS_OPS];         /* over op_ms */
    double op_ms;
    int op_steps;
    vs_op_time packed;
    double memory;                 /* bytes of the device; of a CPU, of the process */
};

#define TURN_SECONDS 0.1           /* of packed products, before at most TURNS of the steps */

/* steps of them, into ms. */
static vs_err time_steps(struct measured *out, double *ms, vs_device *dev, vs_model *m,
                         const vs_batch *batch, const struct settings *s, int steps)
{
    const int apart = (steps + TURNS - 1) / TURNS;
    for (int i = -WARM_UP; i < steps; i++) {
        if (i == 0) {
            vs_ops_settle(dev);
            memset(out->op, 0, sizeof(out->op));
        }
        if (i >= 0 && i % apart == 0 && !vs_device_is_cuda(dev))
            vs_ops_packed_gemm(dev, &out->packed, TURN_SECONDS);
        const double start = vs_now();
        VS_TRY(one_step(m, batch, s->task, i + WARM_UP));
        if (i >= 0)
            ms[i] = (vs_now() - start) * 1e3;
        if (vs_stop_requested())
            return VS_FAIL(VS_ERR_STOPPED, "stopped before %d steps were timed", steps);
    }
    vs_ops_settle(dev);
    return VS_OK;
}

/* ---- The result ------------------------------------------------------------------------- */

static double rate_of(const vs_op_time *t)
{
    return t->seconds > 0.0 ? t->flops / t->seconds : 0.0;
}

static json_t *number_or_null(double x)
{
    return x > 0.0 ? json_real(x) : json_null();
}

/* The operations that ran, the slowest first; returns how many. */
static int by_time(int *op, const vs_op_time *times)
{
    int n = 0;
    for (int i = 0; i < VS_OPS; i++) {
        if (!times[i].calls)
            continue;
        int at = n++;
        for (; at > 0 && times[op[at - 1]].seconds < times[i].seconds; at--)
            op[at] = op[at - 1];
        op[at] = i;
    }
    return n;
}

static double sum_of(const double *x, int n)
{
    double sum = 0.0;
    for (int i = 0; i < n; i++)
        sum += x[i];
    return sum;
}

/* What is left of a step is zeroing, copies and the code between operations: "rest". */
static json_t *operations(const struct measured *d)
{
    json_t *const list = json_array();
    const double total = d->op_ms / 1e3;
    const int steps = d->op_steps;
    double rest = total;
    int op[VS_OPS];
    const int n = by_time(op, d->op);
    for (int i = 0; i < n; i++) {
        const vs_op_time *const t = &d->op[op[i]];
        rest -= t->seconds;
        json_array_append_new(list, json_pack(
            "{s:s, s:f, s:f, s:f, s:o}", "name", vs_op_name((vs_op)op[i]), "calls",
            (double)t->calls / steps, "ms", 1e3 * t->seconds / steps, "share",
            t->seconds / total, "flops_per_s", number_or_null(rate_of(t))));
    }
    json_array_append_new(list, json_pack("{s:s, s:n, s:f, s:f, s:n}", "name", "rest", "calls",
                                          "ms", 1e3 * rest / steps, "share", rest / total,
                                          "flops_per_s"));
    return list;
}

static json_t *result(const struct settings *s, const vs_model_config *c, vs_device *dev,
                      const struct measured *d, int visible)
{
    const double total = sum_of(d->ms, s->steps), packed = rate_of(&d->packed);
    json_t *const ops = operations(d);
    double *const ms = d->ms, counted = 0.0;
    for (int i = 0; i < VS_OPS; i++)
        counted += d->op[i].flops;
    qsort(ms, (size_t)s->steps, sizeof(double), by_size);
    const double flops = vs_model_flops(c, visible, s->task != TASK_TEST);
    counted /= d->op_steps;
    const double rate = 1e3 * s->batch * s->steps / total;
    const double reached = 1e3 * counted * s->steps / total;
    const vs_roof *const roof = vs_roof_find(vs_device_name(dev));
    const double peak = roof ? roof->peak[vs_device_precision(dev)] : 0.0;
    static const char *const task[] = { "pretrain", "finetune", "test" };
    return json_pack("{s:s, s:s, s:i, s:i, s:f, s:{s:f, s:f, s:f}, s:f, s:f, s:o, s:I, s:s, s:s,"
                     " s:s, s:f, s:f, s:o, s:o, s:o}",
                     "model", c->size, "task", task[s->task], "batch", s->batch, "steps", s->steps,
                     "clips_per_s", rate, "step_ms", "median", ms[s->steps / 2], "min", ms[0],
                     "max", ms[s->steps - 1], "flops_per_clip", flops, "flops_per_s",
                     flops * rate, "mfu",
                     number_or_null(peak > 0.0 ? flops * rate / peak : 0.0), "peak_memory_bytes",
                     (json_int_t)d->memory, "device", vs_device_name(dev), "precision",
                     vs_precision_name(vs_device_precision(dev)), "kernel",
                     vs_ops_kernel(dev), "step_flops",
                     counted, "step_flops_per_s", reached, "packed_gemm_flops_per_s",
                     number_or_null(packed), "packed_gemm_share",
                     number_or_null(packed > 0.0 ? reached / packed : 0.0), "operations", ops);
}

/* The line of JSON again, for people. */
static void print_table(const json_t *r, bool cuda)
{
    const double packed = json_number_value(json_object_get(r, "packed_gemm_flops_per_s"));
    const json_t *op;
    size_t i;
    vs_say("%.2f clips/s; %.1f GFLOP a step at %.1f GFLOP/s, %.0f %% of the %.1f that %s "
                "products (%s) reach here", json_number_value(json_object_get(r, "clips_per_s")),
                json_number_value(json_object_get(r, "step_flops")) / 1e9,
                json_number_value(json_object_get(r, "step_flops_per_s")) / 1e9,
                100.0 * json_number_value(json_object_get(r, "packed_gemm_share")), packed / 1e9,
                cuda ? "large" : "packed", json_string_value(json_object_get(r, "kernel")));
    vs_say("%-16s %7s %10s %7s %9s %9s", "operation", "calls", "ms a step", "share",
                "GFLOP/s", cuda ? "of large" : "of packed");
    json_array_foreach(json_object_get(r, "operations"), i, op) {
        const double rate = json_number_value(json_object_get(op, "flops_per_s"));
        char speed[32] = "";
        if (rate > 0.0 && packed > 0.0)
            snprintf(speed, sizeof(speed), " %9.1f %7.0f %%", rate / 1e9, 100.0 * rate / packed);
        vs_say("%-16s %7.0f %10.3f %5.1f %%%s", json_string_value(json_object_get(op, "name")),
                    json_number_value(json_object_get(op, "calls")),
                    json_number_value(json_object_get(op, "ms")),
                    100.0 * json_number_value(json_object_get(op, "share")), speed);
    }
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

/* What all ways of running have. */
struct bench {
    const struct settings *s;
    vs_model_config c;
    vs_device *dev;
    vs_bench_inputs in;
    vs_batch batch;
    int visible;
};

static vs_err open_model(vs_model **m, const struct bench *b)
{
    VS_TRY(vs_model_open(m, b->dev, &b->c, b->s->batch, b->visible, b->s->task != TASK_TEST));
    return b->s->roofline ? VS_OK : vs_model_init(*m, (uint64_t)b->s->common.seed, 1.0f);
}

static double memory_of(const vs_device *dev)
{
    struct rusage use;
    getrusage(RUSAGE_SELF, &use);
    return vs_device_is_cuda(dev) ? (double)vs_device_memory(dev) : (double)use.ru_maxrss * 1024.0;
}

/* `steps` of a model of its own; `timed`: operation by operation, too. */
static vs_err run_steps(struct measured *d, double *ms, const struct bench *b, int steps,
                        bool timed)
{
    vs_model *m = NULL;
    vs_ops_time(b->dev, timed ? d->op : NULL);
    vs_err err = open_model(&m, b);
    if (err == VS_OK)
        err = time_steps(d, ms, b->dev, m, &b->batch, b->s, steps);
    if (err == VS_OK && memory_of(b->dev) > d->memory)
        d->memory = memory_of(b->dev);
    d->op_ms = sum_of(ms, steps);
    d->op_steps = steps;
    vs_model_close(&m);
    return err;
}

/* On a GPU large products come before and after, when no model takes its memory; then the steps
 * as they are, and a few with its clock read between operations, for their shares. */
static vs_err measure(struct measured *d, const struct bench *b)
{
    double few[SPLIT];
    if (!vs_device_is_cuda(b->dev))
        return run_steps(d, d->ms, b, b->s->steps, true);
    vs_ops_packed_gemm(b->dev, &d->packed, TURN_SECONDS);
    VS_TRY(vs_device_sync(b->dev));
    VS_TRY(run_steps(d, d->ms, b, b->s->steps, false));
    vs_ops_packed_gemm(b->dev, &d->packed, TURN_SECONDS);
    VS_TRY(vs_device_sync(b->dev));
    return run_steps(d, few, b, SPLIT, true);
}

static vs_err bench(const struct bench *b)
{
    struct measured *const d = vs_new(sizeof(*d));
    d->ms = vs_new(sizeof(double) * (size_t)b->s->steps);
    const vs_err err = measure(d, b);
    if (err == VS_OK) {
        json_t *const r = result(b->s, &b->c, b->dev, d, b->visible);
        if (!b->s->common.json)
            print_table(r, vs_device_is_cuda(b->dev));
        vs_json_print(r);
    }
    free(d->ms);
    free(d);
    return err;
}

/* One step on a device that counts, whose rates are those of `roof`. */
static vs_err count_step(vs_op_time op[VS_OPS], vs_roofline *r, struct bench *b,
                         const vs_roof *roof)
{
    vs_model *m = NULL;
    VS_TRY(vs_device_open_roof(&b->dev, roof));
    vs_device_set_precision(b->dev, (vs_precision)b->s->precision);
    vs_ops_time(b->dev, op);
    vs_err err = open_model(&m, b);
    r->zeroed = -vs_device_roof_zeroed(b->dev);
    r->uploaded = -vs_device_roof_uploaded(b->dev);
    if (err == VS_OK)
        err = one_step(m, &b->batch, b->s->task, 0);
    r->zeroed += vs_device_roof_zeroed(b->dev);
    r->uploaded += vs_device_roof_uploaded(b->dev);
    vs_model_close(&m);
    return err;
}

static vs_err roofline(struct bench *b)
{
    const vs_roof *const roof = vs_roof_find(b->s->roofline == 1 ? "h100" : "h200");
    const vs_roof expected = vs_roof_expected(roof);
    vs_roofline r = { .roof = roof };
    VS_TRY(count_step(r.bound, &r, b, roof));
    vs_device_close(&b->dev);
    VS_TRY(count_step(r.expected, &r, b, &expected));
    const vs_precision precision = vs_device_precision(b->dev);
    const bool training = b->s->task != TASK_TEST;
    r.memory = vs_model_memory(&b->c, b->s->batch, b->visible, training, precision);
    json_t *const result =
        vs_roofline_result(&r, b->s->batch, vs_model_flops(&b->c, b->visible, training), precision);
    if (!b->s->common.json)
        vs_roofline_print(result);
    vs_json_print(result);
    return VS_OK;
}

static vs_err run(vs_call *call)
{
    const struct settings *const s = call->settings;
    struct bench b = { .s = s };
    int masked = 0;
    VS_TRY(configure(&b.c, &masked, s));
    b.visible = (vs_model_cells(&b.c) - masked) * (b.c.T / b.c.tubelet);
    const vs_bench_want want = { s->batch, s->classes, masked, s->roofline != 0, s->scene,
                                 (uint64_t)s->common.seed, s->common.jobs };
    VS_TRY(vs_bench_inputs_make(&b.in, &b.c, &want));
    b.batch = (vs_batch){
        .B = s->batch, .frames = b.in.frames, .drawn = &b.in.drawn, .mask = b.in.mask,
        .train = s->task != TASK_TEST,
        .target = s->task == TASK_FINETUNE ? b.in.target : NULL,
    };
    vs_err err = VS_OK;
    if (s->roofline) {
        err = roofline(&b);
    } else {
        err = vs_device_open(&b.dev, s->device, s->common.jobs);
        if (err == VS_OK) {
            vs_device_set_precision(b.dev, (vs_precision)s->precision);
            if (!s->graphs)
                vs_device_set_repeat(b.dev, false);
            err = bench(&b);
        }
    }
    vs_bench_inputs_free(&b.in);
    vs_device_close(&b.dev);
    return err;
}

const vs_command vs_command_bench = {
    .name = "bench", .args = "",
    .help = "time the steps of a model on random frames or drawn scenes",
    .opts = opts, .settings_size = sizeof(struct settings), .run = run,
};
