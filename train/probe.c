/* vsyn-train probe: a linear classifier on the features of a frozen encoder.
 *
 * Features are computed once: `views` augmented views of each training clip (random window, crop,
 * flip), one centred view of each test clip; RUN/features keeps them. Heads are trained on them
 * for every learning rate of the sweep, on the training clips less a held-out share, and judged
 * on that share; the best rate then trains on all of them, and only that head sees the test
 * split. It is saved as a classifier (RUN/checkpoints/best) with batch norm folded in.
 *
 *     RUN/config.json    settings as used
 *     RUN/probe.json     { "sweep": [{ "lr", "holdout_top1" }], "lr", "top1", "top5", "n" }
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/pool.h"
#include "base/stop.h"
#include "base/version.h"
#include "train/commands.h"
#include "train/embed.h"
#include "train/head.h"
#include "train/run.h"
#include "train/schedule.h"
#include "train/score.h"

struct settings {
    vs_common common;
    const char *out, *store, *split, *val_split, *init, *model, *lrs, *device, *preset;
    int size, batch, epochs, views, optimiser;
    double holdout, weight_decay, smoothing, crop_area;
    bool norm, flip;
};

#define AT(field) .at = offsetof(struct settings, field)
const vs_opt vs_probe_opts[] = {
    { .name = "store", .kind = VS_OPT_TEXT, AT(store), .arg = "STORE", .required = true,
      .help = "labelled clips" },
    { .name = "init", .kind = VS_OPT_TEXT, AT(init), .arg = "MODEL|RUN|none", .required = true,
      .help = "the encoder; none: random weights, to compare with" },
    { .name = "out", .kind = VS_OPT_TEXT, AT(out), .arg = "RUN", .required = true,
      .help = "folder of the run; features that lie there are used again" },
    { .name = "preset", .kind = VS_OPT_TEXT, AT(preset), .arg = "NAME",
      .help = "ucf101-probe, hmdb51-probe, k400-probe: the defaults; quick-probe: one view" },
    { .name = "split", .kind = VS_OPT_TEXT, AT(split), .def = "train", .arg = "NAME",
      .help = "split to learn from" },
    { .name = "val-split", .kind = VS_OPT_TEXT, AT(val_split), .def = "test", .arg = "NAME",
      .help = "split to test on, once" },
    { .name = "model", .kind = VS_OPT_TEXT, AT(model), .def = "base", .arg = "micro|...|huge",
      .help = "with --init none: size of the model" },
    { .name = "size", .kind = VS_OPT_INT, AT(size), .min = 0, .max = 4096, .def = "0",
      .arg = "PIXELS", .help = "with --init none: side of the input (0: usual)" },
    { .name = "views", .kind = VS_OPT_INT, AT(views), .def = "8", .min = 1, .max = 1000,
      .arg = "N", .help = "augmented views of each training clip" },
    { .name = "flip", .kind = VS_OPT_FLAG, AT(flip), .def = "true",
      .help = "mirror half of the views (--no-flip where left and right matter)" },
    { .name = "crop-area", .kind = VS_OPT_REAL, AT(crop_area), .def = "0.08", .min = 0.01,
      .max = 1, .help = "least share of the frame that a view keeps" },
    { .name = "optimizer", .kind = VS_OPT_CHOICE, AT(optimiser), .def = "sgd",
      .choices = "sgd|adamw", .help = "sgd: momentum 0.9, Nesterov" },
    { .name = "lrs", .kind = VS_OPT_TEXT, AT(lrs), .arg = "LR,LR,...",
      .help = "rates of the sweep per 256 clips (default: sgd 0.03..30, adamw 0.0003..0.1)" },
    { .name = "norm", .kind = VS_OPT_FLAG, AT(norm), .def = "true",
      .help = "batch norm without parameters before the head" },
    { .name = "epochs", .kind = VS_OPT_INT, AT(epochs), .def = "100", .min = 1, .max = 1e6,
      .arg = "N", .help = "times through the clips" },
    { .name = "batch", .kind = VS_OPT_INT, AT(batch), .def = "256", .min = 1, .max = 65536,
      .arg = "CLIPS", .help = "clips of a step" },
    { .name = "weight-decay", .kind = VS_OPT_REAL, AT(weight_decay), .def = "0", .min = 0,
      .max = 10, .help = "of the head's weights" },
    { .name = "smoothing", .kind = VS_OPT_REAL, AT(smoothing), .def = "0", .min = 0, .max = 0.9,
      .help = "of labels" },
    { .name = "holdout", .kind = VS_OPT_REAL, AT(holdout), .def = "0.2", .min = 0.01, .max = 0.9,
      .help = "share of the training clips that chooses the rate" },
    { .name = "device", .kind = VS_OPT_TEXT, AT(device), .def = "auto",
      .arg = "auto|cpu|cuda[:N]", .help = "where to compute" },
    VS_OPTS_COMMON(struct settings),
    { 0 }
};
const size_t vs_probe_settings_size = sizeof(struct settings);

#define EMBED_BATCH 8
#define MOST_RATES 64

struct trial {
    double lr, top1;
};

struct probe {
    const struct settings *s;
    vs_store *store;
    vs_source *train, *test;
    vs_device *dev;
    vs_model *model;
    vs_embedding *view;            /* (views) of the training clips */
    vs_embedding held_out_of;      /* the test split */
    int64_t *order;                /* (n) training clips: the first `kept` train in the sweep */
    int64_t n, kept;
    int classes;
    struct trial trial[MOST_RATES];
    int trials;
};

