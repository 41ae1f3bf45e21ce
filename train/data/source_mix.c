/* Several sources as one: of every epoch each gives a fixed number of samples.
 *
 * Items 0..n0-1 are the first part's, the next n1 the second's, and so on. Draw number
 * d = epoch * n_k + j of a part with c samples is its sample (d mod c) * a mod c in its epoch
 * d / c: a is near c times the golden ratio and prime to c, so neighbours in the list (classes
 * lie side by side) are spread over the epochs, and all samples come equally often.
 */
#include <stdlib.h>

#include "base/mem.h"
#include "train/data/source.h"

struct mix_source {
    vs_source base;
    int n;
    vs_source **part;              /* (n), owned */
    int64_t *clips, *step;         /* (n): of an epoch; a */
};

struct mix_sampler {
    vs_sampler base;
    int n;
    vs_sampler **part;             /* (n) */
};

static void sampler_close(vs_sampler *sampler)
{
    struct mix_sampler *s = (struct mix_sampler *)sampler;
    for (int i = 0; i < s->n; i++)
        vs_sampler_close(&s->part[i]);
    free(s->part);
    free(s);
}

static vs_err sampler_open(vs_sampler **out, vs_source *source)
{
    const struct mix_source *mix = (const struct mix_source *)source;
    struct mix_sampler *s = vs_new(sizeof(*s));
    vs_err err = VS_OK;
    s->part = vs_new(sizeof(vs_sampler *) * (size_t)mix->n);
    for (s->n = 0; err == VS_OK && s->n < mix->n; s->n++)
        err = vs_sampler_open(&s->part[s->n], mix->part[s->n]);
    if (err != VS_OK)
        sampler_close(&s->base);
    else
        *out = &s->base;
    return err;
}

static vs_err get(vs_sampler *sampler, const struct sample_key *key, vs_rng *rng,
                  uint8_t *frames, int *label)
{
    const struct mix_source *mix = (const struct mix_source *)sampler->source;
    struct mix_sampler *s = (struct mix_sampler *)sampler;
    int64_t item = key->item;
    int k = 0;
    while (item >= mix->clips[k])
        item -= mix->clips[k++];
    const int64_t count = mix->part[k]->count, d = key->epoch * mix->clips[k] + item;
    const int64_t place = d % count * mix->step[k] % count;   /* counts are below 2^31 */
    const struct sample_key own = { key->seed, d / count, place };
    return mix->part[k]->kind->get(s->part[k], &own, rng, frames, label);
}

static void source_close(vs_source *source)
{
    struct mix_source *s = (struct mix_source *)source;
    for (int i = 0; i < s->n; i++)
        vs_source_close(&s->part[i]);
    free(s->part);
    free(s->clips);
    free(s->step);
    free(s);
}

static const struct source_kind kind = { sampler_open, sampler_close, get, source_close, NULL };

static int64_t common_divisor(int64_t a, int64_t b)
{
    while (b) {
        const int64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

static int64_t prime_to(int64_t count)
{
    int64_t a = (int64_t)(0.6180339887498949 * (double)count);
    for (a = a < 1 ? 1 : a; common_divisor(a, count) != 1; a++)
        continue;
    return a;
}

vs_err vs_source_mix(vs_source **out, vs_source *const *part, const int64_t *clips, int n,
                     const vs_sample_shape *shape)
{
    struct mix_source *s = vs_new(sizeof(*s));
    s->base = (vs_source){ .kind = &kind, .shape = *shape };
    s->n = n;
    s->part = vs_new(sizeof(*s->part) * (size_t)n);
    s->clips = vs_new(sizeof(*s->clips) * (size_t)n);
    s->step = vs_new(sizeof(*s->step) * (size_t)n);
    for (int i = 0; i < n; i++) {
        VS_ASSERT(clips[i] > 0 && part[i]->count > 0);
        s->part[i] = part[i];
        s->clips[i] = clips[i];
        s->step[i] = prime_to(part[i]->count);
        s->base.count += clips[i];
    }
    *out = &s->base;
    return VS_OK;
}
