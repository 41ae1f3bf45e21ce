/* The map that lays a texture on a shape and the sample of one pixel, one text for C and CUDA.
 * Rules: gen/scene/texture.h
 *
 * No fused multiply-add in either. A CPU with SSE2 samples four pixels at a time
 * (gen/scene/texture_paint.c), to the same bytes.
 */
#ifndef VSYN_GEN_SCENE_TEXTURE_CORE_H
#define VSYN_GEN_SCENE_TEXTURE_CORE_H

#include <float.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/hd.h"
#include "gen/scene/pose.h"
#include "gen/scene/texture.h"

/* ---- The bank ----------------------------------------------------------------------------- */

VS_HD size_t vs_texture_bytes(int side)
{
    return 4 * (size_t)(side + 2) * (size_t)(side + 2);
}

/* Column (or row) of the bordered picture for column x of the enlarged one, -2 .. 2 size + 1. */
VS_HD int vs_texture_column(int x, int size, int side)
{
    return x < 0 ? 0 : x >= 2 * size ? side + 1 : 1 + (int)((int64_t)x * side / (2 * size));
}

/* ---- The matrix --------------------------------------------------------------------------- */

enum { VS_WARP_UNKNOWNS = 6 };

VS_HD void vs_warp_swap(double a[VS_WARP_UNKNOWNS + 1], double b[VS_WARP_UNKNOWNS + 1])
{
    double keep[VS_WARP_UNKNOWNS + 1];
    memcpy(keep, a, sizeof(keep));
    memcpy(a, b, sizeof(keep));
    memcpy(b, keep, sizeof(keep));
}

/* Elimination with the largest pivot, the first among equals. False when singular. */
VS_HD bool vs_warp_eliminate(double a[VS_WARP_UNKNOWNS][VS_WARP_UNKNOWNS + 1])
{
    for (int i = 0; i < VS_WARP_UNKNOWNS; i++) {
        int pivot = i;
        for (int j = i + 1; j < VS_WARP_UNKNOWNS; j++)
            if (fabs(a[j][i]) > fabs(a[pivot][i]))
                pivot = j;
        if (fabs(a[pivot][i]) < 100 * DBL_EPSILON)
            return false;
        if (pivot != i)
            vs_warp_swap(a[pivot], a[i]);
        const double d = -1 / a[i][i];
        for (int j = i + 1; j < VS_WARP_UNKNOWNS; j++) {
            const double share = a[j][i] * d;
            for (int k = i + 1; k <= VS_WARP_UNKNOWNS; k++)
                a[j][k] += share * a[i][k];
        }
    }
    return true;
}

/* The affine map m (2, 3) that takes the points p to q; 0 when the p lie on a line. All six
 * unknowns together, rows x0 y0 x1 y1 ...: the order decides which pivot wins a tie. */
VS_HD void vs_warp_map_points(double m[VS_WARP_UNKNOWNS], float p[3][2], float q[3][2])
{
    double a[VS_WARP_UNKNOWNS][VS_WARP_UNKNOWNS + 1] = { { 0 } };
    for (int i = 0; i < VS_WARP_UNKNOWNS; i++) {
        double *const row = a[i] + 3 * (i % 2);
        row[0] = p[i / 2][0];
        row[1] = p[i / 2][1];
        row[2] = 1;
        a[i][VS_WARP_UNKNOWNS] = q[i / 2][i % 2];
    }
    memset(m, 0, VS_WARP_UNKNOWNS * sizeof(*m));
    if (!vs_warp_eliminate(a))
        return;
    for (int i = VS_WARP_UNKNOWNS - 1; i >= 0; i--) {
        double s = a[i][VS_WARP_UNKNOWNS];
        for (int k = i + 1; k < VS_WARP_UNKNOWNS; k++)
            s -= a[i][k] * m[k];
        m[i] = s / a[i][i];
    }
}

/* A map without an inverse becomes 0: the shape shows the picture's first pixel. */
VS_HD void vs_warp_invert(double m[6])
{
    double d = m[0] * m[4] - m[1] * m[3];
    d = d != 0 ? 1 / d : 0;
    const double a = m[4] * d, b = m[1] * -d, c = m[3] * -d, e = m[0] * d;
    const double u = -a * m[2] - b * m[5], v = -c * m[2] - e * m[5];
    m[0] = a;
    m[1] = b;
    m[2] = u;
    m[3] = c;
    m[4] = e;
    m[5] = v;
}

