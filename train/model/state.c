/* What a run must remember beside its weights: DIR/train_state.safetensors holds the moments
 * of AdamW as m.NAME and v.NAME (original tensor names) and the trainer's record as JSON text
 * in the metadata under "record". */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "train/model/checkpoint.h"
#include "train/model/model_priv.h"

static const vs_slab slab_of[2] = { VS_SLAB_M, VS_SLAB_V };

vs_err vs_model_state_save(vs_model *model, const char *dir, const json_t *record)
{
    VS_ASSERT(model->training);
    const int n = model->layout.n;
    float *const host = vs_model_host(2 * model->layout.count);
    if (!host)
        return VS_ERR_NOMEM;
    vs_tensor *const list = vs_new(sizeof(vs_tensor) * 2 * (size_t)n);
    char *const path = vs_path_join(dir, "train_state.safetensors");
    char *const text = json_dumps(record, JSON_COMPACT | JSON_REAL_PRECISION(17));
    VS_ASSERT(text);
    vs_err err = VS_OK;
    for (int k = 0; k < 2; k++) {
        float *const slab = host + k * model->layout.count;
        if (err == VS_OK)
            err = vs_model_slab_get(model, slab_of[k], slab);
        for (int i = 0; i < n; i++) {
            const vs_param *const p = &model->layout.entry[i].param;
            vs_tensor *const t = &list[k * n + i];
            *t = (vs_tensor){ .name = vs_strf("%c.%s", "mv"[k], p->name), .dtype = VS_DTYPE_F32,
                              .rank = p->rank, .data = slab + p->offset };
            memcpy(t->shape, p->shape, sizeof(p->shape));
        }
    }
    if (err == VS_OK)
        err = vs_safetensors_write(path, list, 2 * n, (const char *[]){ "record", text, NULL });
    for (int i = 0; i < 2 * n; i++)
        free((char *)list[i].name);
    free(list);
    free(host);
    free(text);
    free(path);
    return err;
}

static vs_err read_moments(vs_model *m, const vs_safetensors *file, const char *path)
{
    float *const host = vs_model_host(2 * m->layout.count);
    if (!host)
        return VS_ERR_NOMEM;
    vs_err err = VS_OK;
    for (int k = 0; k < 2 * m->layout.n && err == VS_OK; k++) {
        const vs_param *const p = &m->layout.entry[k % m->layout.n].param;
        const int which = k / m->layout.n;
        char *const name = vs_strf("%c.%s", "mv"[which], p->name);
        const vs_tensor *t;
        err = vs_safetensors_need(&t, file, name, VS_DTYPE_F32, p->rank, p->shape);
        if (err == VS_OK)
            memcpy(host + which * m->layout.count + p->offset, t->data,
                   sizeof(float) * (size_t)p->count);
        free(name);
    }
    if (err == VS_OK && vs_safetensors_count(file) != 2 * m->layout.n)
        err = VS_FAIL(VS_ERR_CORRUPT, "%s: holds %d tensors, expected %d of this model", path,
                      vs_safetensors_count(file), 2 * m->layout.n);
    for (int k = 0; k < 2 && err == VS_OK; k++)
        err = vs_model_slab_set(m, slab_of[k], host + k * m->layout.count);
    free(host);
    return err;
}

vs_err vs_model_state_load(vs_model *model, const char *dir, json_t **record)
{
    VS_ASSERT(model->training);
    char *const path = vs_path_join(dir, "train_state.safetensors");
    vs_safetensors *file = NULL;
    *record = NULL;
    vs_err err = vs_safetensors_open(&file, path);
    if (err != VS_OK)
        goto out;
    const char *text = vs_safetensors_meta(file, "record");
    if (text)
        err = vs_json_parse(record, text, strlen(text), path);
    else
        err = VS_FAIL(VS_ERR_CORRUPT, "%s: not a training state, it has no record", path);
    if (err == VS_OK)
        err = read_moments(model, file, path);
out:
    if (err != VS_OK) {
        json_decref(*record);
        *record = NULL;
    }
    vs_safetensors_close(&file);
    free(path);
    return err;
}