/* ---- Settings ---------------------------------------------------------------------- */

static vs_err parse_rates(struct probe *p)
{
    const char *text = p->s->lrs ? p->s->lrs
                     : p->s->optimiser == VS_HEAD_SGD ? "0.03,0.1,0.3,1,3,10,30"
                                                      : "0.0003,0.001,0.003,0.01,0.03,0.1";
    for (const char *at = text;; at++) {
        char *end;
        const double lr = strtod(at, &end);
        if (end == at || !(lr > 0) || lr > 1e6 || (*end && *end != ',') ||
            p->trials == MOST_RATES)
            return VS_FAIL(VS_ERR_USAGE, "--lrs: expected up to %d positive rates such as "
                           "0.1,1,10, got \"%s\"", MOST_RATES, text);
        p->trial[p->trials++].lr = lr;
        if (!*end)
            return VS_OK;
        at = end;
    }
}

static vs_err apply_preset(vs_call *call)
{
    struct settings *s = call->settings;
    static const char *const names[] = { "ucf101-probe", "hmdb51-probe", "k400-probe",
                                         "quick-probe" };
    if (!s->preset)
        return VS_OK;
    for (int i = 0; i < 4; i++)
        if (strcmp(s->preset, names[i]) == 0) {
            if (i == 3) {
                s->views = 1;
                s->crop_area = 0.8;
            }
            return vs_call_again(call);
        }
    return VS_FAIL(VS_ERR_USAGE, "--preset: unknown preset \"%s\" of probe, expected ucf101-probe, "
                   "hmdb51-probe, k400-probe or quick-probe", s->preset);
}

static vs_err open_all(struct probe *p)
{
    const struct settings *s = p->s;
    const bool scratch = strcmp(s->init, "none") == 0;
    vs_model_config c = { 0 };
    vs_source *labels = NULL;
    VS_TRY(parse_rates(p));
    VS_TRY(vs_store_open(&p->store, s->store));
    VS_TRY(vs_device_open(&p->dev, s->device, s->common.jobs));
    if (scratch) {
        VS_TRY(vs_model_config_named(&c, VS_TASK_CLASSIFY, s->model));
        if (s->size)
            c.H = c.W = s->size;
    }
    const vs_sample_shape any = { .T = 1, .H = 1, .W = 1, .stride = 1,
                                  .augment = VS_AUGMENT_NONE };
    VS_TRY(vs_source_store(&labels, p->store, s->split, &any));
    vs_err err = vs_source_need_labels(labels);
    p->classes = vs_source_classes(labels);
    vs_source_close(&labels);
    VS_TRY(err);
    VS_TRY(vs_embed_open(&p->model, p->dev, &c, scratch ? NULL : s->init, p->classes, EMBED_BATCH,
                         (uint64_t)s->common.seed));
    vs_sample_shape shape = { .T = c.T, .H = c.H, .W = c.W, .stride = c.stride,
                              .augment = VS_AUGMENT_FINETUNE, .flip = s->flip,
                              .crop_area = s->crop_area };
    VS_TRY(vs_source_store(&p->train, p->store, s->split, &shape));
    shape.augment = VS_AUGMENT_NONE;
    VS_TRY(vs_source_store(&p->test, p->store, s->val_split, &shape));
    VS_TRY(vs_source_need_labels(p->test));
    if (vs_source_classes(p->test) != p->classes)
        return VS_FAIL(VS_ERR_CORRUPT, "%s: has %d classes, %s has %d", s->val_split,
                       vs_source_classes(p->test), s->split, p->classes);
    p->n = vs_source_count(p->train);
    if (p->n < 2)
        return VS_FAIL(VS_ERR_CORRUPT, "%s: one clip cannot be held out and learnt from", s->split);
    return VS_OK;
}

