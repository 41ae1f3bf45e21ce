/* vsyn-gen motion: a small labelled set in which the class is the motion. */
#include <stdlib.h>

#include "base/mem.h"
#include "gen/gen.h"
#include "gen/motion.h"

const vs_opt vs_gen_motion_opts[] = {
    VS_GEN_OPTS("112", "80"),
    { .name = "strict", .kind = VS_OPT_FLAG, .at = VS_GEN_AT(strict),
      .help = "no single frame tells anything, even with its time; hard to learn" },
    VS_OPTS_COMMON(vs_gen_settings),
    { 0 },
};

typedef struct motion_set {
    int size, frames_lo, frames_hi;
    bool strict;
    uint64_t seed;
} motion_set;

static vs_err open_motion(const void *ctx, uint64_t index, void **video, int *frames)
{
    const motion_set *set = ctx;
    vs_motion *m = vs_new(sizeof(*m));
    vs_motion_sample(m, set->size, set->strict, set->seed, index);
    *video = m;
    *frames = vs_motion_frames(set->frames_lo, set->frames_hi, set->seed, index);
    return VS_OK;
}

static void draw_motion(const void *video, int frame, uint8_t *rgb, void *scratch)
{
    vs_motion_draw(video, frame, rgb, scratch);
}

static int label_of(const void *ctx, uint64_t index)
{
    return (int)(index % VS_MOTION_CLASSES);
}

static json_t *describe_motion(const void *video)
{
    const vs_motion *m = video;
    return json_pack("{s:s, s:i, s:f, s:f, s:f, s:f, s:f}", "motion", vs_motion_class[m->label],
                     "figures", m->figures, "speed", m->speed, "turn", m->turn, "period",
                     m->period, "reach", m->reach, "growth", m->growth);
}

vs_err vs_gen_motion(vs_call *call)
{
    const vs_gen_settings *s = call->settings;
    if (s->videos < 2 * VS_MOTION_CLASSES)
        return VS_FAIL(VS_ERR_USAGE,
                       "--videos: %lld is too few, expected at least %d: one of each of %d "
                       "classes to train and to test", (long long)s->videos,
                       2 * VS_MOTION_CLASSES, VS_MOTION_CLASSES);
    VS_TRY(vs_gen_check(call));
    const motion_set set = { s->size, (int)s->frames.lo, (int)s->frames.hi,
                             s->strict, (uint64_t)s->common.seed };
    const vs_drawer drawer = {
        .ctx = &set, .scratch = vs_motion_scratch(s->size), .open = open_motion,
        .draw = draw_motion, .describe = describe_motion, .close = free, .label = label_of,
        .class_name = vs_motion_class, .classes = VS_MOTION_CLASSES,
    };
    return vs_gen_run(call, "motion", &drawer);
}
