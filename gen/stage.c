/* vsyn-gen STAGE and vsyn-gen list: the stages of the progression as sets of videos. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "gen/gen.h"
#include "gen/scene/scene.h"

const vs_opt vs_gen_stage_opts[] = {
    VS_GEN_OPTS("256", "100:199"),
    { "objects", VS_OPT_INT, VS_GEN_AT(objects), .arg = "N", .def = "500", .min = 1,
      .max = 1000000, .help = "objects of a video" },
    { "speed", VS_OPT_SPAN, VS_GEN_AT(speed), .arg = "LO:HI", .def = "1.2:3.0", .min = 0,
      .max = 1000, .help = "pixels per frame, at any size" },
    { "acceleration", VS_OPT_REAL, VS_GEN_AT(acceleration), .arg = "A", .def = "0.03", .min = 0,
      .max = 100, .help = "up to +-A pixels per frame and frame" },
    { "circles-scale", VS_OPT_FLAG, VS_GEN_AT(circles_scale),
      .help = "circles become ellipses where shapes transform" },
    VS_OPTS_COMMON(vs_gen_settings),
    { 0 },
};

const vs_opt vs_gen_list_opts[] = { VS_OPTS_COMMON(vs_gen_settings), { 0 } };

/* ---- Scenes as videos -------------------------------------------------------------------- */

typedef struct stage_set {
    vs_scene_params params;
    uint64_t seed;
} stage_set;

static vs_err open_scene(const void *ctx, uint64_t index, void **video, int *frames)
{
    const stage_set *set = ctx;
    vs_scene *scene = vs_new(sizeof(*scene));
    const vs_err err = vs_scene_sample(scene, &set->params, set->seed, index);
    if (err != VS_OK) {
        free(scene);
        return err;
    }
    *video = scene;
    *frames = scene->frames;
    return VS_OK;
}

static void draw_scene(const void *video, int frame, uint8_t *rgb, void *scratch)
{
    vs_scene_draw(video, frame, rgb, scratch);
}

static json_t *describe_scene(const void *video)
{
    return vs_scene_to_json(video);
}

static void close_scene(void *video)
{
    vs_scene_free(video);
    free(video);
}

vs_err vs_gen_stage(vs_call *call)
{
    const vs_gen_settings *s = call->settings;
    const vs_stage *stage = vs_stage_find(call->command->name);
    VS_ASSERT(stage);
    if (stage->params.textured)
        return VS_FAIL(VS_ERR_UNSUPPORTED, "textured shapes are not drawn yet; the nearest stage "
                                           "is accelerating-shapes");
    VS_TRY(vs_gen_check(call));
    if (stage->params.moving && s->size <= 128 && !vs_call_given(call, "speed"))
        vs_say("--size %d: speeds are pixels per frame at any size, so shapes soon leave; --speed "
               "%.2g:%.2g --acceleration %.2g moves as at 256", s->size, 1.2 * s->size / 256,
               3.0 * s->size / 256, 0.03 * s->size / 256);
    stage_set set = { .params = stage->params, .seed = (uint64_t)s->common.seed };
    set.params.size = s->size;
    set.params.objects = s->objects;
    set.params.frames_lo = (int)s->frames.lo;
    set.params.frames_hi = (int)s->frames.hi;
    set.params.speed_lo = s->speed.lo;
    set.params.speed_hi = s->speed.hi;
    set.params.acceleration_max = s->acceleration;
    set.params.circles_scale = s->circles_scale;
    const vs_drawer drawer = {
        .ctx = &set, .scratch = vs_draw_scratch(s->size), .open = open_scene,
        .draw = draw_scene, .describe = describe_scene, .close = close_scene,
    };
    return vs_gen_run(call, stage->name, &drawer);
}

/* ---- The list ------------------------------------------------------------------------------ */

static const char *motion_of(const vs_scene_params *p)
{
    return !p->moving ? "none" : p->accelerated ? "accelerated" : "constant velocity";
}

static json_t *stage_record(const vs_stage *stage)
{
    const vs_scene_params *p = &stage->params;
    return json_pack("{s:s, s:s, s:s, s:b, s:b, s:b}", "name", stage->name, "shapes",
                     p->mixed ? "mixed" : "circle", "motion", motion_of(p), "affine", p->affine,
                     "textured", p->textured, "available", !p->textured);
}

vs_err vs_gen_list(vs_call *call)
{
    const vs_common *common = call->settings;
    json_t *stages = json_array();
    if (!common->json)
        printf("%-22s %-7s %-18s %-7s %s\n", "stage", "shapes", "motion", "affine", "");
    for (int i = 0; i < vs_stage_count(); i++) {
        const vs_stage *stage = vs_stage_at(i);
        const vs_scene_params *p = &stage->params;
        json_array_append_new(stages, stage_record(stage));
        if (!common->json)
            printf("%-22s %-7s %-18s %-7s %s\n", stage->name, p->mixed ? "mixed" : "circle",
                   motion_of(p), p->affine ? "yes" : "no", stage->help);
    }
    if (common->json)
        vs_json_print(json_pack("{s:o}", "stages", stages));
    else
        json_decref(stages);
    return VS_OK;
}
