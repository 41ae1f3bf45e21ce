/* See sources.h. */
#include "train/sources.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "train/stage.h"

static vs_err open_scene(vs_source **out, const vs_train_settings *s, const char *name,
                         int64_t videos, const vs_sample_shape *shape)
{
    const vs_stage_want want = { .name = name, .size = s->scene_size,
                                 .circles_scale = s->circles_scale, .textures = s->textures,
                                 .texture_count = s->texture_count,
                                 .seed = (uint64_t)s->common.seed, .jobs = s->common.jobs };
    vs_scene_params params;
    vs_textures *textures;
    VS_TRY(vs_stage_open(&params, &textures, &want));
    if (!textures && s->textures && s->scene)
        return VS_FAIL(VS_ERR_USAGE, "--textures: %s has flat colours", name);
    return vs_source_scene(out, &params, textures, videos, s->scene_fixed, shape);
}

static vs_err open_store(vs_source **out, vs_stores *stores, const char *path, const char *split,
                         const vs_sample_shape *shape)
{
    VS_TRY(vs_store_open(&stores->store[stores->n], path));
    stores->n++;
    return vs_source_store(out, stores->store[stores->n - 1], split, shape);
}

/* ---- Mixtures ---------------------------------------------------------------------- */

enum part_kind { PART_SCENE, PART_STORE, PART_IMAGES };

struct part {
    enum part_kind kind;
    bool still;
    char *name, *split;            /* stage or path; split of a store or NULL */
    double ratio;
};

static void free_parts(struct part *part, int n)
{
    for (int i = 0; i < n; i++) {
        free(part[i].name);
        free(part[i].split);
    }
}

static bool skip(const char **at, const char *word)
{
    const size_t n = strlen(word);
    if (strncmp(*at, word, n) != 0)
        return false;
    *at += n;
    return true;
}

/* One PART=RATIO of `length` characters. */
static vs_err parse_part(struct part *out, const char *text, size_t length)
{
    char *copy = vs_strf("%.*s", (int)length, text), *end = copy;
    char *equals = strrchr(copy, '=');
    const char *at = copy;
    out->ratio = equals ? strtod(equals + 1, &end) : 0;
    const bool ratio = equals && end > equals + 1 && !*end && out->ratio > 0 && out->ratio < 1e9;
    out->still = skip(&at, "still:");
    const bool scene = skip(&at, "scene:"), store = !scene && skip(&at, "store:");
    const bool images = !scene && !store && skip(&at, "images:");
    out->kind = scene ? PART_SCENE : store ? PART_STORE : PART_IMAGES;
    out->still = out->still || images;
    if (!ratio || !(scene || store || images) || at >= equals) {
        const vs_err err = VS_FAIL(VS_ERR_USAGE, "--source: \"%s\": expected [still:]scene:STAGE="
                                   "RATIO, [still:]store:PATH[@SPLIT]=RATIO or still:images:DIR="
                                   "RATIO", copy);
        free(copy);
        return err;
    }
    *equals = 0;
    char *split = store ? strrchr(copy, '@') : NULL;
    if (split)
        *split++ = 0;
    out->name = vs_strdup(at);
    out->split = split ? vs_strdup(split) : NULL;
    free(copy);
    return VS_OK;
}

static vs_err parse_mixture(struct part *part, int *n, const char *text)
{
    for (const char *at = text;; at++) {
        const size_t length = strcspn(at, ",");
        if (*n == VS_SOURCES_MOST)
            return VS_FAIL(VS_ERR_USAGE, "--source: more than %d parts", VS_SOURCES_MOST);
        VS_TRY(parse_part(&part[*n], at, length));
        (*n)++;
        at += length;
        if (!*at)
            return VS_OK;
    }
}

/* Part i of all clips, so that every sum of parts is right to within one clip. */
static int64_t share_of(const struct part *part, int n, int i, int64_t all)
{
    double sum = 0, before = 0;
    for (int k = 0; k < n; k++)
        sum += part[k].ratio;
    for (int k = 0; k < i; k++)
        before += part[k].ratio;
    return llround((before + part[i].ratio) / sum * (double)all) -
           llround(before / sum * (double)all);
}

static vs_err open_part(vs_source **out, vs_trainer *t, vs_stores *stores, const struct part *part,
                        int64_t clips, const vs_sample_shape *shape)
{
    vs_sample_shape own = *shape;
    own.still = own.still || part->still;
    if (clips < 1)
        return VS_FAIL(VS_ERR_USAGE, "--source: %s gets none of the %lld clips of an epoch: raise "
                       "its ratio or --virtual-size", part->name,
                       (long long)t->settings->virtual_size);
    switch (part->kind) {
    case PART_SCENE:
        return open_scene(out, t->settings, part->name, clips, &own);
    case PART_STORE:
        return open_store(out, stores, part->name, part->split, &own);
    case PART_IMAGES:
        return vs_source_images(out, part->name, &own);
    }
    return VS_OK;
}

static vs_err open_mixture(vs_trainer *t, vs_stores *stores, const vs_sample_shape *shape)
{
    const int64_t all = t->settings->virtual_size;
    struct part part[VS_SOURCES_MOST] = { 0 };
    vs_source *source[VS_SOURCES_MOST] = { 0 };
    int64_t clips[VS_SOURCES_MOST];
    int n = 0, opened = 0;
    char *text = vs_strf("%lld clips an epoch:", (long long)all);
    vs_err err = parse_mixture(part, &n, t->settings->source);
    for (int i = 0; err == VS_OK && i < n; i++) {
        clips[i] = share_of(part, n, i, all);
        err = open_part(&source[i], t, stores, &part[i], clips[i], shape);
        opened += err == VS_OK;
        char *longer = vs_strf("%s%s %lld%s of %s", text, i ? "," : "", (long long)clips[i],
                               part[i].still ? " stills" : "", part[i].name);
        free(text);
        text = longer;
    }
    t->data_text = vs_config_keep(t->config, text);
    free_parts(part, VS_SOURCES_MOST);
    if (err == VS_OK)
        return vs_source_mix(&t->source, source, clips, n, shape);
    for (int i = 0; i < opened; i++)
        vs_source_close(&source[i]);
    return err;
}

/* ---- One source -------------------------------------------------------------------- */

vs_err vs_sources_open(vs_trainer *t, vs_stores *stores, const vs_sample_shape *shape)
{
    const vs_train_settings *s = t->settings;
    if (s->source)
        return open_mixture(t, stores, shape);
    if (s->scene) {
        VS_TRY(open_scene(&t->source, s, s->scene, s->virtual_size, shape));
        t->data_text = vs_config_keep(t->config, vs_strf(
            "%lld videos of %s an epoch, drawn on the fly at %dx%d%s", (long long)s->virtual_size,
            s->scene, s->scene_size, s->scene_size,
            s->scene_fixed ? ", the same in every epoch" : ""));
        return VS_OK;
    }
    VS_TRY(open_store(&t->source, stores, s->store, s->split, shape));
    t->data_text = vs_config_keep(t->config, vs_strf(
        "%lld clips of %s (%s)%s", (long long)vs_source_count(t->source), s->store,
        s->split ? s->split : "all", s->still ? ", one frame each" : ""));
    return VS_OK;
}

void vs_stores_close(vs_stores *stores)
{
    for (int i = 0; i < stores->n; i++)
        vs_store_close(&stores->store[i]);
    stores->n = 0;
}
