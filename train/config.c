#include "train/config.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/pool.h"
#include "base/version.h"

#define AT(field) .at = offsetof(vs_train_settings, field)

/* ---- Tables: what both tasks have, then each with the recipe of its paper ---------- */

#define OPTS_RUN                                                                         \
    { .name = "out", .kind = VS_OPT_TEXT, AT(out), .arg = "RUN", .required = true,       \
      .help = "folder of the run; an unfinished run there goes on" },                    \
    { .name = "preset", .kind = VS_OPT_TEXT, AT(preset), .arg = "NAME",                  \
      .help = "a recipe: ucf101-pretrain, synthetic-pretrain, ucf101-finetune, "         \
              "hmdb51-finetune; for a few minutes on a CPU: quick-pretrain, quick-finetune" }, \
    { .name = "config", .kind = VS_OPT_TEXT, AT(config), .arg = "FILE",                  \
      .help = "settings as JSON, e.g. the config.json of another run" },                 \
    { .name = "resume", .kind = VS_OPT_FLAG, AT(resume), .def = "true",                  \
      .help = "go on when RUN exists (--no-resume: refuse)" },                           \
    { .name = "device", .kind = VS_OPT_TEXT, AT(device), .def = "auto",                  \
      .arg = "auto|cpu|cuda[:N]", .help = "where to compute" },                          \
    { .name = "precision", .kind = VS_OPT_CHOICE, AT(precision), .def = "fp32",          \
      .choices = "fp32", .help = "of matrix products" },                                 \
    { .name = "loaders", .kind = VS_OPT_INT, AT(loaders), .min = 0, .max = 1024,         \
      .arg = "N", .help = "threads that make batches ahead (default: as --jobs)" },      \
    { .name = "log-every", .kind = VS_OPT_INT, AT(log_every), .def = "10", .min = 1,     \
      .max = 1e9, .arg = "STEPS", .help = "steps per line of log.jsonl" },               \
    { .name = "save-every", .kind = VS_OPT_LONG, AT(save_every), .def = "0", .min = 0,   \
      .max = 1e15, .arg = "STEPS",                                                       \
      .help = "steps between checkpoints (0: at the end of an epoch, at most one a minute)" }, \
    { .name = "keep-every", .kind = VS_OPT_INT, AT(keep_every), .def = "0", .min = 0,    \
      .max = 1e9, .arg = "EPOCHS", .help = "also keep checkpoints/epoch-N (0: never)" }, \
    { .name = "stop-at", .kind = VS_OPT_LONG, AT(stop_at), .def = "0", .min = 0,         \
      .max = 1e15, .arg = "STEP",                                                        \
      .help = "save and stop there, as a signal would; resume goes on (0: no)" },        \
    VS_OPTS_COMMON(vs_train_settings)

#define OPTS_MODEL(model_default)                                                        \
    { .name = "model", .kind = VS_OPT_TEXT, AT(model), .def = model_default,             \
      .arg = "micro|...|huge", .help = "size of the model" },                            \
    { .name = "size", .kind = VS_OPT_INT, AT(size), .min = 0, .max = 4096, .def = "0",   \
      .arg = "PIXELS", .help = "side of the input (0: 224, micro 64)" },                 \
    { .name = "frames", .kind = VS_OPT_INT, AT(frames), .min = 0, .max = 1024,           \
      .def = "0", .arg = "N", .help = "frames of a clip (0: 16)" },                      \
    { .name = "stride", .kind = VS_OPT_INT, AT(stride), .min = 0, .max = 1024,           \
      .def = "0", .arg = "N", .help = "step between two frames of a clip (0: 4)" },      \
    { .name = "patch", .kind = VS_OPT_INT, AT(patch), .min = 0, .max = 1024, .def = "0", \
      .arg = "PIXELS", .help = "side of a token (0: 16)" },                              \
    { .name = "tubelet", .kind = VS_OPT_INT, AT(tubelet), .min = 0, .max = 1024,         \
      .def = "0", .arg = "N", .help = "frames of a token (0: 2)" }

