/* vsyn-train reconstruct: original, masked and reconstruction of one clip. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/file.h"
#include "base/mem.h"
#include "train/commands.h"
#include "train/footage.h"
#include "train/rebuild.h"
#include "train/run.h"

enum { HONEST, PAPER };

struct settings {
    vs_common common;
    const char *model, *out, *device, *textures;
    int mode, mask, stride, scene_size, precision;
    double mask_ratio;
};

#define AT(field) .at = offsetof(struct settings, field)
const vs_opt vs_reconstruct_opts[] = {
    { .name = "model", .kind = VS_OPT_TEXT, AT(model), .arg = "RUN|MODEL", .required = true,
      .help = "a pre-training run (its last checkpoint) or an autoencoder" },
    { .name = "out", .kind = VS_OPT_TEXT, AT(out), .arg = "FILE.png|.mp4", .required = true,
      .help = "picture of up to eight moments, or video (needs the program ffmpeg)" },
    { .name = "mode", .kind = VS_OPT_CHOICE, AT(mode), .def = "honest",
      .choices = "honest|paper",
      .help = "brightness and contrast of a hidden patch: from visible ones, or the true ones" },
    { .name = "mask", .kind = VS_OPT_CHOICE, AT(mask), .def = "tube", .choices = "tube|random",
      .help = "the same cells in every time slot, or any tokens" },
    { .name = "mask-ratio", .kind = VS_OPT_REAL, AT(mask_ratio), .def = "0.75", .min = 0.01,
      .max = 0.99, .help = "share of masked cells" },
    { .name = "stride", .kind = VS_OPT_INT, AT(stride), .def = "0", .min = 0, .max = 1024,
      .arg = "N", .help = "step between two frames of the clip (0: the model's)" },
    { .name = "scene-size", .kind = VS_OPT_INT, AT(scene_size), .def = "256", .min = 16,
      .max = 4096, .arg = "PIXELS", .help = "with scene:STAGE:INDEX: side of a drawn frame" },
    { .name = "textures", .kind = VS_OPT_TEXT, AT(textures), .arg = "statistical|stylegan|DIR",
      .help = "with a textured scene: what fills the shapes (default: the stage's)" },
    { .name = "device", .kind = VS_OPT_TEXT, AT(device), .def = "auto",
      .arg = "auto|cpu|cuda[:N]", .help = "where to compute" },
    { .name = "precision", .kind = VS_OPT_CHOICE, AT(precision), .def = "auto",
      .choices = VS_PRECISION_CHOICES,
      .help = "of matrix products; auto: bf16 where it is faster" },
    VS_OPTS_COMMON(struct settings),
    { 0 }
};
const size_t vs_reconstruct_settings_size = sizeof(struct settings);

struct job {
    const struct settings *s;
    vs_model_config c;
    vs_device *dev;
    vs_model *model;
    uint8_t *frames, *mask;
    vs_rebuilt made;
};

/* The middle of the clip, centre crop. */
static vs_err read_clip(struct job *j, const char *name)
{
    const vs_model_config *const c = &j->c;
    const struct settings *const s = j->s;
    const vs_footage_options from = { .stride = s->stride ? s->stride : c->stride,
                                      .short_side = c->H > c->W ? c->H : c->W,
                                      .seed = (uint64_t)s->common.seed,
                                      .scene_size = s->scene_size, .textures = s->textures,
                                      .jobs = s->common.jobs };
    vs_video video;
    j->frames = malloc((size_t)c->T * (size_t)c->H * (size_t)c->W * 3);
    if (!j->frames)
        return VS_FAIL(VS_ERR_NOMEM, "%s: no room for its frames", name);
    VS_TRY(vs_footage_read(&video, name, &from));
    vs_video_view(&video, c->T, c->H, c->W, 1, 1, 0, j->frames);
    vs_video_free(&video);
    return VS_OK;
}

/* Opened after the clip was read: its mask tells how many tokens are visible. */
static vs_err open_model(struct job *j, const char *path)
{
    const vs_model_config *const c = &j->c;
    const int slots = c->T / c->tubelet, merged = j->s->mask ? slots : 1;
    const int cells = vs_model_cells(c) * merged, masked = (int)(j->s->mask_ratio * cells);
    if (masked < 1 || masked >= cells)
        return VS_FAIL(VS_ERR_USAGE, "--mask-ratio %g: masks %d of %d cells, expected 1..%d",
                       j->s->mask_ratio, masked, cells, cells - 1);
    j->mask = vs_new((size_t)vs_model_tokens(c));
    vs_tube_mask(j->mask, slots / merged, cells, masked, (uint64_t)j->s->common.seed, 0, 0);
    VS_TRY(vs_device_open(&j->dev, j->s->device, j->s->common.jobs));
    vs_device_set_precision(j->dev, (vs_precision)j->s->precision);
    VS_TRY(vs_model_open(&j->model, j->dev, c, 1, (cells - masked) * (slots / merged), false));
    return vs_model_load(j->model, path, false);
}

static vs_err write_result(const struct job *j)
{
    const bool paper = j->s->mode == PAPER;
    const bool video = strcasecmp(vs_path_ext(j->s->out), "mp4") == 0;
    VS_TRY((video ? vs_rebuilt_mp4 : vs_rebuilt_png)(j->s->out, &j->c, j->frames, &j->made, paper));
    if (j->s->common.json)
        vs_json_print(json_pack("{s:s, s:s, s:f, s:f, s:f, s:f}", "out", j->s->out, "mode",
                                paper ? "paper" : "honest", "loss", j->made.loss,
                                "loss_flat", j->made.loss_flat, "psnr", j->made.psnr,
                                "psnr_flat", j->made.psnr_flat));
    else
        printf("%s: loss %.4f (without the model %.4f), hidden pixels %.2f dB (each patch in one "
               "colour: %.2f dB)\n", j->s->out, j->made.loss, j->made.loss_flat, j->made.psnr,
               j->made.psnr_flat);
    return VS_OK;
}

static vs_err check_usage(const struct settings *s)
{
    const char *ext = vs_path_ext(s->out);
    if (strcasecmp(ext, "png") == 0 || strcasecmp(ext, "mp4") == 0)
        return VS_OK;
    return VS_FAIL(VS_ERR_USAGE, "--out %s: expected a name that ends in .png or .mp4", s->out);
}

vs_err vs_train_reconstruct(vs_call *call)
{
    struct job j = { .s = call->settings };
    char *path = NULL;
    vs_err err = check_usage(j.s);
    if (err == VS_OK)
        err = vs_run_model(&path, j.s->model);
    if (err == VS_OK)
        err = vs_model_config_read(&j.c, NULL, NULL, path);
    if (err == VS_OK && j.c.task != VS_TASK_PRETRAIN)
        err = VS_FAIL(VS_ERR_CORRUPT, "%s: is a classifier; only a pre-trained autoencoder "
                      "reconstructs", path);
    if (err == VS_OK)
        err = read_clip(&j, call->args[0]);
    if (err == VS_OK)
        err = open_model(&j, path);
    if (err == VS_OK)
        err = vs_rebuild(&j.made, j.model, j.frames, j.mask, j.s->mode == PAPER);
    if (err == VS_OK)
        err = write_result(&j);
    vs_rebuilt_free(&j.made);
    vs_model_close(&j.model);
    vs_device_close(&j.dev);
    free(j.frames);
    free(j.mask);
    free(path);
    return err;
}
