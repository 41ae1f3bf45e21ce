/* First weights: Xavier-uniform linear layers, zero biases, LayerNorm 1 and 0, mask_token
 * and head truncated normal (std 0.02, cut at 2 std), the head then times head_scale.
 *
 * A tensor draws from a stream of its own, named by its name without "encoder.", so the
 * encoder starts the same in both tasks, and a deeper model does not shift the others.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "train/model/model_priv.h"

/* FNV-1a, 64 bits. */
static uint64_t stream_of(const char *name)
{
    uint64_t h = 0xcbf29ce484222325u;
    if (strncmp(name, "encoder.", 8) == 0)
        name += 8;
    for (; *name; name++)
        h = (h ^ (uint8_t)*name) * 0x100000001b3u;
    return h;
}

static void fill_xavier(float *w, const vs_param *p, vs_rng *r)
{
    const double out = (double)p->shape[0], in = (double)p->count / out;
    const double bound = sqrt(6.0 / (in + out));
    for (int64_t i = 0; i < p->count; i++)
        w[i] = (float)vs_rng_uniform(r, -bound, bound);
}

static void fill_truncated(float *w, int64_t n, vs_rng *r, double scale)
{
    for (int64_t i = 0; i < n; i++) {
        double v;
        do {
            v = vs_rng_normal(r);
        } while (fabs(v) > 2.0);
        w[i] = (float)(0.02 * v * scale);
    }
}

static bool ends_with(const char *text, const char *end)
{
    const size_t n = strlen(text), k = strlen(end);
    return n >= k && strcmp(text + n - k, end) == 0;
}

static void fill(float *w, const vs_param *p, uint64_t seed, float head_scale)
{
    vs_rng r = vs_rng_at(seed, VS_RNG_INIT, stream_of(p->name));
    if (strcmp(p->name, "mask_token") == 0)
        fill_truncated(w, p->count, &r, 1.0);
    else if (strcmp(p->name, "head.weight") == 0)
        fill_truncated(w, p->count, &r, (double)head_scale);
    else if (p->rank > 1)
        fill_xavier(w, p, &r);
    else if (ends_with(p->name, ".weight"))    /* of rank 1: LayerNorm */
        for (int64_t i = 0; i < p->count; i++)
            w[i] = 1.0f;
}

vs_err vs_model_init(vs_model *model, uint64_t seed, float head_scale)
{
    /* Tensor by tensor: a second copy of all weights would be the peak of a small run. */
    float *const slab = model->slab[VS_SLAB_WEIGHT];
    vs_device_zero(model->dev, slab, sizeof(float) * (size_t)model->layout.count);
    for (int i = 0; i < model->layout.n; i++) {
        const vs_param *const p = &model->layout.entry[i].param;
        float *const host = vs_model_host(p->count);
        if (!host)
            return VS_ERR_NOMEM;
        fill(host, p, seed, head_scale);
        vs_device_upload(model->dev, slab + p->offset, host, sizeof(float) * (size_t)p->count);
        free(host);
    }
    return vs_device_sync(model->dev);
}
