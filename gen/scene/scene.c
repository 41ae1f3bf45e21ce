/* Stages, and the distributions that scenes are drawn from.
 *
 * The distributions are the reference generator's, including its habits: the radius is
 * the entry of a table whose cumulative weight lies nearest to a uniform number (so the
 * smallest is more frequent than its weight), and centres spread over [0, 2 size), so
 * three quarters of the objects start outside, to the right of or below the picture.
 *
 * Random numbers: stream (seed, VS_RNG_SCENE, video). First the length, then for every
 * object the same 20 draws in the same order whatever the stage uses. So one seed shows
 * the same objects in every stage, and a longer table begins like a shorter one. Which textures
 * fill them is stream (seed, VS_RNG_FILL, video). The reference never uses its last texture (its
 * bound is exclusive twice over); here all are used.
 */
#include "gen/scene/scene.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "gen/scene/plan.h"
#include "gen/scene/texture.h"

static const double PI = 3.141592653589793238462643383279502884;

/* ---- Stages ------------------------------------------------------------------------------ */

#define DEFAULTS                                                                          \
    .size = 256, .objects = 500, .frames_lo = 100, .frames_hi = 199, .speed_lo = 1.2,     \
    .speed_hi = 3.0, .acceleration_max = 0.03

#define TEXTURED                                                                           \
    { DEFAULTS, .mixed = true, .moving = true, .affine = true, .accelerated = true,         \
      .textured = true }

static const vs_stage stages[] = {
    { "static-circles", "circles that stay", NULL, { DEFAULTS } },
    { "moving-circles", "circles at constant velocity", NULL, { DEFAULTS, .moving = true } },
    { "moving-shapes", "six kinds of shapes at constant velocity", NULL,
      { DEFAULTS, .mixed = true, .moving = true } },
    { "transforming-shapes", "and shapes turn, scale and shear", NULL,
      { DEFAULTS, .mixed = true, .moving = true, .affine = true } },
    { "accelerating-shapes", "and shapes accelerate", NULL,
      { DEFAULTS, .mixed = true, .moving = true, .affine = true, .accelerated = true } },
    { "accelerating-textures", "filled with statistical textures", "statistical", TEXTURED },
    { "accelerating-stylegan", "filled with textures of untrained StyleGANs", "stylegan",
      TEXTURED },
    { "accelerating-images", "filled with crops of still images", NULL, TEXTURED },
};

int vs_stage_count(void)
{
    return (int)(sizeof(stages) / sizeof(*stages));
}

const vs_stage *vs_stage_at(int i)
{
    VS_ASSERT(i >= 0 && i < vs_stage_count());
    return &stages[i];
}

const vs_stage *vs_stage_find(const char *name)
{
    for (int i = 0; i < vs_stage_count(); i++)
        if (strcmp(stages[i].name, name) == 0)
            return &stages[i];
    return NULL;
}

/* ---- Sampling ------------------------------------------------------------------------------ */

enum { RADII = 200 };

static double radius_at(int j)
{
    return 0.1 + 0.9 * j / (RADII - 1);
}

/* Cumulative share of the weights r^-3 - 1. */
static void radius_shares(double share[RADII])
{
    double sum = 0;
    for (int j = 0; j < RADII; j++) {
        const double r = radius_at(j);
        sum += 1 / (r * r * r) - 1;
        share[j] = sum;
    }
    for (int j = 0; j < RADII; j++)
        share[j] /= sum;
}

