/* Samples from a split of the clip store: only the frames asked for are decoded. */
#include <stdlib.h>

#include "base/mem.h"
#include "train/data/augment.h"
#include "train/data/source.h"

struct store_source {
    vs_source base;
    vs_store *store;               /* the caller's */
    vs_split split;
};

struct store_sampler {
    vs_sampler base;
    vs_reader *reader;
    int *index;                    /* (T) */
};

static vs_err sampler_open(vs_sampler **out, vs_source *source)
{
    struct store_sampler *s = vs_new(sizeof(*s));
    const vs_err err = vs_reader_open(&s->reader, ((struct store_source *)source)->store);
    if (err != VS_OK) {
        free(s);
        return err;
    }
    s->index = vs_new(sizeof(*s->index) * (size_t)source->shape.T);
    *out = &s->base;
    return VS_OK;
}

static void sampler_close(vs_sampler *sampler)
{
    struct store_sampler *s = (struct store_sampler *)sampler;
    vs_reader_close(&s->reader);
    free(s->index);
    free(s);
}

static vs_err get(vs_sampler *sampler, const struct sample_key *key, vs_rng *rng,
                  uint8_t *frames, int *label)
{
    struct store_sampler *s = (struct store_sampler *)sampler;
    const struct store_source *source = (const struct store_source *)sampler->source;
    const vs_sample_shape *shape = &source->base.shape;
    const vs_clip *clip = &source->split.clip[key->item];
    bool flip;
    vs_sample_window(s->index, clip->frames, shape, rng);
    const vs_rect crop = vs_sample_crop(&flip, clip->W, clip->H, shape, rng);
    *label = clip->label;
    return vs_reader_frames(s->reader, clip, s->index, shape->T, crop, shape->W, shape->H, flip,
                            frames);
}

static void source_close(vs_source *source)
{
    vs_split_free(&((struct store_source *)source)->split);
    free(source);
}

static const struct source_kind kind = { sampler_open, sampler_close, get, source_close };

vs_err vs_source_store(vs_source **out, vs_store *store, const char *split,
                       const vs_sample_shape *shape)
{
    *out = NULL;
    struct store_source *s = vs_new(sizeof(*s));
    const vs_err err = vs_store_split(&s->split, store, split);
    if (err != VS_OK) {
        free(s);
        return err;
    }
    s->store = store;
    s->base = (vs_source){ &kind, *shape, s->split.n, s->split.classes, s->split.class_name };
    *out = &s->base;
    return VS_OK;
}
