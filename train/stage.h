/* A stage of synthetic scenes by its name, with what fills its shapes. */
#ifndef VSYN_TRAIN_STAGE_H
#define VSYN_TRAIN_STAGE_H

#include "gen/scene/texture.h"

typedef struct vs_stage_want {
    const char *name;              /* of vsyn-gen list */
    int size;                      /* side of a drawn frame */
    bool circles_scale;
    const char *textures;          /* statistical, stylegan or DIR; NULL: the stage's own */
    int texture_count;
    uint64_t seed;
    int jobs;                      /* threads that fill the bank */
} vs_stage_want;

/* Videos of 100 to 200 frames, as the paper's trainer draws them. *textures: NULL for flat colours,
 * else free it after the scenes. Errors: USAGE (no such stage; pictures are missing), those of
 * gen/texture/bank.h. */
vs_err vs_stage_open(vs_scene_params *params, vs_textures **textures, const vs_stage_want *want);

#endif /* VSYN_TRAIN_STAGE_H */
