/* What a source of samples consists of; private to train/data.
 *
 * A kind (store, scene) embeds vs_source and vs_sampler as the first member of its own
 * structs. Everything random in a sample comes from the one stream that sample.c opens
 * for it: (seed, VS_RNG_VIEW, (epoch, item)).
 */
#ifndef VSYN_TRAIN_DATA_SOURCE_H
#define VSYN_TRAIN_DATA_SOURCE_H

#include "base/rng.h"
#include "train/data/data.h"

/* Which sample: `seed` also names the set of scenes. */
struct sample_key {
    uint64_t seed;
    int64_t epoch, item;
};

struct source_kind {
    vs_err (*sampler_open)(vs_sampler **out, vs_source *source);
    void (*sampler_close)(vs_sampler *sampler);
    vs_err (*get)(vs_sampler *sampler, const struct sample_key *key, vs_rng *rng,
                  uint8_t *frames, int *label);
    void (*close)(vs_source *source);
    vs_err (*need_labels)(const vs_source *source);      /* NULL: it never has any */
    /* As in data.h; both NULL: its clips are not all of synthetic videos. */
    const vs_clip_form *(*form)(const vs_source *source);
    void (*describe)(vs_sampler *sampler, const struct sample_key *key, vs_rng *rng,
                     vs_scene_clip *clip, int32_t *index);
};

struct vs_source {
    const struct source_kind *kind;
    vs_sample_shape shape;
    int64_t count;
    int classes;
    const char *const *class_names;
};

struct vs_sampler {
    vs_source *source;
};

#endif /* VSYN_TRAIN_DATA_SOURCE_H */
