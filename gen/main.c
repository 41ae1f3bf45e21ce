/* vsyn-gen: synthetic videos. */
#include "gen/gen.h"

#define STAGE_WITH(opts_, name_, help_)                                                      \
    { .name = name_, .args = "", .help = help_, .opts = opts_,                                \
      .settings_size = sizeof(vs_gen_settings), .run = vs_gen_stage }
#define STAGE(name_, help_) STAGE_WITH(vs_gen_stage_opts, name_, help_)
#define TEXTURED(name_, help_) STAGE_WITH(vs_gen_textured_opts, name_, help_)

static const vs_command commands[] = {
    STAGE("static-circles", "circles that stay"),
    STAGE("moving-circles", "circles at constant velocity"),
    STAGE("moving-shapes", "six kinds of shapes at constant velocity"),
    STAGE("transforming-shapes", "and shapes turn, scale and shear"),
    STAGE("accelerating-shapes", "and shapes accelerate"),
    TEXTURED("accelerating-textures", "filled with statistical textures"),
    TEXTURED("accelerating-stylegan", "filled with textures of untrained StyleGANs"),
    TEXTURED("accelerating-images", "filled with crops of still images"),
    { .name = "motion", .args = "", .help = "a labelled set: the class is the motion",
      .opts = vs_gen_motion_opts, .settings_size = sizeof(vs_gen_settings),
      .run = vs_gen_motion },
    { .name = "textures", .args = "statistical|stylegan", .min_args = 1, .max_args = 1,
      .help = "a folder of textures made here", .opts = vs_gen_textures_opts,
      .settings_size = sizeof(vs_gen_textures_settings), .run = vs_gen_textures },
    { .name = "scene", .args = "", .help = "draw frames of an object table",
      .opts = vs_gen_scene_opts, .settings_size = sizeof(vs_gen_scene_settings),
      .run = vs_gen_scene },
    { .name = "list", .args = "", .help = "the stages and what is in them",
      .opts = vs_gen_list_opts, .settings_size = sizeof(vs_gen_settings), .run = vs_gen_list },
    { 0 },
};

int main(int argc, char **argv)
{
    static const vs_program program = { "vsyn-gen", "synthetic videos", commands };
    return vs_cli_main(&program, argc, argv);
}
