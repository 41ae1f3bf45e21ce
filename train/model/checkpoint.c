/* Weights of a model, from a file of whatever container (weights.h).
 *
 * Read in Hugging Face VideoMAE names and in the original ones. What differs besides names:
 * Hugging Face keeps query, key and value as three tensors, and its newer releases call
 * q_bias and v_bias query.bias and value.bias, with a key.bias of zeros. Loading is all or
 * nothing: the model changes after the whole file was found good, and the message of a file
 * that is not lists every tensor that is missing, unexpected or of another shape.
 */
#include "train/model/checkpoint.h"

#include <stdarg.h>
#include <stdio.h>
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
    static const char *const name[] = { "model.safetensors", "pytorch_model.bin",
                                        VS_ORIGINAL_FILE, "model.safetensors" };
    if (!vs_path_is_dir(path))
        return vs_strdup(path);
    for (int i = 0;; i++) {
        char *file = vs_path_join(path, name[i]);
        if (i == 3 || vs_path_exists(file))
            return file;
        free(file);
    }
}

char *vs_checkpoint_config(const char *path)
{
    if (vs_path_is_dir(path))
        return vs_path_join(path, "config.json");
    const int n = (int)(vs_path_base(path) - path);
    return vs_strf("%.*sconfig.json", n, path);
}

vs_err vs_checkpoint_naming(vs_naming *out, const vs_weights *file, const char *path)
{
    for (int i = 0; i < 3; i++)
        if (vs_weights_find(file, vs_patch_weight_name[i])) {
            *out = (vs_naming)i;
            return VS_OK;
        }
    return VS_FAIL(VS_ERR_CORRUPT, "%s: not a VideoMAE checkpoint: none of %s, %s, %s is there",
                   path, vs_patch_weight_name[0], vs_patch_weight_name[1],
                   vs_patch_weight_name[2]);
}

/* ---- Reading ----------------------------------------------------------------------- */

/* Names of one kind, for the message. */
struct names {
    char text[640];
    int n;
};

struct reading {
    const vs_weights *file;
    const char *path;
    vs_naming naming;
    bool allow_head;
    bool *used;                    /* by tensor of the file */
    struct names missing, unexpected, different;
};

enum { NAMED = 5 };                /* of each kind; the others are counted */

__attribute__((format(printf, 2, 3)))
static void note(struct names *to, const char *fmt, ...)
{
    const size_t at = strlen(to->text);
    va_list ap;
    va_start(ap, fmt);
    if (to->n < NAMED && at + 3 < sizeof(to->text)) {
        const int comma = to->n ? snprintf(to->text + at, sizeof(to->text) - at, ", ") : 0;
        vsnprintf(to->text + at + comma, sizeof(to->text) - at - (size_t)comma, fmt, ap);
    }
    to->n++;
    va_end(ap);
}

static void mark(struct reading *r, const vs_tensor *t)
{
    r->used[t - vs_weights_at(r->file, 0)] = true;
}

static bool same_shape(const vs_tensor *t, int rank, const int64_t *shape)
{
    bool same = t->rank == rank;
    for (int i = 0; same && i < rank; i++)
        same = t->shape[i] == shape[i];
    return same;
}

/* What is wrong with a tensor is noted; the reading goes on. */
static void read_tensor(struct reading *r, float *to, const char *name, int rank,
                        const int64_t *shape)
{
    const vs_tensor *t = vs_weights_find(r->file, name);
    char is[96], want[96];
    if (!t) {
        note(&r->missing, "%s", name);
        return;
    }
    mark(r, t);
    if (vs_tensor_widens(t) && same_shape(t, rank, shape)) {
        vs_tensor_widen(to, t);
        return;
    }
    vs_tensor expected = { .rank = rank };
    memcpy(expected.shape, shape, sizeof(*shape) * (size_t)rank);
    note(&r->different, "%s is %s %s, expected F32 %s", name, vs_dtype_name(t->dtype),
         vs_tensor_shape_text(is, t), vs_tensor_shape_text(want, &expected));
}

static void read_thirds(struct reading *r, float *to, const vs_layout_entry *e)
{
    static const char *const third[3] = { "query", "key", "value" };
    const int64_t D = e->param.shape[1], shape[2] = { D, D };
    const char *at = strstr(e->hf, "%s");
    for (int i = 0; i < 3; i++) {
        char *name = vs_strf("%.*s%s%s", (int)(at - e->hf), e->hf, third[i], at + 2);
        read_tensor(r, to + i * D * D, name, 2, shape);
        free(name);
    }
}

