/* The front of sources and samplers: what all kinds share. */
#include "train/data/source.h"

void vs_source_close(vs_source **source)
{
    if (*source)
        (*source)->kind->close(*source);
    *source = NULL;
}

int64_t vs_source_count(const vs_source *source)
{
    return source->count;
}

int vs_source_classes(const vs_source *source)
{
    return source->classes;
}

const char *const *vs_source_class_names(const vs_source *source)
{
    return source->class_names;
}

vs_err vs_source_need_labels(const vs_source *source)
{
    return source->kind->need_labels ? source->kind->need_labels(source)
                                     : VS_FAIL(VS_ERR_CORRUPT, "scenes have no labels");
}

const vs_sample_shape *vs_source_shape(const vs_source *source)
{
    return &source->shape;
}

const vs_clip_form *vs_source_form(const vs_source *source)
{
    return source->kind->form ? source->kind->form(source) : NULL;
}

vs_err vs_sampler_open(vs_sampler **out, vs_source *source)
{
    *out = NULL;
    VS_TRY(source->kind->sampler_open(out, source));
    (*out)->source = source;
    return VS_OK;
}

void vs_sampler_close(vs_sampler **sampler)
{
    if (*sampler)
        (*sampler)->source->kind->sampler_close(*sampler);
    *sampler = NULL;
}

static vs_rng rng_of(const struct sample_key *key)
{
    return vs_rng_at(key->seed, VS_RNG_VIEW,
                     vs_rng_index((uint64_t)key->epoch, (uint64_t)key->item));
}

vs_err vs_sampler_get(vs_sampler *sampler, uint64_t seed, int64_t epoch, int64_t item,
                      uint8_t *frames, int *label)
{
    VS_ASSERT(item >= 0 && item < sampler->source->count);
    const struct sample_key key = { seed, epoch, item };
    vs_rng rng = rng_of(&key);
    int unused;
    return sampler->source->kind->get(sampler, &key, &rng, frames, label ? label : &unused);
}

void vs_sampler_describe(vs_sampler *sampler, uint64_t seed, int64_t epoch, int64_t item,
                         vs_scene_clip *clip, int32_t *index)
{
    VS_ASSERT(item >= 0 && item < sampler->source->count && sampler->source->kind->describe);
    const struct sample_key key = { seed, epoch, item };
    vs_rng rng = rng_of(&key);
    sampler->source->kind->describe(sampler, &key, &rng, clip, index);
}
