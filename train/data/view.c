/* The views of one decoded clip, and random erasing: see augment.h. */
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "train/data/augment.h"

/* ---- Random erasing ---------------------------------------------------------------- */

vs_box vs_erase_draw(double probability, int W, int H, vs_rng *rng)
{
    if (vs_rng_f64(rng) >= probability)
        return (vs_box){ 0 };
    for (int attempt = 0; attempt < 100; attempt++) {
        const double area = vs_rng_uniform(rng, 0.02, 1.0 / 3) * W * H;
        const double aspect = exp(vs_rng_uniform(rng, log(0.3), log(1 / 0.3)));
        const int h = (int)lround(sqrt(area * aspect)), w = (int)lround(sqrt(area / aspect));
        if (w < 1 || h < 1 || w >= W || h >= H)
            continue;
        const int y = (int)vs_rng_below(rng, (uint32_t)(H - h) + 1);
        const int x = (int)vs_rng_below(rng, (uint32_t)(W - w) + 1);
        return (vs_box){ x, y, w, h };
    }
    return (vs_box){ 0 };
}

enum { STEPS = 1 << 16 };

/* By channel, the values of a normal deviate, rounded and cut to 8 bits, in STEPS equally likely
 * steps: 16 random bits choose one, where a deviate of its own would take a logarithm and a
 * cosine. */
static uint8_t noise[3][STEPS];
static pthread_once_t noise_once = PTHREAD_ONCE_INIT;

static void make_noise(void)
{
    static const double mean[3] = { 0.485, 0.456, 0.406 }, deviation[3] = { 0.229, 0.224, 0.225 };
    for (int c = 0; c < 3; c++)
        for (int v = 0, at = 0; v < 256; v++) {
            const double edge = ((v + 0.5) / 255 - mean[c]) / deviation[c];
            const double below = v < 255 ? 0.5 * erfc(-edge * M_SQRT1_2) : 1;
            for (; at < STEPS && at + 0.5 < below * STEPS; at++)
                noise[c][at] = (uint8_t)v;
        }
}

/* n values from channel 0 on, two of a random number. */
static void fill_noise(uint8_t *out, int n, vs_rng *rng)
{
    for (int i = 0; i < n; i += 2) {
        const uint32_t u = vs_rng_u32(rng);
        out[i] = noise[i % 3][u & 0xffff];
        if (i + 1 < n)
            out[i + 1] = noise[(i + 1) % 3][u >> 16];
    }
}

void vs_erase_fill(uint8_t *frames, vs_box box, int T, int H, int W, vs_rng *rng)
{
    pthread_once(&noise_once, make_noise);
    for (int t = 0; t < T; t++)
        for (int r = box.y; r < box.y + box.h; r++) {
            uint8_t *const row = frames + 3 * (((size_t)t * (size_t)H + (size_t)r) * (size_t)W +
                                               (size_t)box.x);
            fill_noise(row, 3 * box.w, rng);
        }
}

/* ---- Views ------------------------------------------------------------------------- */

vs_rng vs_view_rng(const vs_rng *item, int v)
{
    return v == 0 ? *item : vs_rng_at(item->key, VS_RNG_AUGMENT,
                                      vs_rng_index(item->index, (uint64_t)v));
}

size_t vs_view_scratch(int w, int h)
{
    return 2 * 3 * (size_t)w * (size_t)h;
}

/* One frame through all operations; the result lies in `frame`. */
static void transform(uint8_t *frame, uint8_t *tmp, const uint8_t *from, int w, int h,
                      const vs_rand_step *step, int n)
{
    memcpy(frame, from, 3 * (size_t)w * (size_t)h);
    for (int i = 0; i < n; i++)
        vs_rand_apply(frame, tmp, w, h, step[i]);
}

void vs_view_make(uint8_t *out, const uint8_t *frames, int w, int h, const vs_sample_shape *shape,
                  void *scratch, vs_rng *rng)
{
    const size_t from_bytes = 3 * (size_t)w * (size_t)h;
    const size_t bytes = 3 * (size_t)shape->W * (size_t)shape->H;
    uint8_t *const frame = scratch, *const spare = frame + from_bytes;
    vs_rand_step step[VS_RAND_MOST];
    bool flip;
    const int n = vs_randaugment_draw(step, &shape->randaugment, rng);
    const vs_rect crop = vs_sample_crop(&flip, w, h, shape, rng);
    vs_resize *plan = vs_resize_new(w, h, crop, shape->W, shape->H, flip);
    void *tmp = vs_new(vs_resize_scratch(plan));
    for (int t = 0; t < shape->T; t++) {
        const uint8_t *from = frames + (size_t)t * from_bytes;
        if (n > 0)
            transform(frame, spare, from, w, h, step, n);
        vs_resize_run(plan, out + (size_t)t * bytes, n > 0 ? frame : from, tmp);
    }
    free(tmp);
    vs_resize_free(&plan);
    if (shape->erase > 0)
        vs_erase_fill(out, vs_erase_draw(shape->erase, shape->W, shape->H, rng), shape->T,
                      shape->H, shape->W, rng);
}
