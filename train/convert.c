/* vsyn-train export and import: a model to and from the files of others. Both go through a
 * model of this program, so every tensor is checked by name and shape on the way. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "train/commands.h"
#include "train/model/checkpoint.h"
#include "train/run.h"

struct settings {
    vs_common common;
    const char *model, *out, *config, *classes;
    int format;
    int size, frames, stride, heads, dec_heads;
};

#define AT(field) .at = offsetof(struct settings, field)
const vs_opt vs_export_opts[] = {
    { .name = "model", .kind = VS_OPT_TEXT, AT(model), .arg = "RUN|MODEL", .required = true,
      .help = "a run (its best checkpoint) or a model" },
    { .name = "format", .kind = VS_OPT_CHOICE, AT(format), .def = "huggingface",
      .choices = "huggingface|original",
      .help = "names of Hugging Face transformers or of VideoMAE's own code" },
    { .name = "out", .kind = VS_OPT_TEXT, AT(out), .arg = "DIR", .required = true,
      .help = "folder to write" },
    VS_OPTS_COMMON(struct settings),
    { 0 }
};
const vs_opt vs_import_opts[] = {
    { .name = "out", .kind = VS_OPT_TEXT, AT(out), .arg = "MODEL", .required = true,
      .help = "folder to write" },
    { .name = "config", .kind = VS_OPT_TEXT, AT(config), .arg = "FILE",
      .help = "config.json of the model (default: the one beside the file)" },
    { .name = "classes", .kind = VS_OPT_TEXT, AT(classes), .arg = "FILE",
      .help = "names of the classes, one a line" },
    { .name = "size", .kind = VS_OPT_INT, AT(size), .def = "0", .min = 0, .max = 4096,
      .arg = "PIXELS", .help = "without config.json: side of the input (0: 224)" },
    { .name = "frames", .kind = VS_OPT_INT, AT(frames), .def = "0", .min = 0, .max = 1024,
      .arg = "N", .help = "without config.json: frames of a clip (0: 16)" },
    { .name = "stride", .kind = VS_OPT_INT, AT(stride), .def = "0", .min = 0, .max = 1024,
      .arg = "N", .help = "step between two frames of a clip (0: as in config.json, else 4)" },
    { .name = "heads", .kind = VS_OPT_INT, AT(heads), .def = "0", .min = 0, .max = 256,
      .arg = "N", .help = "without config.json: heads (0: as usual for the width)" },
    { .name = "decoder-heads", .kind = VS_OPT_INT, AT(dec_heads), .def = "0", .min = 0,
      .max = 256, .arg = "N", .help = "without config.json: heads of the decoder" },
    VS_OPTS_COMMON(struct settings),
    { 0 }
};
const size_t vs_convert_settings_size = sizeof(struct settings);

/* ---- Both --------------------------------------------------------------------------- */

/* A model on the CPU that computes nothing: only its tensors matter. */
static vs_err open_model(vs_model **out, vs_device **dev, const vs_model_config *c)
{
    VS_TRY(vs_device_open_cpu(dev, 1));
    return vs_model_open(out, *dev, c, 1, 1, false);
}

static vs_err empty_folder(const char *dir)
{
    char **names = NULL;
    int n = 0;
    if (vs_path_exists(dir) && !vs_path_is_dir(dir))
        return VS_FAIL(VS_ERR_USAGE, "--out %s: is not a folder", dir);
    if (!vs_path_is_dir(dir))
        return VS_OK;
    VS_TRY(vs_dir_list(dir, &names, &n));
    vs_names_free(names, n);
    return n == 0 ? VS_OK : VS_FAIL(VS_ERR_USAGE, "--out %s: the folder is not empty", dir);
}

static void print_result(const struct settings *s, const vs_model_config *c, const char *from)
{
    const int64_t parameters = vs_model_parameters(c);
    const bool mae = c->task == VS_TASK_PRETRAIN;
    if (s->common.json) {
        vs_json_print(json_pack("{s:s, s:s, s:s, s:s, s:I, s:i}", "from", from, "out", s->out,
                                "task", mae ? "pretrain" : "classify", "size", c->size,
                                "parameters", (json_int_t)parameters, "classes", c->classes));
        return;
    }
    printf("%s: %s, %s, %lld parameters, %d frames of %dx%d", s->out,
           mae ? "autoencoder" : "classifier", c->size, (long long)parameters, c->T, c->W, c->H);
    if (!mae)
        printf(", %d classes", c->classes);
    printf("\n");
}

/* ---- Export ------------------------------------------------------------------------- */

