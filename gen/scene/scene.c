/* Stages, and the sampling of a scene; the distributions are in gen/scene/sample_core.h. */
#include "gen/scene/scene.h"

#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "gen/scene/plan.h"
#include "gen/scene/sample_core.h"
#include "gen/scene/texture.h"

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

void vs_radius_shares(double share[VS_RADII])
{
    double sum = 0;
    for (int j = 0; j < VS_RADII; j++) {
        const double r = vs_radius_at(j);
        sum += 1 / (r * r * r) - 1;
        share[j] = sum;
    }
    for (int j = 0; j < VS_RADII; j++)
        share[j] /= sum;
}

static int draw_length(vs_rng *r, const vs_scene_params *p)
{
    return p->frames_lo + (int)vs_rng_below(r, (uint32_t)(p->frames_hi - p->frames_lo) + 1);
}

int vs_scene_length(const vs_scene_params *params, uint64_t seed, uint64_t index)
{
    vs_rng r = vs_rng_at(seed, VS_RNG_SCENE, index);
    return draw_length(&r, params);
}

static void sample_textures(vs_scene *scene, uint64_t seed, uint64_t index)
{
    vs_rng r = vs_rng_at(seed, VS_RNG_FILL, index);
    for (int i = 0; i < scene->n; i++)
        vs_object_fill(&scene->object[i], &r, scene->params.textures->n);
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
    double share[VS_RADII];
    vs_radius_shares(share);
    vs_rng r = vs_rng_at(seed, VS_RNG_SCENE, index);
    out->frames = draw_length(&r, p);
    for (int i = 0; i < out->n; i++)
        vs_object_sample(&out->object[i], &r, p, share);
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
