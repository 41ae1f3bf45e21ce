/* Spatter on the lens, as ImageNet-C defines it. Numbers: mean and deviation of a normal field,
 * sigma s of its smoothing (Gaussian, cut at 4 sigma, border repeated), threshold, strength k, and
 * 0 for water, 1 for mud. What is below the threshold becomes 0. x is the picture in 0..1, float32.
 *
 *   water   w = floor(255 field); edges of w by Canny (50, 150); distance to them (chamfer 5 x 5),
 *           at most 20; mean of 3 x 3, truncated to bytes; histogram equalised; an emboss filter;
 *           mean of 3 x 3, rounded: e. m = k w e / max(w e). x' = x + m (175, 238, 238) / 255
 *   mud     m = Gaussian of sigma k of (field > threshold), below 0.8: 0.
 *           x' = (1 - m) x + m (63, 42, 20) / 255
 *
 * The result is floor(255 clip(x', 0, 1)). Steps and borders as OpenCV takes them. Drawn once for
 * the clip: drops stay on the lens.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "eval/edges.h"
#include "eval/field.h"
#include "eval/kinds.h"

#define VECTOR __attribute__((target_clones("arch=x86-64-v4", "avx2", "default"), noinline))

enum { MEAN, DEVIATION, SIGMA, THRESHOLD, STRENGTH, MUD };

/* ---- Small filters of bytes and floats, (H, W), border mirrored --------------------------- */

static size_t place(int y, int x, int H, int W)
{
    return (size_t)vs_border_index(y, H, VS_BORDER_MIRROR) * (size_t)W +
           (size_t)vs_border_index(x, W, VS_BORDER_MIRROR);
}

static void mean_of_distances(uint8_t *out, const float *in, int H, int W)
{
    for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x++) {
            double sum = 0;
            for (int k = 0; k < 9; k++)
                sum += (double)in[place(y + k / 3 - 1, x + k % 3 - 1, H, W)];
            *out++ = (uint8_t)(float)(sum * (1.0 / 9));
        }
}

/* kernel (3, 3), the sum divided by `scale` and rounded. */
static void filter(uint8_t *out, const uint8_t *in, int H, int W, const int kernel[9], int scale)
{
    for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x++) {
            int sum = 0;
            for (int k = 0; k < 9; k++)
                sum += kernel[k] * in[place(y + k / 3 - 1, x + k % 3 - 1, H, W)];
            sum = sum < 0 ? 0 : (2 * sum + scale) / (2 * scale);
            *out++ = (uint8_t)(sum > 255 ? 255 : sum);
        }
}

static void equalise(uint8_t *p, size_t n)
{
    size_t count[256] = { 0 }, sum = 0;
    uint8_t map[256] = { 0 };
    int first = 0;
    for (size_t i = 0; i < n; i++)
        count[p[i]]++;
    while (!count[first])
        first++;
    if (count[first] == n)
        return;
    const float scale = 255.0f / (float)(n - count[first]);
    for (int v = first + 1; v < 256; v++) {
        sum += count[v];
        map[v] = (uint8_t)nearbyintf((float)sum * scale);
    }
    for (size_t i = 0; i < n; i++)
        p[i] = map[p[i]];
}

/* ---- Water and mud ------------------------------------------------------------------------ */