/* ---- Features ---------------------------------------------------------------------- */

static vs_err embed(vs_embedding *out, const struct probe *p, vs_source *source, const char *name,
                    const char *made_from, int view)
{
    const struct settings *s = p->s;
    char *file = vs_strf("features/%s-%d.safetensors", name, view);
    char *path = vs_path_join(s->out, file);
    vs_err err = vs_embedding_load(out, path, made_from);
    if (err != VS_OK) {            /* missing, damaged, of other settings: made anew */
        vs_embedding_free(out);
        err = vs_embed_source(out, p->model, source, EMBED_BATCH, s->common.jobs,
                              (uint64_t)s->common.seed, view);
        if (err == VS_OK)
            err = vs_embedding_save(out, path, made_from);
    }
    if (err == VS_OK && out->n != vs_source_count(source))
        err = VS_FAIL(VS_ERR_CORRUPT, "%s: holds %lld clips, the split has %lld; delete it", path,
                      (long long)out->n, (long long)vs_source_count(source));
    free(path);
    free(file);
    return err;
}

/* What the features depend on: the weights by a sum over them, and the views. */
static vs_err fingerprint(char **out, const struct probe *p)
{
    const struct settings *s = p->s;
    const vs_model_config *c = vs_model_configuration(p->model);
    const int64_t n = vs_model_slab_count(p->model);
    float *w = malloc(sizeof(*w) * (size_t)n);
    if (!w)
        return VS_FAIL(VS_ERR_NOMEM, "no memory for a copy of the weights");
    const vs_err err = vs_model_slab_get(p->model, VS_SLAB_WEIGHT, w);
    uint64_t sum = 0xcbf29ce484222325u;
    for (int64_t i = 0; err == VS_OK && i < n; i++) {
        uint32_t bits;
        memcpy(&bits, &w[i], sizeof(bits));
        sum = (sum ^ bits) * 0x100000001B3u;
    }
    free(w);
    *out = vs_strf("weights %016llx, %s (%s, %s), %dx%dx%d stride %d, seed %lld, flip %d, area %g",
                   (unsigned long long)sum, s->store, s->split, s->val_split, c->T, c->H, c->W,
                   c->stride, (long long)s->common.seed, s->flip, s->crop_area);
    return err;
}

static vs_err embed_all(struct probe *p)
{
    char *dir = vs_path_join(p->s->out, "features"), *made_from = NULL;
    vs_err err = vs_dir_make(dir);
    p->view = vs_new(sizeof(*p->view) * (size_t)p->s->views);
    if (err == VS_OK)
        err = fingerprint(&made_from, p);
    for (int k = 0; err == VS_OK && k < p->s->views; k++)
        err = embed(&p->view[k], p, p->train, "train", made_from, k);
    if (err == VS_OK)
        err = embed(&p->held_out_of, p, p->test, "test", made_from, 0);
    free(made_from);
    free(dir);
    return err;
}

/* ---- Heads ------------------------------------------------------------------------- */

