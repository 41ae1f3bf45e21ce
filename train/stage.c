/* See stage.h. */
#include "train/stage.h"

#include "base/cli.h"
#include "gen/texture/bank.h"

static vs_err no_such_stage(const char *name)
{
    const char *names[64];
    const int n = vs_stage_count() < 64 ? vs_stage_count() : 64;
    for (int i = 0; i < n; i++)
        names[i] = vs_stage_at(i)->name;
    const char *near = vs_nearest(name, names, n);
    return VS_FAIL(VS_ERR_USAGE, "--scene: unknown stage \"%s\"%s%s (vsyn-gen list names them)",
                   name, near ? ", did you mean " : "", near ? near : "");
}

vs_err vs_stage_open(vs_scene_params *params, vs_textures **textures, const vs_stage_want *want)
{
    const vs_stage *stage = vs_stage_find(want->name);
    *textures = NULL;
    if (!stage)
        return no_such_stage(want->name);
    *params = stage->params;
    params->size = want->size;
    params->frames_lo = 100;
    params->frames_hi = 200;
    params->circles_scale = want->circles_scale;
    if (!params->textured)
        return VS_OK;
    const char *from = want->textures ? want->textures : stage->textures;
    if (!from)
        return VS_FAIL(VS_ERR_USAGE, "--scene %s: --textures DIR is required: a folder of pictures",
                       want->name);
    const vs_bank_options bank = { .from = from, .count = want->texture_count, .side = want->size,
                                   .seed = want->seed, .jobs = want->jobs };
    return vs_bank_open(textures, &bank);
}
