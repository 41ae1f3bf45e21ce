/* vsyn-train probe: a linear classifier on the features of a frozen encoder.
 *
 * Features are computed once: `views` augmented views of each training clip (random window, crop,
 * flip), one centred view of each test clip; RUN/features keeps them. Heads are trained on them
 * for every learning rate of the sweep, on the training clips less a held-out share, and judged
 * on that share; the best rate then trains on all of them, and only that head sees the test
 * split. It is saved as a classifier (RUN/checkpoints/best) with batch norm folded in.
 *
 *     RUN/config.json    settings as used
 *     RUN/report.html    the result and the sweep
 *     RUN/probe.json     { "sweep": [{ "lr", "holdout_top1" }], "lr", "top1", "top5", "n" }
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/pool.h"
#include "base/version.h"
#include "train/commands.h"
#include "train/embed.h"
#include "train/presets.h"
#include "train/report.h"
#include "train/run.h"
#include "train/sweep.h"

struct settings {
    vs_common common;
    const char *out, *store, *split, *val_split, *init, *model, *lrs, *device, *preset;
    int size, batch, epochs, views, optimiser, precision;
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
      .help = "a recipe, such as ucf101-probe or paper-probe, as vsyn-train presets lists them" },
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
    { .name = "precision", .kind = VS_OPT_CHOICE, AT(precision), .def = "auto",
      .choices = VS_PRECISION_CHOICES,
      .help = "of matrix products; auto: bf16 where it is faster" },
    VS_OPTS_COMMON(struct settings),
    { 0 }
};
const size_t vs_probe_settings_size = sizeof(struct settings);

#define EMBED_BATCH 8

struct probe {
    const struct settings *s;
    vs_store *store;
    vs_source *train, *test;
    vs_device *dev;
    vs_model *model;
    vs_embedding *view;            /* (views) of the training clips */
    vs_embedding held_out_of;      /* the test split */
    vs_sweep sweep;
};

/* ---- Settings ---------------------------------------------------------------------- */

static vs_err apply_preset(vs_call *call)
{
    struct settings *s = call->settings;
    if (!s->preset)
        return VS_OK;
    VS_TRY(vs_preset_set(vs_probe_opts, s, "probe", s->preset));
    return vs_call_again(call);
}

static vs_err plan_sweep(struct probe *p)
{
    const struct settings *s = p->s;
    p->sweep = (vs_sweep){ .views = s->views, .epochs = s->epochs, .batch = s->batch,
                           .jobs = s->common.jobs, .norm = s->norm, .optimiser = s->optimiser,
                           .weight_decay = s->weight_decay, .smoothing = s->smoothing,
                           .holdout = s->holdout, .seed = (uint64_t)s->common.seed };
    return vs_sweep_rates(&p->sweep, s->lrs);
}

static vs_err open_all(struct probe *p)
{
    const struct settings *s = p->s;
    const bool scratch = strcmp(s->init, "none") == 0;
    vs_model_config c = { 0 };
    vs_source *labels = NULL;
    VS_TRY(plan_sweep(p));
    VS_TRY(vs_store_open(&p->store, s->store));
    VS_TRY(vs_device_open(&p->dev, s->device, s->common.jobs));
    vs_device_set_precision(p->dev, (vs_precision)s->precision);
    if (scratch) {
        VS_TRY(vs_model_config_named(&c, VS_TASK_CLASSIFY, s->model));
        if (s->size)
            c.H = c.W = s->size;
    }
    const vs_sample_shape any = { .T = 1, .H = 1, .W = 1, .stride = 1,
                                  .augment = VS_AUGMENT_NONE };
    VS_TRY(vs_source_store(&labels, p->store, s->split, &any));
    vs_err err = vs_source_need_labels(labels);
    p->sweep.classes = vs_source_classes(labels);
    vs_source_close(&labels);
    VS_TRY(err);
    VS_TRY(vs_embed_open(&p->model, p->dev, &c, scratch ? NULL : s->init, p->sweep.classes,
                         EMBED_BATCH, (uint64_t)s->common.seed));
    vs_sample_shape shape = { .T = c.T, .H = c.H, .W = c.W, .stride = c.stride,
                              .augment = VS_AUGMENT_FINETUNE, .flip = s->flip,
                              .crop_area = s->crop_area };
    VS_TRY(vs_source_store(&p->train, p->store, s->split, &shape));
    shape.augment = VS_AUGMENT_NONE;
    VS_TRY(vs_source_store(&p->test, p->store, s->val_split, &shape));
    VS_TRY(vs_source_need_labels(p->test));
    if (vs_source_classes(p->test) != p->sweep.classes)
        return VS_FAIL(VS_ERR_CORRUPT, "%s: has %d classes, %s has %d", s->val_split,
                       vs_source_classes(p->test), s->split, p->sweep.classes);
    if (vs_source_count(p->train) < 2)
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
    *out = vs_strf("weights %016llx, %s (%s, %s), %dx%dx%d stride %d, seed %lld, flip %d, area %g, "
                   "%s",
                   (unsigned long long)sum, s->store, s->split, s->val_split, c->T, c->H, c->W,
                   c->stride, (long long)s->common.seed, s->flip, s->crop_area,
                   vs_precision_name(vs_device_precision(p->dev)));
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
    for (int i = 0; i < p->sweep.trials; i++)
        json_array_append_new(list, json_pack("{s:f, s:f}", "lr", p->sweep.trial[i].lr,
                                              "holdout_top1", p->sweep.trial[i].top1));
    json_object_set_new(out, "run", json_string(p->s->out));
    json_object_set_new(out, "sweep", list);
    json_object_set_new(out, "lr", json_real(p->sweep.trial[best].lr));
    json_object_set_new(out, "top1", json_real(top1));
    json_object_set_new(out, "top5", json_real(top5));
    json_object_set_new(out, "n", json_integer(p->held_out_of.n));
    char *path = vs_path_join(p->s->out, "probe.json");
    vs_err err = vs_json_save(path, json_incref(out));
    free(path);
    if (err == VS_OK)
        err = vs_run_report(p->s->out);
    if (err == VS_OK && p->s->common.json)
        vs_json_print(out);
    else
        json_decref(out);
    if (err == VS_OK && !p->s->common.json)
        printf("probe: top-1 %.2f%%  top-5 %.2f%%  n %lld  (lr %g of %d, %s)\n", 100 * top1,
               100 * top5, (long long)p->held_out_of.n, p->sweep.trial[best].lr,
               p->sweep.trials, p->s->out);
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
    p->sweep.view = p->view;
    VS_TRY(vs_sweep_run(&p->sweep, &best));
    vs_err err = vs_sweep_final(&head, &p->sweep, p->sweep.trial[best].lr);
    if (err == VS_OK) {
        vs_sweep_judge(&top1, &top5, &head, &p->held_out_of);
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
    vs_model_close(&p.model);
    vs_device_close(&p.dev);
    vs_source_close(&p.train);
    vs_source_close(&p.test);
    vs_store_close(&p.store);
    if (lock > 0)
        vs_lock_release(&lock);
    return err;
}
