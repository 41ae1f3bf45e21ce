/* Samples drawn on the fly: a synthetic video is only its object table, so the T frames
 * of the window are drawn and nothing is encoded or stored.
 *
 * Video number of an item: item when `fixed`, else epoch * videos + item, so that no video
 * is seen twice. Frames are drawn at the scene's own size, then cropped and resized.
 */
#include <stdlib.h>

#include "base/mem.h"
#include "gen/scene/texture.h"
#include "train/data/augment.h"
#include "train/data/source.h"

struct scene_source {
    vs_source base;
    vs_clip_form form;
    vs_textures *textures;         /* shared by all samplers; owned */
    bool fixed;
};

struct scene_sampler {
    vs_sampler base;
    int32_t *index;                /* (T) */
    void *scratch;
};

static void sampler_close(vs_sampler *sampler)
{
    struct scene_sampler *s = (struct scene_sampler *)sampler;
    free(s->index);
    free(s->scratch);
    free(s);
}

static vs_err sampler_open(vs_sampler **out, vs_source *source)
{
    struct scene_sampler *s = vs_new(sizeof(*s));
    s->index = vs_new(sizeof(*s->index) * (size_t)source->shape.T);
    s->scratch = vs_new(vs_clip_scratch(&((struct scene_source *)source)->form));
    *out = &s->base;
    return VS_OK;
}

static const vs_clip_form *form(const vs_source *source)
{
    return &((const struct scene_source *)source)->form;
}

static void describe(vs_sampler *sampler, const struct sample_key *key, vs_rng *rng,
                     vs_scene_clip *clip, int32_t *index)
{
    const struct scene_source *source = (const struct scene_source *)sampler->source;
    const vs_sample_shape *shape = &source->base.shape;
    const vs_scene_params *params = &source->form.params;
    const int64_t first = source->fixed ? 0 : key->epoch * source->base.count;
    const uint64_t video = (uint64_t)(first + key->item);
    bool flip;
    vs_sample_window(index, vs_scene_length(params, key->seed, video), shape, rng);
    const vs_rect crop = vs_sample_crop(&flip, params->size, params->size, shape, rng);
    *clip = (vs_scene_clip){ key->seed, video, crop, flip, 0 };
}

static vs_err get(vs_sampler *sampler, const struct sample_key *key, vs_rng *rng,
                  uint8_t *frames, int *label)
{
    struct scene_sampler *s = (struct scene_sampler *)sampler;
    vs_scene_clip clip;
    describe(sampler, key, rng, &clip, s->index);
    *label = -1;
    return vs_clip_draw(frames, form(sampler->source), &clip, s->index, s->scratch);
}

static void source_close(vs_source *source)
{
    vs_textures_free(&((struct scene_source *)source)->textures);
    free(source);
}

static const struct source_kind kind = { sampler_open, sampler_close, get, source_close, NULL,
                                         form, describe };

vs_err vs_source_scene(vs_source **out, const vs_scene_params *params, vs_textures *textures,
                       int64_t videos, bool fixed, const vs_sample_shape *shape)
{
    VS_ASSERT(videos > 0 && shape->views <= 1 && shape->randaugment.n == 0);
    VS_ASSERT(params->textured == (textures != NULL));
    struct scene_source *s = vs_new(sizeof(*s));
    s->base = (vs_source){ &kind, *shape, videos, 0, NULL };
    s->form = (vs_clip_form){ *params, shape->T, shape->H, shape->W };
    s->form.params.textures = s->textures = textures;
    s->fixed = fixed;
    *out = &s->base;
    return VS_OK;
}
