/* vsyn-gen: synthetic videos. */
#include "gen/gen.h"

#define STAGE(name_, help_)                                                                  \
    { .name = name_, .args = "", .help = help_, .opts = vs_gen_stage_opts,                    \
      .settings_size = sizeof(vs_gen_settings), .run = vs_gen_stage }

static const vs_command commands[] = {
    STAGE("static-circles", "circles that stay"),
    STAGE("moving-circles", "circles at constant velocity"),
    STAGE("moving-shapes", "six kinds of shapes at constant velocity"),
    STAGE("transforming-shapes", "and shapes turn, scale and shear"),
    STAGE("accelerating-shapes", "and shapes accelerate"),
    STAGE("accelerating-textures", "filled with statistical textures (not drawn yet)"),
    STAGE("accelerating-stylegan", "filled with untrained StyleGAN textures (not drawn yet)"),
    STAGE("accelerating-images", "filled with crops of still images (not drawn yet)"),
    { .name = "motion", .args = "", .help = "a labelled set: the class is the motion",
      .opts = vs_gen_motion_opts, .settings_size = sizeof(vs_gen_settings),
      .run = vs_gen_motion },
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
