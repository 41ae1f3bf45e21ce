/* vsyn-train finetune: a classifier, from a pre-trained encoder or from scratch. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "train/commands.h"
#include "train/data/mix.h"
#include "train/loop.h"
#include "train/run.h"
#include "train/score.h"

struct finetune {
    vs_store *store;
    vs_source *val;                /* NULL: no split to watch */
    float *target;                 /* (clips of a pass, classes) */
    vs_mix mix;
    vs_mix_part *part;             /* (clips of a pass) */
    vs_blend *blend;               /* likewise */
    int classes;
    char *init;                    /* checkpoint folder or file; NULL = from scratch */
};

/* ---- One batch, one evaluation ----------------------------------------------------- */

/* How frames are mixed, and their soft targets; the draws belong to the first clip's number. */
static void fill(vs_trainer *t, vs_batch *batch, const vs_loaded *loaded)
{
    struct finetune *f = t->task.ctx;
    const vs_model_config *m = vs_model_configuration(t->model);
    vs_rng rng = vs_rng_at(batch->seed, VS_RNG_MIX, batch->index);
    vs_mix_draw(f->part, &f->mix, loaded->B, m->W, m->H, &rng);
    vs_mix_blend(f->blend, f->part, loaded->B);
    vs_mix_targets(f->target, f->part, loaded->label, loaded->B, f->classes,
                   (float)t->settings->smoothing);
    batch->target = f->target;
    batch->blend = f->mix.mixup > 0 || f->mix.cutmix > 0 ? f->blend : NULL;
    batch->drop_path = (float)t->settings->drop_path;
    batch->head_drop = (float)t->settings->head_drop;
}

static double cross_entropy(const float *logits, int classes, int label)
{
    double most = logits[0], sum = 0;
    for (int c = 1; c < classes; c++)
        most = fmax(most, (double)logits[c]);
    for (int c = 0; c < classes; c++)
        sum += exp((double)logits[c] - most);
    return log(sum) + most - (double)logits[label];
}

static vs_err score_batch(vs_trainer *t, vs_eval *e, const vs_loaded *loaded, float *logits)
{
    const int classes = ((struct finetune *)t->task.ctx)->classes;
    const vs_batch batch = { .B = loaded->B, .frames = loaded->frames };
    VS_TRY(vs_model_forward(t->model, &batch));
    VS_TRY(vs_model_logits(t->model, logits));
    for (int b = 0; b < loaded->B; b++) {
        const float *row = logits + (size_t)b * (size_t)classes;
        const int rank = vs_rank_of(row, classes, loaded->label[b]);
        e->loss += cross_entropy(row, classes, loaded->label[b]);
        e->top1 += rank < 1;
        e->top5 += rank < 5;
        e->n++;
    }
    return VS_OK;
}

/* One centred view of each clip of the watched split. */
static vs_err evaluate(vs_trainer *t, vs_eval *out)
{
    struct finetune *f = t->task.ctx;
    const vs_train_settings *s = t->settings;
    const vs_loader_options o = { .batch = s->batch, .seed = (uint64_t)s->common.seed,
                                  .threads = s->loaders > 0 ? s->loaders : s->common.jobs };
    float *logits = vs_new(sizeof(*logits) * (size_t)s->batch * (size_t)f->classes);
    vs_loader *loader = NULL;
    vs_eval e = { 0 };
    vs_err err = vs_loader_open(&loader, f->val, &o, 0, 0);
    const int64_t steps = err == VS_OK ? vs_loader_steps(loader) : 0;
    for (int64_t i = 0; err == VS_OK && i < steps; i++) {
        const vs_loaded *loaded;
        err = vs_loader_next(loader, &loaded);
        if (err == VS_OK)
            err = score_batch(t, &e, loaded, logits);
    }
    vs_loader_close(&loader);
    free(logits);
    VS_TRY(err);
    const double n = (double)e.n;
    *out = (vs_eval){ e.loss / n, e.top1 / n, e.top5 / n, e.n };
    vs_say("step %lld: top-1 %.1f%% of %lld clips of %s, loss %.4f", (long long)t->step,
           100 * out->top1, (long long)e.n, s->val_split, out->loss);
    return VS_OK;
}

/* ---- Opening ----------------------------------------------------------------------- */

/* "test" beside "train", "ucf101:test" beside "ucf101:train". */
static const char *usual_val_split(vs_config *config)
{
    const char *split = config->settings->split, *colon = strrchr(split, ':');
    return vs_config_keep(config, colon ? vs_strf("%.*s:test", (int)(colon - split), split)
                                        : vs_strdup("test"));
}

static vs_err same_classes(const vs_source *a, const vs_source *b, const char *what)
{
    if (vs_source_classes(a) != vs_source_classes(b))
        return VS_FAIL(VS_ERR_CORRUPT, "%s: has %d classes, the training split %d", what,
                       vs_source_classes(b), vs_source_classes(a));
    for (int c = 0; c < vs_source_classes(a); c++)
        if (strcmp(vs_source_class_names(a)[c], vs_source_class_names(b)[c]) != 0)
            return VS_FAIL(VS_ERR_CORRUPT, "%s: class %d is %s, in the training split %s", what,
                           c, vs_source_class_names(b)[c], vs_source_class_names(a)[c]);
    return VS_OK;
}

