/* vsyn-robust apply: one corruption on a picture, a folder of pictures (a clip, in the order of
 * their names), a video or a clip of a store. What is written appears complete or not at all; of a
 * folder, picture by picture. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/image.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/stop.h"
#include "eval/commands.h"
#include "eval/footage.h"
#include "eval/robust.h"

struct apply_settings {
    vs_common common;
    int severity, variant, codec, quality, short_side;
    double angle, seconds;
    bool negative, falling, force;
};

#define AT(field) offsetof(struct apply_settings, field)
static const vs_opt apply_opts[] = {
    { "severity", VS_OPT_INT, AT(severity), .def = "3", .min = 1, .max = 5, .arg = "1..5",
      .help = "how strong", .required = true },
    { "variant", VS_OPT_CHOICE, AT(variant), .def = "arre", .choices = VS_VARIANT_CHOICES,
      .help = "which published definition, where two differ" },
    { "angle", VS_OPT_REAL, AT(angle), .arg = "DEG", .min = -360, .max = 360,
      .help = "motion_blur: this angle instead of one drawn for each frame" },
    { "reference-negative", VS_OPT_FLAG, AT(negative),
      .help = "as the published loader: the corruption sees the negative" },
    { "falling-rain", VS_OPT_FLAG, AT(falling),
      .help = "rain falls from frame to frame; otherwise drawn anew, as the benchmark does" },
    { "codec", VS_OPT_CHOICE, AT(codec), .def = "lossless", .choices = VS_VIDEO_CODECS,
      .help = "of a video that is written (.mp4 or .avi)" },
    { "quality", VS_OPT_INT, AT(quality), .def = "0", .min = 0, .max = 100, .arg = "N",
      .help = "h264: CRF [18]; mpeg4: quantiser [3]; .jpg: 1..100 [95]" },
    { "short-side", VS_OPT_INT, AT(short_side), .def = "0", .min = 0, .max = 16384, .arg = "N",
      .help = "videos: reduce to it before; 0 = as it is" },
    { "max-seconds", VS_OPT_REAL, AT(seconds), .def = "0", .min = 0, .max = 1e9, .arg = "S",
      .help = "videos: no more than that; 0 = all" },
    { "force", VS_OPT_FLAG, AT(force), .help = "write over OUT when it exists" },
    VS_OPTS_COMMON(struct apply_settings),
    { 0 }
};

/* ---- What is asked for ---------------------------------------------------------------------- */

static bool is_moving(vs_footage_kind kind)
{
    return kind == VS_FOOTAGE_VIDEO || kind == VS_FOOTAGE_CLIP;
}

static vs_err check_out(const char *out, vs_footage_kind kind, const struct apply_settings *s)
{
    const vs_video_format format = { s->codec, s->quality };
    if (is_moving(kind))
        VS_TRY(vs_footage_check_video(out, &format));
    else if (kind == VS_FOOTAGE_PICTURE)
        VS_TRY(vs_footage_check_picture(out));
    if (vs_path_exists(out) && kind != VS_FOOTAGE_FOLDER && vs_path_is_dir(out))
        return VS_FAIL(VS_ERR_USAGE, "%s: is a folder, expected the name of a file", out);
    if (vs_path_exists(out) && !s->force)
        return VS_FAIL(VS_ERR_USAGE, "%s: exists already; --force writes over it", out);
    return VS_OK;
}

static vs_err check_usage(const vs_corruption *c, const vs_call *call)
{
    const char *in = call->args[1], *why = vs_corruption_missing(c);
    const vs_footage_kind kind = vs_footage_kind_of(in);
    if (why)
        return VS_FAIL(VS_ERR_UNSUPPORTED, "%s: %s", c->name, why);
    if (vs_call_given(call, "angle") && strcmp(c->name, "motion_blur") != 0)
        return VS_FAIL(VS_ERR_USAGE, "--angle: is for motion_blur, not %s", c->name);
    if (kind != VS_FOOTAGE_CLIP && !vs_path_exists(in))
        return VS_FAIL(VS_ERR_IO, "%s: no such file", in);
    if (c->temporal && kind == VS_FOOTAGE_PICTURE)
        return VS_FAIL(VS_ERR_USAGE, "%s: %s changes the order of frames, expected a folder of "
                       "pictures or a video", in, c->name);
    return check_out(call->args[2], kind, call->settings);
}

/* ---- Writing -------------------------------------------------------------------------------- */

/* "f01.jpg" -> "f01.png": what is written has no losses of its own. */
static char *png_name(const char *dir, const char *name)
{
    const size_t stem = strlen(name) - strlen(vs_path_ext(name));
    return vs_strf("%s/%.*spng", dir, (int)stem, name);
}

