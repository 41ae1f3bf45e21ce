/* What drawing needs of a scene that no frame changes: local corners, directions, discs.
 *
 * A plan only saves time: a scene without one is drawn to the same bytes. vs_scene_sample() and
 * vs_scene_from_json() make it. It knows objects' shapes, radii, angles and directions; whoever
 * changes those of a scene afterwards frees the plan first.
 */
#ifndef VSYN_GEN_SCENE_PLAN_H
#define VSYN_GEN_SCENE_PLAN_H

#include "gen/scene/pose.h"
#include "gen/scene/raster.h"
#include "gen/scene/scene.h"

struct vs_plan {
    int n;
    int discs;                     /* entries of disc: by radius, NULL where no circle has it */
    vs_disc **disc;
    vs_pose_base base[];           /* (n) */
};

/* NULL when out of memory. */
struct vs_plan *vs_plan_new(const vs_scene *scene);
void vs_plan_free(struct vs_plan **plan);

#endif /* VSYN_GEN_SCENE_PLAN_H */
