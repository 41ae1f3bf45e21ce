/* vsyn-train reconstruct: original, masked and reconstruction of one clip of a store. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/file.h"
#include "base/mem.h"
#include "train/commands.h"
#include "train/rebuild.h"
#include "train/run.h"
#include "train/score.h"

enum { HONEST, PAPER };

struct settings {
    vs_common common;
    const char *model, *out, *device;
    int mode, mask;
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
    { .name = "device", .kind = VS_OPT_TEXT, AT(device), .def = "auto",
      .arg = "auto|cpu|cuda[:N]", .help = "where to compute" },
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
    vs_store *store = NULL;
    vs_reader *reader = NULL;
    vs_video video = { 0 };
    vs_clip clip;
    char *path = NULL;
    int64_t id = 0;
    j->frames = malloc((size_t)c->T * (size_t)c->H * (size_t)c->W * 3);
    vs_err err = j->frames ? vs_clip_parse(&path, &id, name)
                           : VS_FAIL(VS_ERR_NOMEM, "%s: no room for its frames", name);
    if (err == VS_OK)
        err = vs_store_open(&store, path);
    if (err == VS_OK)
        err = vs_store_clip(&clip, store, id);
    if (err == VS_OK)
        err = vs_reader_open(&reader, store);
    if (err == VS_OK)
        err = vs_video_read(&video, reader, &clip, c->stride, c->H > c->W ? c->H : c->W);
    if (err == VS_OK)
        vs_video_view(&video, c->T, c->H, c->W, 1, 1, 0, j->frames);
    vs_video_free(&video);
    vs_reader_close(&reader);
    vs_store_close(&store);
    free(path);
    return err;
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