vs_err vs_train_export(vs_call *call)
{
    const struct settings *s = call->settings;
    vs_model_config c;
    char *path = NULL, **name = NULL;
    int n = 0;
    vs_device *dev = NULL;
    vs_model *model = NULL;
    vs_err err = empty_folder(s->out);
    if (err == VS_OK)
        err = vs_run_model(&path, s->model);
    if (err == VS_OK)
        err = vs_model_config_read(&c, &name, &n, path);
    if (err == VS_OK)
        err = open_model(&model, &dev, &c);
    if (err == VS_OK)
        err = vs_model_load(model, path, false);
    if (err == VS_OK)
        err = vs_model_export(model, s->out, (vs_model_format)s->format,
                              n ? (const char *const *)name : NULL);
    if (err == VS_OK)
        print_result(s, &c, path);
    vs_model_close(&model);
    vs_device_close(&dev);
    vs_names_free(name, n);
    free(path);
    return err;
}

/* ---- Import ------------------------------------------------------------------------- */

/* One name a line; "name 3" of this project's lists would be two words of one name. */
static vs_err read_class_names(char ***out, int *n, const char *path, int classes)
{
    void *data = NULL;
    size_t size;
    char *rest = NULL;
    VS_TRY(vs_file_read(path, &data, &size));
    for (char *line = strtok_r(data, "\r\n", &rest); line; line = strtok_r(NULL, "\r\n", &rest))
        VS_PUSH(*out, *n, vs_strdup(line));
    free(data);
    return *n == classes ? VS_OK : VS_FAIL(VS_ERR_CORRUPT, "--classes %s: has %d names, the model "
                                           "%d classes", path, *n, classes);
}

static vs_err apply_options(vs_model_config *c, const struct settings *s)
{
    if (s->size)
        c->H = c->W = s->size;
    if (s->frames)
        c->T = s->frames;
    if (s->stride)
        c->stride = s->stride;
    if (s->heads)
        c->heads = s->heads;
    if (s->dec_heads)
        c->dec_heads = s->dec_heads;
    if (c->heads == 0 || (c->task == VS_TASK_PRETRAIN && c->dec_heads == 0))
        return VS_FAIL(VS_ERR_USAGE, "no known size has width %d and depth %d: --heads%s or "
                       "--config FILE must tell", c->dim, c->depth,
                       c->task == VS_TASK_PRETRAIN ? " and --decoder-heads" : "");
    return vs_model_config_check(c);
}

/* The configuration beside the file or of --config, else what the tensors tell. */
static vs_err find_config(vs_model_config *c, char ***name, int *n, const struct settings *s,
                          const char *from)
{
    char *beside = vs_checkpoint_config(s->config ? s->config : from);
    char *weights = vs_checkpoint_weights(from);
    const bool has = s->config || vs_path_exists(beside);
    vs_err err = VS_OK;
    if (has && (s->size || s->frames || s->heads || s->dec_heads))
        err = VS_FAIL(VS_ERR_USAGE, "%s: tells --size, --frames, --heads and --decoder-heads: "
                      "leave them out", s->config ? s->config : beside);
    else if (has)
        err = vs_model_config_file(c, name, n, s->config ? s->config : beside);
    else
        err = vs_model_config_guess(c, weights);
    if (err == VS_OK)
        err = apply_options(c, s);
    if (err == VS_OK && s->classes && c->task != VS_TASK_CLASSIFY)
        err = VS_FAIL(VS_ERR_USAGE, "--classes: %s is not a classifier", from);
    if (err == VS_OK && s->classes) {
        vs_names_free(*name, *n);
        *name = NULL;
        *n = 0;
        err = read_class_names(name, n, s->classes, c->classes);
    }
    free(beside);
    free(weights);
    return err;
}

vs_err vs_train_import(vs_call *call)
{
    const struct settings *s = call->settings;
    const char *const from = call->args[0];
    vs_model_config c;
    char **name = NULL;
    int n = 0;
    vs_device *dev = NULL;
    vs_model *model = NULL;
    vs_err err = empty_folder(s->out);
    if (err == VS_OK && !vs_path_exists(from))
        err = VS_FAIL(VS_ERR_IO, "%s: no such file or folder", from);
    if (err == VS_OK)
        err = find_config(&c, &name, &n, s, from);
    if (err == VS_OK)
        err = open_model(&model, &dev, &c);
    if (err == VS_OK)
        err = vs_model_load(model, from, false);
    if (err == VS_OK)
        err = vs_model_export(model, s->out, VS_FORMAT_HUGGINGFACE,
                              n ? (const char *const *)name : NULL);
    if (err == VS_OK)
        print_result(s, &c, from);
    vs_model_close(&model);
    vs_device_close(&dev);
    vs_names_free(name, n);
    return err;
}
