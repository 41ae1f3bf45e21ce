#include "train/config.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/pool.h"
#include "base/version.h"
#include "train/presets.h"

/* ---- What a resumed run may change ------------------------------------------------- */

/* About this call, not about the run: neither taken from the run nor compared. */
static const char *const of_call[] = { "jobs", "quiet", "json", "out", "config", "preset",
                                       "resume", "stop-at", "loaders", "device", "draw", NULL };
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
        VS_TRY(vs_preset_set(c->opts, c->settings, c->command, preset));
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
