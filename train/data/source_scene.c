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
    vs_scene_params params;
    vs_textures *textures;         /* shared by all samplers; owned */
    bool fixed;
};

struct scene_sampler {
    vs_sampler base;
    int *index;                    /* (T) */
    uint8_t *frame;                /* (size, size, 3) */
    void *scratch;
};

static void sampler_close(vs_sampler *sampler)
{
    struct scene_sampler *s = (struct scene_sampler *)sampler;
    free(s->index);
    free(s->frame);
    free(s->scratch);
    free(s);
}

static vs_err sampler_open(vs_sampler **out, vs_source *source)
{
    const int size = ((struct scene_source *)source)->params.size;
    struct scene_sampler *s = vs_new(sizeof(*s));
    s->index = vs_new(sizeof(*s->index) * (size_t)source->shape.T);
    s->frame = vs_new((size_t)size * (size_t)size * 3);
    s->scratch = vs_new(vs_draw_scratch(size));
    *out = &s->base;
    return VS_OK;
}

static void draw(struct scene_sampler *s, const vs_scene *scene, const vs_sample_shape *shape,
                 vs_rect crop, bool flip, uint8_t *frames)
{
    const int size = scene->params.size;
    vs_resize *plan = vs_resize_new(size, size, crop, shape->W, shape->H, flip);
    void *tmp = vs_new(vs_resize_scratch(plan));
    const size_t bytes = (size_t)shape->H * (size_t)shape->W * 3;
    for (int k = 0; k < shape->T; k++) {
        vs_scene_draw(scene, s->index[k], s->frame, s->scratch);
        vs_resize_run(plan, frames + (size_t)k * bytes, s->frame, tmp);
    }
    free(tmp);
    vs_resize_free(&plan);
}

static vs_err get(vs_sampler *sampler, const struct sample_key *key, vs_rng *rng,
                  uint8_t *frames, int *label)
{
    struct scene_sampler *s = (struct scene_sampler *)sampler;
    const struct scene_source *source = (const struct scene_source *)sampler->source;
    const vs_sample_shape *shape = &source->base.shape;
    const int64_t first = source->fixed ? 0 : key->epoch * source->base.count;
    vs_scene scene;
    bool flip;
    VS_TRY(vs_scene_sample(&scene, &source->params, key->seed, (uint64_t)(first + key->item)));
    vs_sample_window(s->index, scene.frames, shape, rng);
    const vs_rect crop = vs_sample_crop(&flip, scene.params.size, scene.params.size, shape, rng);
    draw(s, &scene, shape, crop, flip, frames);
    vs_scene_free(&scene);
    *label = -1;
    return VS_OK;
}

static void source_close(vs_source *source)
{
    vs_textures_free(&((struct scene_source *)source)->textures);
    free(source);
}

static const struct source_kind kind = { sampler_open, sampler_close, get, source_close,
                                         NULL };

vs_err vs_source_scene(vs_source **out, const vs_scene_params *params, vs_textures *textures,
                       int64_t videos, bool fixed, const vs_sample_shape *shape)
{
    VS_ASSERT(videos > 0 && shape->views <= 1 && shape->randaugment.n == 0);
    VS_ASSERT(params->textured == (textures != NULL));
    struct scene_source *s = vs_new(sizeof(*s));
    s->base = (vs_source){ &kind, *shape, videos, 0, NULL };
    s->params = *params;
    s->params.textures = s->textures = textures;
    s->fixed = fixed;
    *out = &s->base;
    return VS_OK;
}
