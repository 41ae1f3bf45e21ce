/* The commands of vsyn-gen and the settings they share. */
#ifndef VSYN_GEN_GEN_H
#define VSYN_GEN_GEN_H

#include "base/cli.h"
#include "gen/set.h"

/* Settings of a set of videos; each command offers the options that it knows. */
typedef struct vs_gen_settings {
    vs_common common;
    const char *out, *store, *shard, *truth;
    int64_t videos, first;
    int size, objects, codec, quality;
    double fps, acceleration;
    vs_span frames, speed;
    const char *textures;
    int texture_count;
    bool circles_scale, antialias, preview, dump_scenes, strict;
} vs_gen_settings;

#define VS_GEN_AT(field) offsetof(vs_gen_settings, field)
/* Options of every set. size and frames: their defaults as text. */
#define VS_GEN_OPTS(default_size, default_frames)                                              \
    { .name = "out", .kind = VS_OPT_TEXT, .at = VS_GEN_AT(out), .arg = "DIR",                  \
      .help = "folder to write: videos, annotations.csv, manifest.json" },                     \
    { .name = "store", .kind = VS_OPT_TEXT, .at = VS_GEN_AT(store), .arg = "STORE",            \
      .help = "clip store to write into, instead of or beside --out" },                        \
    { .name = "videos", .kind = VS_OPT_LONG, .at = VS_GEN_AT(videos), .arg = "N", .min = 1,    \
      .max = 9999999, .required = true, .help = "number of videos of the set" },               \
    { .name = "first", .kind = VS_OPT_LONG, .at = VS_GEN_AT(first), .arg = "I", .def = "0",    \
      .min = 0, .max = 1e15, .help = "number of the first video" },                            \
    { .name = "shard", .kind = VS_OPT_TEXT, .at = VS_GEN_AT(shard), .arg = "I/N",              \
      .help = "make only part I of N (from 1) of the set" },                                   \
    { .name = "size", .kind = VS_OPT_INT, .at = VS_GEN_AT(size), .arg = "N",                   \
      .def = default_size, .min = 16, .max = 2048, .help = "width and height in pixels" },     \
    { .name = "fps", .kind = VS_OPT_REAL, .at = VS_GEN_AT(fps), .arg = "R", .def = "25",       \
      .min = 1, .max = 1000, .help = "frames per second" },                                    \
    { .name = "frames", .kind = VS_OPT_SPAN, .at = VS_GEN_AT(frames), .arg = "LO:HI",          \
      .def = default_frames, .min = 1, .max = 100000, .help = "length of a video, inclusive" }, \
    { .name = "codec", .kind = VS_OPT_CHOICE, .at = VS_GEN_AT(codec), .def = "mpeg4",          \
      .choices = VS_CODEC_CHOICES, .help = "video codec" },                                    \
    { .name = "quality", .kind = VS_OPT_INT, .at = VS_GEN_AT(quality), .arg = "Q", .def = "0", \
      .min = 0, .max = 51,                                                                     \
      .help = "lower is better; mpeg4: quantiser 1..31, h264: CRF; 0: 3 and 18" },             \
    { .name = "preview", .kind = VS_OPT_FLAG, .at = VS_GEN_AT(preview),                        \
      .help = "draw a contact sheet, DIR/preview.png" },                                       \
    { .name = "dump-scenes", .kind = VS_OPT_FLAG, .at = VS_GEN_AT(dump_scenes),                \
      .help = "write what was drawn, DIR/scenes/*.json" }
/* Of sets whose videos are scenes. */
#define VS_GEN_TRUTH_OPT                                                                       \
    { .name = "truth", .kind = VS_OPT_TEXT, .at = VS_GEN_AT(truth), .arg = "masks,flow,tracks",  \
      .help = "ground truth of every pixel and object, DIR/truth/*.npy" }

vs_err vs_gen_stage(vs_call *call);      /* the command's name is the stage's */
vs_err vs_gen_list(vs_call *call);
vs_err vs_gen_scene(vs_call *call);
vs_err vs_gen_motion(vs_call *call);
extern const vs_opt vs_gen_stage_opts[], vs_gen_textured_opts[], vs_gen_list_opts[],
    vs_gen_scene_opts[], vs_gen_motion_opts[];

/* For the textures command only. */
typedef struct vs_gen_textures_settings {
    vs_common common;
    const char *out;
    int64_t count;
    int size;
} vs_gen_textures_settings;
vs_err vs_gen_textures(vs_call *call);
extern const vs_opt vs_gen_textures_opts[];

/* For the scene command only. */
typedef struct vs_gen_scene_settings {
    vs_common common;
    const char *objects, *frames, *out, *textures;
    int size;
    bool still, affine, accelerated, circles_scale, antialias;
} vs_gen_scene_settings;

/* USAGE: settings that cannot be, or not together. Before anything is said or made. */
vs_err vs_gen_check(const vs_call *call);
/* Makes the set of these (checked) settings, its lists and preview, and reports on stdout. */
vs_err vs_gen_run(const vs_call *call, const char *kind, const vs_drawer *drawer);

#endif /* VSYN_GEN_GEN_H */
