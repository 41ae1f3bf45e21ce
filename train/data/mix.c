/* Mixup and cutmix: see mix.h. */
#include "train/data/mix.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/mem.h"

/* ---- Draws ------------------------------------------------------------------------- */

/* Gamma(a, 1) for a >= 1 by Marsaglia and Tsang (2000), below 1 by Gamma(a + 1) u^(1/a). */
static double draw_gamma(vs_rng *rng, double a)
{
    const double boost = a < 1 ? pow(1 - vs_rng_f64(rng), 1 / a) : 1;
    const double d = (a < 1 ? a + 1 : a) - 1.0 / 3, c = 1 / sqrt(9 * d);
    for (;;) {
        const double x = vs_rng_normal(rng), root = 1 + c * x, v = root * root * root;
        const double u = 1 - vs_rng_f64(rng);
        if (v > 0 && log(u) < 0.5 * x * x + d - d * v + d * log(v))
            return boost * d * v;
    }
}

double vs_draw_beta(vs_rng *rng, double a)
{
    const double x = draw_gamma(rng, a), y = draw_gamma(rng, a);
    return x + y > 0 ? x / (x + y) : vs_rng_f32(rng) < 0.5f;   /* both underflow for tiny a */
}

static int within(int v, int most)
{
    return v < 0 ? 0 : v > most ? most : v;
}

static vs_mix_part cut(double keep, int W, int H, vs_rng *rng)
{
    const double ratio = sqrt(1 - keep);
    const int w = (int)(W * ratio), h = (int)(H * ratio);
    const int cx = (int)vs_rng_below(rng, (uint32_t)W), cy = (int)vs_rng_below(rng, (uint32_t)H);
    const int x0 = within(cx - w / 2, W), x1 = within(cx + w / 2, W);
    const int y0 = within(cy - h / 2, H), y1 = within(cy + h / 2, H);
    if (x1 <= x0 || y1 <= y0)
        return (vs_mix_part){ .keep = 1 };
    return (vs_mix_part){ 1 - (double)(x1 - x0) * (y1 - y0) / ((double)W * H), x0, y0, x1 - x0,
                          y1 - y0 };
}

static vs_mix_part draw_one(const vs_mix *mix, int W, int H, vs_rng *rng)
{
    const bool either = mix->mixup > 0 || mix->cutmix > 0;
    if (!either || vs_rng_f64(rng) >= mix->prob)
        return (vs_mix_part){ .keep = 1 };
    const bool cutmix = mix->cutmix > 0 &&
                        (!(mix->mixup > 0) || vs_rng_f64(rng) < mix->switch_prob);
    const double keep = vs_draw_beta(rng, cutmix ? mix->cutmix : mix->mixup);
    return cutmix ? cut(keep, W, H, rng) : (vs_mix_part){ .keep = keep };
}

void vs_mix_draw(vs_mix_part *part, const vs_mix *mix, int B, int W, int H, vs_rng *rng)
{
    for (int i = 0; i < B; i++) {
        if (mix->mode == VS_MIX_BATCH && i > 0)
            part[i] = part[0];
        else if (mix->mode == VS_MIX_PAIR && i > B - 1 - i)
            part[i] = part[B - 1 - i];
        else
            part[i] = draw_one(mix, W, H, rng);
    }
}

/* ---- Frames and targets ------------------------------------------------------------ */

/* How much of its own a clip keeps at a place, in 1/65536. */
static uint32_t weight_at(const vs_mix_part *p, int x, int y)
{
    if (p->w == 0)
        return (uint32_t)lround(p->keep * 65536);
    return x >= p->x && x < p->x + p->w && y >= p->y && y < p->y + p->h ? 0 : 65536;
}

/* x and y become what each is mixed to, from what both were. */
static void blend_row(uint8_t *restrict x, uint8_t *restrict y, const uint32_t *keep_x,
                      const uint32_t *keep_y, int n)
{
    for (int i = 0; i < n; i++) {
        const uint32_t a = x[i], b = y[i];
        x[i] = (uint8_t)((a * keep_x[i] + b * (65536 - keep_x[i]) + 32768) >> 16);
        y[i] = (uint8_t)((b * keep_y[i] + a * (65536 - keep_y[i]) + 32768) >> 16);
    }
}

static void mix_pair(uint8_t *x, uint8_t *y, const vs_mix_part *of_x, const vs_mix_part *of_y,
                     uint32_t *keep, int T, int H, int W)
{
    const size_t row = (size_t)W * 3, frame = row * (size_t)H;
    for (int r = 0; r < H; r++, x += row, y += row) {
        for (int c = 0; c < 3 * W; c++) {
            keep[c] = weight_at(of_x, c / 3, r);
            keep[3 * W + c] = weight_at(of_y, c / 3, r);
        }
        for (int t = 0; t < T; t++)
            blend_row(x + (size_t)t * frame, y + (size_t)t * frame, keep, keep + 3 * W, 3 * W);
    }
}

void vs_mix_frames(uint8_t *frames, const vs_mix_part *part, int B, int T, int H, int W)
{
    const size_t clip = (size_t)T * (size_t)H * (size_t)W * 3;
    uint32_t *const keep = vs_new(sizeof(*keep) * 6 * (size_t)W);
    for (int i = 0, j = B - 1; i < j; i++, j--)
        if (part[i].keep < 1 || part[j].keep < 1)
            mix_pair(frames + (size_t)i * clip, frames + (size_t)j * clip, &part[i], &part[j],
                     keep, T, H, W);
    free(keep);
}

void vs_mix_targets(float *target, const vs_mix_part *part, const int *label, int B, int classes,
                    float smoothing)
{
    const float off = smoothing / (float)classes;
    for (int i = 0; i < B; i++) {
        float *const row = target + (size_t)i * (size_t)classes;
        const float keep = (float)part[i].keep;
        for (int c = 0; c < classes; c++)
            row[c] = off;
        row[label[i]] += (1.0f - smoothing) * keep;
        row[label[B - 1 - i]] += (1.0f - smoothing) * (1.0f - keep);
    }
}