#define OPTS_OPTIMISER(batch_, epochs_, lr_, min_lr_, warmup_, beta2_)                   \
    { .name = "batch", .kind = VS_OPT_INT, AT(batch), .def = batch_, .min = 1,           \
      .max = 65536, .arg = "CLIPS", .help = "clips of one pass" },                       \
    { .name = "accumulate", .kind = VS_OPT_INT, AT(accumulate), .def = "1", .min = 1,    \
      .max = 65536, .arg = "N",                                                          \
      .help = "passes of one step; the effective batch is batch x N" },                  \
    { .name = "epochs", .kind = VS_OPT_INT, AT(epochs), .def = epochs_, .min = 1,        \
      .max = 1e6, .arg = "N", .help = "times through the data" },                        \
    { .name = "steps", .kind = VS_OPT_LONG, AT(steps), .def = "0", .min = 0,             \
      .max = 1e12, .arg = "N", .help = "steps of the whole run, instead of --epochs" },  \
    { .name = "lr", .kind = VS_OPT_REAL, AT(lr), .def = lr_, .min = 0, .max = 1e3,       \
      .help = "learning rate per 256 clips of effective batch" },                        \
    { .name = "min-lr", .kind = VS_OPT_REAL, AT(min_lr), .def = min_lr_, .min = 0,       \
      .max = 1e3, .help = "where the cosine ends (scaled as lr)" },                      \
    { .name = "warmup-lr", .kind = VS_OPT_REAL, AT(warmup_lr), .def = "1e-6", .min = 0,  \
      .max = 1e3, .help = "where the warm-up starts (scaled as lr)" },                   \
    { .name = "warmup-epochs", .kind = VS_OPT_REAL, AT(warmup_epochs), .def = warmup_,   \
      .min = 0, .max = 1e6, .arg = "N",                                                  \
      .help = "length of the linear warm-up, at most half of the run" },                 \
    { .name = "weight-decay", .kind = VS_OPT_REAL, AT(weight_decay), .def = "0.05",      \
      .min = 0, .max = 10, .help = "AdamW; none on vectors, biases, mask token" },       \
    { .name = "beta1", .kind = VS_OPT_REAL, AT(beta1), .def = "0.9", .min = 0,           \
      .max = 0.999999, .help = "AdamW" },                                                \
    { .name = "beta2", .kind = VS_OPT_REAL, AT(beta2), .def = beta2_, .min = 0,          \
      .max = 0.9999999, .help = "AdamW" },                                               \
    { .name = "clip-norm", .kind = VS_OPT_REAL, AT(clip_norm), .def = "0", .min = 0,     \
      .max = 1e9, .help = "limit of the gradient's norm (0: none)" }

const vs_opt vs_pretrain_opts[] = {
    { .name = "store", .kind = VS_OPT_TEXT, AT(store), .arg = "STORE",
      .help = "clips to learn from" },
    { .name = "split", .kind = VS_OPT_TEXT, AT(split), .arg = "NAME",
      .help = "split of the store (default: all clips)" },
    { .name = "scene", .kind = VS_OPT_TEXT, AT(scene), .arg = "STAGE",
      .help = "instead of a store: synthetic scenes drawn on the fly" },
    { .name = "virtual-size", .kind = VS_OPT_LONG, AT(virtual_size), .def = "9537", .min = 1,
      .max = 4e9, .arg = "VIDEOS", .help = "with --scene: videos of one epoch" },
    { .name = "scene-size", .kind = VS_OPT_INT, AT(scene_size), .def = "256", .min = 16,
      .max = 4096, .arg = "PIXELS", .help = "with --scene: side of a drawn frame" },
    { .name = "scene-fixed", .kind = VS_OPT_FLAG, AT(scene_fixed),
      .help = "with --scene: the same videos in every epoch" },
    OPTS_MODEL("base"),
    { .name = "mask", .kind = VS_OPT_CHOICE, AT(mask), .def = "tube", .choices = "tube|random",
      .help = "the same cells in every time slot, or any tokens" },
    { .name = "mask-ratio", .kind = VS_OPT_REAL, AT(mask_ratio), .def = "0.75", .min = 0.01,
      .max = 0.99, .help = "share of masked cells" },
    OPTS_OPTIMISER("192", "3200", "3e-4", "1e-5", "40", "0.95"),
    OPTS_RUN,
    { 0 }
};

