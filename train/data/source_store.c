/* Samples from a split of the clip store: only the frames asked for are decoded. */
#include <stdlib.h>

#include "base/mem.h"
#include "train/data/augment.h"
#include "train/data/source.h"

struct store_source {
    vs_source base;
    vs_store *store;               /* the caller's */
    vs_split split;
    char *name;                    /* of the split; NULL = all clips */
};

struct store_sampler {
    vs_sampler base;
    vs_reader *reader;
    int *index;                    /* (T) */
    uint8_t *whole;                /* T whole frames and scratch; grows to the largest clip */
    size_t whole_bytes;
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
    free(s->whole);
    free(s);
}

/* Only the crop is decoded. */
static vs_err one_view(struct store_sampler *s, const vs_clip *clip, const vs_sample_shape *shape,
                       vs_rng *rng, uint8_t *frames)
{
    bool flip;
    const vs_rect crop = vs_sample_crop(&flip, clip->W, clip->H, shape, rng);
    VS_TRY(vs_reader_frames(s->reader, clip, s->index, shape->T, crop, shape->W, shape->H, flip,
                            frames));
    if (shape->erase > 0)
        vs_erase_fill(frames, vs_erase_draw(shape->erase, shape->W, shape->H, rng), shape->T,
                      shape->H, shape->W, rng);
    return VS_OK;
}

/* The frames are decoded once and whole, for all views. */
static vs_err all_views(struct store_sampler *s, const vs_clip *clip, const vs_sample_shape *shape,
                        const vs_rng *rng, uint8_t *frames)
{
    const size_t decoded = 3 * (size_t)shape->T * (size_t)clip->W * (size_t)clip->H;
    const size_t bytes = decoded + vs_view_scratch(clip->W, clip->H);
    const size_t view = 3 * (size_t)shape->T * (size_t)shape->W * (size_t)shape->H;
    if (bytes > s->whole_bytes) {
        free(s->whole);
        s->whole = malloc(bytes);
        s->whole_bytes = s->whole ? bytes : 0;
        if (!s->whole)
            return VS_FAIL(VS_ERR_NOMEM, "clip %lld (%s): %d frames of %dx%d do not fit in memory",
                           (long long)clip->id, clip->name, shape->T, clip->W, clip->H);
    }
    VS_TRY(vs_reader_frames(s->reader, clip, s->index, shape->T, (vs_rect){ 0 }, clip->W, clip->H,
                            false, s->whole));
    for (int v = 0; v == 0 || v < shape->views; v++) {
        vs_rng own = vs_view_rng(rng, v);
        vs_view_make(frames + (size_t)v * view, s->whole, clip->W, clip->H, shape,
                     s->whole + decoded, &own);
    }
    return VS_OK;
}

static vs_err get(vs_sampler *sampler, const struct sample_key *key, vs_rng *rng,
                  uint8_t *frames, int *label)
{
    struct store_sampler *s = (struct store_sampler *)sampler;
    const struct store_source *source = (const struct store_source *)sampler->source;
    const vs_sample_shape *shape = &source->base.shape;
    const vs_clip *clip = &source->split.clip[key->item];
    vs_sample_window(s->index, clip->frames, shape, rng);
    *label = clip->label;
    return shape->views > 1 || shape->randaugment.n > 0 ? all_views(s, clip, shape, rng, frames)
                                                        : one_view(s, clip, shape, rng, frames);
}

static void source_close(vs_source *source)
{
    struct store_source *s = (struct store_source *)source;
    vs_split_free(&s->split);
    free(s->name);
    free(s);
}

static vs_err need_labels(const vs_source *source)
{
    const struct store_source *s = (const struct store_source *)source;
    const char *name = s->name ? s->name : "all clips";
    if (source->classes == 0)
        return VS_FAIL(VS_ERR_CORRUPT, "split \"%s\" of the store has no labels", name);
    if (source->classes == 1)
        return VS_FAIL(VS_ERR_CORRUPT, "split \"%s\" of the store has one class only, %s", name,
                       source->class_names[0]);
    for (int i = 0; i < s->split.n; i++)
        if (s->split.clip[i].label < 0 || s->split.clip[i].label >= source->classes)
            return VS_FAIL(VS_ERR_CORRUPT, "split \"%s\" of the store: clip %lld (%s) has label "
                           "%d, expected 0..%d", name, (long long)s->split.clip[i].id,
                           s->split.clip[i].name, s->split.clip[i].label, source->classes - 1);
    return VS_OK;
}

static const struct source_kind kind = { sampler_open, sampler_close, get, source_close,
                                         need_labels };

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
    s->name = split ? vs_strdup(split) : NULL;
    s->base = (vs_source){ &kind, *shape, s->split.n, s->split.classes, s->split.class_name };
    *out = &s->base;
    return VS_OK;
}