/* A bias of keys is not part of the model; zeros, as newer releases write, do no harm. */
static vs_err skip_zero_key_bias(struct reading *r, const char *name)
{
    const vs_tensor *t = vs_weights_find(r->file, name);
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
    /* Neither: name the one that we write. */
    const bool newer = vs_weights_find(r->file, name) != NULL;
    read_tensor(r, to, newer ? name : e->hf, e->param.rank, e->param.shape);
    const vs_err err = query ? skip_zero_key_bias(r, key) : VS_OK;
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
    const vs_tensor *t = vs_weights_find(r->file, name);
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
    if (hf && e->qkv) {
        read_thirds(r, to, e);
        return VS_OK;
    }
    if (hf && (strstr(e->hf, ".q_bias") || strstr(e->hf, ".v_bias")) &&
        !vs_weights_find(r->file, e->hf))
        return read_newer_bias(r, to, e);
    /* The encoder of a pre-trained model, read into a classifier. */
    const bool inside = r->naming == VS_NAMES_PRETRAIN && r->allow_head && !is_head(p->name) &&
                        strncmp(p->name, "encoder.", 8) != 0;
    char *name = vs_strf("%s%s", inside ? "encoder." : "", hf ? e->hf : p->name);
    read_tensor(r, to, name, p->rank, p->shape);
    free(name);
    return VS_OK;
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

static void find_unexpected(struct reading *r)
{
    char shape[96];
    for (int i = 0; i < vs_weights_count(r->file); i++) {
        const vs_tensor *t = vs_weights_at(r->file, i);
        if (!r->used[i] && !(r->allow_head && is_pretraining_only(t->name)))
            note(&r->unexpected, "%s %s", t->name, vs_tensor_shape_text(shape, t));
    }
}

/* "tensors a, b and 7 more are missing" */
static char *told(const struct names *names, const char *one, const char *many)
{
    if (names->n == 0)
        return vs_strdup("");
    char more[32] = "";
    if (names->n > NAMED)
        snprintf(more, sizeof(more), " and %d more", names->n - NAMED);
    return vs_strf("; tensor%s %s%s %s", names->n > 1 ? "s" : "", names->text, more,
                   names->n > 1 ? many : one);
}

static vs_err verdict(const struct reading *r)
{
    if (r->missing.n + r->unexpected.n + r->different.n == 0)
        return VS_OK;
    char *missing = told(&r->missing, "is missing", "are missing");
    char *unexpected = told(&r->unexpected, "is not part of this model",
                            "are not part of this model");
    char *different = told(&r->different, "", "");
    char *all = vs_strf("%s%s%s", missing, unexpected, different);
    const size_t n = strlen(all);
    const vs_err err = VS_FAIL(VS_ERR_CORRUPT, "%s: %.*s", r->path,
                               (int)(n - 2 - (all[n - 1] == ' ')), all + 2);
    free(missing);
    free(unexpected);
    free(different);
    free(all);
    return err;
}

static vs_err read_all(vs_model *m, struct reading *r)
{
    float *const slab = vs_model_host(m->layout.count);
    if (!slab)
        return VS_ERR_NOMEM;
    vs_err err = vs_model_slab_get(m, VS_SLAB_WEIGHT, slab);
    for (int i = 0; err == VS_OK && i < m->layout.n; i++)
        err = read_entry(r, slab, &m->layout.entry[i]);
    if (err == VS_OK) {
        find_unexpected(r);
        err = verdict(r);
    }
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
    vs_weights *file = NULL;
    vs_err err = vs_weights_open(&file, weights);
    if (err == VS_OK)
        err = vs_checkpoint_naming(&r.naming, file, weights);
    if (err != VS_OK)
        goto out;
    r.file = file;
    r.used = vs_new((size_t)vs_weights_count(file));
    if (r.naming == VS_NAMES_PRETRAIN && classifier && !allow_head)
        err = VS_FAIL(VS_ERR_CORRUPT, "%s: holds a pre-training model, expected a classifier",
                      weights);
    else
        err = read_all(model, &r);
out:
    free(r.used);
    vs_weights_close(&file);
    free(weights);
    return err;
}
