/* vsyn-robust preview: what corruptions look like, as pictures with labels.
 *
 *     sheet.png            corruptions x severities, the clean frame before each row
 *     --severity S         one tile per corruption, at that severity, in the shape of a page
 *     --each               OUT is a folder: NAME.png for each corruption, the severities side by
 *                          side; temporal and stream ones with three more moments below
 *
 * A tile shows the frame in the middle of the clip (--frame). Temporal corruptions, of which one
 * frame tells nothing, are shown as four moments in one tile, from left to right and down.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/image.h"
#include "base/label.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/stop.h"
#include "eval/commands.h"
#include "eval/footage.h"
#include "eval/kinds.h"

enum { GAP = 6, MARGIN = 16, CAPTION = 22, SCALE = 2, MOMENTS = 4 };

struct preview_settings {
    vs_common common;
    const char *out, *corruptions;
    int severity, variant, size, frame;
    double seconds;
    bool each, force;
};

#define AT(field) offsetof(struct preview_settings, field)
static const vs_opt preview_opts[] = {
    { "out", VS_OPT_TEXT, AT(out), .arg = "FILE.png", .required = true,
      .help = "the sheet; with --each a folder" },
    { "corruptions", VS_OPT_TEXT, AT(corruptions), .def = "all", .arg = "LIST",
      .help = "names and presets; see vsyn-robust list" },
    { "severity", VS_OPT_INT, AT(severity), .def = "0", .min = 0, .max = 5, .arg = "1..5",
      .help = "only this one, a tile per corruption; 0 = all, side by side" },
    { "each", VS_OPT_FLAG, AT(each), .help = "a picture of its own for each corruption" },
    { "variant", VS_OPT_CHOICE, AT(variant), .def = "arre", .choices = VS_VARIANT_CHOICES,
      .help = "which published definition, where two differ" },
    { "size", VS_OPT_INT, AT(size), .def = "192", .min = 48, .max = 2048, .arg = "N",
      .help = "longer side of a tile, in pixels" },
    { "frame", VS_OPT_INT, AT(frame), .def = "-1", .min = -1, .max = 1e9, .arg = "N",
      .help = "which frame; -1 = the middle one" },
    { "max-seconds", VS_OPT_REAL, AT(seconds), .def = "2", .min = 0, .max = 1e9, .arg = "S",
      .help = "of a video; 0 = all" },
    { "force", VS_OPT_FLAG, AT(force), .help = "write over OUT when it exists" },
    VS_OPTS_COMMON(struct preview_settings),
    { 0 }
};

static const uint8_t ground[3] = { 22, 24, 29 }, ink[3] = { 222, 224, 228 },
                     faint[3] = { 138, 143, 152 };

/* ---- Sheets ------------------------------------------------------------------------------- */

struct sheet {
    int W, H, scale;               /* scale: of the letters */
    uint8_t *rgb;
};

static vs_err sheet_open(struct sheet *s, int W, int H, int scale)
{
    *s = (struct sheet){ W, H, scale, malloc((size_t)W * (size_t)H * 3) };
    if (!s->rgb)
        return VS_FAIL(VS_ERR_NOMEM, "--size: no memory for a sheet of %d x %d", W, H);
    for (size_t i = 0; i < (size_t)W * (size_t)H; i++)
        memcpy(s->rgb + 3 * i, ground, 3);
    return VS_OK;
}

static vs_err sheet_write(struct sheet *s, vs_err err, const char *path)
{
    if (err == VS_OK)
        err = vs_png_write(path, s->W, s->H, s->rgb);
    free(s->rgb);
    return err;
}

static void label(const struct sheet *s, int x, int y, const uint8_t color[3], const char *text)
{
    vs_label_draw(s->rgb, s->W, s->H, x, y + (s->scale == 1 ? 6 : 0), s->scale, text, color);
}

