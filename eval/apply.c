/* vsyn-robust apply: one corruption on a PNG file or a folder of PNG files (a clip, in the
 * order of their names). Each output file appears complete or not at all. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/image.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/stop.h"
#include "eval/commands.h"
#include "eval/robust.h"

struct apply_settings {
    vs_common common;
    int severity, variant;
    double angle;
    bool negative, falling;
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
    VS_OPTS_COMMON(struct apply_settings),
    { 0 }
};

/* A clip and where its frames came from. */
struct clip {
    int T, H, W;
    uint8_t *rgb;
    char **name;                   /* (T) file names without folder */
};

static void clip_free(struct clip *c)
{
    vs_names_free(c->name, c->T);
    free(c->rgb);
}

static vs_err add_frame(struct clip *c, int t, const char *path)
{
    vs_image image;
    if (strcasecmp(vs_path_ext(path), "png") != 0 && vs_path_exists(path))
        return VS_FAIL(VS_ERR_UNSUPPORTED, "%s: expected a PNG file or a folder of PNG files "
                       "(vsyn-ingest extract makes them from a video)", path);
    VS_TRY(vs_png_read(&image, path));
    const size_t n = (size_t)image.W * (size_t)image.H * 3;
    vs_err err = VS_OK;
    if (t == 0) {
        c->H = image.H;
        c->W = image.W;
        c->rgb = calloc((size_t)c->T, n);
    }
    if (!c->rgb)
        err = VS_FAIL(VS_ERR_NOMEM, "%s: no memory for %d frames of %d x %d", path, c->T, c->W,
                      c->H);
    else if (image.W != c->W || image.H != c->H)
        err = VS_FAIL(VS_ERR_CORRUPT, "%s: is %d x %d, the first frame is %d x %d", path, image.W,
                      image.H, c->W, c->H);
    else
        memcpy(c->rgb + n * (size_t)t, image.rgb, n);
    vs_image_free(&image);
    return err;
}

/* The PNG names of a folder; others are left alone. */
static vs_err list_frames(struct clip *c, const char *dir)
{
    char **all;
    int n;
    VS_TRY(vs_dir_list(dir, &all, &n));
    for (int i = 0; i < n; i++)
        if (strcasecmp(vs_path_ext(all[i]), "png") == 0)
            VS_PUSH(c->name, c->T, vs_strdup(all[i]));
    vs_names_free(all, n);
    return c->T ? VS_OK : VS_FAIL(VS_ERR_CORRUPT, "%s: no PNG files in this folder", dir);
}

static vs_err clip_read(struct clip *c, const char *path)
{
    if (!vs_path_is_dir(path)) {
        VS_PUSH(c->name, c->T, vs_strdup(vs_path_base(path)));
        return add_frame(c, 0, path);
    }
    VS_TRY(list_frames(c, path));
    for (int t = 0; t < c->T; t++) {
        char *file = vs_path_join(path, c->name[t]);
        const vs_err err = add_frame(c, t, file);
        free(file);
        VS_TRY(err);
    }
    return VS_OK;
}

/* The first T frames under the names they had. */
static vs_err clip_write(const char *path, const struct clip *c, const uint8_t *rgb, int T,
                         bool folder)
{
    const size_t n = (size_t)c->W * (size_t)c->H * 3;
    if (!folder)
        return vs_png_write(path, c->W, c->H, rgb);
    VS_TRY(vs_dir_make(path));
    vs_progress *progress = vs_progress_start("apply", "frames", T);
    vs_err err = VS_OK;
    for (int t = 0; t < T && err == VS_OK; t++) {
        char *file = vs_path_join(path, c->name[t]);
        err = vs_stop_requested() ? VS_FAIL(VS_ERR_STOPPED,
                                            "stopped after %d of %d frames; run the "
                                            "same command again",
                                            t, T)
                                  : vs_png_write(file, c->W, c->H, rgb + n * (size_t)t);
        free(file);
        vs_progress_add(progress, 1);
    }
    vs_progress_end(&progress);
    return err;
}

static vs_err check_usage(const vs_corruption *c, const vs_call *call)
{
    if (vs_call_given(call, "angle") && strcmp(c->name, "motion_blur") != 0)
        return VS_FAIL(VS_ERR_USAGE, "--angle: is for motion_blur, not %s", c->name);
    if (c->temporal && vs_path_exists(call->args[1]) && !vs_path_is_dir(call->args[1]))
        return VS_FAIL(VS_ERR_USAGE, "%s: %s changes the order of frames, expected a folder of PNG "
                       "files", call->args[1], c->name);
    return VS_OK;
}

static vs_err run_apply(vs_call *call)
{
    const struct apply_settings *s = call->settings;
    const vs_corrupt_options options = { .variant = (vs_variant)s->variant, .angle = s->angle,
                                         .fixed_angle = vs_call_given(call, "angle"),
                                         .negative = s->negative, .falling = s->falling };
    const char *in = call->args[1], *out = call->args[2];
    const vs_corruption *corruption;
    struct clip clip = { 0 };
    vs_pool *pool = NULL;
    uint8_t *dst = NULL;
    int T = 0;
    VS_TRY(vs_corruption_find(&corruption, call->args[0]));
    VS_TRY(check_usage(corruption, call));
    vs_err err = clip_read(&clip, in);
    if (err != VS_OK)
        goto out;
    dst = calloc((size_t)clip.T, (size_t)clip.H * (size_t)clip.W * 3);
    if (!dst) {
        err = VS_FAIL(VS_ERR_NOMEM, "%s: no memory for %d frames", in, clip.T);
        goto out;
    }
    err = vs_pool_open(&pool, s->common.jobs, 0);
    if (err == VS_OK)
        err = vs_corrupt_apply(dst, &T, clip.rgb, clip.T, clip.H, clip.W, corruption, s->severity,
                               (uint64_t)s->common.seed, &options, pool);
    if (err == VS_OK)
        err = clip_write(out, &clip, dst, T, vs_path_is_dir(in));
    if (err == VS_OK && s->common.json)
        vs_json_print(json_pack("{ss si sI si si si ss}", "corruption", corruption->name,
                                "severity", s->severity, "seed", (json_int_t)s->common.seed,
                                "frames", T, "width", clip.W, "height", clip.H, "out", out));
out:
    vs_pool_close(&pool);
    clip_free(&clip);
    free(dst);
    return err;
}

const vs_command vs_command_apply = {
    .name = "apply", .args = "NAME IN OUT", .min_args = 3, .max_args = 3,
    .help = "corrupt one PNG file or a folder of PNG files",
    .opts = apply_opts, .settings_size = sizeof(struct apply_settings), .run = run_apply
};
