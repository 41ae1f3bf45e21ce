/* Weights of a model, to and from safetensors.
 *
 * Written in Hugging Face VideoMAE names; read in those and in the original ones. What
 * differs besides names: Hugging Face keeps query, key and value as three tensors, and its
 * newer releases call q_bias and v_bias query.bias and value.bias, with a key.bias of zeros.
 * Loading is all or nothing: the model changes after the whole file was found good.
 */
#include "train/model/checkpoint.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "train/model/model_priv.h"

const char *const vs_patch_weight_name[3] = {
    "encoder.patch_embed.proj.weight", "patch_embed.proj.weight",
    "videomae.embeddings.patch_embeddings.projection.weight",
};

char *vs_checkpoint_weights(const char *path)
{
    return vs_path_is_dir(path) ? vs_path_join(path, "model.safetensors") : vs_strdup(path);
}

char *vs_checkpoint_config(const char *path)
{
    if (vs_path_is_dir(path))
        return vs_path_join(path, "config.json");
    const int n = (int)(vs_path_base(path) - path);
    return vs_strf("%.*sconfig.json", n, path);
}

vs_err vs_checkpoint_naming(vs_naming *out, const vs_safetensors *file, const char *path)
{
    for (int i = 0; i < 3; i++)
        if (vs_safetensors_find(file, vs_patch_weight_name[i])) {
            *out = (vs_naming)i;
            return VS_OK;
        }
    return VS_FAIL(VS_ERR_CORRUPT, "%s: not a VideoMAE checkpoint: none of %s, %s, %s is there",
                   path, vs_patch_weight_name[0], vs_patch_weight_name[1],
                   vs_patch_weight_name[2]);
}

/* ---- Reading ----------------------------------------------------------------------- */

struct reading {
    const vs_safetensors *file;
    const char *path;
    vs_naming naming;
    bool allow_head;
    bool *used;                    /* by tensor of the file */
};

static void mark(struct reading *r, const vs_tensor *t)
{
    r->used[t - vs_safetensors_at(r->file, 0)] = true;
}

static vs_err read_tensor(struct reading *r, float *to, const char *name, int rank,
                          const int64_t *shape)
{
    const vs_tensor *t;
    VS_TRY(vs_safetensors_need(&t, r->file, name, VS_DTYPE_F32, rank, shape));
    memcpy(to, t->data, sizeof(float) * (size_t)vs_tensor_count(t));
    mark(r, t);
    return VS_OK;
}

static vs_err read_thirds(struct reading *r, float *to, const vs_layout_entry *e)
{
    static const char *const third[3] = { "query", "key", "value" };
    const int64_t D = e->param.shape[1], shape[2] = { D, D };
    const char *at = strstr(e->hf, "%s");
    for (int i = 0; i < 3; i++) {
        char *name = vs_strf("%.*s%s%s", (int)(at - e->hf), e->hf, third[i], at + 2);
        const vs_err err = read_tensor(r, to + i * D * D, name, 2, shape);
        free(name);
        VS_TRY(err);
    }
    return VS_OK;
}

/* A bias of keys is not part of the model; zeros, as newer releases write, do no harm. */
static vs_err skip_zero_key_bias(struct reading *r, const char *name)
{
    const vs_tensor *t = vs_safetensors_find(r->file, name);
    if (!t)
        return VS_OK;
    const uint8_t *byte = t->data;
    for (int64_t i = 0; i < vs_tensor_count(t) * (int64_t)vs_dtype_bytes(t->dtype); i++)
        if (byte[i])
            return VS_FAIL(VS_ERR_CORRUPT,
                           "%s: tensor %s is not zero, but VideoMAE has no bias of keys", r->path,
                           name);
    mark(r, t);
    return VS_OK;
}

/* "...attention.q_bias" under its newer name "...attention.query.bias". */
static vs_err read_newer_bias(struct reading *r, float *to, const vs_layout_entry *e)
{
    const size_t n = strlen(e->hf) - strlen("q_bias");
    const bool query = e->hf[n] == 'q';
    char *name = vs_strf("%.*s%s.bias", (int)n, e->hf, query ? "query" : "value");
    char *key = vs_strf("%.*skey.bias", (int)n, e->hf);
    vs_err err;
    if (vs_safetensors_find(r->file, name))
        err = read_tensor(r, to, name, e->param.rank, e->param.shape);
    else        /* neither: name the one that we write */
        err = read_tensor(r, to, e->hf, e->param.rank, e->param.shape);
    if (err == VS_OK && query)
        err = skip_zero_key_bias(r, key);
    free(name);
    free(key);
    return err;
}

static bool is_head(const char *name)
{
    return strncmp(name, "fc_norm.", 8) == 0 || strncmp(name, "head.", 5) == 0;
}

/* With allow_head: may this tensor keep its value? Not there, or made for other classes. */
static bool keeps_value(struct reading *r, const vs_param *p, const char *name)
{
    const vs_tensor *t = vs_safetensors_find(r->file, name);
    if (!r->allow_head || !is_head(p->name))
        return false;
    const bool other = t && strncmp(p->name, "head.", 5) == 0 && t->rank == p->rank &&
                       t->shape[0] != p->shape[0];
    if (other)
        mark(r, t);
    return !t || other;
}

