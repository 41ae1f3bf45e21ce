/* The plan of a scene. Contract: gen/scene/plan.h */
#include "gen/scene/plan.h"

#include <stdlib.h>

static int largest_disc(const vs_scene *scene)
{
    int most = -1;
    for (int i = 0; i < scene->n; i++) {
        const vs_object *o = &scene->object[i];
        if (o->shape == VS_SHAPE_CIRCLE && o->radius > most && o->radius <= VS_DISC_MAX)
            most = o->radius;
    }
    return most;
}

struct vs_plan *vs_plan_new(const vs_scene *scene)
{
    struct vs_plan *p = malloc(sizeof(*p) + (size_t)scene->n * sizeof(*p->base));
    if (!p)
        return NULL;
    p->n = scene->n;
    p->discs = largest_disc(scene) + 1;
    p->disc = calloc((size_t)p->discs + 1, sizeof(vs_disc *));
    if (!p->disc)
        p->discs = 0;
    for (int i = 0; i < scene->n; i++) {
        const vs_object *o = &scene->object[i];
        vs_pose_base_of(&p->base[i], o);
        if (o->shape == VS_SHAPE_CIRCLE && o->radius >= 0 && o->radius < p->discs &&
            !p->disc[o->radius])
            p->disc[o->radius] = vs_disc_new(o->radius);
    }
    return p;
}

void vs_plan_free(struct vs_plan **plan)
{
    struct vs_plan *p = *plan;
    if (!p)
        return;
    for (int r = 0; r < p->discs; r++)
        free(p->disc[r]);
    free(p->disc);
    free(p);
    *plan = NULL;
}