/* src (H, W) resampled to w x h at (x, y). */
static void place(const struct sheet *s, int x, int y, int w, int h, const uint8_t *src, int H,
                  int W)
{
    vs_resize *plan = vs_resize_new(W, H, (vs_rect){ 0, 0, W, H }, w, h, false);
    uint8_t *small = vs_new((size_t)w * (size_t)h * 3);
    void *tmp = vs_new(vs_resize_scratch(plan));
    vs_resize_run(plan, small, src, tmp);
    for (int j = 0; j < h; j++)
        memcpy(s->rgb + ((size_t)(y + j) * (size_t)s->W + (size_t)x) * 3,
               small + (size_t)j * (size_t)w * 3, (size_t)w * 3);
    vs_resize_free(&plan);
    free(small);
    free(tmp);
}

/* ---- Corrupted frames --------------------------------------------------------------------- */

struct view {
    const struct preview_settings *s;
    const vs_footage *clip;
    vs_pool *pool;
    uint8_t *out;                  /* room for the clip */
    const uint8_t *shown;          /* frames from `first` on, T of them */
    int first, T;
    int w, h;                      /* of a tile */
    int scale;                     /* of letters: the largest with which all names fit */
    int frame;
};

static size_t frame_bytes(const vs_footage *clip)
{
    return (size_t)clip->H * (size_t)clip->W * 3;
}

/* corruption NULL: the clip as it is. Of what makes frames one by one, only the one that is shown
 * is made. */
static vs_err corrupt(struct view *v, const vs_corruption *c, int severity)
{
    const vs_footage *clip = v->clip;
    const vs_corrupt_options options = { .variant = (vs_variant)v->s->variant, .fps = clip->fps };
    const bool one = c && c->kind->frame && !c->stream;
    v->shown = c ? v->out : clip->rgb;
    v->first = one ? v->frame : 0;
    v->T = one ? 1 : clip->T;
    if (!c)
        return VS_OK;
    return vs_corrupt_apply(v->out, &v->T, clip->rgb + frame_bytes(clip) * (size_t)v->first, v->T,
                            clip->H, clip->W, c, severity, (uint64_t)v->s->common.seed, &options,
                            v->pool);
}

/* Frame t, the last one where a corruption has shortened the clip. */
static const uint8_t *frame_at(const struct view *v, int t)
{
    const int at = t - v->first;
    return v->shown + frame_bytes(v->clip) * (size_t)(at < v->T ? at : v->T - 1);
}

static int moment(const struct view *v, int k)
{
    return (int)((int64_t)k * (v->clip->T - 1) / (MOMENTS - 1));
}

/* One frame; of a temporal corruption four, from left to right and down. */
static void tile(const struct sheet *s, const struct view *v, int x, int y, bool temporal)
{
    const vs_footage *clip = v->clip;
    if (!temporal || clip->T == 1) {
        place(s, x, y, v->w, v->h, frame_at(v, v->frame), clip->H, clip->W);
        return;
    }
    const int w = v->w / 2 - 1, h = v->h / 2 - 1;
    for (int k = 0; k < MOMENTS; k++)
        place(s, x + k % 2 * (v->w - w), y + k / 2 * (v->h - h), w, h, frame_at(v, moment(v, k)),
              clip->H, clip->W);
}

/* "20", "0.07 0.01" */
static void numbers_of(char text[48], const vs_corruption *c, int severity, vs_variant variant)
{
    const int slot = vs_corruption_slot(c, variant);
    text[0] = 0;
    for (int k = 0; k < c->n_numbers; k++) {
        const size_t at = strlen(text);
        snprintf(text + at, 48 - at, "%s%g", k ? " " : "", c->level[slot][severity - 1][k]);
    }
}

/* ---- The three kinds of sheet --------------------------------------------------------------- */

static int column(const struct view *v, int k)
{
    return MARGIN + k * (v->w + GAP);
}

/* A row: its name above, the clean tile, the severities. */
static vs_err draw_row(const struct sheet *s, struct view *v, int y, const vs_corruption *c)
{
    char text[48];
    label(s, MARGIN, y, ink, c->name);
    VS_TRY(corrupt(v, NULL, 0));
    tile(s, v, column(v, 0), y + CAPTION, c->temporal);
    for (int severity = 1; severity <= VS_SEVERITIES; severity++) {
        VS_TRY(corrupt(v, c, severity));
        tile(s, v, column(v, severity), y + CAPTION, c->temporal);
        numbers_of(text, c, severity, (vs_variant)v->s->variant);
        const int x = column(v, severity) + v->w - vs_label_width(text, s->scale);
        if (severity > 1 || x > 2 * MARGIN + vs_label_width(c->name, s->scale))
            label(s, x, y, faint, text);
    }
    return VS_OK;
}

