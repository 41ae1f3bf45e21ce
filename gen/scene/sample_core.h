/* The distributions that the objects of a scene are drawn from, for every device.
 *
 * They are the reference generator's, including its habits: the radius is the entry of a table
 * whose cumulative weight lies nearest to a uniform number (so the smallest is more frequent than
 * its weight), and centres spread over [0, 2 size), so three quarters of the objects start outside,
 * to the right of or below the picture.
 *
 * Random numbers: stream (seed, VS_RNG_SCENE, video). First the length, then for every object the
 * same 20 draws in the same order whatever the stage uses, so object i begins at number
 * VS_LENGTH_WORDS + i VS_OBJECT_WORDS of the stream: one seed shows the same objects in every
 * stage, a longer table begins like a shorter one, and a thread of a GPU draws object i alone.
 * Which textures fill them is stream (seed, VS_RNG_FILL, video), VS_FILL_WORDS for each. The
 * reference never uses its last texture (its bound is exclusive twice over); here all are used.
 *
 * Double precision, no fused multiply-add: the same numbers on every device.
 */
#ifndef VSYN_GEN_SCENE_SAMPLE_CORE_H
#define VSYN_GEN_SCENE_SAMPLE_CORE_H

#include <math.h>

#include "base/hd.h"
#include "base/rng.h"
#include "gen/scene/scene.h"

enum { VS_RADII = 200, VS_LENGTH_WORDS = 2, VS_OBJECT_WORDS = 38, VS_FILL_WORDS = 2 };

#ifdef __cplusplus
extern "C" {
#endif
/* Cumulative share of the weights r^-3 - 1. */
void vs_radius_shares(double share[VS_RADII]);
#ifdef __cplusplus
}
#endif

VS_HD double vs_radius_at(int j)
{
    return 0.1 + 0.9 * j / (VS_RADII - 1);
}

/* The share nearest to u, the first on ties. */
VS_HD int vs_radius_nearest(const double *share, double u)
{
    int lo = 0, hi = VS_RADII - 1;
    while (lo < hi) {
        const int mid = (lo + hi) / 2;
        if (share[mid] < u)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo > 0 && fabs(share[lo - 1] - u) <= fabs(share[lo] - u) ? lo - 1 : lo;
}

/* u: four uniform numbers. Those of triangles and quadrilaterals are sorted. */
VS_HD void vs_angles_sample(vs_object *o, const double u[4])
{
    const double pi = 3.141592653589793238462643383279502884;
    const int corners = o->shape == VS_SHAPE_TRIANGLE ? 3
                        : o->shape == VS_SHAPE_QUADRILATERAL ? 4 : 0;
    for (int k = 0; k < 4; k++)
        o->angle[k] = 0;
    if (o->shape == VS_SHAPE_ORIENTED_SQUARE)
        o->angle[0] = 2 * pi * u[0];
    if (o->shape == VS_SHAPE_RECTANGLE)
        o->angle[0] = pi / 2 * u[0];
    for (int i = 0; i < corners; i++) {
        const double a = 2 * pi * u[i];
        int at = i;
        for (; at > 0 && o->angle[at - 1] > a; at--)
            o->angle[at] = o->angle[at - 1];
        o->angle[at] = a;
    }
}

VS_HD void vs_object_sample(vs_object *o, vs_rng *r, const vs_scene_params *p,
                            const double *share)
{
    const double pi = 3.141592653589793238462643383279502884;
    const uint32_t shape = vs_rng_below(r, 6);
    double u[4];
    o->texture = -1;
    o->shape = p->mixed ? (vs_shape)shape : VS_SHAPE_CIRCLE;
    for (int c = 0; c < 3; c++)
        o->color[c] = (uint8_t)(vs_rng_f64(r) * 255);
    o->radius = (int)(vs_radius_at(vs_radius_nearest(share, vs_rng_f64(r))) * p->size);
    o->cx = (int)vs_rng_uniform(r, 0, 2.0 * p->size);
    o->cy = (int)vs_rng_uniform(r, 0, 2.0 * p->size);
    o->direction = vs_rng_uniform(r, 0, 2 * pi);
    o->speed = vs_rng_uniform(r, p->speed_lo, p->speed_hi);
    o->acceleration = vs_rng_uniform(r, -p->acceleration_max, p->acceleration_max);
    o->angle_speed = vs_rng_uniform(r, -pi / 100, pi / 100);
    o->scale_x = vs_rng_uniform(r, -0.005, 0.005);
    o->scale_y = vs_rng_uniform(r, -0.005, 0.005);
    o->shear_x = vs_rng_uniform(r, -0.005, 0.005);
    o->shear_y = vs_rng_uniform(r, -0.005, 0.005);
    for (int k = 0; k < 4; k++)
        u[k] = vs_rng_f64(r);
    vs_angles_sample(o, u);
}

/* Which of n textures fills it, instead of its colour. */
VS_HD void vs_object_fill(vs_object *o, vs_rng *r, int n)
{
    o->color[0] = o->color[1] = o->color[2] = 0;
    o->texture = (int)vs_rng_below(r, (uint32_t)n);
}

#endif /* VSYN_GEN_SCENE_SAMPLE_CORE_H */
