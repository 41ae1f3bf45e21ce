/* vsyn-gen STAGE and vsyn-gen list: the stages of the progression as sets of videos. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "gen/gen.h"
#include "gen/scene/scene.h"
#include "gen/scene/smooth.h"
#include "gen/scene/truth.h"
#include "gen/texture/bank.h"

#define SCENE_OPTS                                                                           \
    { "objects", VS_OPT_INT, VS_GEN_AT(objects), .arg = "N", .def = "500", .min = 1,           \
      .max = 1000000, .help = "objects of a video" },                                          \
    { "speed", VS_OPT_SPAN, VS_GEN_AT(speed), .arg = "LO:HI", .def = "1.2:3.0", .min = 0,      \
      .max = 1000, .help = "pixels per frame, at any size" },                                  \
    { "acceleration", VS_OPT_REAL, VS_GEN_AT(acceleration), .arg = "A", .def = "0.03",         \
      .min = 0, .max = 100, .help = "up to +-A pixels per frame and frame" },                  \
    { "circles-scale", VS_OPT_FLAG, VS_GEN_AT(circles_scale),                                  \
      .help = "circles become ellipses where shapes transform" }

const vs_opt vs_gen_stage_opts[] = {
    VS_GEN_OPTS("256", "100:199"),
    SCENE_OPTS,
    { "antialias", VS_OPT_FLAG, VS_GEN_AT(antialias),
      .help = "smooth edges, and motion by fractions of a pixel" },
    VS_GEN_TRUTH_OPT,
    VS_OPTS_COMMON(vs_gen_settings),
    { 0 },
};

const vs_opt vs_gen_textured_opts[] = {
    VS_GEN_OPTS("256", "100:199"),
    SCENE_OPTS,
    { "textures", VS_OPT_TEXT, VS_GEN_AT(textures), .arg = "statistical|stylegan|DIR",
      .help = "what fills the shapes: made here, or a folder of pictures (default: the stage's)" },
    { "texture-count", VS_OPT_INT, VS_GEN_AT(texture_count), .arg = "N", .def = "256", .min = 1,
      .max = 1000000, .help = "textures of the set; of a folder: at most" },
    VS_GEN_TRUTH_OPT,
    VS_OPTS_COMMON(vs_gen_settings),
    { 0 },
};

const vs_opt vs_gen_list_opts[] = { VS_OPTS_COMMON(vs_gen_settings), { 0 } };

/* ---- Scenes as videos -------------------------------------------------------------------- */

typedef struct stage_set {
    vs_scene_params params;
    uint64_t seed;
    vs_bank_options bank;
    vs_textures **textures;        /* filled by `prepare`; NULL for flat colours */
} stage_set;

static vs_err prepare_textures(const void *ctx)
{
    const stage_set *set = ctx;
    return set->textures && !*set->textures ? vs_bank_open(set->textures, &set->bank) : VS_OK;
}

static vs_err open_scene(const void *ctx, uint64_t index, void **video, int *frames)
{
    const stage_set *set = ctx;
    vs_scene *scene = vs_new(sizeof(*scene));
    vs_scene_params params = set->params;
    params.textures = set->textures ? *set->textures : NULL;
    const vs_err err = vs_scene_sample(scene, &params, set->seed, index);
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

static void draw_smooth(const void *video, int frame, uint8_t *rgb, void *scratch)
{
    vs_smooth_draw(video, frame, rgb, scratch);
}

static void draw_scene_yuv(const void *video, int frame, const vs_yuv420 *out, void *scratch)
{
    const vs_picture picture = { VS_LAYOUT_YUV420,
                                 { out->plane[0], out->plane[1], out->plane[2] },
                                 { out->stride[0], out->stride[1], out->stride[2] } };
    vs_scene_draw_to(&picture, video, frame, scratch);
}

static bool scene_is_still(const void *video)
{
    return vs_scene_is_still(video);
}

static json_t *describe_scene(const void *video)
{
    return vs_scene_to_json(video);
}

static vs_err truth_of_scene(int64_t *bytes, const char *stem, const void *video, int frames,
                             unsigned kinds)
{
    return vs_truth_write(bytes, stem, video, frames, kinds);
}

static void close_scene(void *video)
{
    vs_scene_free(video);
    free(video);
}

/* Textures that were made, and those that dumped scenes name, stay with the set. */
static char *keep_textures(const vs_gen_settings *s, const char *from)
{
    return s->out && (s->dump_scenes || vs_texture_kind_of(from) != VS_TEXTURE_FOLDER)
               ? vs_path_join(s->out, "textures")
               : NULL;
}

static vs_err run_textured(vs_call *call, const vs_stage *stage, stage_set *set,
                           vs_drawer *drawer)
{
    const vs_gen_settings *s = call->settings;
    const char *from = s->textures ? s->textures : stage->textures;
    vs_textures *textures = NULL;
    if (!from)
        return VS_FAIL(VS_ERR_USAGE, "%s: --textures DIR is required: a folder of pictures",
                       stage->name);
    char *keep = keep_textures(s, from);
    set->textures = &textures;
    set->bank = (vs_bank_options){ .from = from, .keep = keep, .count = s->texture_count,
                                   .side = s->size, .seed = set->seed, .jobs = s->common.jobs };
    drawer->prepare = prepare_textures;
    const vs_err err = vs_gen_run(call, stage->name, drawer);
    vs_textures_free(&textures);
    free(keep);
    return err;
}

vs_err vs_gen_stage(vs_call *call)
{
    const vs_gen_settings *s = call->settings;
    const vs_stage *stage = vs_stage_find(call->command->name);
    VS_ASSERT(stage);
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
    vs_drawer drawer = {
        .ctx = &set, .scratch = vs_draw_scratch(s->size), .open = open_scene,
        .draw = draw_scene, .draw_yuv = draw_scene_yuv, .still = scene_is_still,
        .describe = describe_scene, .truth = truth_of_scene, .close = close_scene,
    };
    if (s->antialias) {
        drawer.scratch = vs_smooth_scratch(s->size);
        drawer.draw = draw_smooth;
        drawer.draw_yuv = NULL;
    }
    return stage->params.textured ? run_textured(call, stage, &set, &drawer)
                                  : vs_gen_run(call, stage->name, &drawer);
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
                     "textured", p->textured, "available", true);
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