static vs_err draw_all(struct view *v, const vs_corruption *const *picked, int n,
                       vs_progress *progress)
{
    struct sheet s;
    const int row = CAPTION + v->h + 2 * GAP;
    vs_err err = sheet_open(&s, 2 * MARGIN + 6 * (v->w + GAP) - GAP,
                            2 * MARGIN + CAPTION + n * row, v->scale);
    static const char *const head[] = { "clean", "severity 1", "2", "3", "4", "5" };
    for (int k = 0; k < 6 && err == VS_OK; k++)
        label(&s, column(v, k), MARGIN, faint, head[k]);
    for (int i = 0; i < n && err == VS_OK; i++) {
        err = vs_stop_requested() ? VS_FAIL(VS_ERR_STOPPED, "stopped; nothing is written")
                                  : draw_row(&s, v, MARGIN + CAPTION + i * row, picked[i]);
        vs_progress_add(progress, 1);
    }
    return sheet_write(&s, err, v->s->out);
}

/* As many columns as make the page about as wide as it is high. */
static int columns_for(int n, int w, int h)
{
    int columns = 1;
    while (columns < n && columns * w < (n + columns - 1) / columns * h)
        columns++;
    return columns;
}

static vs_err draw_severity(struct view *v, const vs_corruption *const *picked, int n,
                            vs_progress *progress)
{
    struct sheet s;
    const int row = CAPTION + v->h + 2 * GAP, columns = columns_for(n + 1, v->w, row);
    vs_err err = sheet_open(&s, 2 * MARGIN + columns * (v->w + GAP) - GAP,
                            2 * MARGIN + (n + columns) / columns * row, v->scale);
    for (int i = 0; i <= n && err == VS_OK; i++) {
        const vs_corruption *c = i ? picked[i - 1] : NULL;
        const int x = column(v, i % columns), y = MARGIN + i / columns * row;
        err = vs_stop_requested() ? VS_FAIL(VS_ERR_STOPPED, "stopped; nothing is written")
                                  : corrupt(v, c, v->s->severity);
        if (err != VS_OK)
            break;
        label(&s, x, y, ink, c ? c->name : "clean");
        tile(&s, v, x, y + CAPTION, c && c->temporal);
        vs_progress_add(progress, c != NULL);
    }
    return sheet_write(&s, err, v->s->out);
}

/* One corruption: the severities side by side; of what moves, more moments below. */
static vs_err draw_one(struct view *v, const vs_corruption *c)
{
    struct sheet s;
    const bool moves = (c->temporal || c->stream) && v->clip->T > 1;
    const int rows = moves ? MOMENTS : 1;
    char text[48], *name = vs_strf("%s.png", c->name), *path = vs_path_join(v->s->out, name);
    vs_err err = sheet_open(&s, 2 * MARGIN + 6 * (v->w + GAP) - GAP,
                            2 * MARGIN + 2 * CAPTION + rows * (v->h + GAP) - GAP, v->scale);
    for (int severity = 0; severity <= VS_SEVERITIES && err == VS_OK; severity++) {
        const int x = column(v, severity);
        err = corrupt(v, severity ? c : NULL, severity);
        for (int k = 0; k < rows && err == VS_OK; k++)
            place(&s, x, MARGIN + 2 * CAPTION + k * (v->h + GAP), v->w, v->h,
                  frame_at(v, moves ? moment(v, k) : v->frame), v->clip->H, v->clip->W);
        snprintf(text, sizeof(text), "clean");
        if (severity)
            numbers_of(text, c, severity, (vs_variant)v->s->variant);
        if (err == VS_OK)
            label(&s, x, MARGIN + CAPTION, faint, text);
    }
    if (err == VS_OK)
        label(&s, MARGIN, MARGIN, ink, c->name);
    err = sheet_write(&s, err, path);
    free(name);
    free(path);
    return err;
}

