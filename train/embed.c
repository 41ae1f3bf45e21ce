/* See embed.h. */
#include "train/embed.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/safetensors.h"
#include "base/stop.h"
#include "train/run.h"

vs_err vs_embed_open(vs_model **out, vs_device *dev, vs_model_config *config, const char *path,
                     int classes, int batch, uint64_t seed)
{
    char *checkpoint = NULL;
    vs_err err = VS_OK;
    *out = NULL;
    if (path) {
        err = vs_run_model(&checkpoint, path);
        if (err == VS_OK)
            err = vs_model_config_read(config, NULL, NULL, checkpoint);
    }
    config->task = VS_TASK_CLASSIFY;
    config->classes = classes;
    if (config->stride < 1)
        config->stride = 4;
    if (err == VS_OK)
        err = vs_model_config_check(config);
    if (err == VS_OK)
        err = vs_model_open(out, dev, config, batch, 0, false);
    if (err == VS_OK)
        err = vs_model_init(*out, seed, 1.0f);
    if (err == VS_OK && checkpoint)
        err = vs_model_load(*out, checkpoint, true);
    free(checkpoint);
    return err;
}

static vs_err take_batch(vs_embedding *e, vs_model *model, const vs_loaded *loaded)
{
    const vs_batch batch = { .B = loaded->B, .frames = loaded->frames };
    VS_TRY(vs_model_forward(model, &batch));
    VS_TRY(vs_model_features(model, e->x + e->n * e->D));
    memcpy(e->label + e->n, loaded->label, sizeof(int) * (size_t)loaded->B);
    e->n += loaded->B;
    return VS_OK;
}

vs_err vs_embed_source(vs_embedding *out, vs_model *model, vs_source *source, int batch,
                       int threads, uint64_t seed, int view)
{
    const vs_loader_options o = { .batch = batch, .threads = threads, .seed = seed };
    const size_t all = (size_t)vs_source_count(source);
    vs_loader *loader = NULL;
    *out = (vs_embedding){ .D = vs_model_configuration(model)->dim };
    out->x = malloc(sizeof(*out->x) * all * (size_t)out->D);
    out->label = malloc(sizeof(*out->label) * all);
    if (!out->x || !out->label)
        return VS_FAIL(VS_ERR_NOMEM, "features of %zu clips do not fit in memory", all);
    vs_progress *progress = vs_progress_start("features", "clips", (int64_t)all);
    vs_err err = vs_loader_open(&loader, source, &o, view, 0);
    while (err == VS_OK && out->n < (int64_t)all) {
        const vs_loaded *loaded;
        err = vs_loader_next(loader, &loaded);
        if (err == VS_OK)
            err = take_batch(out, model, loaded);
        vs_progress_set(progress, out->n);
        if (err == VS_OK && vs_stop_requested())
            err = VS_FAIL(VS_ERR_STOPPED, "stopped; views that are finished are kept, the same "
                          "command goes on");
    }
    vs_progress_end(&progress);
    vs_loader_close(&loader);
    return err;
}

void vs_embedding_free(vs_embedding *e)
{
    free(e->x);
    free(e->label);
    *e = (vs_embedding){ 0 };
}

vs_err vs_embedding_save(const vs_embedding *e, const char *path, const char *key)
{
    int64_t *label = malloc(sizeof(*label) * (size_t)(e->n + 1));
    if (!label)
        return VS_FAIL(VS_ERR_NOMEM, "%s: no memory for labels", path);
    for (int64_t i = 0; i < e->n; i++)
        label[i] = e->label[i];
    const vs_tensor list[2] = {
        { .name = "features", .dtype = VS_DTYPE_F32, .rank = 2, .shape = { e->n, e->D },
          .data = e->x },
        { .name = "labels", .dtype = VS_DTYPE_I64, .rank = 1, .shape = { e->n }, .data = label } };
    const char *const meta[] = { "made_from", key, NULL };
    const vs_err err = vs_safetensors_write(path, list, 2, meta);
    free(label);
    return err;
}

static vs_err copy_tensors(vs_embedding *out, const vs_safetensors *file)
{
    const vs_tensor *x, *label;
    VS_TRY(vs_safetensors_need(&x, file, "features", VS_DTYPE_F32, 2, (int64_t[]){ -1, -1 }));
    VS_TRY(vs_safetensors_need(&label, file, "labels", VS_DTYPE_I64, 1, &x->shape[0]));
    *out = (vs_embedding){ .n = x->shape[0], .D = (int)x->shape[1] };
    out->x = malloc(sizeof(float) * (size_t)(vs_tensor_count(x) + 1));
    out->label = malloc(sizeof(int) * (size_t)(out->n + 1));
    if (!out->x || !out->label) {
        vs_embedding_free(out);
        return VS_FAIL(VS_ERR_NOMEM, "features of %lld clips do not fit", (long long)x->shape[0]);
    }
    memcpy(out->x, x->data, sizeof(float) * (size_t)vs_tensor_count(x));
    for (int64_t i = 0; i < out->n; i++) {
        int64_t value;
        memcpy(&value, (const char *)label->data + i * 8, sizeof(value));
        out->label[i] = (int)value;
    }
    return VS_OK;
}

vs_err vs_embedding_load(vs_embedding *out, const char *path, const char *key)
{
    vs_safetensors *file = NULL;
    *out = (vs_embedding){ 0 };
    if (!vs_path_exists(path))
        return VS_ERR_END;
    VS_TRY(vs_safetensors_open(&file, path));
    const char *made_from = vs_safetensors_meta(file, "made_from");
    const bool same = made_from && strcmp(made_from, key) == 0;
    const vs_err err = same ? copy_tensors(out, file) : VS_ERR_END;
    vs_safetensors_close(&file);
    return err;
}