/* GCC 12 loses plain conversions in code that it vectorises (seen with -O3 and its SLP pass: one
 * of 65536 pixels of a golden frame differed); through memory they stay. */
VS_HD float vs_warp_as_float(double v)
{
    volatile float kept = (float)v;
    return kept;
}

/* Frame from enlarged picture. */
VS_HD void vs_warp_forward(double m[6], const vs_object *o, const vs_pose *pose,
                           const vs_scene_params *params, int frame)
{
    const double f = frame;
    if (pose->corners == 0) {
        const bool scaled = params->affine && params->circles_scale;
        m[0] = scaled ? 1 + o->scale_x * f : 1;
        m[4] = scaled ? 1 + o->scale_y * f : 1;
        m[1] = m[3] = 0;
        m[2] = pose->x - pose->ax;
        m[5] = pose->y - pose->ay;
        return;
    }
    double local[4][2] = { { 0 } };
    float from[3][2], to[3][2];
    vs_pose_local(local, o);
    for (int k = 0; k < 3; k++)
        for (int c = 0; c < 2; c++)
            from[k][c] = vs_warp_as_float(local[k][c]);
    if (params->affine)
        vs_pose_affine(local, 3, o, f);
    for (int k = 0; k < 3; k++) {
        to[k][0] = vs_warp_as_float(local[k][0] + pose->x);
        to[k][1] = vs_warp_as_float(local[k][1] + pose->y);
    }
    vs_warp_map_points(m, from, to);
}

/* The m of a vs_warp. */
VS_HD void vs_warp_matrix(double m[6], const vs_object *o, const vs_pose *pose,
                          const vs_scene_params *params, int frame)
{
    vs_warp_forward(m, o, pose, params, frame);
    vs_warp_invert(m);
    for (int k = 0; k < 6; k++)
        m[k] *= 1024;              /* a power of two: exact */
}

/* ---- Sampling ----------------------------------------------------------------------------- */

/* To nearest, ties to even; INT32_MIN where it does not fit. */
VS_HD int32_t vs_warp_round(double v)
{
    return v > -2147483648.5 && v < 2147483647.5 ? (int32_t)lrint(v) : INT32_MIN;
}

VS_HD int32_t vs_warp_sum(int32_t a, int32_t b)
{
    return (int32_t)((uint32_t)a + (uint32_t)b);   /* wraps */
}

/* Where row y begins in the enlarged picture, in 1/1024: X and Y. */
VS_HD void vs_warp_row(int32_t start[2], const vs_warp *w, int y)
{
    start[0] = vs_warp_sum(vs_warp_round(w->m[1] * y + w->m[2]), 16);
    start[1] = vs_warp_sum(vs_warp_round(w->m[4] * y + w->m[5]), 16);
}

/* Onto the border at most. */
VS_HD int vs_warp_on_picture(int32_t whole, int last)
{
    return whole < -2 ? -2 : whole > last ? last : whole;
}

/* Pixel x of the row that has this start, as R G B G. */
VS_HD void vs_warp_pixel(uint8_t rgbg[4], const vs_warp *w, const int32_t start[2], int x)
{
    const int32_t u = vs_warp_sum(start[0], vs_warp_round(w->m[0] * x)) >> 5;
    const int32_t v = vs_warp_sum(start[1], vs_warp_round(w->m[3] * x)) >> 5;
    const int fx = u & 31, fy = v & 31;
    const int *const column = w->column + vs_warp_on_picture(u >> 5, w->last);
    const int *const line = w->column + vs_warp_on_picture(v >> 5, w->last);
    const uint8_t *const upper = w->texel + 4 * (ptrdiff_t)line[0] * w->stride;
    const uint8_t *const lower = w->texel + 4 * (ptrdiff_t)line[1] * w->stride;
    const int left = 4 * column[0], right = 4 * column[1];
    for (int c = 0; c < 4; c++) {
        const int a = (32 - fx) * upper[left + c] + fx * upper[right + c];
        const int b = (32 - fx) * lower[left + c] + fx * lower[right + c];
        rgbg[c] = (uint8_t)((a * (32 - fy) + b * fy + 512) >> 10);
    }
}

#endif /* VSYN_GEN_SCENE_TEXTURE_CORE_H */