/* mask (H, W) = m. */
static vs_err make_water(float *mask, const double *field, const vs_frame *f)
{
    static const int emboss[9] = { -2, -1, 0, -1, 1, 1, 0, 1, 2 };
    static const int ones[9] = { 1, 1, 1, 1, 1, 1, 1, 1, 1 };
    const size_t n = (size_t)f->H * (size_t)f->W;
    uint8_t *water = malloc(3 * n);
    float highest = 0;
    if (!water)
        return VS_FAIL(VS_ERR_NOMEM, "no memory for spatter of %d x %d", f->W, f->H);
    uint8_t *a = water + n, *b = a + n;
    for (size_t i = 0; i < n; i++)
        water[i] = (uint8_t)((field[i] > 1 ? 1 : field[i]) * 255);
    vs_err err = vs_edges_canny(a, water, f->H, f->W, 50, 150);
    if (err == VS_OK)
        err = vs_edges_distance(mask, a, f->H, f->W, 20);
    if (err == VS_OK) {
        mean_of_distances(a, mask, f->H, f->W);
        equalise(a, n);
        filter(b, a, f->H, f->W, emboss, 1);
        filter(a, b, f->H, f->W, ones, 9);
    }
    for (size_t i = 0; err == VS_OK && i < n; i++) {
        mask[i] = (float)water[i] * (float)a[i];
        highest = mask[i] > highest ? mask[i] : highest;
    }
    for (size_t i = 0; err == VS_OK && i < n; i++)
        mask[i] = highest > 0 ? mask[i] / highest * (float)f->level[STRENGTH] : 0;
    free(water);
    return err;
}

static vs_err make_mud(float *mask, double *field, const vs_frame *f)
{
    const size_t n = (size_t)f->H * (size_t)f->W;
    for (size_t i = 0; i < n; i++)
        field[i] = field[i] > f->level[THRESHOLD];
    VS_TRY(vs_field_smooth(field, f->H, f->W, f->level[STRENGTH], 4, VS_BORDER_NEAREST));
    for (size_t i = 0; i < n; i++)
        mask[i] = field[i] < 0.8 ? 0 : (float)field[i];
    return VS_OK;
}

static vs_err make_mask(float *mask, double *field, const vs_frame *f)
{
    const size_t n = (size_t)f->H * (size_t)f->W;
    vs_rng rng = vs_clip_rng(f->seed);
    vs_field_normal(field, n, &rng);
    for (size_t i = 0; i < n; i++)
        field[i] = f->level[MEAN] + f->level[DEVIATION] * field[i];
    VS_TRY(vs_field_smooth(field, f->H, f->W, f->level[SIGMA], 4, VS_BORDER_NEAREST));
    for (size_t i = 0; i < n; i++)
        field[i] = field[i] < f->level[THRESHOLD] ? 0 : field[i];
    return f->level[MUD] > 0 ? make_mud(mask, field, f) : make_water(mask, field, f);
}

/* x' = x * keep + add, keep and add (H, W, 3): one after the other. */
static vs_err scene_spatter(void **scene, const vs_frame *f)
{
    static const float water[3] = { 175 / 255.0, 238 / 255.0, 238 / 255.0 };
    static const float mud[3] = { 63 / 255.0, 42 / 255.0, 20 / 255.0 };
    const bool is_mud = f->level[MUD] > 0;
    const size_t n = (size_t)f->H * (size_t)f->W;
    float *both = malloc(sizeof(*both) * 6 * n), *mask = malloc(sizeof(*mask) * n);
    double *field = malloc(sizeof(*field) * n);
    vs_err err = both && mask && field ? VS_OK
                                       : VS_FAIL(VS_ERR_NOMEM, "no memory for spatter of %d x %d",
                                                 f->W, f->H);
    if (err == VS_OK)
        err = make_mask(mask, field, f);
    for (size_t i = 0; err == VS_OK && i < 3 * n; i++) {
        both[i] = is_mud ? 1 - mask[i / 3] : 1;
        both[3 * n + i] = (is_mud ? mud : water)[i % 3] * mask[i / 3];
    }
    free(field);
    free(mask);
    if (err == VS_OK)
        *scene = both;
    else
        free(both);
    return err;
}

VECTOR static void add_spatter(uint8_t *dst, const uint8_t *src, const float *keep,
                               const float *add, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const float x = src[i] / 255.0f * keep[i] + add[i];
        dst[i] = (uint8_t)(int)((x > 1 ? 1 : x) * 255);
    }
}

static vs_err frame_spatter(uint8_t *dst, const uint8_t *src, const vs_frame *f)
{
    const size_t n = (size_t)f->H * (size_t)f->W * 3;
    const float *both = f->scene;
    add_spatter(dst, src, both, both + n, n);
    return VS_OK;
}

const vs_kind vs_kind_spatter = { .scene = scene_spatter, .frame = frame_spatter };
