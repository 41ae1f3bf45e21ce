/* Weights of a model, to safetensors.
 *
 *     Hugging Face   model.safetensors, config.json, preprocessor_config.json: what
 *                    from_pretrained() reads; q_bias and v_bias under the names that every
 *                    release up to 4 has, and that later ones rename as they read
 *     original       original.safetensors in the names of VideoMAE's own code, config.json
 */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/safetensors.h"
#include "train/model/checkpoint.h"
#include "train/model/model_priv.h"

/* The tensors of one entry, one or three; names are owned by the list. */
static int list_entry(vs_tensor *out, const vs_layout_entry *e, const float *slab,
                      vs_model_format format)
{
    static const char *const third[3] = { "query", "key", "value" };
    const bool original = format == VS_FORMAT_ORIGINAL;
    const vs_param *const p = &e->param;
    vs_tensor t = { .dtype = VS_DTYPE_F32, .rank = p->rank, .data = slab + p->offset };
    memcpy(t.shape, p->shape, sizeof(p->shape));
    if (!e->qkv || original) {
        t.name = vs_strdup(original ? p->name : e->hf);
        *out = t;
        return 1;
    }
    const char *at = strstr(e->hf, "%s");
    t.shape[0] /= 3;
    for (int i = 0; i < 3; i++) {
        out[i] = t;
        out[i].name = vs_strf("%.*s%s%s", (int)(at - e->hf), e->hf, third[i], at + 2);
        out[i].data = slab + p->offset + i * p->count / 3;
    }
    return 3;
}

static vs_err write_weights(vs_model *m, const char *path, vs_model_format format)
{
    static const char *const meta[] = { "format", "pt", NULL };   /* transformers asks for it */
    float *const slab = vs_model_host(m->layout.count);
    if (!slab)
        return VS_ERR_NOMEM;
    vs_tensor *const list = vs_new(sizeof(vs_tensor) * 3 * (size_t)m->layout.n);
    int n = 0;
    for (int i = 0; i < m->layout.n; i++)
        n += list_entry(list + n, &m->layout.entry[i], slab, format);
    vs_err err = vs_model_slab_get(m, VS_SLAB_WEIGHT, slab);
    if (err == VS_OK)
        err = vs_safetensors_write(path, list, n, meta);
    for (int i = 0; i < n; i++)
        free((char *)list[i].name);
    free(list);
    free(slab);
    return err;
}

static vs_err write_model(vs_model *model, const char *dir, vs_model_format format,
                          const char *const *class_name)
{
    char *const path = vs_path_join(dir, format == VS_FORMAT_ORIGINAL ? VS_ORIGINAL_FILE
                                                                      : "model.safetensors");
    vs_err err = vs_dir_make(dir);
    if (err == VS_OK)
        err = vs_hf_config_write(dir, &model->c, class_name);
    if (err == VS_OK)
        err = write_weights(model, path, format);
    free(path);
    return err;
}

vs_err vs_model_save(vs_model *model, const char *dir, const char *const *class_name)
{
    return write_model(model, dir, VS_FORMAT_HUGGINGFACE, class_name);
}

vs_err vs_model_export(vs_model *model, const char *dir, vs_model_format format,
                       const char *const *class_name)
{
    VS_TRY(write_model(model, dir, format, class_name));
    return format == VS_FORMAT_HUGGINGFACE ? vs_hf_preprocessor_write(dir, &model->c) : VS_OK;
}
