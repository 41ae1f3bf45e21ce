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
 * Double precision, no fused multiply-add, sine and cosine of our own (those of libm and of
 * CUDA differ in the last bit): the same numbers on every machine and device. Coordinates
 * saturate at +-2^30, so a table with absurd numbers draws something harmless.
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

/* Sine and cosine to within an ulp of 1, for any finite a below 2^20; beyond, of a mod 2 pi
 * rounded to double. pi / 2 is subtracted in three parts of which the first two have 33 bits, so
 * that their multiples are exact; then Taylor series on +-pi / 4. */
VS_HD void vs_sincos(double *s, double *c, double a)
{
    const double turn = 6.283185307179586477;
    if (!(fabs(a) < 1048576.0))
        a = fabs(a) <= 1.7976931348623157e308 ? fmod(a, turn) : 0.0;
    const double whole = 6755399441055744.0;       /* 1.5 * 2^52: adding it rounds to nearest */
    const double k = (a * 0.63661977236758134308 + whole) - whole;
    const double r = ((a - k * 1.57079632673412561417) - k * 6.07710050630396597660e-11) -
                     k * 2.02226624879595063154e-21;
    const double z = r * r;
    const double sine =
        r + r * z *
                (-1.0 / 6 +
                 z * (1.0 / 120 +
                      z * (-1.0 / 5040 +
                           z * (1.0 / 362880 +
                                z * (-1.0 / 39916800 +
                                     z * (1.0 / 6227020800.0 +
                                          z * (-1.0 / 1307674368000.0 +
                                               z * (1.0 / 355687428096000.0))))))));
    const double cosine =
        1.0 -
        z * (0.5 +
             z * (-1.0 / 24 +
                  z * (1.0 / 720 +
                       z * (-1.0 / 40320 +
                            z * (1.0 / 3628800 +
                                 z * (-1.0 / 479001600 +
                                      z * (1.0 / 87178291200.0 +
                                           z * (-1.0 / 20922789888000.0))))))));
    const int quadrant = (int)k & 3;
    const double u = quadrant & 1 ? cosine : sine, v = quadrant & 1 ? sine : cosine;
    *s = quadrant & 2 ? -u : u;
    *c = quadrant == 1 || quadrant == 2 ? -v : v;
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
        const double h = vs_pose_trunc(side / 2);
        double s, c;
        vs_sincos(&s, &c, o->angle[0]);
        for (int k = 0; k < 4; k++) {
            const double x = k == 1 || k == 2 ? h : -h, y = k >= 2 ? h : -h;
            p[k][0] = c * x - s * y + r;
            p[k][1] = s * x + c * y + r;
        }
        return 4;
    }
    case VS_SHAPE_RECTANGLE: {
        double s, c;
        vs_sincos(&s, &c, o->angle[0]);
        const double w = r * c, h = r * s;
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
            double s, c;
            vs_sincos(&s, &c, o->angle[k]);
            p[k][0] = vs_pose_trunc(r * c + r);
            p[k][1] = vs_pose_trunc(r * s + r);
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
    double s, c;
    vs_sincos(&s, &c, o->angle_speed * f);
    const double sx = 1 + o->scale_x * f, sy = 1 + o->scale_y * f;
    for (int k = 0; k < n; k++) {
        const double x = p[k][0] - q, y = p[k][1] - q;
        const double u = sx * (x + o->shear_x * f * y), v = sy * (y + o->shear_y * f * x);
        p[k][0] = c * u - s * v + q;
        p[k][1] = s * u + c * v + q;
    }
}

/* What of a pose does not depend on the frame. */
typedef struct vs_pose_base {
    double dx, dy;                 /* cosine and sine of the direction */
    double p[4][2];                /* local corners */
    double reach;                  /* they lie within this of (q, q); circles: of (0, 0) */
    int corners;
} vs_pose_base;

VS_HD void vs_pose_base_of(vs_pose_base *out, const vs_object *o)
{
    const double q = o->radius / 2;
    vs_sincos(&out->dy, &out->dx, o->direction);
    out->corners = vs_pose_local(out->p, o);
    double most = 0;
    for (int k = 0; k < out->corners; k++) {
        const double x = out->p[k][0] - q, y = out->p[k][1] - q;
        most = x * x + y * y > most ? x * x + y * y : most;
    }
    out->reach = out->corners ? sqrt(most) + 1 : o->radius;
}

/* x, y and away of the pose, nothing else yet. */
VS_HD void vs_pose_position(vs_pose *out, const vs_pose_base *base, const vs_object *o,
                            const vs_scene_params *params, double f)
{
    const double v = !params->moving     ? 0.0
                     : params->accelerated ? o->speed + o->acceleration * f
                                           : o->speed;
    out->x = vs_pose_trunc(o->cx + v * base->dx * f);
    out->y = vs_pose_trunc(o->cy + v * base->dy * f);
    out->away = out->x <= -params->size || out->x >= 2 * params->size ||
                out->y <= -params->size || out->y >= 2 * params->size;
}

/* The rest, of an object that is not away. */
VS_HD void vs_pose_outline(vs_pose *out, const vs_pose_base *base, const vs_object *o,
                           const vs_scene_params *params, double f)
{
    out->corners = base->corners;
    if (out->corners == 0) {
        const bool scaled = params->affine && params->circles_scale;
        out->ax = scaled ? vs_pose_trunc(o->radius * (1 + o->scale_x * f)) : o->radius;
        out->ay = scaled ? vs_pose_trunc(o->radius * (1 + o->scale_y * f)) : o->radius;
        /* Radians where whole degrees are expected: as in the reference. */
        out->degrees = scaled ? vs_pose_trunc(rint(o->angle_speed * f)) % 360 : 0;
        return;
    }
    double p[4][2];
    for (int k = 0; k < out->corners; k++) {
        p[k][0] = base->p[k][0];
        p[k][1] = base->p[k][1];
    }
    if (params->affine)
        vs_pose_affine(p, out->corners, o, f);
    for (int k = 0; k < out->corners; k++) {
        out->px[k] = vs_pose_trunc(p[k][0] + out->x);
        out->py[k] = vs_pose_trunc(p[k][1] + out->y);
    }
}

VS_HD void vs_pose_at(vs_pose *out, const vs_object *o, const vs_scene_params *params, int frame)
{
    vs_pose_base base;
    vs_pose_base_of(&base, o);
    vs_pose_position(out, &base, o, params, frame);
    if (!out->away)
        vs_pose_outline(out, &base, o, params, frame);
}

/* A quick no for objects that are not away: false only if no pixel of it can be in the
 * picture. Shear, scale and rotation keep corners within reach * largest scale * (1 + shear). */
VS_HD bool vs_pose_in_sight(const vs_pose *pose, const vs_pose_base *base, const vs_object *o,
                            const vs_scene_params *params, double f)
{
    const bool circle = base->corners == 0;
    const double q = circle ? 0 : o->radius / 2;
    double reach = base->reach;
    if (params->affine && (!circle || params->circles_scale)) {
        const double sx = fabs(1 + o->scale_x * f), sy = fabs(1 + o->scale_y * f);
        const double hx = fabs(o->shear_x * f), hy = fabs(o->shear_y * f);
        reach *= (sx > sy ? sx : sy) * (1 + (hx > hy ? hx : hy));
    }
    reach += 2;
    const double x = pose->x + q, y = pose->y + q, size = params->size;
    return !(x + reach < 0 || x - reach > size || y + reach < 0 || y - reach > size);
}

#endif /* VSYN_GEN_SCENE_POSE_H */
