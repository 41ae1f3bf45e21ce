/* A model small enough to train in a test, and batches for it. */
#ifndef VSYN_TESTS_MODEL_H
#define VSYN_TESTS_MODEL_H

#include "tests/check.h"
#include "train/model/model.h"

/* 4 frames of 24 x 16, 12 tokens, width 24 (so nothing is a multiple of 16 values). */
static inline vs_model_config small_config(vs_task task)
{
    vs_model_config c;
    CHECK_OK(vs_model_config_named(&c, task, "micro"));
    snprintf(c.size, sizeof(c.size), "custom");
    c.T = 4;
    c.H = 24;
    c.W = 16;
    c.patch = 8;
    c.dim = 24;
    c.depth = 3;
    c.dec_dim = 12;
    c.dec_depth = 1;
    c.classes = 5;
    return c;
}

enum { SMALL_B = 3, SMALL_N = 12, SMALL_V = 4, SMALL_CLIP = 4 * 24 * 16 * 3 };

typedef struct small_batch {
    vs_batch batch;
    uint8_t frames[SMALL_B * SMALL_CLIP], mask[SMALL_B * SMALL_N];
    float target[SMALL_B * 5];
} small_batch;

static inline void small_fill(small_batch *s, vs_task task, uint64_t seed)
{
    vs_rng r = vs_rng_at(seed, VS_RNG_TEST, 1);
    memset(s, 0, sizeof(*s));
    for (int i = 0; i < SMALL_B * SMALL_CLIP; i++)
        s->frames[i] = (uint8_t)(vs_rng_u32(&r) >> 24);
    for (int i = 0; i < SMALL_B * SMALL_N; i++)
        s->mask[i] = (i + i / SMALL_N) % 3 != 0;       /* 8 of 12, elsewhere in each clip */
    for (int b = 0; b < SMALL_B; b++)
        s->target[b * 5 + b % 5] = 1.0f;
    s->batch = (vs_batch){ .B = SMALL_B, .frames = s->frames, .mask = s->mask,
                           .target = task == VS_TASK_CLASSIFY ? s->target : NULL, .seed = seed };
}

static inline vs_model *small_model(vs_device *dev, vs_task task, uint64_t seed)
{
    const vs_model_config c = small_config(task);
    vs_model *m = NULL;
    CHECK_OK(vs_model_open(&m, dev, &c, SMALL_B, SMALL_V, true));
    CHECK_OK(vs_model_init(m, seed, 1.0f));
    return m;
}

/* `n` steps with the batches of seeds from, from + 1, ...; step numbers likewise. */
static inline void small_train(vs_model *m, vs_task task, int from, int n)
{
    const vs_adamw a = { 1e-3f, 0.9f, 0.95f, 1e-8f, 0.05f, 0.8f, 1.0f };
    small_batch *s = malloc(sizeof(*s));
    for (int step = from; step < from + n; step++) {
        small_fill(s, task, (uint64_t)step);
        s->batch.train = true;
        s->batch.drop_path = 0.2f;
        s->batch.head_drop = 0.3f;
        vs_model_zero_grad(m);
        CHECK_OK(vs_model_forward(m, &s->batch));
        CHECK_OK(vs_model_backward(m, 1.0f));
        CHECK_OK(vs_model_adamw(m, &a, step));
    }
    free(s);
}

static inline float *small_slab(vs_model *m, vs_slab slab)
{
    float *host = calloc((size_t)vs_model_slab_count(m), sizeof(float));
    CHECK_OK(vs_model_slab_get(m, slab, host));
    return host;
}

static inline bool small_same(vs_model *a, vs_model *b, vs_slab slab)
{
    float *x = small_slab(a, slab), *y = small_slab(b, slab);
    const bool same = vs_model_slab_count(a) == vs_model_slab_count(b) &&
                      memcmp(x, y, sizeof(float) * (size_t)vs_model_slab_count(a)) == 0;
    free(x);
    free(y);
    return same;
}

#endif /* VSYN_TESTS_MODEL_H */