/* Trains on the first `count` clips of p->order; epoch e shows view e % views. */
static vs_err train_head(vs_head *h, const struct probe *p, double lr, int64_t count)
{
    const struct settings *s = p->s;
    const int D = p->view[0].D, B = count < s->batch ? (int)count : s->batch;
    const int64_t steps = count / B;
    VS_TRY(vs_head_open(h, D, p->classes, B, (uint64_t)s->common.seed));
    h->norm = s->norm;
    h->optimiser = s->optimiser;
    h->weight_decay = (float)s->weight_decay;
    h->smoothing = (float)s->smoothing;
    const vs_schedule schedule = vs_schedule_make(steps * s->epochs, 0, 0, lr, 0, B);
    float *x = vs_new(sizeof(*x) * (size_t)B * (size_t)D);
    int *label = vs_new(sizeof(*label) * (size_t)B);
    int64_t *order = vs_new(sizeof(*order) * (size_t)count);
    for (int epoch = 0; epoch < s->epochs && !vs_stop_requested(); epoch++) {
        const vs_embedding *e = &p->view[epoch % s->views];
        vs_epoch_order(order, count, (uint64_t)s->common.seed, epoch);
        for (int64_t step = 0; step < steps; step++) {
            for (int i = 0; i < B; i++) {
                const int64_t item = p->order[order[step * B + i]];
                memcpy(x + (size_t)i * (size_t)D, e->x + item * D, sizeof(*x) * (size_t)D);
                label[i] = e->label[item];
            }
            vs_head_step(h, x, label, B, vs_schedule_lr(&schedule, epoch * steps + step));
        }
    }
    free(order);
    free(label);
    free(x);
    return VS_OK;
}

/* Shares of clips whose label ranks first, and among the first five. */
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

static void run_trial(void *ctx, int64_t i, int worker)
{
    struct probe *p = ctx;
    vs_head head;
    double top5;
    (void)worker;
    p->trial[i].top1 = -1;         /* no memory */
    if (train_head(&head, p, p->trial[i].lr, p->kept) == VS_OK) {
        judge(&p->trial[i].top1, &top5, &head, &p->view[0], p->order + p->kept, p->n - p->kept);
        vs_head_close(&head);
    }
}

static vs_err sweep(struct probe *p, int *best)
{
    vs_pool *pool;
    p->order = vs_new(sizeof(*p->order) * (size_t)p->n);
    vs_epoch_order(p->order, p->n, (uint64_t)p->s->common.seed, -1);
    p->kept = p->n - (int64_t)((double)p->n * p->s->holdout);
    p->kept = p->kept < p->n ? p->kept : p->n - 1;
    p->kept = p->kept > 0 ? p->kept : 1;
    VS_TRY(vs_pool_open(&pool, p->s->common.jobs, 0));
    vs_pool_each(pool, p->trials, run_trial, p);
    vs_pool_close(&pool);
    if (vs_stop_requested())
        return VS_FAIL(VS_ERR_STOPPED, "stopped; the features are kept, the same command goes on");
    for (int i = 0; i < p->trials; i++) {
        if (p->trial[i].top1 < 0)
            return VS_FAIL(VS_ERR_NOMEM, "the heads of the sweep do not fit in memory");
        if (p->trial[i].top1 > p->trial[*best].top1)
            *best = i;
        vs_say("lr %-8g held-out top-1 %.2f%%", p->trial[i].lr, 100 * p->trial[i].top1);
    }
    return VS_OK;
}

/* ---- Results ----------------------------------------------------------------------- */

static const vs_param *find(const vs_model *model, const char *name)
{
    for (int i = 0; i < vs_model_param_count(model); i++)
        if (strcmp(vs_model_param(model, i)->name, name) == 0)
            return vs_model_param(model, i);
    return NULL;
}