static vs_err draw_each(struct view *v, const vs_corruption *const *picked, int n,
                        vs_progress *progress)
{
    VS_TRY(vs_dir_make(v->s->out));
    for (int i = 0; i < n; i++) {
        if (vs_stop_requested())
            return VS_FAIL(VS_ERR_STOPPED, "stopped after %d of %d pictures; run the same command "
                           "again with --force", i, n);
        VS_TRY(draw_one(v, picked[i]));
        vs_progress_add(progress, 1);
    }
    return VS_OK;
}

/* ---- The command ---------------------------------------------------------------------------- */

static vs_err check_out(const struct preview_settings *s)
{
    if (s->each && s->severity)
        return VS_FAIL(VS_ERR_USAGE, "--each shows every severity, drop --severity");
    if (vs_path_exists(s->out) && !s->force)
        return VS_FAIL(VS_ERR_USAGE, "%s: exists already; --force writes over it", s->out);
    if (!s->each && strcasecmp(vs_path_ext(s->out), "png") != 0)
        return VS_FAIL(VS_ERR_USAGE, "%s: expected a name that ends in .png (or --each, for a "
                       "folder)", s->out);
    return VS_OK;
}

static vs_err draw(struct view *v, const vs_corruption *const *picked, int n)
{
    const struct preview_settings *s = v->s;
    const vs_footage *clip = v->clip;
    const int longer = clip->W > clip->H ? clip->W : clip->H;
    v->w = clip->W * s->size / longer > 0 ? clip->W * s->size / longer : 1;
    v->h = clip->H * s->size / longer > 0 ? clip->H * s->size / longer : 1;
    v->w = v->w < 4 ? 4 : v->w;
    v->h = v->h < 4 ? 4 : v->h;
    v->frame = s->frame < 0 ? clip->T / 2 : s->frame;
    if (v->frame >= clip->T)
        return VS_FAIL(VS_ERR_USAGE, "--frame: there are frames 0..%d, got %d", clip->T - 1,
                       s->frame);
    v->scale = SCALE;
    for (int i = 0; i < n; i++)
        v->scale = vs_label_width(picked[i]->name, SCALE) > v->w ? 1 : v->scale;
    v->out = malloc((size_t)clip->T * frame_bytes(clip));
    if (!v->out)
        return VS_FAIL(VS_ERR_NOMEM, "no memory for %d frames", clip->T);
    VS_TRY(vs_pool_open(&v->pool, s->common.jobs, 0));
    vs_progress *progress = vs_progress_start("preview", "corruptions", n);
    const vs_err err = s->each       ? draw_each(v, picked, n, progress)
                       : s->severity ? draw_severity(v, picked, n, progress)
                                     : draw_all(v, picked, n, progress);
    vs_progress_end(&progress);
    return err;
}

static vs_err run_preview(vs_call *call)
{
    const struct preview_settings *s = call->settings;
    const vs_footage_limits limits = { .seconds = s->seconds };
    const vs_corruption **picked = vs_new(sizeof(*picked) * (size_t)vs_corruption_count());
    vs_footage clip = { 0 };
    struct view v = { .s = s, .clip = &clip };
    int n;
    vs_err err = vs_corruption_pick(picked, &n, s->corruptions);
    if (err == VS_OK)
        err = check_out(s);
    if (err == VS_OK)
        err = vs_footage_read(&clip, call->args[0], &limits);
    if (err == VS_OK)
        err = draw(&v, picked, n);
    if (err == VS_OK && s->common.json)
        vs_json_print(json_pack("{ss si si}", "out", s->out, "corruptions", n, "frames", clip.T));
    vs_pool_close(&v.pool);
    vs_footage_free(&clip);
    free(v.out);
    free(picked);
    return err;
}

const vs_command vs_command_preview = {
    .name = "preview", .args = "IN", .min_args = 1, .max_args = 1,
    .help = "corruptions x severities of a picture, folder, video or STORE:ID, as a sheet",
    .opts = preview_opts, .settings_size = sizeof(struct preview_settings), .run = run_preview
};
