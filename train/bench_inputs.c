/* See bench_inputs.h. */
#include "train/bench_inputs.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/rng.h"
#include "train/stage.h"

/* Whole pictures, every fourth frame. */
static vs_err make_scenes(vs_bench_inputs *in, const vs_model_config *c, const vs_bench_want *want)
{
    const vs_stage_want stage = { .name = want->scene, .size = 256, .texture_count = 64,
                                  .seed = want->seed, .jobs = want->jobs };
    VS_TRY(vs_stage_open(&in->form.params, &in->textures, &stage));
    in->form.params.textures = in->textures;
    in->form.T = c->T;
    in->form.H = c->H;
    in->form.W = c->W;
    in->clip = vs_new(sizeof(*in->clip) * (size_t)want->batch);
    in->index = vs_new(sizeof(*in->index) * (size_t)want->batch * (size_t)c->T);
    for (int b = 0; b < want->batch; b++)
        in->clip[b] = (vs_scene_clip){ want->seed, (uint64_t)b, { 0, 0, 256, 256 }, 0, 0 };
    for (int i = 0; i < want->batch * c->T; i++)
        in->index[i] = 4 * (i % c->T);
    in->drawn = (vs_drawn){ &in->form, in->clip, in->index };
    return VS_OK;
}

static void make_frames(vs_bench_inputs *in, const vs_model_config *c, const vs_bench_want *want)
{
    const int64_t bytes = 3 * (int64_t)want->batch * c->T * c->H * c->W;
    vs_rng r = vs_rng_at(want->seed, VS_RNG_TEST, 0);
    in->frames = vs_new((size_t)bytes);
    for (int64_t i = 0; i < bytes && !want->blank; i++)
        in->frames[i] = (uint8_t)(vs_rng_u32(&r) >> 24);
}

vs_err vs_bench_inputs_make(vs_bench_inputs *in, const vs_model_config *c,
                            const vs_bench_want *want)
{
    const int N = vs_model_tokens(c), cells = vs_model_cells(c);
    if (want->scene)
        VS_TRY(make_scenes(in, c, want));
    else
        make_frames(in, c, want);
    in->mask = vs_new((size_t)want->batch * (size_t)N);
    for (int64_t i = 0; i < (int64_t)want->batch * N; i++)
        in->mask[i] = i % cells < want->masked;
    in->target = vs_new(sizeof(float) * (size_t)want->batch * (size_t)want->classes);
    for (int b = 0; b < want->batch; b++)
        in->target[(int64_t)b * want->classes + b % want->classes] = 1.0f;
    return VS_OK;
}

void vs_bench_inputs_free(vs_bench_inputs *in)
{
    vs_textures_free(&in->textures);
    free(in->clip);
    free(in->index);
    free(in->frames);
    free(in->mask);
    free(in->target);
}