static vs_err save_model(struct probe *p, const vs_head *head)
{
    char *tmp = NULL;
    float *w = malloc(sizeof(*w) * (size_t)vs_model_slab_count(p->model));
    const vs_param *weight = find(p->model, "head.weight"), *bias = find(p->model, "head.bias");
    VS_ASSERT(weight && bias);
    vs_err err = w ? vs_model_slab_get(p->model, VS_SLAB_WEIGHT, w)
                   : VS_FAIL(VS_ERR_NOMEM, "no memory for a copy of the weights");
    if (err == VS_OK) {
        vs_head_fold(w + weight->offset, w + bias->offset, head);
        err = vs_model_slab_set(p->model, VS_SLAB_WEIGHT, w);
    }
    if (err == VS_OK)
        err = vs_run_begin(&tmp, p->s->out, "best");
    if (err == VS_OK)
        err = vs_model_save(p->model, tmp, vs_source_class_names(p->train));
    if (err == VS_OK)
        err = vs_run_commit(&tmp, p->s->out, "best");
    vs_run_abort(&tmp);
    free(w);
    return err;
}

static vs_err tell(const struct probe *p, int best, double top1, double top5)
{
    json_t *out = json_object(), *list = json_array();
    for (int i = 0; i < p->trials; i++)
        json_array_append_new(list, json_pack("{s:f, s:f}", "lr", p->trial[i].lr, "holdout_top1",
                                              p->trial[i].top1));
    json_object_set_new(out, "run", json_string(p->s->out));
    json_object_set_new(out, "sweep", list);
    json_object_set_new(out, "lr", json_real(p->trial[best].lr));
    json_object_set_new(out, "top1", json_real(top1));
    json_object_set_new(out, "top5", json_real(top5));
    json_object_set_new(out, "n", json_integer(p->held_out_of.n));
    char *path = vs_path_join(p->s->out, "probe.json");
    const vs_err err = vs_json_save(path, json_incref(out));
    free(path);
    if (err == VS_OK && p->s->common.json)
        vs_json_print(out);
    else
        json_decref(out);
    if (err == VS_OK && !p->s->common.json)
        printf("probe: top-1 %.2f%%  top-5 %.2f%%  n %lld  (lr %g of %d, %s)\n", 100 * top1,
               100 * top5, (long long)p->held_out_of.n, p->trial[best].lr, p->trials, p->s->out);
    return err;
}

static vs_err write_config(const struct probe *p)
{
    char *path = vs_path_join(p->s->out, "config.json");
    json_t *root = json_object();
    json_object_set_new(root, "command", json_string("probe"));
    json_object_set_new(root, "version", json_string(VS_VERSION));
    json_object_set_new(root, "settings", vs_opts_record(vs_probe_opts, p->s));
    const vs_err err = vs_json_save(path, root);
    free(path);
    return err;
}

static vs_err run(struct probe *p)
{
    int best = 0;
    double top1 = 0, top5 = 0;
    vs_head head = { 0 };
    VS_TRY(write_config(p));
    VS_TRY(embed_all(p));
    VS_TRY(sweep(p, &best));
    vs_err err = train_head(&head, p, p->trial[best].lr, p->n);
    if (err == VS_OK && vs_stop_requested())
        err = VS_FAIL(VS_ERR_STOPPED, "stopped; the features are kept, the same command goes on");
    if (err == VS_OK) {
        judge(&top1, &top5, &head, &p->held_out_of, NULL, p->held_out_of.n);
        err = save_model(p, &head);
    }
    vs_head_close(&head);
    return err == VS_OK ? tell(p, best, top1, top5) : err;
}

vs_err vs_train_probe(vs_call *call)
{
    struct probe p = { .s = call->settings };
    int lock = -1;
    VS_TRY(apply_preset(call));
    struct settings *const s = call->settings;
    s->common.jobs = s->common.jobs > 0 ? s->common.jobs : vs_cpu_count();
    vs_err err = open_all(&p);
    if (err == VS_OK)
        err = vs_run_open(&lock, p.s->out);
    if (err == VS_OK)
        err = vs_run_recover(p.s->out);
    if (err == VS_OK)
        err = run(&p);
    for (int k = 0; p.view && k < p.s->views; k++)
        vs_embedding_free(&p.view[k]);
    vs_embedding_free(&p.held_out_of);
    free(p.view);
    free(p.order);
    vs_model_close(&p.model);
    vs_device_close(&p.dev);
    vs_source_close(&p.train);
    vs_source_close(&p.test);
    vs_store_close(&p.store);
    if (lock > 0)
        vs_lock_release(&lock);
    return err;
}