/* The first T frames under the names they had. */
static vs_err write_folder(const char *dir, const vs_footage *in, const uint8_t *rgb, int T)
{
    const size_t n = (size_t)in->W * (size_t)in->H * 3;
    VS_TRY(vs_dir_make(dir));
    vs_progress *progress = vs_progress_start("apply", "frames", T);
    vs_err err = VS_OK;
    for (int t = 0; t < T && err == VS_OK; t++) {
        char *file = png_name(dir, in->name[t]);
        err = vs_stop_requested()
                  ? VS_FAIL(VS_ERR_STOPPED, "stopped after %d of %d frames; run the same command "
                            "again with --force", t, T)
                  : vs_png_write(file, in->W, in->H, rgb + n * (size_t)t);
        free(file);
        vs_progress_add(progress, 1);
    }
    vs_progress_end(&progress);
    return err;
}

/* a.jpg and a.png would both become a.png. */
static vs_err check_names(const char *dir, const vs_footage *in)
{
    for (int t = 1; t < in->T; t++) {
        const char *a = in->name[t - 1], *b = in->name[t];
        const size_t n = strlen(a) - strlen(vs_path_ext(a));
        if (n == strlen(b) - strlen(vs_path_ext(b)) && strncmp(a, b, n) == 0)
            return VS_FAIL(VS_ERR_CORRUPT, "%s: %s and %s would both be written as %.*spng", dir, a,
                           b, (int)n, a);
    }
    return VS_OK;
}

static vs_err write_out(const char *path, const vs_footage *in, const uint8_t *rgb, int T,
                        const struct apply_settings *s)
{
    const vs_video_format format = { s->codec, s->quality };
    if (in->kind == VS_FOOTAGE_FOLDER)
        return write_folder(path, in, rgb, T);
    if (in->kind == VS_FOOTAGE_PICTURE)
        return vs_footage_write_picture(path, rgb, in->W, in->H, s->quality ? s->quality : 95);
    return vs_footage_write_video(path, &format, rgb, T, in->H, in->W, in->fps, NULL);
}

static void say_what_is_lost(const char *path, const vs_footage *in)
{
    if (in->note)
        vs_warn("%s: %s", path, in->note);
    if (in->audio)
        vs_say("%s: its sound is not kept", path);
}

/* ---- The command ---------------------------------------------------------------------------- */

static vs_err corrupt(uint8_t **out, int *T, const vs_footage *in, const vs_corruption *c,
                      const vs_call *call)
{
    const struct apply_settings *s = call->settings;
    const vs_corrupt_options options = { .variant = (vs_variant)s->variant, .angle = s->angle,
                                         .fps = in->fps,
                                         .fixed_angle = vs_call_given(call, "angle"),
                                         .negative = s->negative, .falling = s->falling };
    vs_pool *pool = NULL;
    *out = malloc((size_t)in->T * (size_t)in->H * (size_t)in->W * 3);
    if (!*out)
        return VS_FAIL(VS_ERR_NOMEM, "%s: no memory for %d frames", call->args[1], in->T);
    vs_err err = vs_pool_open(&pool, s->common.jobs, 0);
    if (err == VS_OK)
        err = vs_corrupt_apply(*out, T, in->rgb, in->T, in->H, in->W, c, s->severity,
                               (uint64_t)s->common.seed, &options, pool);
    vs_pool_close(&pool);
    return err;
}

static vs_err run_apply(vs_call *call)
{
    const struct apply_settings *s = call->settings;
    const vs_footage_limits limits = { s->short_side, s->seconds };
    const char *in = call->args[1], *out = call->args[2];
    const vs_corruption *c;
    vs_footage clip;
    uint8_t *dst = NULL;
    int T = 0;
    VS_TRY(vs_corruption_find(&c, call->args[0]));
    VS_TRY(check_usage(c, call));
    VS_TRY(vs_footage_read(&clip, in, &limits));
    vs_err err = clip.kind == VS_FOOTAGE_FOLDER ? check_names(in, &clip) : VS_OK;
    if (err == VS_OK) {
        say_what_is_lost(in, &clip);
        err = corrupt(&dst, &T, &clip, c, call);
    }
    if (err == VS_OK)
        err = write_out(out, &clip, dst, T, s);
    if (err == VS_OK && s->common.json)
        vs_json_print(json_pack("{ss si sI si si si ss}", "corruption", c->name, "severity",
                                s->severity, "seed", (json_int_t)s->common.seed, "frames", T,
                                "width", clip.W, "height", clip.H, "out", out));
    vs_footage_free(&clip);
    free(dst);
    return err;
}

const vs_command vs_command_apply = {
    .name = "apply", .args = "NAME IN OUT", .min_args = 3, .max_args = 3,
    .help = "corrupt a picture, a folder of pictures, a video or STORE:ID",
    .opts = apply_opts, .settings_size = sizeof(struct apply_settings), .run = run_apply
};