static vs_err read_entry(struct reading *r, float *slab, const vs_layout_entry *e)
{
    const vs_param *const p = &e->param;
    float *const to = slab + p->offset;
    const bool hf = r->naming == VS_NAMES_HF;
    if (keeps_value(r, p, hf ? e->hf : p->name))
        return VS_OK;
    if (hf && e->qkv)
        return read_thirds(r, to, e);
    if (hf && (strstr(e->hf, ".q_bias") || strstr(e->hf, ".v_bias")) &&
        !vs_safetensors_find(r->file, e->hf))
        return read_newer_bias(r, to, e);
    if (hf)
        return read_tensor(r, to, e->hf, p->rank, p->shape);
    /* The encoder of a pre-trained model, read into a classifier. */
    const bool inside = r->naming == VS_NAMES_PRETRAIN && r->allow_head && !is_head(p->name) &&
                        strncmp(p->name, "encoder.", 8) != 0;
    char *name = vs_strf("%s%s", inside ? "encoder." : "", p->name);
    const vs_err err = read_tensor(r, to, name, p->rank, p->shape);
    free(name);
    return err;
}

/* Parts of a pre-trained model that a classifier has no use for. */
static bool is_pretraining_only(const char *name)
{
    static const char *const part[] = { "decoder.", "mask_token", "encoder_to_decoder.",
                                        "encoder.norm.", "videomae.layernorm." };
    for (int i = 0; i < 5; i++)
        if (strncmp(name, part[i], strlen(part[i])) == 0)
            return true;
    return false;
}

static vs_err check_unexpected(const struct reading *r)
{
    char shape[96];
    for (int i = 0; i < vs_safetensors_count(r->file); i++) {
        const vs_tensor *t = vs_safetensors_at(r->file, i);
        if (!r->used[i] && !(r->allow_head && is_pretraining_only(t->name)))
            return VS_FAIL(VS_ERR_CORRUPT, "%s: tensor %s %s is not part of this model", r->path,
                           t->name, vs_tensor_shape_text(shape, t));
    }
    return VS_OK;
}

static vs_err read_all(vs_model *m, struct reading *r)
{
    float *const slab = vs_model_host(m->layout.count);
    if (!slab)
        return VS_ERR_NOMEM;
    vs_err err = vs_model_slab_get(m, VS_SLAB_WEIGHT, slab);
    for (int i = 0; err == VS_OK && i < m->layout.n; i++)
        err = read_entry(r, slab, &m->layout.entry[i]);
    if (err == VS_OK)
        err = check_unexpected(r);
    if (err == VS_OK)
        err = vs_model_slab_set(m, VS_SLAB_WEIGHT, slab);
    free(slab);
    return err;
}

vs_err vs_model_load(vs_model *model, const char *path, bool allow_head)
{
    const bool classifier = model->c.task == VS_TASK_CLASSIFY;
    char *const weights = vs_checkpoint_weights(path);
    struct reading r = { .path = weights, .allow_head = allow_head && classifier };
    vs_safetensors *file = NULL;
    vs_err err = vs_safetensors_open(&file, weights);
    if (err == VS_OK)
        err = vs_checkpoint_naming(&r.naming, file, weights);
    if (err != VS_OK)
        goto out;
    r.file = file;
    r.used = vs_new((size_t)vs_safetensors_count(file));
    if (r.naming == VS_NAMES_PRETRAIN && classifier && !allow_head)
        err = VS_FAIL(VS_ERR_CORRUPT, "%s: holds a pre-training model, expected a classifier",
                      weights);
    else
        err = read_all(model, &r);
out:
    free(r.used);
    vs_safetensors_close(&file);
    free(weights);
    return err;
}

/* ---- Writing ----------------------------------------------------------------------- */

/* The tensors of one entry, one or three; names are owned by the list. */
static int list_entry(vs_tensor *out, const vs_layout_entry *e, const float *slab)
{
    static const char *const third[3] = { "query", "key", "value" };
    const vs_param *const p = &e->param;
    vs_tensor t = { .dtype = VS_DTYPE_F32, .rank = p->rank, .data = slab + p->offset };
    memcpy(t.shape, p->shape, sizeof(p->shape));
    if (!e->qkv) {
        t.name = vs_strdup(e->hf);
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

vs_err vs_model_save(vs_model *model, const char *dir, const char *const *class_name)
{
    static const char *const meta[] = { "format", "pt", NULL };   /* transformers asks for it */
    float *const slab = vs_model_host(model->layout.count);
    if (!slab)
        return VS_ERR_NOMEM;
    vs_tensor *const list = vs_new(sizeof(vs_tensor) * 3 * (size_t)model->layout.n);
    char *const path = vs_path_join(dir, "model.safetensors");
    int n = 0;
    vs_err err = vs_model_slab_get(model, VS_SLAB_WEIGHT, slab);
    for (int i = 0; i < model->layout.n; i++)
        n += list_entry(list + n, &model->layout.entry[i], slab);
    if (err == VS_OK)
        err = vs_dir_make(dir);
    if (err == VS_OK)
        err = vs_hf_config_write(dir, &model->c, class_name);
    if (err == VS_OK)
        err = vs_safetensors_write(path, list, n, meta);
    for (int i = 0; i < n; i++)
        free((char *)list[i].name);
    free(list);
    free(slab);
    free(path);
    return err;
}