/* The share nearest to u, the first on ties. */
static int nearest(const double share[RADII], double u)
{
    int lo = 0, hi = RADII - 1;
    while (lo < hi) {
        const int mid = (lo + hi) / 2;
        if (share[mid] < u)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo > 0 && fabs(share[lo - 1] - u) <= fabs(share[lo] - u) ? lo - 1 : lo;
}

static void sort_angles(double *a, int n)
{
    for (int i = 1; i < n; i++)
        for (int j = i; j > 0 && a[j - 1] > a[j]; j--) {
            const double keep = a[j];
            a[j] = a[j - 1];
            a[j - 1] = keep;
        }
}

/* u: four uniform numbers. */
static void sample_angles(vs_object *o, const double u[4])
{
    switch (o->shape) {
    case VS_SHAPE_CIRCLE:
    case VS_SHAPE_SQUARE:
        return;
    case VS_SHAPE_ORIENTED_SQUARE:
        o->angle[0] = 2 * PI * u[0];
        return;
    case VS_SHAPE_RECTANGLE:
        o->angle[0] = PI / 2 * u[0];
        return;
    case VS_SHAPE_TRIANGLE:
    case VS_SHAPE_QUADRILATERAL:
        for (int k = 0; k < (o->shape == VS_SHAPE_TRIANGLE ? 3 : 4); k++)
            o->angle[k] = 2 * PI * u[k];
        sort_angles(o->angle, o->shape == VS_SHAPE_TRIANGLE ? 3 : 4);
        return;
    }
}

static vs_object sample_object(vs_rng *r, const vs_scene_params *p, const double share[RADII])
{
    vs_object o = { .texture = -1 };
    const uint32_t shape = vs_rng_below(r, 6);
    o.shape = p->mixed ? (vs_shape)shape : VS_SHAPE_CIRCLE;
    for (int c = 0; c < 3; c++)
        o.color[c] = (uint8_t)(vs_rng_f64(r) * 255);
    o.radius = (int)(radius_at(nearest(share, vs_rng_f64(r))) * p->size);
    o.cx = (int)vs_rng_uniform(r, 0, 2.0 * p->size);
    o.cy = (int)vs_rng_uniform(r, 0, 2.0 * p->size);
    o.direction = vs_rng_uniform(r, 0, 2 * PI);
    o.speed = vs_rng_uniform(r, p->speed_lo, p->speed_hi);
    o.acceleration = vs_rng_uniform(r, -p->acceleration_max, p->acceleration_max);
    o.angle_speed = vs_rng_uniform(r, -PI / 100, PI / 100);
    o.scale_x = vs_rng_uniform(r, -0.005, 0.005);
    o.scale_y = vs_rng_uniform(r, -0.005, 0.005);
    o.shear_x = vs_rng_uniform(r, -0.005, 0.005);
    o.shear_y = vs_rng_uniform(r, -0.005, 0.005);
    double u[4];
    for (int k = 0; k < 4; k++)
        u[k] = vs_rng_f64(r);
    sample_angles(&o, u);
    return o;
}

static void sample_textures(vs_scene *scene, uint64_t seed, uint64_t index)
{
    vs_rng r = vs_rng_at(seed, VS_RNG_FILL, index);
    for (int i = 0; i < scene->n; i++) {
        memset(scene->object[i].color, 0, 3);
        scene->object[i].texture = (int)vs_rng_below(&r, (uint32_t)scene->params.textures->n);
    }
}

vs_err vs_scene_sample(vs_scene *out, const vs_scene_params *params, uint64_t seed,
                       uint64_t index)
{
    const vs_scene_params *p = params;
    VS_ASSERT(p->size > 0 && p->objects >= 0 && p->frames_lo <= p->frames_hi);
    *out = (vs_scene){ .params = *p };
    VS_ASSERT(!p->textured || p->textures);
    out->object = malloc(sizeof(*out->object) * (size_t)(p->objects + 1));
    if (!out->object)
        return VS_FAIL(VS_ERR_NOMEM, "no memory for a scene of %d objects", p->objects);
    out->n = p->objects;
    double share[RADII];
    radius_shares(share);
    vs_rng r = vs_rng_at(seed, VS_RNG_SCENE, index);
    out->frames =
        p->frames_lo + (int)vs_rng_below(&r, (uint32_t)(p->frames_hi - p->frames_lo) + 1);
    for (int i = 0; i < out->n; i++)
        out->object[i] = sample_object(&r, p, share);
    if (p->textured)
        sample_textures(out, seed, index);
    out->plan = vs_plan_new(out);
    return VS_OK;
}

void vs_scene_free(vs_scene *scene)
{
    free(scene->object);
    vs_plan_free(&scene->plan);
    *scene = (vs_scene){ 0 };
}
