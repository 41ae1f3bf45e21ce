/* The bank of textures, and the map from the frame into one. Rules: gen/scene/texture.h */
#include "gen/scene/texture.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- The bank ----------------------------------------------------------------------------- */

static size_t texture_bytes(int side)
{
    return 4 * (size_t)(side + 2) * (size_t)(side + 2);
}

size_t vs_textures_bytes(int n, int side)
{
    return (size_t)n * texture_bytes(side);
}

vs_err vs_textures_new(vs_textures **out, int n, int side)
{
    VS_ASSERT(n > 0 && side > 0);
    *out = malloc(sizeof(**out));
    uint8_t *texel = calloc((size_t)n, texture_bytes(side));
    if (!*out || !texel) {
        free(*out);
        free(texel);
        *out = NULL;
        return VS_FAIL(VS_ERR_NOMEM, "no memory for %d textures of %dx%d (%zu MB)", n, side, side,
                       vs_textures_bytes(n, side) >> 20);
    }
    **out = (vs_textures){ n, side, texel };
    return VS_OK;
}

void vs_textures_set(vs_textures *bank, int i, const uint8_t *rgb)
{
    VS_ASSERT(i >= 0 && i < bank->n);
    const size_t side = (size_t)bank->side, stride = side + 2;
    uint8_t *to = bank->texel + (size_t)i * texture_bytes(bank->side) + 4 * (stride + 1);
    for (size_t y = 0; y < side; y++, to += 4 * stride)
        for (size_t x = 0; x < side; x++) {
            const uint8_t *from = rgb + 3 * (y * side + x);
            memcpy(to + 4 * x, from, 3);
            to[4 * x + 3] = from[1];
        }
}

void vs_textures_free(vs_textures **bank)
{
    if (*bank)
        free((*bank)->texel);
    free(*bank);
    *bank = NULL;
}

void vs_texture_columns_init(vs_texture_columns *out, int *room, int size, int side)
{
    out->of = room + 2;
    out->last = 2 * size;
    room[0] = room[1] = 0;
    for (int x = 0; x < out->last; x++)
        out->of[x] = 1 + (int)((int64_t)x * side / out->last);
    out->of[out->last] = out->of[out->last + 1] = side + 1;
}

/* ---- The matrix --------------------------------------------------------------------------- */

enum { UNKNOWNS = 6 };

static void swap_rows(double a[UNKNOWNS + 1], double b[UNKNOWNS + 1])
{
    double keep[UNKNOWNS + 1];
    memcpy(keep, a, sizeof(keep));
    memcpy(a, b, sizeof(keep));
    memcpy(b, keep, sizeof(keep));
}

/* Elimination with the largest pivot, the first among equals. False when singular. */
static bool eliminate(double a[UNKNOWNS][UNKNOWNS + 1])
{
    for (int i = 0; i < UNKNOWNS; i++) {
        int pivot = i;
        for (int j = i + 1; j < UNKNOWNS; j++)
            if (fabs(a[j][i]) > fabs(a[pivot][i]))
                pivot = j;
        if (fabs(a[pivot][i]) < 100 * DBL_EPSILON)
            return false;
        if (pivot != i)
            swap_rows(a[pivot], a[i]);
        const double d = -1 / a[i][i];
        for (int j = i + 1; j < UNKNOWNS; j++) {
            const double share = a[j][i] * d;
            for (int k = i + 1; k <= UNKNOWNS; k++)
                a[j][k] += share * a[i][k];
        }
    }
    return true;
}

/* The affine map m (2, 3) that takes the points p to q; 0 when the p lie on a line. All six
 * unknowns together, rows x0 y0 x1 y1 ...: the order decides which pivot wins a tie. */
static void map_points(double m[UNKNOWNS], float p[3][2], float q[3][2])
{
    double a[UNKNOWNS][UNKNOWNS + 1] = { { 0 } };
    for (int i = 0; i < UNKNOWNS; i++) {
        double *const row = a[i] + 3 * (i % 2);
        row[0] = p[i / 2][0];
        row[1] = p[i / 2][1];
        row[2] = 1;
        a[i][UNKNOWNS] = q[i / 2][i % 2];
    }
    memset(m, 0, UNKNOWNS * sizeof(*m));
    if (!eliminate(a))
        return;
    for (int i = UNKNOWNS - 1; i >= 0; i--) {
        double s = a[i][UNKNOWNS];
        for (int k = i + 1; k < UNKNOWNS; k++)
            s -= a[i][k] * m[k];
        m[i] = s / a[i][i];
    }
}

/* A map without an inverse becomes 0: the shape shows the picture's first pixel. */
static void invert(double m[6])
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
static float as_float(double v)
{
    volatile float kept = (float)v;
    return kept;
}

static void forward_map(double m[6], const vs_object *o, const vs_pose *pose,
                        const vs_scene_params *params, int frame)
{
    const double f = frame;
    if (pose->corners == 0) {
        const bool scaled = params->affine && params->circles_scale;
        const double still[6] = { scaled ? 1 + o->scale_x * f : 1, 0, pose->x - pose->ax,
                                  0, scaled ? 1 + o->scale_y * f : 1, pose->y - pose->ay };
        memcpy(m, still, sizeof(still));
        return;
    }
    double local[4][2] = { { 0 } };
    float from[3][2], to[3][2];
    vs_pose_local(local, o);
    for (int k = 0; k < 3; k++)
        for (int c = 0; c < 2; c++)
            from[k][c] = as_float(local[k][c]);
    if (params->affine)
        vs_pose_affine(local, 3, o, f);
    for (int k = 0; k < 3; k++) {
        to[k][0] = as_float(local[k][0] + pose->x);
        to[k][1] = as_float(local[k][1] + pose->y);
    }
    map_points(m, from, to);
}

void vs_warp_at(vs_warp *out, const vs_textures *bank, const vs_texture_columns *columns,
                const vs_object *object, const vs_pose *pose, const vs_scene_params *params,
                int frame)
{
    VS_ASSERT(object->texture >= 0 && object->texture < bank->n);
    out->texel = bank->texel + (size_t)object->texture * texture_bytes(bank->side);
    out->stride = bank->side + 2;
    out->column = columns->of;
    out->last = columns->last;
    forward_map(out->m, object, pose, params, frame);
    invert(out->m);
    for (int k = 0; k < 6; k++)
        out->m[k] *= 1024;         /* a power of two: exact */
}
