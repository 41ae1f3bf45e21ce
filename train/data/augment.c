/* Windows in time and rectangles in space: see augment.h for the rules.
 *
 * The fine-tuning window steps by exactly `stride`. The reference spreads T points over
 * T*stride frames with a floating-point linspace, which makes some steps one frame longer;
 * whole steps are what pre-training and testing use.
 */
#include "train/data/augment.h"

#include <math.h>

static int at_most(int v, int limit)
{
    return v < limit ? v : limit;
}

static void spread(int *index, int frames, int T, int stride)
{
    const int n = frames / stride > 1 ? at_most(frames / stride, T) : 1;
    for (int k = 0; k < T; k++) {
        const int64_t place = n > 1 && k < n ? (int64_t)k * frames / (n - 1) : k == 0 ? 0 : frames;
        index[k] = at_most((int)place, frames - 1);
    }
}

void vs_sample_window(int *index, int frames, const vs_sample_shape *shape, vs_rng *rng)
{
    const int T = shape->T, stride = shape->stride, L = T * stride;
    VS_ASSERT(frames > 0 && T > 0 && stride > 0);
    const int room = frames > L ? frames - L : 0;
    int offset = room / 2;
    if (shape->still) {
        const bool middle = shape->augment == VS_AUGMENT_NONE;
        const int one = middle ? frames / 2 : (int)vs_rng_below(rng, (uint32_t)frames);
        for (int k = 0; k < T; k++)
            index[k] = one;
        return;
    }
    if (shape->augment == VS_AUGMENT_FINETUNE && frames <= L) {
        spread(index, frames, T, stride);
        return;
    }
    if (shape->augment != VS_AUGMENT_NONE)
        offset = (int)vs_rng_below(rng, (uint32_t)room + 1);
    for (int k = 0; k < T; k++)
        index[k] = at_most(offset + k * stride, frames - 1);
}

/* ---- Pre-training: multi-scale crop ------------------------------------------------ */

static const double scale[4] = { 1, .875, .75, .66 };
/* Width and height indices at most one apart. */
static const uint8_t pair[10][2] = { { 0, 0 }, { 1, 0 }, { 0, 1 }, { 1, 1 }, { 2, 1 },
                                     { 1, 2 }, { 2, 2 }, { 3, 2 }, { 2, 3 }, { 3, 3 } };
/* In steps of a quarter of the free room: corners and centre, sides, inner ring. */
static const uint8_t place[13][2] = { { 0, 0 }, { 4, 0 }, { 0, 4 }, { 4, 4 }, { 2, 2 },
                                      { 0, 2 }, { 4, 2 }, { 2, 4 }, { 2, 0 }, { 1, 1 },
                                      { 3, 1 }, { 1, 3 }, { 3, 3 } };

static int side(int base, int i)
{
    const int s = (int)(base * scale[i]);
    return s > 0 ? s : 1;
}

static vs_rect multi_scale(int W, int H, vs_rng *rng)
{
    const int base = at_most(W, H);
    const uint8_t *const p = pair[vs_rng_below(rng, 10)];
    const uint8_t *const at = place[vs_rng_below(rng, 13)];
    const int w = side(base, p[0]), h = side(base, p[1]);
    return (vs_rect){ at[0] * ((W - w) / 4), at[1] * ((H - h) / 4), w, h };
}

/* ---- Fine-tuning: random resized crop ---------------------------------------------- */

static const double aspect_lo = 3.0 / 4, aspect_hi = 4.0 / 3;

/* The largest centred rectangle whose aspect is within the limits. */
static vs_rect centred(int W, int H, double lo, double hi)
{
    double w = W, h = H;
    if (w / h < lo)
        h = fmax(1, round(w / lo));
    else if (w / h > hi)
        w = fmax(1, round(h * hi));
    h = fmin(h, H);
    w = fmin(w, W);
    return (vs_rect){ floor((W - w) / 2), floor((H - h) / 2), w, h };
}

static vs_rect resized_crop(int W, int H, double least, vs_rng *rng)
{
    for (int attempt = 0; attempt < 10; attempt++) {
        const double area = vs_rng_uniform(rng, least, 1) * W * H;
        const double aspect = exp(vs_rng_uniform(rng, log(aspect_lo), log(aspect_hi)));
        const int w = (int)lround(sqrt(area * aspect)), h = (int)lround(sqrt(area / aspect));
        if (w < 1 || h < 1 || w > W || h > H)
            continue;
        const int x = (int)vs_rng_below(rng, (uint32_t)(W - w) + 1);
        const int y = (int)vs_rng_below(rng, (uint32_t)(H - h) + 1);
        return (vs_rect){ x, y, w, h };
    }
    return centred(W, H, aspect_lo, aspect_hi);
}

vs_rect vs_sample_crop(bool *flip, int W, int H, const vs_sample_shape *shape, vs_rng *rng)
{
    const double aspect = (double)shape->W / shape->H;
    vs_rect rect;
    *flip = false;
    switch (shape->augment) {
    case VS_AUGMENT_PRETRAIN:
        return multi_scale(W, H, rng);
    case VS_AUGMENT_FINETUNE:
        rect = resized_crop(W, H, shape->crop_area > 0 ? shape->crop_area : 0.08, rng);
        *flip = shape->flip && vs_rng_f32(rng) < 0.5f;
        return rect;
    case VS_AUGMENT_NONE:
        break;
    }
    return centred(W, H, aspect, aspect);
}