const vs_opt vs_finetune_opts[] = {
    { .name = "store", .kind = VS_OPT_TEXT, AT(store), .arg = "STORE",
      .help = "labelled clips (required)" },
    { .name = "split", .kind = VS_OPT_TEXT, AT(split), .def = "train", .arg = "NAME",
      .help = "split to learn from" },
    { .name = "val-split", .kind = VS_OPT_TEXT, AT(val_split), .arg = "NAME|none",
      .help = "split to watch; the best is kept (default: test where it exists)" },
    { .name = "init", .kind = VS_OPT_TEXT, AT(init), .arg = "MODEL|RUN|none",
      .help = "where the weights start (required)" },
    OPTS_MODEL(NULL),
    { .name = "drop-path", .kind = VS_OPT_REAL, AT(drop_path), .def = "0.2", .min = 0,
      .max = 0.9, .help = "of the last block, rising linearly" },
    { .name = "head-drop", .kind = VS_OPT_REAL, AT(head_drop), .def = "0.5", .min = 0,
      .max = 0.95, .help = "dropout before the head" },
    { .name = "smoothing", .kind = VS_OPT_REAL, AT(smoothing), .def = "0.1", .min = 0,
      .max = 0.9, .help = "of labels" },
    { .name = "head-scale", .kind = VS_OPT_REAL, AT(head_scale), .def = "0.001", .min = 0,
      .max = 1000, .help = "initial scale of the head" },
    { .name = "layer-decay", .kind = VS_OPT_REAL, AT(layer_decay), .def = "0.7", .min = 0.01,
      .max = 1, .help = "factor of the learning rate per layer below the head" },
    { .name = "flip", .kind = VS_OPT_FLAG, AT(flip), .def = "true",
      .help = "mirror half of the clips (--no-flip where left and right matter)" },
    { .name = "crop-area", .kind = VS_OPT_REAL, AT(crop_area), .def = "0.08", .min = 0.01,
      .max = 1, .help = "least share of the frame that a training crop keeps" },
    { .name = "eval-every", .kind = VS_OPT_INT, AT(eval_every), .def = "1", .min = 1,
      .max = 1e6, .arg = "EPOCHS", .help = "epochs between two looks at --val-split" },
    OPTS_OPTIMISER("64", "100", "5e-4", "1e-6", "5", "0.999"),
    OPTS_RUN,
    { 0 }
};

/* ---- Presets: differences from the table above ------------------------------------- */

struct preset {
    const char *name, *command;
    const char *const *set;        /* name, value, ..., NULL */
    const char *lacks;             /* what of the published recipe is not done, or NULL */
};

#define LACKS_AUGMENT "mixup, cutmix, RandAugment, random erasing, repeated augmentation"

static const char *const no_change[] = { NULL };
static const char *const synthetic[] = { "scene", "accelerating-shapes", "virtual-size",
                                         "9537", NULL };
static const char *const base_model[] = { "model", "base", NULL };
static const char *const hmdb51[] = { "model", "base", "lr", "1e-3", NULL };
/* Not published: a few minutes of two CPU cores, small labelled sets. */
static const char *const quick_pretrain[] = { "model", "micro", "batch", "16", "steps", "800",
                                              "lr", "3e-3", "warmup-epochs", "5", NULL };
static const char *const quick_finetune[] = {
    "batch", "16", "steps", "768", "val-split", "none", "lr", "1.6e-2", "warmup-epochs", "1",
    "layer-decay", "1", "drop-path", "0", "head-drop", "0", "smoothing", "0", "head-scale", "1",
    "crop-area", "0.8", NULL };
static const struct preset presets[] = {
    { "ucf101-pretrain", "pretrain", no_change },
    { "synthetic-pretrain", "pretrain", synthetic },
    { "ucf101-finetune", "finetune", base_model, LACKS_AUGMENT },
    { "hmdb51-finetune", "finetune", hmdb51, LACKS_AUGMENT },
    { "quick-pretrain", "pretrain", quick_pretrain },
    { "quick-finetune", "finetune", quick_finetune },
};
#define N_PRESETS ((int)(sizeof(presets) / sizeof(*presets)))

static vs_err unknown_preset(const char *name)
{
    const char *names[N_PRESETS];
    for (int i = 0; i < N_PRESETS; i++)
        names[i] = presets[i].name;
    const char *near = vs_nearest(name, names, N_PRESETS);
    return VS_FAIL(VS_ERR_USAGE, "--preset: unknown preset \"%s\"%s%s%s", name,
                   near ? ", did you mean " : "", near ? near : "", near ? "?" : "");
}

