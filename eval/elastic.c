/* Elastic deformation, as ImageNet-C defines it: an affine map, then a smooth displacement of every
 * pixel. Numbers a, s, f count in u = 244 pixels, as there, for frames whose shorter side is 224;
 * for others u follows the shorter side. x is the picture in 0..1, float32:
 *
 *   affine  takes the points (c + q, c + q), (c + q, c - q), (c - q, c - q), c the centre (whole
 *           pixels), q a third of the shorter side, each coordinate moved by U(-f u, f u); sampled
 *           as OpenCV's warpAffine: places in 1/32 of a pixel, bilinear, the border mirrored
 *   warp    y(p) = x(p + a u G U(-1, 1)), G a Gaussian of s u pixels cut at 3 sigma (reflected
 *           border), one field for each axis; bilinear, reflected border, as SciPy
 *   result  = floor(255 clip(y, 0, 1))
 *
 * Drawn once for the clip: a bent pane before the lens. The reference takes (H/2, W/2) for the
 * centre's x and y; here x is W/2, which is the same on square frames.
 */
#include <math.h>
#include <stdlib.h>

#include "eval/field.h"
#include "eval/kinds.h"

struct elastic {
    double map[6];                 /* x_in = m0 x + m1 y + m2, y_in = m3 x + m4 y + m5 */
    float shift[];                 /* (2, H, W): of y, of x */
};

/* ---- The scene ---------------------------------------------------------------------------- */

/* The affine map that takes the points `to` back to `from`: x and y of three corners of a square,
 * `side` apart. */
static void solve(double map[6], const float from[6], const float to[6], double side)
{
    double forth[2][3];            /* from -> to */
    for (int k = 0; k < 2; k++) {
        forth[k][1] = ((double)to[k] - (double)to[2 + k]) / side;        /* per row */
        forth[k][0] = ((double)to[2 + k] - (double)to[4 + k]) / side;    /* per column */
        forth[k][2] = (double)to[4 + k] - forth[k][0] * (double)from[4] -
                      forth[k][1] * (double)from[5];
    }
    const double det = forth[0][0] * forth[1][1] - forth[0][1] * forth[1][0];
    const double scale = det != 0 ? 1 / det : 0;
    map[0] = forth[1][1] * scale;
    map[1] = -forth[0][1] * scale;
    map[3] = -forth[1][0] * scale;
    map[4] = forth[0][0] * scale;
    map[2] = -map[0] * forth[0][2] - map[1] * forth[1][2];
    map[5] = -map[3] * forth[0][2] - map[4] * forth[1][2];
}

static void draw_map(double map[6], const vs_frame *f, double reach, vs_rng *rng)
{
    const int shorter = f->H < f->W ? f->H : f->W, q = shorter / 3 > 0 ? shorter / 3 : 1;
    const float x = (float)(f->W / 2), y = (float)(f->H / 2), d = (float)q;
    const float from[6] = { x + d, y + d, x + d, y - d, x - d, y - d };
    float to[6];
    for (int i = 0; i < 6; i++) {
        double u;
        vs_field_uniform(&u, 1, rng);
        to[i] = from[i] + (float)(2 * reach * u - reach);
    }
    solve(map, from, to, 2.0 * q);
}

static vs_err scene_elastic(void **scene, const vs_frame *f)
{
    const size_t n = (size_t)f->H * (size_t)f->W;
    const double unit = 244 * (double)(f->H < f->W ? f->H : f->W) / 224;
    vs_rng rng = vs_clip_rng(f->seed);
    struct elastic *e = malloc(sizeof(*e) + sizeof(float) * 2 * n);
    double *field = malloc(sizeof(*field) * n);
    vs_err err = e && field ? VS_OK
                            : VS_FAIL(VS_ERR_NOMEM, "no memory to warp a %d x %d picture", f->W,
                                      f->H);
    if (err == VS_OK)
        draw_map(e->map, f, f->level[2] * unit, &rng);
    for (int axis = 1; err == VS_OK && axis >= 0; axis--) {
        vs_field_uniform(field, n, &rng);
        for (size_t i = 0; i < n; i++)
            field[i] = 2 * field[i] - 1;
        err = vs_field_smooth(field, f->H, f->W, f->level[1] * unit, 3, VS_BORDER_REFLECT);
        for (size_t i = 0; i < n; i++)
            e->shift[(size_t)axis * n + i] = (float)(field[i] * (f->level[0] * unit));
    }
    free(field);
    if (err == VS_OK)
        *scene = e;
    else
        free(e);
    return err;
}