static vs_err open_val(vs_trainer *t, struct finetune *f, const vs_sample_shape *shape)
{
    vs_train_settings *s = t->settings;
    vs_sample_shape view = *shape;
    view.augment = VS_AUGMENT_NONE;
    view.views = 1;
    view.randaugment.n = 0;
    view.erase = 0;
    if (s->val_split && strcmp(s->val_split, "none") == 0)
        return VS_OK;
    if (s->val_split)
        VS_TRY(vs_source_store(&f->val, f->store, s->val_split, &view));
    else if (vs_source_store(&f->val, f->store, usual_val_split(t->config), &view) == VS_OK)
        s->val_split = usual_val_split(t->config);
    else
        s->val_split = "none";
    if (!f->val)
        return VS_OK;
    VS_TRY(vs_source_need_labels(f->val));
    return same_classes(t->source, f->val, s->val_split);
}

static vs_err open_sources(vs_trainer *t, struct finetune *f, const vs_model_config *model)
{
    const vs_train_settings *s = t->settings;
    vs_sample_shape shape = { .T = model->T, .H = model->H, .W = model->W,
                              .stride = model->stride, .augment = VS_AUGMENT_FINETUNE,
                              .flip = s->flip, .crop_area = s->crop_area, .erase = s->erase,
                              .views = s->repeat };
    VS_TRY(vs_randaugment_parse(&shape.randaugment, s->randaugment));
    VS_TRY(vs_source_store(&t->source, f->store, s->split, &shape));
    VS_TRY(vs_source_need_labels(t->source));
    f->classes = vs_source_classes(t->source);
    t->class_name = vs_source_class_names(t->source);
    VS_TRY(open_val(t, f, &shape));
    t->data_text = vs_config_keep(t->config, vs_strf(
        "%lld clips of %s (%s), %d classes; watching: %s; start: %s",
        (long long)vs_source_count(t->source), s->store, s->split, f->classes, s->val_split,
        f->init ? f->init : "from scratch"));
    return VS_OK;
}

/* The checkpoint to start from: of the run itself when it is resumed. */
static vs_err choose_model(vs_model_config *out, vs_trainer *t, struct finetune *f)
{
    const vs_train_settings *s = t->settings;
    const bool scratch = strcmp(s->init, "none") == 0;
    vs_model_config base;
    if (t->config->resumed && vs_run_has(s->out, "last")) {
        f->init = vs_run_checkpoint(s->out, "last");
    } else if (scratch) {
        VS_TRY(vs_config_model(out, t->config, VS_TASK_CLASSIFY, NULL));
        return VS_OK;
    } else {
        VS_TRY(vs_run_model(&f->init, s->init));
    }
    VS_TRY(vs_model_config_read(&base, NULL, NULL, f->init));
    return vs_config_model(out, t->config, VS_TASK_CLASSIFY, &base);
}

static vs_err prepare(vs_trainer *t, struct finetune *f)
{
    const vs_train_settings *s = t->settings;
    vs_model_config model;
    if (!s->store)
        return VS_FAIL(VS_ERR_USAGE, "--store STORE is required: labelled clips");
    if (!s->init)
        return VS_FAIL(VS_ERR_USAGE, "--init MODEL|RUN|none is required: where the weights start");
    VS_TRY(vs_store_open(&f->store, s->store));
    VS_TRY(choose_model(&model, t, f));
    VS_TRY(open_sources(t, f, &model));
    model.classes = f->classes;
    VS_TRY(vs_model_config_check(&model));
    VS_TRY(vs_trainer_open_model(t, &model));
    const size_t clips = (size_t)vs_trainer_pass_clips(t);
    f->target = vs_new(sizeof(*f->target) * clips * (size_t)f->classes);
    f->part = vs_new(sizeof(*f->part) * clips);
    f->blend = vs_new(sizeof(*f->blend) * clips);
    f->mix = (vs_mix){ .mixup = s->mixup, .cutmix = s->cutmix, .prob = s->mix_prob,
                       .switch_prob = s->mix_switch, .mode = s->mix_mode };
    VS_TRY(vs_model_init(t->model, (uint64_t)s->common.seed, (float)s->head_scale));
    const bool resumes = t->config->resumed && vs_run_has(s->out, "last");
    if (f->init && !resumes)
        VS_TRY(vs_model_load(t->model, f->init, true));
    if (!f->val)
        t->task.evaluate = NULL;
    return VS_OK;
}

vs_err vs_train_finetune(vs_call *call)
{
    vs_config config = { 0 };
    struct finetune f = { 0 };
    vs_trainer t = { .config = &config, .task = { .fill = fill, .evaluate = evaluate, .ctx = &f } };
    vs_err err = vs_trainer_begin(&t, call);
    if (err == VS_OK)
        err = prepare(&t, &f);
    err = vs_trainer_run(&t, err);
    if (err == VS_OK && vs_dist_rank(t.dist) == 0)
        err = vs_trainer_result(&t);
    vs_source_close(&f.val);
    vs_trainer_close(&t);
    vs_store_close(&f.store);
    vs_config_free(&config);
    free(f.init);
    free(f.target);
    free(f.part);
    free(f.blend);
    return err;
}