static vs_err apply_preset(vs_config *c, const char *name)
{
    const struct preset *p = NULL;
    for (int i = 0; i < N_PRESETS; i++)
        if (strcmp(presets[i].name, name) == 0)
            p = &presets[i];
    if (!p)
        return unknown_preset(name);
    if (strcmp(p->command, c->command) != 0)
        return VS_FAIL(VS_ERR_USAGE, "--preset: %s is for vsyn-train %s, not %s", name,
                       p->command, c->command);
    if (p->lacks)
        vs_warn("--preset %s: still without %s, which the published recipe has", name, p->lacks);
    for (int i = 0; p->set[i]; i += 2)
        VS_TRY(vs_opts_set(c->opts, c->settings, p->set[i], p->set[i + 1], name));
    return VS_OK;
}

/* ---- What a resumed run may change ------------------------------------------------- */

/* About this call, not about the run: neither taken from the run nor compared. */
static const char *const of_call[] = { "jobs", "quiet", "json", "out", "config", "preset",
                                       "resume", "stop-at", "loaders", "device", NULL };
/* Taken from the run, but free to change. */
static const char *const harmless[] = { "log-every", "save-every", "keep-every",
                                        "eval-every", NULL };

static bool among(const char *const *names, const char *name)
{
    for (; *names; names++)
        if (strcmp(*names, name) == 0)
            return true;
    return false;
}

static const char *value_text(char text[160], const json_t *v)
{
    char *dump = v ? json_dumps(v, JSON_ENCODE_ANY | JSON_REAL_PRECISION(8)) : NULL;
    snprintf(text, 160, "%s", dump && !json_is_null(v) ? dump : "not set");
    free(dump);
    return text;
}

static vs_err refuse_changes(const vs_config *c, const json_t *old)
{
    json_t *now = vs_opts_record(c->opts, c->settings);
    vs_err err = VS_OK;
    for (const vs_opt *o = c->opts; err == VS_OK && o->name; o++) {
        const json_t *a = json_object_get(old, o->name), *b = json_object_get(now, o->name);
        char was[160], is[160];
        if (among(of_call, o->name) || among(harmless, o->name))
            continue;
        if (!a || !json_equal(a, b))
            err = VS_FAIL(VS_ERR_USAGE, "--%s: the run in %s has %s, not %s; a resumed run "
                          "keeps its settings (choose another --out for a new one)", o->name,
                          c->settings->out, value_text(was, a), value_text(is, b));
    }
    json_decref(now);
    return err;
}

/* ---- Reading ----------------------------------------------------------------------- */

/* The settings in a file: a plain object, or the "settings" of a run's config.json. */
static vs_err load_settings(json_t **out, const char *path, const char *command)
{
    VS_TRY(vs_json_load(out, path));
    json_t *inner = json_object_get(*out, "settings");
    if (!inner)
        return VS_OK;
    const char *made_by = json_string_value(json_object_get(*out, "command"));
    if (command && (!made_by || strcmp(made_by, command) != 0))
        return VS_FAIL(VS_ERR_USAGE, "%s: belongs to vsyn-train %s, not %s", path,
                       made_by ? made_by : "(unknown)", command);
    json_incref(inner);
    json_decref(*out);
    *out = inner;
    for (int i = 0; of_call[i]; i++)
        if (strcmp(of_call[i], "preset") != 0 && strcmp(of_call[i], "config") != 0)
            json_object_del(inner, of_call[i]);
    return VS_OK;
}

static bool same_text(const json_t *record, const char *key, const char *text)
{
    const char *was = json_string_value(json_object_get(record, key));
    return was && text && strcmp(was, text) == 0;
}

static void keep_real_path(vs_config *c, const char **path)
{
    char *real = *path ? realpath(*path, NULL) : NULL;
    if (real)
        *path = vs_config_keep(c, real);
}

