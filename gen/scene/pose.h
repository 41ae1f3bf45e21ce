/* Where an object is at a frame: its closed form in time, shared by every device.
 *
 * With v = speed + acceleration * f (0 when nothing moves) and q = floor(radius / 2):
 *
 *     position    x = trunc(cx + v cos(direction) f),  y likewise with sin
 *     affine      p -> R S H p, each about (q, q): shear, then scale, then rotate
 *     corner      trunc(affine(p) + (x, y)), trunc towards zero
 *
 * Local corners p start at about (0, 0): the stored "centre" is the top left corner of a
 * polygon and the true centre of a circle, and (q, q) is the centre of neither. That is
 * how the reference behaves; frames are equal to its frames only if kept.
 *
 * An object is away for this frame when its position leaves (-size, 2 size) on either
 * axis. Nothing wraps, nothing respawns; acceleration may bring it back.
 *
 * Double precision, no fused multiply-add. Coordinates saturate at +-2^30, so a table
 * with absurd numbers draws something harmless.
 */
#ifndef VSYN_GEN_SCENE_POSE_H
#define VSYN_GEN_SCENE_POSE_H

#include <math.h>

#include "base/hd.h"
#include "gen/scene/scene.h"

enum { VS_POSE_LIMIT = 1 << 30 };

typedef struct vs_pose {
    bool away;                     /* nothing else is set then */
    int x, y;
    int corners;                   /* 0 for a circle */
    int px[4], py[4];              /* corners in the picture */
    int ax, ay, degrees;           /* circle: half axes and rotation of the ellipse */
} vs_pose;

VS_HD int vs_pose_trunc(double v)
{
    if (!(v > -(double)VS_POSE_LIMIT))
        return -VS_POSE_LIMIT;
    return v < (double)VS_POSE_LIMIT ? (int)v : VS_POSE_LIMIT;
}

/* Corners before the affine map, (corners, 2). Returns their number. */
VS_HD int vs_pose_local(double p[4][2], const vs_object *o)
{
    const double r = o->radius, side = r * sqrt(2.0);
    switch (o->shape) {
    case VS_SHAPE_CIRCLE:
        return 0;
    case VS_SHAPE_SQUARE: {
        const double d = vs_pose_trunc(side);
        for (int k = 0; k < 4; k++) {
            p[k][0] = k == 1 || k == 2 ? d : 0.0;
            p[k][1] = k >= 2 ? d : 0.0;
        }
        return 4;
    }
    case VS_SHAPE_ORIENTED_SQUARE: {
        const double h = vs_pose_trunc(side / 2), c = cos(o->angle[0]), s = sin(o->angle[0]);
        for (int k = 0; k < 4; k++) {
            const double x = k == 1 || k == 2 ? h : -h, y = k >= 2 ? h : -h;
            p[k][0] = c * x - s * y + r;
            p[k][1] = s * x + c * y + r;
        }
        return 4;
    }
    case VS_SHAPE_RECTANGLE: {
        const double w = r * cos(o->angle[0]), h = r * sin(o->angle[0]);
        for (int k = 0; k < 4; k++) {
            p[k][0] = vs_pose_trunc(k < 2 ? w + r : -w + r);
            p[k][1] = vs_pose_trunc(k == 0 || k == 3 ? h + r : -h + r);
        }
        return 4;
    }
    case VS_SHAPE_TRIANGLE:
    case VS_SHAPE_QUADRILATERAL: {
        const int n = o->shape == VS_SHAPE_TRIANGLE ? 3 : 4;
        for (int k = 0; k < n; k++) {
            p[k][0] = vs_pose_trunc(r * cos(o->angle[k]) + r);
            p[k][1] = vs_pose_trunc(r * sin(o->angle[k]) + r);
        }
        return n;
    }
    }
    return 0;
}

/* p (n, 2) at frame f, in place. */
VS_HD void vs_pose_affine(double p[4][2], int n, const vs_object *o, double f)
{
    const double q = o->radius / 2;
    const double c = cos(o->angle_speed * f), s = sin(o->angle_speed * f);
    const double sx = 1 + o->scale_x * f, sy = 1 + o->scale_y * f;
    for (int k = 0; k < n; k++) {
        const double x = p[k][0] - q, y = p[k][1] - q;
        const double u = sx * (x + o->shear_x * f * y), v = sy * (y + o->shear_y * f * x);
        p[k][0] = c * u - s * v + q;
        p[k][1] = s * u + c * v + q;
    }
}

VS_HD void vs_pose_at(vs_pose *out, const vs_object *o, const vs_scene_params *params, int frame)
{
    const double f = frame;
    const double v = !params->moving     ? 0.0
                     : params->accelerated ? o->speed + o->acceleration * f
                                           : o->speed;
    out->x = vs_pose_trunc(o->cx + v * cos(o->direction) * f);
    out->y = vs_pose_trunc(o->cy + v * sin(o->direction) * f);
    out->away = out->x <= -params->size || out->x >= 2 * params->size ||
                out->y <= -params->size || out->y >= 2 * params->size;
    if (out->away)
        return;
    double p[4][2];
    out->corners = vs_pose_local(p, o);
    if (out->corners == 0) {
        const bool scaled = params->affine && params->circles_scale;
        out->ax = scaled ? vs_pose_trunc(o->radius * (1 + o->scale_x * f)) : o->radius;
        out->ay = scaled ? vs_pose_trunc(o->radius * (1 + o->scale_y * f)) : o->radius;
        /* Radians where whole degrees are expected: as in the reference. */
        out->degrees = scaled ? vs_pose_trunc(rint(o->angle_speed * f)) % 360 : 0;
        return;
    }
    if (params->affine)
        vs_pose_affine(p, out->corners, o, f);
    for (int k = 0; k < out->corners; k++) {
        out->px[k] = vs_pose_trunc(p[k][0] + out->x);
        out->py[k] = vs_pose_trunc(p[k][1] + out->y);
    }
}

#endif /* VSYN_GEN_SCENE_POSE_H */
