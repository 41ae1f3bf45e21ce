/* Mixup and cutmix: see mix.h. */
#include "train/data/mix.h"

#include <math.h>
#include <stdbool.h>

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

void vs_mix_blend(vs_blend *blend, const vs_mix_part *part, int B)
{
    for (int i = 0; i < B; i++)
        blend[i] = (vs_blend){ (int32_t)lround(part[i].keep * 65536), part[i].x, part[i].y,
                               part[i].w, part[i].h };
}

/* ---- Targets ---------------------------------------------------------------------- */

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