/* ---- A frame ------------------------------------------------------------------------------ */

/* Offsets of two neighbouring places along an axis. */
static void pair(size_t at[2], int i, int n, vs_border border, size_t step)
{
    at[0] = (size_t)vs_border_index(i, n, border) * step;
    at[1] = (size_t)vs_border_index(i + 1, n, border) * step;
}

static void affine(float *out, const float *x, const double m[6], int H, int W)
{
    for (int row = 0; row < H; row++) {
        const int64_t x0 = (int64_t)nearbyint((m[1] * row + m[2]) * 1024) + 16;
        const int64_t y0 = (int64_t)nearbyint((m[4] * row + m[5]) * 1024) + 16;
        for (int col = 0; col < W; col++, out += 3) {
            const int sx = (int)((x0 + (int64_t)nearbyint(m[0] * col * 1024)) >> 5);
            const int sy = (int)((y0 + (int64_t)nearbyint(m[3] * col * 1024)) >> 5);
            const float fx = (float)(sx & 31) / 32, fy = (float)(sy & 31) / 32;
            const float w[4] = { (1 - fy) * (1 - fx), (1 - fy) * fx, fy * (1 - fx), fy * fx };
            size_t right[2], down[2];
            pair(right, sx >> 5, W, VS_BORDER_MIRROR, 3);
            pair(down, sy >> 5, H, VS_BORDER_MIRROR, 3 * (size_t)W);
            for (size_t c = 0; c < 3; c++)
                out[c] = x[down[0] + right[0] + c] * w[0] + x[down[0] + right[1] + c] * w[1] +
                         x[down[1] + right[0] + c] * w[2] + x[down[1] + right[1] + c] * w[3];
        }
    }
}

static void warp(uint8_t *dst, const float *x, const float *shift, int H, int W)
{
    const size_t n = (size_t)H * (size_t)W;
    for (int row = 0; row < H; row++)
        for (int col = 0; col < W; col++, dst += 3, shift++) {
            const double py = row + (double)shift[0], px = col + (double)shift[n];
            const double iy = floor(py), ix = floor(px), fy = py - iy, fx = px - ix;
            size_t right[2], down[2];
            pair(right, (int)ix, W, VS_BORDER_REFLECT, 3);
            pair(down, (int)iy, H, VS_BORDER_REFLECT, 3 * (size_t)W);
            const double w[4] = { (1 - fy) * (1 - fx), (1 - fy) * fx, fy * (1 - fx), fy * fx };
            for (size_t c = 0; c < 3; c++) {
                const double v = (double)x[down[0] + right[0] + c] * w[0] +
                                 (double)x[down[0] + right[1] + c] * w[1] +
                                 (double)x[down[1] + right[0] + c] * w[2] +
                                 (double)x[down[1] + right[1] + c] * w[3];
                const float value = (float)v;
                dst[c] = (uint8_t)((value > 1 ? 1 : value) * 255);
            }
        }
}

static vs_err frame_elastic(uint8_t *dst, const uint8_t *src, const vs_frame *f)
{
    const struct elastic *e = f->scene;
    const size_t n = (size_t)f->H * (size_t)f->W * 3;
    float *x = malloc(sizeof(*x) * 2 * n);
    if (!x)
        return VS_FAIL(VS_ERR_NOMEM, "no memory to warp a %d x %d picture", f->W, f->H);
    for (size_t i = 0; i < n; i++)
        x[i] = (float)src[i] / 255;
    affine(x + n, x, e->map, f->H, f->W);
    warp(dst, x + n, e->shift, f->H, f->W);
    free(x);
    return VS_OK;
}

const vs_kind vs_kind_elastic = { .scene = scene_elastic, .frame = frame_elastic };