static vs_err find_run(vs_config *c)
{
    const vs_train_settings *s = c->settings;
    char *path = vs_path_join(s->out, "config.json");
    vs_err err = VS_OK;
    if (!vs_path_exists(path)) {
        char **names = NULL;
        int n = 0;
        if (vs_path_is_dir(s->out) && vs_dir_list(s->out, &names, &n) == VS_OK && n > 0 &&
            !(n == 1 && strcmp(names[0], "lock") == 0))
            err = VS_FAIL(VS_ERR_USAGE, "--out %s: the folder is neither empty nor a run "
                          "(it has no config.json)", s->out);
        else if (vs_path_exists(s->out) && !vs_path_is_dir(s->out))
            err = VS_FAIL(VS_ERR_USAGE, "--out %s: is not a folder", s->out);
        vs_names_free(names, n);
    } else if (!s->resume) {
        err = VS_FAIL(VS_ERR_USAGE, "--out %s: a run is there already, and --no-resume was given",
                      s->out);
    } else {
        c->resumed = true;
        err = load_settings(&c->record, path, c->command);
    }
    free(path);
    return err;
}

static vs_err apply_in_order(vs_config *c, vs_call *call)
{
    vs_train_settings *s = c->settings;
    const char *preset = s->preset, *file = s->config;
    const int jobs = s->common.jobs;
    memset(s, 0, sizeof(*s));
    vs_opts_defaults(c->opts, s);
    if (c->resumed)
        VS_TRY(vs_opts_load(c->opts, s, c->record, "config.json of the run"));
    if (preset && !(c->resumed && same_text(c->record, "preset", preset)))
        VS_TRY(apply_preset(c, preset));
    if (file && !(c->resumed && same_text(c->record, "config", file))) {
        VS_TRY(load_settings(&c->file, file, NULL));
        VS_TRY(vs_opts_load(c->opts, s, c->file, file));
    }
    VS_TRY(vs_call_again(call));
    s->common.jobs = jobs > 0 ? jobs : vs_cpu_count();
    keep_real_path(c, &s->store);
    if (s->init && strcmp(s->init, "none") != 0)
        keep_real_path(c, &s->init);
    return VS_OK;
}

vs_err vs_config_read(vs_config *config, vs_call *call)
{
    *config = (vs_config){ .settings = call->settings, .opts = call->command->opts,
                           .command = call->command->name };
    VS_TRY(find_run(config));
    VS_TRY(apply_in_order(config, call));
    return config->resumed ? refuse_changes(config, config->record) : VS_OK;
}

vs_err vs_config_write(const vs_config *config)
{
    json_t *root = json_object();
    json_object_set_new(root, "command", json_string(config->command));
    json_object_set_new(root, "version", json_string(VS_VERSION));
    json_object_set_new(root, "settings", vs_opts_record(config->opts, config->settings));
    char *path = vs_path_join(config->settings->out, "config.json");
    const vs_err err = vs_json_save(path, root);
    free(path);
    return err;
}

const char *vs_config_keep(vs_config *config, char *text)
{
    VS_PUSH(config->kept, config->n_kept, text);
    return text;
}

void vs_config_free(vs_config *config)
{
    vs_names_free(config->kept, config->n_kept);
    json_decref(config->record);
    json_decref(config->file);
    *config = (vs_config){ 0 };
}

/* ---- The model --------------------------------------------------------------------- */

vs_err vs_config_model(vs_model_config *out, vs_config *config, vs_task task,
                       const vs_model_config *base)
{
    vs_train_settings *s = config->settings;
    if (base) {
        *out = *base;
        out->task = task;
        if (s->model && strcmp(s->model, base->size) != 0)
            return VS_FAIL(VS_ERR_USAGE, "--model %s: the checkpoint is of size %s (leave the "
                           "option out)", s->model, base->size);
    } else {
        VS_TRY(vs_model_config_named(out, task, s->model ? s->model : "base"));
    }
    if (s->size)
        out->H = out->W = s->size;
    if (s->frames)
        out->T = s->frames;
    if (s->stride)
        out->stride = s->stride;
    if (s->patch)
        out->patch = s->patch;
    if (s->tubelet)
        out->tubelet = s->tubelet;
    if (out->stride < 1)
        out->stride = 4;
    s->model = vs_config_keep(config, vs_strdup(out->size));
    s->size = out->H;
    s->frames = out->T;
    s->stride = out->stride;
    s->patch = out->patch;
    s->tubelet = out->tubelet;
    return VS_OK;
}
