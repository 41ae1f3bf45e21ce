/* What the steps of `vsyn-train bench` take: random frames, or clips that the device draws; masks
 * and targets. The same in every step. */
#ifndef VSYN_TRAIN_BENCH_INPUTS_H
#define VSYN_TRAIN_BENCH_INPUTS_H

#include "gen/scene/texture.h"
#include "train/model/model.h"

typedef struct vs_bench_want {
    int batch, classes, masked;
    bool blank;                    /* frames without content, for a device that only counts */
    const char *scene;             /* a stage, drawn at 256x256; NULL: random frames */
    uint64_t seed;
    int jobs;
} vs_bench_want;

typedef struct vs_bench_inputs {
    uint8_t *frames, *mask;        /* frames NULL: drawn */
    float *target;
    vs_clip_form form;
    vs_textures *textures;
    vs_scene_clip *clip;
    int32_t *index;
    vs_drawn drawn;
} vs_bench_inputs;

/* Errors: those of vs_stage_open(). The inputs stay where they are until they are freed. */
vs_err vs_bench_inputs_make(vs_bench_inputs *in, const vs_model_config *c,
                            const vs_bench_want *want);
void vs_bench_inputs_free(vs_bench_inputs *in);

#endif /* VSYN_TRAIN_BENCH_INPUTS_H */
