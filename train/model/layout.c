/* Walks params.def in slab order, to describe the tensors or to bind views to them. */
#include "train/model/layout.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* One walk: `layout` collects descriptions when it is set, `slab` is where views point. */
struct walk {
    const vs_model_config *c;
    vs_param_layout *layout;
    float *slab;
    int64_t at;
    const char *prefix, *hf_prefix;
    int layer;
};

static bool ends_with(const char *text, const char *end)
{
    const size_t n = strlen(text), k = strlen(end);
    return n >= k && strcmp(text + n - k, end) == 0;
}

static void describe(struct walk *w, const char *name, const char *hf, int rank,
                     const int64_t shape[5], int64_t count)
{
    vs_layout_entry e = { .qkv = strstr(hf, "%s") != NULL };
    e.param.name = vs_strf("%s%s", w->prefix, name);
    e.hf = vs_strf("%s%s", w->hf_prefix, hf);
    e.param.rank = rank;
    memcpy(e.param.shape, shape, sizeof(e.param.shape));
    e.param.count = count;
    e.param.offset = w->at;
    e.param.layer = w->layer;
    e.param.decay = rank > 1 && !ends_with(name, ".bias") && strcmp(name, "mask_token") != 0;
    VS_PUSH(w->layout->entry, w->layout->n, e);
}

static void place(struct walk *w, float **view, const char *name, const char *hf, int rank,
                  const int64_t shape[5])
{
    int64_t count = 1;
    for (int i = 0; i < rank; i++)
        count *= shape[i];
    if (w->layout)
        describe(w, name, hf, rank, shape, count);
    if (view)
        *view = w->slab + w->at;
    w->at += count;
}

#define PLACE(owner, field, name, hf, rank, ...) \
    place(w, (owner) ? &(owner)->field : NULL, name, hf, rank, (const int64_t[5]){ __VA_ARGS__ });

static void walk_block(struct walk *w, vs_block_params *p, int64_t D, const char *prefix,
                       const char *hf_prefix, int i, int layer)
{
    char *const full = vs_strf("%s%d.", prefix, i), *const hf_full = vs_strf("%s%d.", hf_prefix, i);
    w->prefix = full;
    w->hf_prefix = hf_full;
    w->layer = layer;
#define BLOCK(field, name, hf, rank, ...) PLACE(p, field, name, hf, rank, __VA_ARGS__)
#define HOLE(n) w->at += n;
#include "train/model/params.def"
    w->prefix = w->hf_prefix = "";
    free(full);
    free(hf_full);
}

static void walk_all(struct walk *w, vs_params *p)
{
    const vs_model_config *const c = w->c;
    const bool mae = c->task == VS_TASK_PRETRAIN;
    const int64_t D = c->dim, P = 3 * (int64_t)c->tubelet * c->patch * c->patch;
    w->prefix = mae ? "encoder." : "";
    w->hf_prefix = "";
    w->layer = 0;
#define EMBED(field, name, hf, rank, ...) PLACE(p, field, name, hf, rank, __VA_ARGS__)
#include "train/model/params.def"
    for (int i = 0; i < c->depth; i++)
        walk_block(w, p ? &p->enc[i] : NULL, D, mae ? "encoder.blocks." : "blocks.",
                   "videomae.encoder.layer.", i, i + 1);
    w->prefix = w->hf_prefix = "";
    w->layer = c->depth + 1;
    if (mae) {
#define MAE(field, name, hf, rank, ...) PLACE(p, field, name, hf, rank, __VA_ARGS__)
#include "train/model/params.def"
        for (int i = 0; i < c->dec_depth; i++)
            walk_block(w, p ? &p->dec[i] : NULL, c->dec_dim, "decoder.blocks.",
                       "decoder.decoder_layers.", i, c->depth + 1);
    } else {
#define CLASSIFIER(field, name, hf, rank, ...) PLACE(p, field, name, hf, rank, __VA_ARGS__)
#include "train/model/params.def"
    }
}

void vs_layout_build(vs_param_layout *out, const vs_model_config *config)
{
    *out = (vs_param_layout){ 0 };
    struct walk w = { .c = config, .layout = out };
    walk_all(&w, NULL);
    out->count = w.at;
}

void vs_layout_free(vs_param_layout *layout)
{
    for (int i = 0; i < layout->n; i++) {
        free((char *)layout->entry[i].param.name);
        free(layout->entry[i].hf);
    }
    free(layout->entry);
    *layout = (vs_param_layout){ 0 };
}

void vs_params_bind(vs_params *out, const vs_model_config *config, float *slab)
{
    *out = (vs_params){ 0 };
    out->enc = vs_new(sizeof(*out->enc) * (size_t)config->depth);
    out->dec = vs_new(sizeof(*out->dec) * (size_t)config->dec_depth);
    struct walk w = { .c = config, .slab = slab };
    walk_all(&w, out);
}

void vs_params_free(vs_params *params)
{
    free(params->enc);
    free(params->dec);
    *params = (vs_params){ 0 };
}

int vs_layout_find(const vs_param_layout *layout, const char *name)
{
    for (int i = 0; i < layout->n; i++)
        if (strcmp(layout->entry[i].param.name, name) == 0)
            return i;
    return -1;
}
